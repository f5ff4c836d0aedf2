"""The verdict through its public face."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from payloads import mutated_bodies, valid_bodies
from pydantic import ValidationError

import loracle_contracts
from loracle_contracts import SubjectTrainingRequest, operations, rules, spec, task_id, validate
from loracle_contracts.locate import locate, pointer

BODY: dict[str, Any] = {
    "name": "x",
    "base_model": "v1-5-pruned-emaonly",
    "width": 512,
    "height": 512,
    "image_dataset_items": [{"assets_id": 26}],
    "components": [],
}


def found(body: Any, **options: Any) -> list[tuple[str, str]]:
    return [(violation.pointer, violation.rule) for violation in validate(body, **options).violations]


def test_text_and_parsed_value_get_the_same_verdict_but_only_text_has_lines() -> None:
    wrong = {**BODY, "width": 0}
    as_text, as_bytes, as_value = (
        validate(json.dumps(wrong)),
        validate(json.dumps(wrong).encode()),
        validate(wrong),
    )
    assert as_text.violations == as_bytes.violations
    (violation,) = as_value.violations
    assert (violation.pointer, violation.rule) == ("/width", "width.minimum")
    assert violation.line is None
    assert violation.column is None
    assert violation.got == "0"
    assert as_text.violations[0].line == 1


def test_a_violation_names_everything_a_person_needs() -> None:
    text = json.dumps({**BODY, "expert_setting": {"instance_prompt": "x", "lora_r": 3}}, indent=2)
    (violation,) = validate(text).violations
    line = text.split("\n")[violation.line - 1]  # type: ignore[operator]
    assert line[violation.column - 1 :].startswith("3")  # type: ignore[operator]
    assert violation.as_dict() == {
        "in": "body",
        "pointer": "/expert_setting/lora_r",
        "line": violation.line,
        "column": violation.column,
        "rule": "lora_r.minimum",
        "expected": "at least 4",
        "got": "3",
        "source": "stated: english-subject",
        "advice": "Change lora_r to at least 4.",
    }
    assert str(violation).startswith(
        f"{violation.line}:{violation.column}: /expert_setting/lora_r: expected at least 4"
    )


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (
            {"with_prior_preservation": True},
            [("/expert_setting/class_prompt", "class_prompt.with_prior_preservation")],
        ),
        (
            {"with_prior_preservation": True, "class_prompt": None},
            [("/expert_setting/class_prompt", "class_prompt.with_prior_preservation")],
        ),
        (
            {"with_prior_preservation": True, "class_prompt": 5},
            [("/expert_setting/class_prompt", "class_prompt.type")],
        ),
        ({"with_prior_preservation": True, "class_prompt": "person"}, []),
        ({"with_prior_preservation": False}, []),
        ({"with_prior_preservation": None, "class_prompt": None}, []),
    ],
)
def test_prior_preservation_asks_for_a_class_prompt(setting: Any, expected: Any) -> None:
    body = {**BODY, "expert_setting": {"instance_prompt": "x", **setting}}
    assert found(body) == expected
    with pytest.raises(ValidationError) if expected else contextlib.nullcontext():
        SubjectTrainingRequest.model_validate(body)
    assert found(body, profile="lenient") == [pair for pair in expected if "type" in pair[1]]


def test_pointers_escape_what_json_pointer_escapes() -> None:
    assert found(json.dumps({**BODY, "a/b~c": 1})) == [("/a~1b~0c", "request.additionalProperties")]


def test_lints_never_change_the_verdict() -> None:
    body = {**BODY, "expert_setting": {"instance_prompt": "x", "lr_warmup_steps": 5, "seed": 0}}
    verdict = validate(json.dumps(body))
    assert verdict.valid
    assert {lint.rule for lint in verdict.lints} == {
        "lint.few_images",
        "lint.seed_zero",
        "lint.warmup_without_effect",
    }
    assert all(rules("strict")[lint.rule].lint for lint in verdict.lints)
    assert not validate({**body, "width": 0}).lints


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"lr_warmup_steps": 10, "max_train_steps": 10}, {"lint.warmup_longer_than_training"}),
        ({"lr_warmup_steps": 9, "max_train_steps": 10}, set()),
        ({"lr_warmup_steps": 0, "max_train_steps": 1, "lr_scheduler": "constant"}, set()),
        ({"lr_warmup_steps": 1, "lr_scheduler": "constant"}, {"lint.warmup_without_effect"}),
        ({"lora_text_encoder_r": 8, "train_text_encoder": True}, set()),
        ({"lora_text_encoder_r": 8, "train_text_encoder": False}, {"lint.text_encoder_not_trained"}),
        ({"learning_rate": 0.0003}, {"lint.undocumented_learning_rate"}),
        ({"learning_rate": 1e-6}, set()),
        ({"lr_warmup_steps": 1, "max_train_steps": 1}, {"lint.warmup_trains_nothing"}),
        ({"lr_warmup_steps": 1, "max_train_steps": 2}, set()),
        ({"lr_warmup_steps": 2, "max_train_steps": 2}, {"lint.warmup_longer_than_training"}),
        ({"lr_warmup_steps": 0, "max_train_steps": 1}, set()),
        (
            {"learning_rate": 1e-7, "lr_scheduler": "polynomial"},
            {"lint.polynomial_rate_too_small", "lint.undocumented_learning_rate"},
        ),
        ({"learning_rate": 1e-6, "lr_scheduler": "polynomial"}, set()),
        ({"learning_rate": 1e-7, "lr_scheduler": "cosine"}, {"lint.undocumented_learning_rate"}),
    ],
)
def test_lints_speak_at_their_edge_only(setting: Any, expected: set[str]) -> None:
    setting = {"instance_prompt": "x", "lr_scheduler": "linear", **setting}
    found_lints = {lint.rule for lint in validate({**BODY, "expert_setting": setting}).lints}
    assert found_lints - {"lint.few_images"} == expected


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"operation": "nope"}, ValueError, "createSubjectTraining"),
        ({"profile": "loose"}, ValueError, "strict, lenient, seed"),
        ({"part": "trailer"}, ValueError, "request, query"),
        ({"operation": "listTrainings"}, ValueError, "no request to judge"),
        ({"part": "query"}, ValueError, "no query to judge"),
    ],
)
def test_wrong_use_is_told_what_would_be_right(options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        validate(BODY, **options)


def test_what_is_no_json_value_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not a JSON value"):
        validate({"name": object()})


def test_a_value_nested_without_end_is_a_violation() -> None:
    body: dict[str, Any] = {}
    body["self"] = body
    with pytest.raises(TypeError, match="not a JSON value"):
        validate(body)
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert found(deep)[0][1] == "json.depth"


@given(mutated_bodies("createSubjectTraining"))
def test_every_violation_points_at_what_is_there_or_ought_to_be(body: Any) -> None:
    text = json.dumps(body, indent=1)
    for violation in validate(text).violations:
        steps = violation.pointer.split("/")[1:]
        path = locate_path(body, steps if violation.got != "nothing" else steps[:-1])
        place = locate(text, [path])[path]
        assert pointer(path) == violation.pointer or violation.got == "nothing"
        offset = place.key if violation.rule.endswith("additionalProperties") else place.start
        before = text[:offset]
        assert (violation.line, violation.column) == (before.count("\n") + 1, offset - before.rfind("\n"))


def locate_path(body: Any, steps: list[str]) -> tuple[Any, ...]:
    path: list[Any] = []
    for raw in steps:
        step: Any = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(body, list):
            step = int(step)
        body = body[step]
        path.append(step)
    return tuple(path)


@given(mutated_bodies("createSubjectTraining"))
def test_what_strict_accepts_lenient_accepts_and_the_model_keeps(body: Any) -> None:
    if validate(body).valid:
        assert validate(body, profile="lenient").valid
        model = SubjectTrainingRequest.model_validate(body)
        assert json.loads(model.model_dump_json(), parse_int=float) == json.loads(
            json.dumps(body), parse_int=float
        )


@pytest.mark.parametrize(
    ("query", "operation", "expected"),
    [
        ("task_id=x", "getSubjectTraining", []),
        ("", "getSubjectTraining", [("/task_id", "query.task_id.required")]),
        ("task_id=", "getSubjectTraining", [("/task_id", "query.task_id.minLength")]),
        ("task_id=a&task_id=b", "getSubjectTraining", [("/task_id", "query.duplicate")]),
        ("task_id=%ff", "getSubjectTraining", [("/task_id", "query.encoding")]),
        ("pagination.limit=100&pagination.cursor=c_10&more=1&more=2", "listTrainings", []),
        ("pagination.limit=101", "listTrainings", [("/pagination.limit", "query.pagination.limit.maximum")]),
        ("pagination.limit=ten", "listTrainings", [("/pagination.limit", "query.pagination.limit.type")]),
        (
            "pagination.limit=" + "9" * 400,
            "listTrainings",
            [("/pagination.limit", "query.pagination.limit.type")],
        ),
        (
            "pagination.cursor=c_x",
            "listTrainings",
            [("/pagination.cursor", "query.pagination.cursor.pattern")],
        ),
    ],
)
def test_queries(query: str, operation: str, expected: Any) -> None:
    assert found(query, operation=operation, part="query") == expected
    assert found(query.encode(), operation=operation, part="query") == expected


# The vectors of docs/contract.md; they may never change.
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0, "createSubjectTraining", "test_1208_01", 0), "b299b567-531a-4745-b600-eca9591aae24"),
        ((0, "createSubjectTraining", "test_1208_01", 1), "8a8c3fae-2b58-4d00-a629-f543a4a8ed6e"),
        ((7, "createStyleTraining", "Ünïcode 名前", 0), "cf4e87b4-b4a1-4fbd-8b22-2f0cbde108cc"),
    ],
)
def test_task_ids_are_fixed_for_ever(arguments: Any, expected: str) -> None:
    assert task_id(*arguments) == expected


@given(st.integers(), st.sampled_from(list(operations())), st.text(), st.integers(0, 10**6))
def test_a_task_id_keeps_the_rules_of_the_contract(seed: int, operation: str, name: str, n: int) -> None:
    made = task_id(seed, operation, name, n)
    assert validate({"task_id": made}, part="response").valid
    assert made != task_id(seed, operation, name, n + 1)
    assert made != task_id(seed + 1, operation, name, n)
    assert made != task_id(seed, operation, name + "x", n)


def test_a_task_id_counts_from_zero() -> None:
    with pytest.raises(ValueError, match="counts earlier tasks"):
        task_id(0, "createSubjectTraining", "x", -1)


def test_the_examples_of_the_docstrings_hold() -> None:
    for module in ("ids", "validation"):
        failures, tried = doctest.testmod(importlib.import_module(f"loracle_contracts.{module}"))
        assert tried
        assert not failures


def test_the_package_tells_what_it_does_not_have() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        loracle_contracts.nothing  # noqa: B018
    assert set(loracle_contracts.__all__) <= set(dir(loracle_contracts))
    assert valid_bodies("createSubjectTraining")


@pytest.mark.parametrize(
    ("body", "options", "source"),
    [
        ({"expert_setting": {"instance_prompt": "p", "lora_r": 3}}, {}, "stated: english-subject"),
        ({"expert_setting": {"instance_prompt": "p", "lora_r": 8}}, {"profile": "seed"}, "stated: seed"),
        ({"expert_setting": {"instance_prompt": 5}}, {}, "stated: seed"),
        (
            {"expert_setting": {"instance_prompt": 5}},
            {"operation": "createStyleTraining"},
            "observed: python-sdk",
        ),
    ],
)
def test_a_rule_in_several_places_names_the_source_of_the_place(body: Any, options: Any, source: str) -> None:
    (violation,) = validate({**BODY, **body}, **options).violations
    assert str(violation.source) == source


@pytest.mark.parametrize("limit", [0, -1, -2])
def test_a_limit_can_hide_no_verdict(limit: int) -> None:
    with pytest.raises(ValueError, match="limit is at least 1"):
        validate("{}", limit=limit)
    cut = validate("{}", limit=1)
    assert not cut
    assert cut.truncated
    assert not validate("{}", limit=None).truncated


def test_what_repeats_others_does_not_count_for_the_limit() -> None:
    items = [{"asset_id": 1}] * 40
    cut = validate({**BODY, "image_dataset_items": items}, limit=39)
    assert len(cut.violations) == 39
    assert cut.truncated
    assert not validate({**BODY, "image_dataset_items": items}, limit=40).truncated


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        ({"width": "512"}, "Send width as a JSON number, without quotation marks."),
        ({"width": 1.5}, "Send width as an integer."),
        ({"image_dataset_items": ["a"]}, "Send item 0 of image_dataset_items as an object."),
        ({"": 1}, "Remove the member without a name; the contract does not know it."),
    ],
)
def test_advice_fits_what_came(body: Any, advice: str) -> None:
    (violation,) = validate({**BODY, **body}).violations
    assert violation.advice == advice


def test_what_does_not_print_is_escaped_and_stays_on_one_line() -> None:
    text = json.dumps({**BODY, "a\x1b[31m\nb": "\x1b\n\ud800"}, ensure_ascii=False)
    for violation in validate(text).violations:
        assert str(violation).isprintable(), ascii(str(violation))


def test_an_integer_that_python_does_not_write_out_is_a_violation() -> None:
    assert found({**BODY, "width": 10**5000}) == [("/width", "json.number")]
    assert found({**BODY, "width": -(10**5000)}) == [("/width", "json.number")]


def test_headers_are_text() -> None:
    with pytest.raises(TypeError, match="text"):
        validate([(b"authorization", b"Bearer k")], part="headers")


@given(mutated_bodies("createSubjectTraining"), st.sampled_from(["strict", "lenient", "seed"]))
def test_lints_of_whatever_is_accepted_point_into_it(body: Any, profile: Any) -> None:
    verdict = validate(json.dumps(body), profile=profile)
    for lint in verdict.lints:
        assert verdict.valid
        assert lint.line is not None
        assert lint.rule.startswith("lint.")


def test_a_component_of_any_shape_has_lints_under_the_seed_profile() -> None:
    body = {**BODY, "components": [{"name": "resize", "args": [{"name": ["a"]}]}]}
    assert "lint.missing_argument" in {lint.rule for lint in validate(body, profile="seed").lints}


def test_no_text_shows_a_regular_expression() -> None:
    for profile in ("strict", "lenient", "seed"):
        for name, schema in spec.document(profile)["$defs"].items():  # type: ignore[arg-type]
            for place, node in _patterns(schema, name):
                assert "expected" in node["x-source"]["pattern"], place


def _patterns(node: Any, place: str) -> Any:
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str) and "x-source" in node:
            yield place, node
        for key, child in node.items():
            yield from _patterns(child, f"{place}/{key}")
