"""The drift report: what it counts, its two forms, and that it stays small."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from live import exchange, raw_request
from proxied_calls import AUTHORIZATION, CREATE, JSON, KEY, SUBJECT, TASK, answer_with, error
from raw_upstream import answering, raw_upstream
from running_proxy import running_proxy

import loracle_mockserver.proxy
from loracle_contracts import spec
from loracle_contracts.exchange import Request
from loracle_contracts.oracle import Oracle
from loracle_mockserver.proxy.connection import AnswerHead
from loracle_mockserver.proxy.drift_report import as_json, as_text, exit_code
from loracle_mockserver.proxy.judgement import AnswerVerdict, judge_answer
from loracle_mockserver.proxy.latencies import Latencies
from loracle_mockserver.proxy.settings import Settings
from loracle_mockserver.proxy.tally import OTHERS, Tally
from loracle_mockserver.proxy.unknown_members import unknown_members
from loracle_mockserver.proxy.upstream import Origin

SCHEMA = json.loads(
    (Path(loracle_mockserver.proxy.__path__[0]) / "drift-report-1.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SETTINGS = Settings(Origin.parse("https://api.test"))


def check_report(report: Any) -> None:
    assert [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(report)] == []


def test_the_schema_is_one_and_can_fail() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    report = as_json(SETTINGS, Tally())
    check_report(report)
    assert not VALIDATOR.is_valid({**report, "exit_code": 2})
    assert not VALIDATOR.is_valid({**report, "operations": [{"operation": "x"}]})


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_run_is_reported(form: str) -> None:
    with raw_upstream() as upstream, running_proxy(upstream.url, "--format", form) as proxy:
        for answer in (
            answer_with(TASK),
            answer_with(b'{"task_id":1,"new":[{"deep":1}]}'),
            error(400, "BRAND_NEW"),
            error(429, "RATE_LIMIT_EXCEEDED"),
        ):
            upstream.behave = answering(answer)
            exchange(proxy.port, raw_request("POST", SUBJECT, AUTHORIZATION, JSON, body=CREATE))
        upstream.behave = lambda _: None
        exchange(proxy.port, raw_request("POST", SUBJECT, AUTHORIZATION, JSON, body=b'{"width": 1}'))
        exchange(proxy.port, raw_request("GET", "/elsewhere"))
        ended = proxy.stop()
    assert ended.code == 3
    assert KEY not in ended.report
    if form == "text":
        for line in (
            "createSubjectTraining: 5 requests, 1 invalid, 2 with an answer that breaks the contract; ",
            "; 200 x 2, 400 x 1, 429 x 1\n",
            "  client  name.required: once\n",
            "  server  body [task_id.type]: once\n",
            "  server  refused: once\n",
            "  drift   400 BRAND_NEW is not documented: once\n",
            "  drift   the contract does not know /new: once\n",
            "  failure reset: once\n",
            "outside the contract: 1 request, 1 invalid\n",
            "\nNot all could be judged or recorded.\n",
        ):
            assert line in ended.report
        return
    report = ended.json
    check_report(report)
    assert report["exit_code"] == 3
    counts = ended.operation("createSubjectTraining")
    assert (counts["requests"], counts["answers"], counts["invalid_answers"]) == (5, 4, 2)
    assert counts["statuses"] == {"200": 2, "400": 1, "429": 1}
    assert counts["unknown_members"] == [{"pointer": "/new", "count": 1}]
    assert counts["undocumented"] == [{"status": 400, "reason": "BRAND_NEW", "count": 1}]
    assert counts["failures"] == {"reset": 1}
    assert 0 < counts["seconds"]["p50"] <= counts["seconds"]["max"]
    assert ended.operation(None)["client"] == [{"rule": "header.authorization.required", "count": 1}]


EXPECTED = Oracle().expect(Request("GET", "/v3/training", (("authorization", "Bearer k"),)))


@given(st.lists(st.sampled_from(["clean", "broken", "drift", "undocumented", "unjudged"]), max_size=4))
def test_the_exit_code_is_3_before_1_before_0(found: list[str]) -> None:
    tally = Tally()
    counts = tally.of("listTrainings")
    head = AnswerHead(200, [(b"content-type", b"application/json")])
    page: dict[str, Any] = {"tasks": [], "pagination": {"next_cursor": ""}}
    answers = {
        "clean": (head, page),
        "broken": (head, {**page, "tasks": 1}),
        "drift": (head, {**page, "new": 1}),
        "undocumented": (
            AnswerHead(400, head.headers),
            {"code": 400, "reason": "NEW", "message": "", "metadata": {}},
        ),
    }
    for one in found:
        counts.request(EXPECTED)
        if one == "unjudged":
            counts.answer(200, AnswerVerdict(is_judged=False), 0.1)
            continue
        answered, value = answers[one]
        request = Request("GET", "/v3/training", (("authorization", "Bearer k"),))
        verdict = judge_answer(EXPECTED, request, answered, orjson.dumps(value), "strict", 0.1)
        counts.answer(answered.status, verdict, 0.1)
    expected = 3 if "unjudged" in found else 1 if set(found) - {"clean"} else 0
    assert exit_code(tally) == expected
    check_report(as_json(SETTINGS, tally))
    assert as_text(SETTINGS, tally)


def test_what_a_server_makes_up_is_counted_in_little_memory() -> None:
    counts = Tally().of("listTrainings")
    for n in range(1_000):
        counts.answer(
            400, AnswerVerdict(unknown=[f"/m{n}"], reason=f"R{n}", is_documented=False, is_judged=True), 0.1
        )
    assert len(counts.unknown_members) == len(counts.undocumented) == 101
    assert counts.unknown_members[OTHERS] == counts.undocumented[400, OTHERS] == 900


@given(st.lists(st.floats(1e-6, 1e5), min_size=1, max_size=200), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_quantiles_are_right_to_two_percent(durations: list[float], share: float) -> None:
    latencies = Latencies()
    for seconds in durations:
        latencies.add(seconds)
    exact = sorted(durations)[math.ceil(share * len(durations)) - 1]
    assert latencies.quantile(share) == pytest.approx(exact, rel=0.0101)
    assert latencies.longest == max(durations)


ANSWERS = {
    name: orjson.loads(spec.example(name))
    for name in spec.examples()
    if name.startswith("valid/") and name.split("/")[2] == "response"
}

SHOW_THAT_ANSWERS_ARE_OPEN = (
    "created_task",
    "model",
    "model.type",
    "model_list",
    "models.item",
    "pagination",
    "task_list",
    "tasks.item",
    "training_task",
    "upload_target",
)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_member_is_unknown_wherever_it_stands_and_no_known_one_is(name: str) -> None:
    schema = spec.operations()[name.split("/")[1]].response
    assert schema is not None
    value = ANSWERS[name]
    shown = [*unknown_members(value, schema, "strict")]
    assert len(shown) == (name.rpartition("/")[2].removesuffix(".type.json") in SHOW_THAT_ANSWERS_ARE_OPEN)
    for place, holder in _objects(value, ""):
        if place.endswith(("/headers", "/Host")):
            continue  # a map of headers, which are open
        holder["x/~y"] = None
        assert sorted(unknown_members(value, schema, "strict")) == sorted([*shown, f"{place}/x~1~0y"])
        del holder["x/~y"]


def _objects(value: Any, place: str) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(value, list):
        return [found for item in value for found in _objects(item, f"{place}/*")]
    if not isinstance(value, dict):
        return []
    below = [found for name, member in value.items() for found in _objects(member, f"{place}/{name}")]
    return [(place, value), *below]
