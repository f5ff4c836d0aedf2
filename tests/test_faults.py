"""Failures that a single request asks for: by header, by task name. No socket, and nothing waits."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest
from engine_calls import CREATE, OPERATIONS, call, check_error, planned

from loracle_contracts import task_id
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_catalogue import known_faults

STATUSES = [(name, status) for name, operation in OPERATIONS.items() for status in operation.errors]
REASONS = [
    (name, reason)
    for name, operation in OPERATIONS.items()
    for reason in itertools.chain(*operation.errors.values())
]


@pytest.mark.parametrize(("operation", "status"), STATUSES)
def test_prefer_gives_the_first_reason_of_a_status(operation: str, status: str) -> None:
    reply = call(Engine(), operation, ("Prefer", f"code={status}"))
    check_error(reply, int(status), OPERATIONS[operation].errors[status][0])
    assert dict(reply.headers).get(b"allow") == (
        OPERATIONS[operation].method.encode() if status == "405" else None
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_prefer_of_another_status_lists_the_known_ones(operation: str) -> None:
    envelope = check_error(call(Engine(), operation, ("Prefer", "code=418")), 400, "INVALID_REQUEST_BODY")
    assert "'418'" in envelope["message"]
    assert envelope["metadata"]["known"] == ["200", *OPERATIONS[operation].errors]


@pytest.mark.parametrize(
    "values",
    [
        ["code=429"],
        ['code="429"'],
        ["Code = 429"],
        ["respond-async, code=429"],
        ['wait=10;foo="bar", code=429; note=x'],
        ["code=429, code=503"],
        ["respond-async", "code=429"],
    ],
)
def test_prefer_is_read_as_its_rfc_says(values: list[str]) -> None:
    reply = call(Engine(), CREATE, *(("Prefer", value) for value in values))
    check_error(reply, 429, "RATE_LIMIT_EXCEEDED")


@pytest.mark.parametrize(
    "value",
    [
        "code=200",
        'code="200"',
        "respond-async",
        "encode=429",
        "code",
        "",
        'a="b, code=429"',
        "code=200, code=429",
    ],
)
def test_other_preferences_do_nothing(value: str) -> None:
    assert call(Engine(), CREATE, ("Prefer", value)).body == call(Engine()).body


@pytest.mark.parametrize(("operation", "reason"), REASONS)
def test_the_fault_header_gives_every_documented_error(operation: str, reason: str) -> None:
    reply = call(Engine(), operation, ("X-Loracle-Fault", reason))
    [status] = [status for status, reasons in OPERATIONS[operation].errors.items() if reason in reasons]
    check_error(reply, int(status), reason)


@pytest.mark.parametrize("name", ["RATE_LIMIT_EXCEDED", "rate_limit_exceeded"])
@pytest.mark.parametrize("by_header", [True, False])
def test_an_unknown_fault_lists_the_known_ones(name: str, by_header: bool) -> None:
    headers = [("X-Loracle-Fault", name)] if by_header else []
    reply = call(Engine(), CREATE, *headers, name="a" if by_header else f"fault:{name}")
    envelope = check_error(reply, 400, "INVALID_REQUEST_BODY")
    assert "Did you mean RATE_LIMIT_EXCEEDED?" in envelope["message"]
    assert envelope["metadata"]["known"] == known_faults(OPERATIONS[CREATE])


def test_an_error_of_another_operation_is_unknown() -> None:
    reply = call(Engine(), "listTrainings", ("X-Loracle-Fault", "CREATE_TASK_FAILED"))
    assert "CREATE_TASK_FAILED" not in check_error(reply, 400, "INVALID_REQUEST_BODY")["metadata"]["known"]


@pytest.mark.parametrize(
    "name", ["fault:BILLING_FAILED", "fault:BILLING_FAILED twice", "fault:BILLING_FAILED:1"]
)
@pytest.mark.parametrize("operation", [CREATE, "createStyleTraining"])
def test_a_task_name_asks_for_an_error(name: str, operation: str) -> None:
    check_error(call(Engine(), operation, name=name), 500, "BILLING_FAILED")


@pytest.mark.parametrize("name", ["my fault:BILLING_FAILED", "Fault:BILLING_FAILED", "faulty"])
def test_other_task_names_ask_for_nothing(name: str) -> None:
    assert call(Engine(), name=name).status == 200


@pytest.mark.parametrize(
    ("headers", "name", "rules"),
    [
        ([("Prefer", "code=500")], "a", []),
        ([("X-Loracle-Fault", "CREATE_TASK_FAILED")], "a", []),
        ([], "fault:CREATE_TASK_FAILED", []),
        ([], "a", [{"fault": "CREATE_TASK_FAILED", "first": 1}]),
    ],
)
def test_a_failed_create_creates_nothing(headers: Any, name: str, rules: list[dict[str, Any]]) -> None:
    engine = planned(*rules)
    check_error(call(engine, CREATE, *headers, name=name), 500, "CREATE_TASK_FAILED")
    assert orjson.loads(call(engine, "listTrainings").body)["tasks"] == []
    assert orjson.loads(call(engine).body) == {"task_id": task_id(0, CREATE, "a", 0)}
