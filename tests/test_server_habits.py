"""Habits in which servers differ, as rules of the fault plan: what `when` asks of a call."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from engine_calls import BODIES, CREATE, call, check_error, planned
from hypothesis import given
from hypothesis import strategies as st
from payloads import EXAMPLES
from training_clients import CREATE_PATH, LIST_PATH, Send, create, opened

from loracle_contracts import spec, validate
from loracle_mockserver.control import Control, ControlError
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_rules import conditions
from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.message import Request

DOCS = Path(__file__).parents[1] / "docs" / "faults.md"
STYLE = "createStyleTraining"
UNAUTHORIZED = {"when": "refused-key", "fault": "FAILED_TO_AUTH"}
REFUSED: list[list[tuple[bytes, bytes]]] = [
    [],
    [(b"authorization", b"")],
    [(b"authorization", b"k")],
    [(b"authorization", b"Bearer other")],
    [(b"authorization", b"Basic azpr")],
]


def documented_habits() -> list[dict[str, Any]]:
    """The plan that the page on faults shows for them."""
    [text] = [
        block
        for block in re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
        if "FAILED_TO_AUTH" in block
    ]
    rules: list[dict[str, Any]] = yaml.safe_load(text)["faults"]
    return rules


def body(**members: Any) -> bytes:
    fine = {"base_model": "v1-5-pruned-emaonly", "image_dataset_items": [{"assets_id": 1, "caption": "c"}]}
    return orjson.dumps({**BODIES[CREATE], **fine, **members})


@pytest.mark.parametrize("operation", [CREATE, STYLE])
@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"base_model": "my-own"}, "BASE_MODEL_NOT_ALLOWD"),
        ({"image_dataset_items": [{"assets_id": 1, "caption": ""}]}, "EMPTY_IMAGE_CAPTION"),
        ({"name": "taken"}, "TASK_NAME_EXISTED"),
        ({}, None),
    ],
)
def test_a_create_is_refused_as_some_servers_do(
    operation: str, members: dict[str, Any], reason: str | None
) -> None:
    engine = planned(*documented_habits())
    assert call(engine, CREATE, body=body(name="taken")).status == 200
    reply = call(engine, operation, body=body(**members))
    if reason is None:
        assert reply.status == 200
    else:
        check_error(reply, 400, reason)
    # It has created nothing, and is nothing but a create.
    listed = orjson.loads(call(engine, "listTrainings").body)["tasks"]
    assert len(listed) == 1 + (reason is None)
    assert call(engine, "createUploadUrl").status == 200


def test_a_name_is_taken_for_its_own_key_only() -> None:
    engine = planned({"when": "name-exists", "fault": "TASK_NAME_EXISTED"})
    assert [call(engine, key=key).status for key in "kklk"] == [200, 400, 200, 400]
    engine.reset()
    assert call(engine).status == 200


@pytest.mark.parametrize("headers", REFUSED)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *((known.method, known.path) for known in spec.operations().values() if known.authenticated),
        ("GET", "/v3/nothing"),
        ("PATCH", "/v3/training"),
    ],
)
def test_a_key_is_refused_with_401_wherever_it_is_asked_for(
    method: str, path: str, headers: list[tuple[bytes, bytes]]
) -> None:
    engine = planned(UNAUTHORIZED, keys=frozenset({"k"}))
    check_error(engine.handle(Request(method, path, b"", headers)), 401, "FAILED_TO_AUTH")
    assert call(engine).status == 200
    [refused, _] = [entry for _, entry in engine.store.entries()]
    assert (refused.status, refused.fault) == (401, "FAILED_TO_AUTH")
    assert refused.rules, "what the client did wrong is noted all the same"


def test_a_rule_about_refused_keys_may_be_about_one_operation() -> None:
    engine = planned({**UNAUTHORIZED, "operation": "listTrainings", "first": 1})
    assert [call(engine, "listTrainings", key="").status for _ in range(2)] == [401, 400]
    assert call(engine, key="").status == 400
    assert engine.handle(Request("GET", "/v3/nothing")).status == 400


def test_an_upload_needs_no_key_and_none_is_refused() -> None:
    assert call(planned(UNAUTHORIZED), "putUpload").status == 404


@pytest.mark.parametrize("condition", [name for name in conditions() if name.startswith("lint.")])
def test_a_lint_is_a_condition(condition: str) -> None:
    """Of the examples of the contract, just those with the lint are refused."""
    engine = Engine("lenient", plan=FaultPlan.parse({"faults": [{"when": condition, "status": 503}]}))
    is_met = set()
    for folder in (EXAMPLES, EXAMPLES.parent / "lint"):
        for path in folder.glob("create*Training/request/*.json"):
            raw, operation = path.read_bytes(), path.parents[1].name
            lints = [lint.rule for lint in validate(raw, operation, "lenient").lints]
            assert call(engine, operation, body=raw).status == (503 if condition in lints else 200), path
            is_met.add(condition in lints)
    assert is_met == {False, True}


@given(st.lists(st.tuples(st.sampled_from([CREATE, STYLE]), st.sampled_from("abc")), max_size=12))
def test_of_each_name_one_create_goes_through(calls: list[tuple[str, str]]) -> None:
    engine, seen = planned({"when": "name-exists", "fault": "TASK_NAME_EXISTED"}), set()
    for operation, name in calls:
        assert call(engine, operation, name=name).status == (400 if name in seen else 200)
        seen.add(name)


# --- in a test, whose plan is that of its own key


@pytest.mark.parametrize("way", ["live", "transport", "app"])
def test_a_handle_says_what_a_refused_key_gets(way: str) -> None:
    with opened(way) as (mock, send):
        mock.add_faults({**UNAUTHORIZED, "first": 2})
        mock.fail("SERVICE_UNAVAILABLE", operation="listTrainings")
        assert [without_key(send) for _ in range(3)] == [401, 401, 400]
        assert (send("GET", LIST_PATH).status_code, create(send).status_code) == (503, 200)
        assert [rule["matched"] for rule in mock.faults] == [3, 1]
        mock.clear_faults()
        mock.fail("FAILED_TO_AUTH", when="refused-key", times=1)
        assert [without_key(send) for _ in range(2)] == [401, 400]
        mock.reset()
        assert without_key(send) == 400


def without_key(send: Send) -> int:
    return send("POST", CREATE_PATH, headers={"Authorization": ""}).status_code


def test_a_key_that_is_not_the_tests_own_has_no_say_in_it() -> None:
    with opened("live") as (mock, _):
        other = mock.with_key("other")
        with pytest.raises(ControlError, match="belongs to no namespace"):
            other.add_faults(UNAUTHORIZED)
        assert other.faults == []


def test_a_replacement_that_cannot_be_changes_nothing() -> None:
    control = Control(Engine())
    control.add_faults({"status": 503}, "8254c329a928")
    with pytest.raises(ControlError, match="belongs to no namespace"):
        control.replace_faults(UNAUTHORIZED, "8254c329a928")
    assert [rule["status"] for rule in control.faults("8254c329a928")] == [503]
