"""The survey: many mistakes in one body; what a refusal does not name is tried alone."""

import json
from typing import Any

import pytest
from broken_servers.right_bodies import minimal
from broken_servers.wire import Answer as Reply
from broken_servers.wire import Forward, Request, operation_of, planted
from detection import loracle, right_app
from fuzzed_apps import mock, session_with
from hypothesis import given
from hypothesis import strategies as st

from loracle_contracts import validate
from loracle_contracts.exchange import Answer
from loracle_contracts.fuzzing import table
from loracle_contracts.fuzzing.named import Named
from loracle_contracts.fuzzing.places import NAME
from loracle_contracts.fuzzing.readings import readings
from loracle_contracts.fuzzing.survey import SUBJECT
from loracle_contracts.fuzzing.survey_bodies import surveys
from loracle_contracts.fuzzing.wrong_bodies import mutations
from loracle_contracts.oracle import CREATES
from loracle_contracts.spec import operations

PROFILES = ("strict", "lenient")


def answer(value: Any) -> Answer:
    return Answer(400, (("content-type", "application/json"),), json.dumps(value).encode(), 0.0)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("operation", CREATES)
def test_a_survey_breaks_every_rule_that_it_asks_about_and_both_profiles_refuse_it(
    operation: str, profile: Any
) -> None:
    for one in surveys(operation, profile):
        found = {(v.rule, v.pointer) for v in validate(one.body, operation, profile, limit=None).violations}
        assert {(mistake.rule, mistake.pointer) for mistake in one.mistakes} <= found
        assert not validate(one.body, operation, "lenient").valid


@pytest.mark.parametrize("operation", CREATES)
def test_the_surveys_ask_about_four_in_five_mistakes_and_about_none_twice(operation: str) -> None:
    asked = [mistake.body for one in surveys(operation, "strict") for mistake in one.mistakes]
    assert len(asked) == len(set(asked))
    every = mutations(operation, "strict")
    assert len(asked) > 0.8 * len(every)
    # Each place is asked about with every type of value that is wrong there before any with two of one type.
    first = surveys(operation, "strict")[0].mistakes
    paths = [mistake.edits[-1].path for mistake in first]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize("operation", [*CREATES, "createUploadUrl"])
@pytest.mark.parametrize("profile", PROFILES)
def test_what_only_a_converting_reader_takes_is_refused_by_both_profiles(
    operation: str, profile: Any
) -> None:
    found = list(readings(operation))
    assert len({body for _, body in found}) == len(found) >= 7
    assert all(not validate(body, operation, profile).valid for _, body in found)


STEPS = st.lists(st.from_regex(r"[a-z_]{2,12}", fullmatch=True) | st.integers(0, 49), min_size=2, max_size=5)


def as_pointer(steps: list[Any]) -> str:
    return "".join(f"/{step}" for step in steps)


