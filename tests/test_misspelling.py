"""A misspelt name or tag is one mistake, told with what it was meant to be; the rest is told as well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from contract_walk import full_payload
from hypothesis import given
from hypothesis import strategies as st
from test_validate import BODY, found
from typos import typos

from loracle_contracts import spec, validate


@pytest.mark.parametrize(
    ("setting", "pointer_", "advice"),
    [
        ({"learning_rates": 1}, "/expert_setting/learning_rates", "Did you mean learning_rate?"),
        ({"learningRate": 1}, "/expert_setting/learningRate", "Did you mean learning_rate?"),
        ({"lr_scheduler": "Cosine"}, "/expert_setting/lr_scheduler", "Did you mean cosine?"),
        ({"momentum": 1}, "/expert_setting/momentum", "Remove momentum; the contract does not know it."),
    ],
)
def test_a_misspelt_name_is_told_what_it_may_have_meant(setting: Any, pointer_: str, advice: str) -> None:
    (violation,) = validate({**BODY, "expert_setting": {"instance_prompt": "x", **setting}}).violations
    assert violation.pointer == pointer_
    assert violation.advice == advice


def renamed(body: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in body.items()}


def test_a_required_member_under_a_misspelt_name_is_one_violation_at_that_name() -> None:
    body = renamed(BODY, {"base_model": "base_modell"})
    (violation,) = validate(body).violations
    assert (violation.pointer, violation.rule) == ("/base_modell", "request.additionalProperties")
    assert violation.advice == "Did you mean base_model? It is missing."
    # Where unknown members are allowed, what is missing is the only violation.
    (violation,) = validate(body, profile="lenient").violations
    assert (violation.pointer, violation.rule) == ("/base_model", "base_model.required")
    assert violation.advice == "Rename base_modell to base_model."


def test_a_condition_knows_a_misspelt_member_too() -> None:
    setting = {"instance_prompt": "x", "with_prior_preservation": True, "class_promt": "person"}
    (violation,) = validate({**BODY, "expert_setting": setting}).violations
    assert (violation.pointer, violation.advice) == (
        "/expert_setting/class_promt",
        "Did you mean class_prompt?",
    )


def test_where_two_names_may_be_the_missing_one_all_three_are_told() -> None:
    body = {**renamed(BODY, {"width": "widht"}), "wdith": 512}
    assert found(body) == [
        ("/width", "width.required"),
        ("/widht", "request.additionalProperties"),
        ("/wdith", "request.additionalProperties"),
    ]
    body = {**renamed(BODY, {"base_model": "base_modell"}), "basemodel": "x"}
    (violation,) = validate(body, profile="lenient").violations
    assert violation.advice == "Add the member base_model."


def test_a_member_that_is_there_and_misspelt_beside_it_is_not_missing() -> None:
    (violation,) = validate({**BODY, "widht": 1}).violations
    assert violation.advice == "Did you mean width?"


@pytest.mark.parametrize(
    ("components", "expected"),
    [
        ([{"name": "resizes", "args": []}], [("/components/0/name", "components.name")]),
        ([{"args": []}], [("/components/0/name", "components.name.required")]),
        ([5], [("/components/0", "components.item.type")]),
        # The name says nothing: told is what no component may be.
        (
            [{"name": 5, "args": 5}],
            [
                ("/components/0/name", "components.name"),
                ("/components/0/args", "components.face_crop_region.args.type"),
            ],
        ),
        # The name is near to one, and no other fits better.
        (
            [{"name": "resizes", "args": [{"name": "width", "value": "wide"}]}],
            [
                ("/components/0/name", "components.name"),
                ("/components/0/args/0/value", "components.resize.args.value.pattern"),
            ],
        ),
        # The name is near to one, but the rest is another.
        (
            [{"name": "face_crop", "args": [{"name": "width", "value": "512"}]}],
            [("/components/0/name", "components.name")],
        ),
        (
            [{"nam": "resizes", "args": [{"name": "width", "value": "wide"}], "more": 1}],
            [
                ("/components/0/nam", "components.resize.additionalProperties"),
                ("/components/0/args/0/value", "components.resize.args.value.pattern"),
                ("/components/0/more", "components.resize.additionalProperties"),
            ],
        ),
        (
            [{"name": "face_restore", "args": [{"name": "other", "value": 1}, {"name": "methd"}]}],
            [
                ("/components/0/args/0/name", "components.face_restore.args.name"),
                ("/components/0/args/0/value", "components.face_restore.args.method.value.type"),
                ("/components/0/args/1/value", "components.face_restore.args.method.value.required"),
                ("/components/0/args/1/name", "components.face_restore.args.name"),
            ],
        ),
        ([{"name": "resize", "args": 5}], [("/components/0/args", "components.resize.args.type")]),
        (
            [{"name": "resize", "args": [{"name": "ratio", "value": "1"}]}],
            [("/components/0/args/0/name", "components.resize.args.name")],
        ),
        # What the value should be is not known where the argument is none of this component's.
        (
            [{"name": "resize", "args": [{"name": "ratio", "value": "1.0"}]}],
            [("/components/0/args/0/name", "components.resize.args.name")],
        ),
        (
            [{"name": "face_restore", "args": [{"name": "upscale", "value": "0.0"}]}],
            [("/components/0/args/0/value", "components.face_restore.args.upscale.value.pattern")],
        ),
        (
            [{"name": "face_restore", "args": [{"name": "method", "value": 1, "more": 2}]}],
            [
                ("/components/0/args/0/value", "components.face_restore.args.method.value.type"),
                ("/components/0/args/0/more", "components.face_restore.args.item.additionalProperties"),
            ],
        ),
    ],
)
def test_mistakes_in_tagged_unions_stand_at_the_mistake(components: Any, expected: Any) -> None:
    assert found(json.dumps({**BODY, "components": components})) == expected


def test_a_tag_that_is_no_text_is_told_and_no_more() -> None:
    for tag in (None, 5, [], {}, ["resize"], {"name": "resize"}):
        body = {**BODY, "components": [{"name": tag, "args": []}]}
        assert found(body) == [("/components/0/name", "components.name")]


def test_an_object_of_many_unknown_names_is_not_guessed_at() -> None:
    many = {"nam": "resize", **{f"other{number}": 1 for number in range(8)}}
    (violation,) = validate({**BODY, "components": [many]}, profile="lenient", limit=1).violations
    assert violation.advice == "Add the member name."
    (violation,) = validate(
        {**BODY, "components": [{"nam": "resize"}]}, profile="lenient", limit=1
    ).violations
    assert violation.advice == "Rename nam to name."


@st.composite
def misspelt_bodies(draw: st.DrawFn) -> Any:
    """A right payload with names and words misspelt, left out or doubled in the spelling of another."""

    def damaged(value: Any) -> Any:
        if isinstance(value, list):
            return [damaged(item) for item in value]
        if not isinstance(value, dict):
            said = isinstance(value, str) and draw(st.integers(0, 9)) == 0
            return draw(st.sampled_from(typos(value, 0))) if said and len(value) > 1 else value
        out = {}
        for name, member in value.items():
            change = draw(st.sampled_from(["keep"] * 12 + ["misspell", "twice", "leave out"]))
            if change in ("keep", "twice"):
                out[name] = damaged(member)
            if change in ("misspell", "twice"):
                out[draw(st.sampled_from(typos(name, 0)))] = damaged(member)
        return out

    return damaged(full_payload("createSubjectTraining"))


@given(misspelt_bodies())
def test_guessing_changes_what_is_told_and_never_whether(body: Any) -> None:
    for profile in ("strict", "lenient", "seed"):
        verdict = validate(body, profile=profile)  # type: ignore[arg-type]
        validator = spec.validator(profile, "SubjectTrainingRequest")  # type: ignore[arg-type]
        assert verdict.valid == validator.is_valid(body)
        told = [(violation.pointer, violation.rule) for violation in verdict.violations]
        assert len(told) == len(set(told))
