"""The layer of generated requests: repeatable, within its budget, judged by the oracle alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loracle_contracts import spec
from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing import FuzzOptions, FuzzReport, fuzz
from loracle_contracts.fuzzing.generated import generated
from loracle_contracts.fuzzing.mutations import mutated, mutated_value, retyped
from loracle_contracts.fuzzing.novelty import Picker, candidate
from loracle_contracts.oracle import Oracle
from loracle_mockserver.training_app import TrainingApp

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Recorder(httpx.AsyncBaseTransport):
    """Hands requests to an app, and keeps them; `answer` may give other answers."""

    def __init__(self, app: Any, answer: Any = None) -> None:
        self.inner = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.answer = answer
        self.requests: list[Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in request.headers.raw)
        sent = Request(request.method, request.url.raw_path.decode("ascii"), headers, body)
        self.requests.append(sent)
        other = self.answer(sent) if self.answer else None
        return other or await self.inner.handle_async_request(request)


def run(seed: int = 0, answer: Any = None, **options: Any) -> tuple[FuzzReport, list[Request]]:
    transport = Recorder(TrainingApp(profile=options.get("profile", "strict")), answer)
    chosen = FuzzOptions("http://127.0.0.1", api_key="test-key", layers=("random",), seed=seed, **options)
    return asyncio.run(fuzz(chosen, transport)), transport.requests


def test_the_same_seed_sends_the_same_requests_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report, first = run(seed=3, max_creates=5)
    generated.cache_clear()
    _, second = run(seed=3, max_creates=5)
    assert report.findings == ()
    assert report.not_checked[-1].what.endswith("generated valid trainings")
    assert len(first) > 100
    assert first == second
    assert list(tmp_path.iterdir()) == []
    _, third = run(seed=4, max_creates=5)
    assert third != first


@pytest.mark.parametrize("profile", ["strict", "lenient"])
@pytest.mark.parametrize("creates", [0, 7])
def test_no_more_trainings_are_started_than_allowed(profile: Any, creates: int) -> None:
    report, sent = run(profile=profile, max_creates=creates)
    oracle = Oracle(profile, ["test-key"])
    judged = [oracle.expect(request) for request in sent]
    assert sum(one.starts_job for one in judged) == report.creates == creates
    assert report.findings == ()
    assert {one.operation.id for one in judged if one.operation} == set(spec.operations()) - {"putUpload"}
    rules = {violation.rule for one in judged for violation in one.violations}
    assert len(rules) > 60, "the requests were to be different"


def test_the_limit_of_requests_holds() -> None:
    report, sent = run(max_requests=12)
    assert (len(sent), report.stopped) == (12, None)


def test_named_assets_and_model_are_used() -> None:
    _, sent = run(max_creates=10, asset_ids=("a1", "a2"), base_model="known")
    oracle = Oracle("strict")
    bodies = [json.loads(request.body) for request in sent if oracle.expect(request).starts_job]
    plain = [body for body in bodies if body["base_model"] == "known"]
    assert len(plain) > 5  # a mutation may have changed the others
    assert {item["assets_id"] for body in plain for item in body["image_dataset_items"]} >= {"a1", "a2"}


def test_a_defect_is_found_and_named_by_its_rule() -> None:
    def lax(request: Request) -> httpx.Response | None:
        violations = Oracle("strict").expect(request).violations
        if violations and {violation.rule for violation in violations} == {"width.type"}:
            body = httpx.ByteStream(b'{"task_id": "b299b567-531a-4745-b600-eca9591aae24"}')
            return httpx.Response(200, headers={"Content-Type": "application/json"}, stream=body)
        return None

    report, _ = run(answer=lax, max_creates=30)
    assert ("accepted", "width.type") in [finding.cause for finding in report.findings]


def test_without_schemathesis_the_report_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "schemathesis.py").write_text("raise ModuleNotFoundError('No module named schemathesis')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    report, sent = run(seed=987)
    assert sent == []
    assert "loracle[fuzz]" in report.not_checked[0].why


@given(JSON, st.randoms(use_true_random=False))
def test_any_value_can_be_mutated(value: Any, random: Random) -> None:
    before = json.dumps(value)
    json.dumps(mutated_value(value, random))
    assert isinstance(mutated(before.encode(), random), bytes)
    assert json.dumps(value) == before, "the value itself stays"


def test_every_place_gets_every_other_type() -> None:
    value = {"a": [1, None], "b": "x"}
    others = [json.dumps(one) for one in retyped(value)]
    assert value == {"a": [1, None], "b": "x"}
    assert len(others) == len(set(others))
    assert {"null", '[{"a": [1, null], "b": "x"}]', "7", "1.5", "true"} <= set(others), "the whole"
    assert {'{"a": [1.5, null], "b": "x"}', '{"a": ["1", null], "b": "x"}', '{"a": null, "b": "x"}'} <= set(
        others
    )
    assert '{"a": [7, null], "b": "x"}' not in others


def test_what_was_sent_before_is_not_new() -> None:
    oracle = Oracle("strict")
    head = (("Authorization", "Bearer k"), ("Content-Type", "application/json"))
    first, second = (
        candidate(request, oracle.expect(request))
        for body in (b"[]", b"{}")
        for request in [Request("POST", "/v3/training/subject", head, body)]
    )
    for before, expected in ((first, second), (second, first)):
        assert Picker([first, second], [before]).next(may_start_job=False) == expected


def test_every_candidate_is_given_once_and_none_that_costs_against_the_word() -> None:
    oracle = Oracle("strict")
    head = (("Authorization", "Bearer k"), ("Content-Type", "application/json"))
    bodies = [spec.example("valid/createSubjectTraining/request/seed-page.json"), b"{}", b"[]", b"1", b"{}"]
    given_ = [Request("POST", "/v3/training/subject", head, body) for body in bodies]
    picker = Picker([candidate(request, oracle.expect(request)) for request in given_])
    free = iter(lambda: picker.next(may_start_job=False), None)
    assert sorted(one.request.body for one in free if one) == sorted(bodies[1:])
    last = picker.next(may_start_job=True)
    assert last is not None
    assert last.subject == "createSubjectTraining: valid"
    assert picker.next(may_start_job=True) is None