def as_path(steps: list[Any]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")


@given(STEPS)
def test_a_place_is_found_in_all_the_ways_in_which_servers_write_it(steps: list[Any]) -> None:
    pointer, dotted = as_pointer(steps), ".".join(map(str, steps))
    for value in (
        {"metadata": {"violations": [{"pointer": pointer}]}},
        {"detail": [{"loc": ["body", *steps], "msg": "wrong"}]},
        {"detail": [{"loc": steps}]},
        {"message": f"Invalid: {as_path(steps)} must be a number."},
        {"errors": {dotted: ["is wrong"]}},
        {"errors": [{"instancePath": f"/body{pointer}"}]},
        {"errors": [{"path": f"$.{as_path(steps)}"}]},
        {"message": f"#{pointer}: expected integer"},
    ):
        assert pointer in Named(answer(value)), value


@given(STEPS, STEPS)
def test_a_place_is_not_found_in_a_longer_one_or_in_another(steps: list[Any], more: list[Any]) -> None:
    longer = [*steps, *more]
    for text in (as_pointer(longer), ".".join(map(str, longer)), as_path(longer)):
        assert as_pointer(steps) not in Named(answer({"message": f"{text} is wrong", "loc": longer}))
    other = [*steps[:-1], f"{steps[-1]}x"]
    assert as_pointer(steps) not in Named(answer({"message": as_path(other), "loc": other}))


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[]", b'"width"', b'{"message": "the width is wrong"}'])
def test_a_word_in_a_sentence_names_no_place(body: bytes) -> None:
    named = Named(Answer(400, (), body, 0.0))
    assert "/height" not in named
    assert "" not in named
    if body != b'"width"':
        assert "/width" not in named


def bodies_of(app: Any, **options: Any) -> list[bytes]:
    session = session_with(app, table.run, max_creates=70, **options)
    return [request.body for request, _ in session.judged]


def without(*pointers: str) -> Any:
    """A server that takes what is wrong at these places, and refuses the rest as the mock does."""

    def alter(body: Any) -> Any:
        text = json.dumps(body)
        verdict = validate(text, "createSubjectTraining", limit=None)
        left = [one for one in verdict.violations if one.pointer not in pointers]
        if not verdict.violations or (left and len(left) == len(verdict.violations)):
            return None
        if not left:
            return 200, {"task_id": "5f0c9f5e-30d1-4c43-9b8e-3a1d0f6a7c11"}
        listed = [one.as_dict() for one in left]
        envelope = {"code": 400, "reason": "INVALID_REQUEST_BODY", "message": "It breaks rules."}
        return 400, {**envelope, "metadata": {"violations": listed}}

    return mock(alter)


@pytest.mark.parametrize("rule", ["lora_text_encoder_alpha.type", "train_text_encoder.type"])
def test_what_is_not_named_is_tried_alone_and_found(rule: str) -> None:
    pointer = f"/expert_setting/{rule.partition('.')[0]}"
    session = session_with(without(pointer), table.run, max_creates=70)
    causes = {finding.cause for finding in session.findings}
    assert ("accepted", rule) in causes
    assert ("accepted", SUBJECT) not in causes


def test_a_server_that_lists_nothing_is_asked_twice_and_no_more() -> None:
    def terse(body: Any) -> Any:
        for operation in CREATES:
            if validate(json.dumps(body), operation).valid:
                return None
        return 400, {"code": 400, "reason": "INVALID_REQUEST_BODY", "message": "No.", "metadata": {}}

    sent = bodies_of(mock(terse))
    asked = {one.body for operation in CREATES for one in surveys(operation, "strict")}
    assert sum(body in asked for body in sent) <= len(CREATES)
    # What is not spent on the survey goes to single mistakes.
    assert table.MOST - 2 <= len(sent) <= table.MOST


def test_a_mistake_that_breaks_the_server_down_is_found_by_the_survey() -> None:
    def fragile(body: Any) -> Any:
        setting = body.get("expert_setting") if isinstance(body, dict) else None
        value = setting.get("lora_text_encoder_r") if isinstance(setting, dict) else None
        return (500, {"detail": "unhashable"}) if isinstance(value, (list, dict)) else None

    session = session_with(mock(fragile), table.run)
    assert any(finding.check == "status" and "500" in finding.got for finding in session.findings)
    assert set(operations()) >= set(CREATES)


def test_a_refused_body_that_starts_a_training_is_told() -> None:
    async def change(request: Request, forward: Forward) -> Reply:
        answer = await forward(request)
        is_named = f'"name":"{NAME}"'.encode() in (request.body or b"")
        if operation_of(request) in CREATES and answer.status == 400 and is_named:
            # The training is noted before the rest of the body is looked at.
            await forward(request.with_body(minimal("createSubjectTraining", NAME)))
        return answer

    options = {"max_creates": 0, "layers": ("table",)}
    done = loracle(planted(lambda: change)(right_app()), **options)
    assert ("relation", "refused.effect") in done.causes
    assert not loracle(right_app(), **options).causes
