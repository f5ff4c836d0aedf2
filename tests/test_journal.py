"""What is remembered of each request, how it is found again, and that it does not grow."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from control_calls import LIST, SUBJECT, App
from engine_calls import BODIES, CREATE, call
from hypothesis import given, settings
from hypothesis import strategies as st

from loracle_contracts import spec, validate
from loracle_mockserver.control import Control
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_rules import namespace_of
from loracle_mockserver.journal import MAX_BODY_KEPT
from loracle_mockserver.message import Request
from loracle_mockserver.store import limits

K, OTHER = namespace_of("k"), namespace_of("other")
FAULT = ("X-Loracle-Fault", "LIST_TASK_FAILED")


@pytest.fixture(scope="module")
def app() -> App:
    """An app that was asked ten things; none of these tests asks it more."""
    app = App()
    task = app.create("k").json["task_id"]  # 1
    app.create("other", width="512", extra=1)  # 2
    app.poll(task, "k")  # 3
    app.poll(task, "other")  # 4
    app.list("k", FAULT)  # 5
    app.ask("GET", f"{LIST}?pagination.limit=0&nothing=1", key="k")  # 6
    app.ask("GET", "/nowhere", key="k")  # 7
    app.ask("DELETE", LIST, key="other")  # 8
    app.list("")  # 9
    app.create("other", name="fault:html-error")  # 10
    app.task = task  # type: ignore[attr-defined]
    return app


def entries(app: App, query: str = "") -> list[dict[str, Any]]:
    return list(app.control("GET", f"requests{query}")["requests"])


def numbers(app: App, query: str) -> list[int]:
    return [entry["n"] for entry in entries(app, query)]


def test_an_entry_tells_all(app: App) -> None:
    told = app.control("GET", "requests")
    assert (told["total"], told["dropped"], len(told["requests"])) == (10, 0, 10)
    create, refused = told["requests"][:2]
    violations = validate(json.dumps({**BODIES[CREATE], "width": "512", "extra": 1}), CREATE).violations
    for entry in (create, refused):
        assert 0 <= entry.pop("seconds") < 60
        assert entry.pop("received_at") > 1e9
        assert entry.pop("body_length") > 100
    assert create == {
        "n": 1,
        "namespace": K,
        "operation": CREATE,
        "method": "POST",
        "path": SUBJECT,
        "query": "",
        "unknown_query": [],
        "task": app.task,  # type: ignore[attr-defined]
        "status": 200,
        "reason": None,
        "fault": None,
        "origin": None,
        "rules": [],
        "strict_rules": [],
        "strict": {"valid": True, "violations": []},
        "lenient": {"valid": True, "violations": []},
        "lints": create["lints"],
        "body_is_whole": True,
        "delay": 0.0,
    }
    assert {lint["rule"] for lint in create["lints"]} == {"lint.few_images", "lint.undocumented_base_model"}
    assert (refused["status"], refused["reason"], refused["task"]) == (400, "INVALID_REQUEST_BODY", None)
    assert refused["rules"] == [violation.rule for violation in violations]
    assert refused["strict"]["valid"] is False
    assert [found["pointer"] for found in refused["strict"]["violations"]] == ["/width", "/extra"]
    assert refused["lenient"] == {"valid": True, "violations": []}


def test_faults_are_told_with_who_asked_for_them(app: App) -> None:
    by_header, by_name = entries(app)[4], entries(app)[9]
    assert (by_header["fault"], by_header["origin"]) == ("LIST_TASK_FAILED", "the header X-Loracle-Fault")
    assert (by_name["fault"], by_name["origin"]) == ("html-error", "the task name")
    assert (by_name["status"], by_name["strict"]["valid"]) == (502, True)
    own = App()
    own.control("POST", "faults", {"delay": 0.001, "operation": "listTrainings"})
    own.list()
    [entry] = entries(own)
    assert (entry["fault"], entry["origin"], entry["delay"]) == ("delay", "rule all-1", 0.001)


FILTERS: list[tuple[str, list[int]]] = [
    ("", [*range(1, 11)]),
    ("?operation=createSubjectTraining", [1, 2, 10]),
    ("?operation=listTrainings", [5, 6, 9]),
    ("?status=400", [2, 6, 9]),
    ("?status=404", [4, 7]),
    ("?verdict=invalid", [2, 6, 7, 8, 9]),
    ("?verdict=valid", [1, 3, 4, 5, 10]),
    ("?task=TASK", [1, 3, 4]),
    ("?task=none", []),
    (f"?namespace={K}", [1, 3, 5, 6, 7]),
    (f"?namespace={OTHER}", [2, 4, 8, 10]),
    ("?fault=*", [5, 10]),
    ("?fault=none", [1, 2, 3, 4, 6, 7, 8, 9]),
    ("?fault=LIST_*", [5]),
    ("?fault=html-[ef]rror", [10]),
    ("?fault=HTML-ERROR", []),
    ("?since=8", [9, 10]),
    ("?since=10", []),
    ("?limit=3", [8, 9, 10]),
    ("?since=2&limit=3", [3, 4, 5]),
    ("?since=0&limit=1", [1]),
    ("?status=404&limit=1", [7]),
    (f"?namespace={K}&status=404&verdict=invalid&fault=none", [7]),
    (f"?operation=createSubjectTraining&namespace={OTHER}&verdict=valid", [10]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_each_filter_finds_its_requests_oldest_first(app: App, query: str, expected: list[int]) -> None:
    query = query.replace("TASK", app.task)  # type: ignore[attr-defined]
    assert numbers(app, query) == expected
    # Each form tells of the same ones.
    joined = f"{query}{'&' if query else '?'}format="
    lines = app.ask("GET", f"/_mock/requests{joined}jsonl").body.decode().splitlines()
    assert [json.loads(line)["n"] for line in lines] == expected
    assert [json.loads(line) for line in lines] == entries(app, query)
    har = app.control("GET", f"requests{joined}har")["log"]["entries"]
    assert [entry["_loracle"]["n"] for entry in har] == expected
    assert len(app.ask("GET", f"/_mock/requests{joined}curl").body.splitlines()) == len(expected)


def test_the_latest_hundred_are_told_unless_more_is_asked_for() -> None:
    app = App()
    for _ in range(120):
        call(app.engine, "listTrainings")
    assert numbers(app, "") == [*range(21, 121)]
    assert numbers(app, "?limit=1000") == [*range(1, 121)]
    # Whoever reads on from the last number misses nothing.
    read, last = [], 0
    while found := numbers(app, f"?since={last}&limit=50"):
        read, last = [*read, *found], found[-1]
    assert read == [*range(1, 121)]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/jsonl; q=0.9", "application/x-ndjson"),
        ("text/html, APPLICATION/HAR+JSON", "application/json"),
        ("text/x-shellscript", "text/plain; charset=utf-8"),
        ("*/*", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_form_can_be_asked_for_by_its_type(app: App, accept: str, content_type: str) -> None:
    answer = app.ask("GET", "/_mock/requests", ("Accept", accept))
    assert (answer.status, answer.header("content-type")) == (200, content_type)
    assert (b'"log"' in answer.body[:10]) is ("HAR" in accept)
    named = app.ask("GET", "/_mock/requests?format=json", ("Accept", accept))
    assert "requests" in named.json, "what is named wins"


@given(st.lists(st.tuples(st.sampled_from(["k", "other"]), st.sampled_from("clpx")), max_size=12), st.data())
@settings(max_examples=25)
def test_filters_are_the_same_as_a_look_at_all(calls: list[tuple[str, str]], data: st.DataObject) -> None:
    app = App()
    for key, kind in calls:
        known = {"c": CREATE, "l": "listTrainings", "p": "getSubjectTraining", "x": "listModels"}[kind]
        call(app.engine, known, key=key, body=b"{}" if kind == "c" and data.draw(st.booleans()) else None)
    told = entries(app)
    wanted = {
        "operation": data.draw(st.none() | st.sampled_from([CREATE, "listTrainings", "listModels"])),
        "status": data.draw(st.none() | st.sampled_from([200, 400, 404])),
        "namespace": data.draw(st.none() | st.sampled_from([K, OTHER])),
    }
    since, limit = data.draw(st.none() | st.integers(0, 12)), data.draw(st.none() | st.integers(1, 12))
    expected = [
        entry["n"]
        for entry in told
        if all(value in (None, entry[name]) for name, value in wanted.items()) and entry["n"] > (since or 0)
    ]
    if limit:
        expected = expected[-limit:] if since is None else expected[:limit]
    given_names = {**wanted, "since": since, "limit": limit}
    query = "&".join(f"{name}={value}" for name, value in given_names.items() if value is not None)
    assert numbers(app, f"?{query}") == expected


# --- whose a request is


def test_a_refusal_before_the_key_is_judged_belongs_to_the_key() -> None:
    app = App()
    app.ask("POST", SUBJECT, ("Content-Length", "2000000"), key="k")
    app.ask("POST", SUBJECT, body=b"x" * 2_000_000, key="k")
    app.ask("GET", LIST, ("X-Long", "x" * 40_000), key="k")
    app.ask("PUT", f"/_uploads/x?X-Amz-Credential={K}/2024", ("Content-Length", "99999999"))
    app.ask("POST", "/_uploads/x")
    app.ask("POST", SUBJECT, ("Authorization", "no scheme"), ("Content-Length", "2000000"))
    told = [(entry["status"], entry["namespace"]) for entry in entries(app)]
    assert told == [(413, K), (413, K), (431, K), (413, K), (405, None), (413, None)]
    app.control("POST", f"reset?namespace={K}")
    assert len(entries(app)) == 2
    closed = App(Engine(keys=frozenset(["other"])))
    closed.ask("POST", SUBJECT, ("Content-Length", "2000000"), key="k")
    assert entries(closed)[0]["namespace"] is None, "the key is not accepted"


# --- bounds


@cache
def shared() -> App:
    return App()


def test_the_oldest_go_and_are_counted() -> None:
    app = App()
    extra = 50
    for _ in range(limits.MAX_ENTRIES + extra):
        call(app.engine, "listTrainings")
    told = app.control("GET", "requests?since=0&limit=1")
    assert (told["total"], told["dropped"]) == (limits.MAX_ENTRIES + extra, extra)
    assert [entry["n"] for entry in told["requests"]] == [extra + 1]
    assert len(list(Control(app.engine).entries())) == limits.MAX_ENTRIES
    assert app.control("GET", "health")["requests_dropped"] == extra


def test_large_bodies_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ENTRY_BYTES", 10 * MAX_BODY_KEPT)
    engine = Engine()
    for _ in range(30):
        call(engine, body=b"x" * 2**20)
    kept = [entry for _, entry in Control(engine).entries()]
    assert 5 <= len(kept) <= 10
    assert sum(len(entry.body) + len(entry.reply_body) for entry in kept) <= 10 * MAX_BODY_KEPT
    assert {(len(entry.body), entry.body_length, entry.is_whole) for entry in kept} == {
        (MAX_BODY_KEPT, 2**20, False)
    }


def test_of_a_body_that_was_cut_only_what_the_server_saw_is_told() -> None:
    app = App()
    app.ask("POST", SUBJECT, ("Content-Type", "application/json"), body=b'"' + b"x" * 2**19 + b'"', key="k")
    app.create(caption="x" * 2**17)
    for entry, rule in zip(entries(app), ("request.type", "request.additionalProperties"), strict=True):
        assert (entry["body_is_whole"], entry["lints"]) == (False, [])
        assert entry["strict"]["violations"][0]["rule"] == rule
        assert entry["body_length"] > MAX_BODY_KEPT


@given(path=st.text(max_size=20), query=st.binary(max_size=20), method=st.text(max_size=5) | st.just("POST"))
@settings(max_examples=60)
def test_whatever_was_asked_can_be_told(path: str, query: bytes, method: str) -> None:
    app = shared()
    app.engine.reset()
    for whole in (path, f"/{path}", "*"):
        sent = [(b"authorization", b"Bearer k"), (b"x", query), (query, b"x")]
        app.engine.handle(Request(method, whole, query, sent, query))
    for form in ("json", "jsonl", "har", "curl"):
        answer = app.ask("GET", f"/_mock/requests?format={form}")
        assert answer.status == 200
        if form in ("json", "har"):
            assert answer.json
    assert answer.body.decode().count("\n") == 3, "each command is on one line"
    assert app.ask("POST", "/_mock/verify", json={"path": "/x", "valid": True}).status == 200


def test_the_operations_are_those_of_the_contract(app: App) -> None:
    for operation in spec.operations():
        assert app.ask("GET", f"/_mock/requests?operation={operation}").status == 200
