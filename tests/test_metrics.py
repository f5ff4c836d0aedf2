"""What Prometheus reads: it parses, it only goes up, and its labels are few."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
from control_calls import SUBJECT, App, check_refusal
from engine_calls import CREATE, call
from hypothesis import given, settings
from hypothesis import strategies as st
from live import ask, running_mock
from prometheus_client.parser import text_string_to_metric_families

from loracle_contracts import spec
from loracle_mockserver.fault_catalogue import CATALOGUE
from loracle_mockserver.message import Request

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
COUNTERS = {
    "loracle_requests",
    "loracle_tasks_dropped",
    "loracle_namespaces_dropped",
    "loracle_requests_dropped",
}
GAUGES = {"loracle_tasks", "loracle_namespaces"}


def parsed(text: str) -> Samples:
    """The samples of a scrape, found to be of families that say what they are."""
    families = list(text_string_to_metric_families(text))
    kinds = {family.name: family.type for family in families}
    assert {name for name, kind in kinds.items() if kind == "counter"} == COUNTERS
    assert {name for name, kind in kinds.items() if kind == "gauge"} == GAUGES | {"loracle_info"}
    assert all(family.documentation for family in families)
    samples: Samples = {}
    for family in families:
        for sample in family.samples:
            place = (sample.name, tuple(sorted(sample.labels.items())))
            assert place not in samples, "each series is there once"
            samples[place] = sample.value
    return samples


def scrape(app: App) -> Samples:
    answer = app.ask("GET", "/_mock/metrics")
    assert answer.status == 200
    assert str(answer.header("content-type")).startswith("text/plain; version=")
    return parsed(answer.body.decode())


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, tuple(sorted(labels.items()))))


def test_a_scrape_tells_what_was_answered() -> None:
    app = App()
    empty = scrape(app)
    assert value(empty, "loracle_info", profile="strict", seed="0", version=_version(app)) == 1
    assert value(empty, "loracle_tasks") == value(empty, "loracle_requests_dropped_total") == 0
    app.create()
    app.create()
    app.create(name="fault:RATE_LIMIT_EXCEEDED")
    app.create("other", width="x")
    app.ask("GET", "/nowhere", key="k")
    samples = scrape(app)
    for operation, status, fault, count in (
        (CREATE, "200", "", 2),
        (CREATE, "429", "RATE_LIMIT_EXCEEDED", 1),
        (CREATE, "400", "", 1),
        ("", "404", "", 1),
    ):
        labels = {"operation": operation, "status": status, "fault": fault}
        assert value(samples, "loracle_requests_total", **labels) == count
    assert value(samples, "loracle_tasks") == 2
    assert sum(count for (name, _), count in samples.items() if name == "loracle_requests_total") == 5
    app.control("POST", "reset")
    assert scrape(app) == empty


def _version(app: App) -> str:
    return str(app.control("GET", "health")["version"])


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["k", "other", "third"]),
        st.sampled_from([*spec.operations()]),
        st.sampled_from(["", "SERVICE_UNAVAILABLE", "malformed", "no-such-fault"]),
    ),
    max_size=8,
)


@given(rounds=st.lists(STEPS, min_size=2, max_size=4), reset=st.booleans())
@settings(max_examples=25)
def test_counters_never_go_down_between_two_scrapes(rounds: list[Any], reset: bool) -> None:
    app = App()
    before: Samples = {}
    for steps in rounds:
        for key, operation, fault in steps:
            call(app.engine, operation, *([("X-Loracle-Fault", fault)] if fault else []), key=key)
        if reset:
            # The world of one key goes; what was answered was answered.
            namespace = app.control("GET", "requests?limit=1")["requests"]
            app.control(
                "POST", f"reset?namespace={namespace[0]['namespace'] or '0' * 12}" if namespace else "reset"
            )
        after = scrape(app)
        for place, count in before.items():
            if place[0].endswith("_total"):
                assert after[place] >= count, place
        before = after
    answered = sum(count for (name, _), count in before.items() if name == "loracle_requests_total")
    assert answered == sum(map(len, rounds))


def test_when_the_store_is_full_the_counters_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loracle_mockserver.store.limits.MAX_ENTRIES", 5)
    monkeypatch.setattr("loracle_mockserver.store.limits.MAX_NAMESPACES", 3)
    app = App()
    for number in range(9):
        call(app.engine, key=f"key-{number}")
    samples = scrape(app)
    labels = {"operation": CREATE, "status": "200", "fault": ""}
    assert value(samples, "loracle_requests_total", **labels) == 9
    assert value(samples, "loracle_requests_dropped_total") == 4
    assert value(samples, "loracle_namespaces") == 3
    assert value(samples, "loracle_namespaces_dropped_total") == 6


@given(
    texts=st.lists(st.text(min_size=1, max_size=20), min_size=20, max_size=20, unique=True),
    method=st.sampled_from(["GET", "POST", "BREW"]),
)
@settings(max_examples=20)
def test_nothing_that_a_client_makes_up_becomes_a_label(texts: list[str], method: str) -> None:
    app = App()
    for text in texts:
        name = text.encode("utf-8", "replace")
        key = (b"authorization", b"Bearer " + name)
        for sent in ([key], [], [key, (b"x-loracle-fault", name)], [key, (b"prefer", b"code=" + name)]):
            app.engine.handle(Request(method, f"/{text}", name, sent))
            app.engine.handle(Request("GET", "/v3/training", name, sent))
        # Not over ASGI: the name may be that of a network fault.
        call(app.engine, key=text.strip() or "k", name=f"fault:{text}")
        app.control("PUT", f"faults?namespace={'0' * 12}", {"status": 503, "name": text})
    labels = [dict(labels) for (_, labels) in scrape(app)]
    known = {*CATALOGUE, *spec.errors(), "delay", ""}
    for found in labels:
        assert set(found) <= {"operation", "status", "fault", "version", "profile", "seed"}
        assert found.get("operation", "") in {*spec.operations(), ""}
        assert found.get("fault", "") in known
        assert re.fullmatch(r"[1-5][0-9][0-9]|", found.get("status", ""))
    assert len(labels) < 40


def test_without_the_package_the_answer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "loracle_mockserver.metrics", raising=False)
    app = App()
    refused = app.ask("GET", "/_mock/metrics")
    check_refusal(refused, 503, "SERVICE_UNAVAILABLE", "prometheus-client", "pip install 'loracle[metrics]'")
    assert app.create().status == 200


def test_a_running_mock_is_scraped() -> None:
    with running_mock() as mock:
        assert ask(mock.port, "GET", f"{SUBJECT}?task_id=x", ("Authorization", "Bearer k")).status == 404
        answer = ask(mock.port, "GET", "/_mock/metrics", ("Accept", "application/openmetrics-text"))
        samples = parsed(answer.body.decode())
        labels = {"operation": "getSubjectTraining", "status": "404", "fault": ""}
        assert value(samples, "loracle_requests_total", **labels) == 1
