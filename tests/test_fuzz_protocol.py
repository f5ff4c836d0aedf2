"""The layers authentication, raw and queries: the mock passes, and without a budget nothing is started."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from fuzzed_wire import KEY, Ask, Broken, correct, fuzzed, mock, started

from loracle_contracts import spec
from loracle_contracts.exchange import Answer, Request
from loracle_contracts.fuzzing import FuzzOptions, FuzzReport, authentication, fuzz, queries, raw
from loracle_contracts.fuzzing.client import Client
from loracle_contracts.fuzzing.raw_bodies import CASES, UPLOAD, raw_text
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.oracle import CREATES
from loracle_mockserver import live_server

LAYERS = ("authentication", "raw", "queries")
# What a run of 700 requests has room for, with the documented examples sent as well.
SHARES = {"authentication": 50, "raw": 115, "queries": 115}


def what(report: FuzzReport) -> list[tuple[str, str, str, str]]:
    return [(one.check, one.subject, one.title, one.got) for one in report.findings]


@pytest.mark.parametrize("progression", ["polls", "immediate"])
@pytest.mark.parametrize("max_creates", [0, 70])
@pytest.mark.parametrize("keys", [[], [KEY]], ids=["every-key", "one-key"])
@pytest.mark.parametrize("profile", ["strict", "lenient"])
def test_nothing_is_found_in_the_mock(
    profile: Any, keys: list[str], max_creates: int, progression: str
) -> None:
    app = Broken(mock(profile=profile, api_keys=keys, progression=progression))
    for is_empty in (True, False):
        if not is_empty:
            started(app)
        tasks = len(app.mock.mock.tasks)
        key = KEY if keys else None
        report = fuzzed(app, *LAYERS, profile=profile, api_key=key, max_creates=max_creates, seed=max_creates)
        assert what(report) == []
        assert (report.stopped, report.creates) == (None, 0)
        assert len(app.mock.mock.tasks) == tasks


@pytest.mark.parametrize("profile", ["strict", "lenient"])
def test_nothing_is_found_in_the_mock_over_a_socket(profile: Any) -> None:
    with live_server(profile=profile, api_keys=[KEY]) as server:
        options = FuzzOptions(server.url, api_key=KEY, profile=profile, layers=LAYERS)
        report = asyncio.run(fuzz(options))
    assert what(report) == []
    assert report.stopped is None


def test_nothing_is_found_where_a_proxy_bounds_the_rate() -> None:
    calls = itertools.count(1)

    def limited(request: Request, ask: Ask) -> Answer:
        if next(calls) % 7:
            return ask(request)
        body = b'{"code":429,"reason":"RATE_LIMIT_EXCEEDED","message":"Slower.","metadata":{}}'
        return Answer(429, (("content-type", "application/json"), ("retry-after", "1")), body)

    app = Broken(mock(), limited)
    started(app)
    report = fuzzed(app, *LAYERS)
    assert what(report) == []


@pytest.mark.parametrize("profile", ["strict", "lenient"])
def test_without_a_budget_only_reads_are_right(profile: Any) -> None:
    session = _session(profile=profile, api_key=KEY)
    for probe in (*authentication.probes(session), *raw.probes(session), *queries.probes(session)):
        expectation = probe.demand or session.oracle.expect(probe.request)
        assert not expectation.is_valid or probe.request.method == "GET", probe.title
        assert not session.oracle.expect(probe.request).starts_job, probe.title


@pytest.mark.parametrize("max_creates", [0, 1])
def test_with_a_budget_only_the_key_is_wrong_in_a_create(max_creates: int) -> None:
    session = _session(api_key=KEY, max_creates=max_creates)
    sent = [probe.request for probe in authentication.probes(session)]
    paths = [spec.operations()[operation].path for operation in CREATES]
    right = session.request("listTrainings").headers
    bodies = [
        one._replace(headers=(*right, ("Content-Type", "application/json"))) for one in sent if one.body
    ]
    creates = [one for one in bodies if one.path in paths and one.method == "POST"]
    assert any(session.oracle.expect(one).starts_job for one in creates) == bool(max_creates)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_keeps_its_share_of_the_requests(layer: str) -> None:
    app = Broken(mock(), correct)
    report = fuzzed(app, "examples", layer)
    assert report.requests[layer] <= SHARES[layer]


def test_the_same_seed_sends_the_same_requests() -> None:
    runs = []
    for _ in range(2):
        app = Broken(mock())
        started(app)
        fuzzed(app, *LAYERS, seed=3)
        runs.append(app.requests)
    assert runs[0] == runs[1]


def test_every_operation_is_asked_without_a_key_and_with_a_wrong_one() -> None:
    session = _session(api_key=KEY)
    sent = [probe.request for probe in authentication.probes(session)]
    for operation in spec.operations().values():
        if not operation.authenticated:
            continue
        mine = [one for one in sent if (one.method, one.path) == (operation.method, operation.path)]
        assert any(not one.values("authorization") for one in mine), operation.id
        assert any(one.values("authorization") == ["Bearer wrong-key"] for one in mine), operation.id


def test_wrong_keys_are_not_checked_where_no_key_was_given() -> None:
    report = fuzzed(Broken(mock(api_keys=[])), "authentication", api_key=None)
    assert "wrong keys" in [one.what for one in report.not_checked]


@pytest.mark.parametrize("operation", [*CREATES, UPLOAD])
def test_raw_bodies_are_wrong_only_in_how_they_are_written(operation: str) -> None:
    session = _session()
    text = raw_text(session, operation)
    assert session.oracle.expect(session.request(operation, text.encode())).is_valid
    for case in CASES:
        if case.needs in text:
            expectation = session.oracle.expect(session.request(operation, case.write(text)))
            rules = {one.rule.removeprefix("upload_") for one in expectation.violations}
            assert case.rule in rules, case.title


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_every_raw_case_fits_a_body(case: Any) -> None:
    session = _session()
    assert any(case.needs in raw_text(session, operation) for operation in (*CREATES, UPLOAD))


def test_every_value_of_every_query_parameter_is_asked_for() -> None:
    app = Broken(mock())
    fuzzed(app, "examples", "queries")
    sent = "&".join(one.query for one in app.requests)
    for name in (
        "VisibilityParameter",
        "SourceParameter",
        "TypesParameter",
        "FlagParameter",
        "TaskTypeParameter",
    ):
        for value in spec.document("strict")["$defs"][name]["enum"]:
            assert f"={value}" in sent


def _session(**options: Any) -> Session:
    chosen = FuzzOptions("http://127.0.0.1", layers=LAYERS, **options)
    return Session(chosen, Client("http://127.0.0.1"))
