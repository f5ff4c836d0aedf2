"""What a fault does to an answer: limits, delays, bodies, and one meaning for the five ways of asking."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
from engine_calls import CREATE, OPERATIONS, call, check_error, planned
from hypothesis import given
from hypothesis import strategies as st
from training_clients import CREATE_PATH, Send, body, opened

from loracle_contracts import validate
from loracle_mockserver import Engine, FaultPlan, TrainingMock
from loracle_mockserver.fault_catalogue import CATALOGUE, CREATES
from loracle_mockserver.fault_rules import MAX_DELAY

BODY_KINDS = [kind.name for kind in CATALOGUE.values() if kind.family == "body"]
TASK_KINDS = [kind.name for kind in CATALOGUE.values() if kind.family == "task"]

# --- rate limits


@given(
    burst=st.integers(1, 5),
    per_second=st.sampled_from([0.1, 0.5, 1, 2, 3]),
    waits=st.lists(st.sampled_from([0, 0, 0.25, 0.5, 1, 3, 100]), max_size=25),
)
def test_a_bucket_holds_and_fills_as_it_says(burst: int, per_second: float, waits: list[float]) -> None:
    """Held against a bucket that counts tokens, at a clock that is advanced by hand."""
    with opened("transport", progression="seconds") as (mock, send):
        mock.clock.scale(0)
        mock.add_faults({"rate_limit": {"burst": burst, "per_second": per_second}})
        tokens = float(burst)
        for wait in waits:
            mock.clock.advance(wait)
            tokens = min(burst, tokens + wait * per_second)
            reply = send("GET", "/v3/training")
            if tokens > 1 - 1e-6:
                assert reply.status_code == 200
                tokens -= 1
            else:
                assert reply.json()["reason"] == "RATE_LIMIT_EXCEEDED"
                # In whole seconds: to wait for so long is enough, a second less is not.
                told = int(reply.headers["retry-after"])
                assert tokens + told * per_second > 1 - 1e-5
                assert tokens + (told - 1) * per_second < 1


@pytest.mark.parametrize(
    "standing", [{}, {"progression": "immediate"}, {"progression": "seconds", "frozen": True}]
)
def test_where_the_clock_stands_still_to_come_back_counts_as_to_have_waited(standing: dict[str, Any]) -> None:
    is_frozen = standing.pop("frozen", False)
    with opened("transport", **standing) as (mock, send):
        if is_frozen:
            mock.clock.freeze()
        mock.add_faults({"rate_limit": {"burst": 2, "per_second": 0.1}})
        seen = [send("GET", "/v3/training") for _ in range(6)]
        assert [reply.status_code for reply in seen] == [200, 200, 429, 200, 429, 200]
        assert [reply.headers.get("retry-after") for reply in seen if reply.status_code == 429] == ["10"] * 2


def test_every_key_has_a_bucket_of_its_own_and_a_retry_after_can_be_said() -> None:
    engine = planned({"rate_limit": {"burst": 1, "per_second": 1}, "retry_after": 7})
    replies = [call(engine, "listTrainings", key=key) for key in "kklk"]
    assert [reply.status for reply in replies] == [200, 429, 200, 200]
    assert (b"retry-after", b"7") in replies[1].headers


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_can_be_limited(operation: str) -> None:
    engine = planned({"rate_limit": {"burst": 1, "per_second": 0.1}})
    assert call(engine, operation).reason in (None, "TASK_NOT_FOUND", "API_NOT_FOUND")
    check_error(call(engine, operation), 429, "RATE_LIMIT_EXCEEDED")


def test_a_bucket_is_that_of_all_operations() -> None:
    engine = planned({"rate_limit": {"burst": 1, "per_second": 0.1}})
    assert call(engine).status == 200
    check_error(call(engine, "listTrainings"), 429, "RATE_LIMIT_EXCEEDED")


# --- delays


@given(median=st.floats(0.01, 300), sigma=st.floats(0, 3), seed=st.integers(0, 5))
def test_drawn_delays_repeat_and_have_a_bound(median: float, sigma: float, seed: int) -> None:
    plan = FaultPlan.parse({"faults": [{"delay": {"median": median, "sigma": sigma}}]})
    runs = [
        [call(engine, "listTrainings").delay for _ in range(10)]
        for engine in (Engine(seed=seed, plan=plan) for _ in range(2))
    ]
    assert runs[0] == runs[1]
    assert all(0 < delay <= MAX_DELAY for delay in runs[0])
    if sigma == 0:
        assert runs[0] == pytest.approx([median] * 10)


def test_drawn_delays_are_distributed_as_said() -> None:
    engine = planned({"delay": {"median": 0.2, "sigma": 0.5}})
    logarithms = [math.log(call(engine, "listTrainings").delay) for _ in range(2000)]
    assert statistics.median(logarithms) == pytest.approx(math.log(0.2), abs=0.05)
    assert statistics.stdev(logarithms) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("rate", [0.02, 0.5, 1])
def test_a_rate_picks_its_share_and_always_the_same(rate: float) -> None:
    engines = [planned({"status": 503, "rate": rate}) for _ in range(2)]
    runs = [[call(engine, "listTrainings").status for _ in range(1000)] for engine in engines]
    assert runs[0] == runs[1]
    assert runs[0].count(503) / 1000 == pytest.approx(rate, abs=0.05)


# --- bodies


def answers(kind: str) -> dict[str, httpx.Response]:
    """The answer of each operation that can have this fault, each otherwise a success."""
    with opened("transport", progression="immediate") as (mock, send):
        task = send("POST", CREATE_PATH, json=body()).json()["task_id"]
        style = send("POST", "/v3/training/style", json=body()).json()["task_id"]
        mock.fail(kind)
        return {
            CREATE: send("POST", CREATE_PATH, json=body()),
            "createStyleTraining": send("POST", "/v3/training/style", json=body()),
            "createUploadUrl": send("POST", "/v3/assets/training_dataset", json={"file_extension": "png"}),
            "getSubjectTraining": send("GET", CREATE_PATH, params={"task_id": task}),
            "getStyleTraining": send("GET", "/v3/training/style", params={"task_id": style}),
            "listTrainings": send("GET", "/v3/training"),
            "listModels": send("GET", "/v3/model"),
        }


@pytest.mark.parametrize("kind", BODY_KINDS)
def test_a_damaged_body_breaks_the_contract_of_every_operation(kind: str) -> None:
    for operation, answer in answers(kind).items():
        assert answer.status_code == (502 if kind == "html-error" else 200)
        is_page = kind.startswith("html")
        assert answer.headers["content-type"].startswith("text/html" if is_page else "application/json")
        assert is_page is (b"<html>" in answer.content)
        assert int(answer.headers["content-length"]) == len(answer.content) > 0
        assert not validate(answer.content, operation, part="response").valid
        if kind in ("wrong-type", "missing-members", "wrapped"):
            assert isinstance(answer.json(), dict)
        else:
            with pytest.raises(json.JSONDecodeError):
                answer.json()


@pytest.mark.parametrize("kind", ["malformed", "wrong-type", "missing-members", "wrapped"])
def test_a_refusal_stays_as_it_is(kind: str) -> None:
    engine = planned({"fault": kind})
    check_error(call(engine, "getSubjectTraining"), 404, "TASK_NOT_FOUND")
    check_error(call(engine, body=b"{}"), 400, "INVALID_REQUEST_BODY")


# --- one meaning, five ways


def by_header(_: TrainingMock, send: Send, fault: str) -> httpx.Response:
    return send("POST", CREATE_PATH, json=body(), headers={"X-Loracle-Fault": fault})


def by_task_name(_: TrainingMock, send: Send, fault: str) -> httpx.Response:
    return send("POST", CREATE_PATH, json=body(f"fault:{fault} of mine"))


def by_plan(mock: TrainingMock, send: Send, fault: str) -> httpx.Response:
    mock.add_faults({"faults": [{"fault": fault, "operation": CREATE}]})
    return send("POST", CREATE_PATH, json=body())


def by_http(mock: TrainingMock, send: Send, fault: str) -> httpx.Response:
    rule = {"fault": fault, "operation": CREATE, "first": 1}
    answer = send("POST", "/_mock/faults", params={"namespace": mock.namespace}, json=rule)
    assert answer.status_code == 200
    return send("POST", CREATE_PATH, json=body())


def by_python(mock: TrainingMock, send: Send, fault: str) -> httpx.Response:
    mock.fail(fault, operation=CREATE, times=1)
    return send("POST", CREATE_PATH, json=body())


WAYS = [by_header, by_task_name, by_plan, by_http, by_python]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "fault",
    [
        *TASK_KINDS,
        *BODY_KINDS,
        "RATE_LIMIT_EXCEEDED",
        "ILLEGAL_PROMPT",
        "CREATE_TASK_FAILED",
        "truncated",
        "reset-on-arrival",
    ],
)
def test_a_fault_is_the_same_whoever_asks_for_it(
    fault: str, way: Callable[[TrainingMock, Send, str], httpx.Response], walks: dict[str, Any]
) -> None:
    with opened("app") as (mock, send):
        try:
            answer = way(mock, send, fault)
        except ConnectionResetError as error:
            outcome: Any = str(error)
        else:
            content = (
                answer.content.replace(mock.tasks[0].id.encode(), b"ID") if mock.tasks else answer.content
            )
            said = (
                orjson.loads(content)["reason"] if answer.status_code != 200 and content[:1] == b"{" else ""
            )
            outcome = (answer.status_code, said or content)
        seen = []
        for task in mock.tasks:
            for _ in range(7):
                state = send("GET", CREATE_PATH, params={"task_id": task.id})
                shown = state.json()
                seen.append(
                    (
                        state.status_code,
                        shown.get("task_status"),
                        len(shown.get("models", ())),
                        "extra" in shown,
                    )
                )
    assert walks.setdefault(fault, (outcome, seen)) == (outcome, seen)
    assert (len(seen) == 7) is (CATALOGUE[fault].is_handled if fault in CATALOGUE else False)


def poll(send: Send, task_id: str) -> Any:
    reply = send("GET", CREATE_PATH, params={"task_id": task_id})
    shown = reply.json()
    return reply.status_code, shown.get("task_status"), len(shown.get("models", ())), "extra" in shown


@pytest.fixture(scope="module")
def walks() -> dict[str, Any]:
    """What was seen first, by fault."""
    return {}


@pytest.mark.parametrize("operation", CREATES)
@pytest.mark.parametrize("fault", TASK_KINDS)
def test_every_task_fault_can_befall_both_kinds_of_training(operation: str, fault: str) -> None:
    assert call(planned(), operation, name=f"fault:{fault}").status == 200
