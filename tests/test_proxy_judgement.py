"""The proxy's verdicts both ways: the contract's, the same as the mock's, told in every place."""

from __future__ import annotations

import gzip
import operator
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from live import RunningMock, exchange, parse_answer, raw_request
from proxied_calls import AUTHORIZATION, CREATE, JSON, KEY, SUBJECT, TASK, answer_with, create, error
from raw_upstream import answering, raw_upstream
from running_proxy import RunningProxy, running_proxy

from loracle_contracts import spec, validate

# --- requests, as the mock judges them


@pytest.fixture(scope="module")
def enforcing(strict_mock: RunningMock) -> Iterator[RunningProxy]:
    with running_proxy(strict_mock.url, "--enforce") as proxy:
        yield proxy


BAD = {
    name: (spec.operations()[name.split("/")[1]], spec.example(name))
    for name in spec.examples()
    if name.startswith("invalid/") and name.split("/")[2] == "request"
}
WRONG = {
    "no key": raw_request("POST", SUBJECT, JSON, body=CREATE),
    "another scheme": create(CREATE, ("Authorization", "Basic abc"), JSON),
    "two keys": create(CREATE, AUTHORIZATION, AUTHORIZATION, JSON),
    "no route": raw_request("GET", "/v3/nothing?x=1", AUTHORIZATION),
    "a trailing slash": raw_request("GET", "/v3/training/", AUTHORIZATION),
    "doubled slashes": raw_request("GET", "//v3/training", AUTHORIZATION),
    "another method": raw_request("DELETE", SUBJECT, AUTHORIZATION),
    "a method of uploads": raw_request("GET", "/_uploads/x.png"),
    "no content type": create(CREATE, AUTHORIZATION),
    "a form": create(CREATE, AUTHORIZATION, ("Content-Type", "application/x-www-form-urlencoded")),
    "an encoded body": create(gzip.compress(CREATE), AUTHORIZATION, JSON, ("Content-Encoding", "gzip")),
    "no body": create(b"", AUTHORIZATION, JSON),
    "a query without the task": raw_request("GET", SUBJECT, AUTHORIZATION),
    "a page that is too large": raw_request("GET", "/v3/training?pagination.limit=101", AUTHORIZATION),
    "headers that are too large": create(CREATE, AUTHORIZATION, JSON, ("X-Long", "x" * 40_000)),
    "a body that is too large": create(b" " * (2**20 + 1)),
}


def refused_alike(enforcing: RunningProxy, mock: RunningMock, raw: bytes) -> None:
    by_proxy = parse_answer(exchange(enforcing.port, raw, may_reset=True))
    by_mock = parse_answer(exchange(mock.port, raw, may_reset=True))
    assert (by_proxy.status, by_proxy.body) == (by_mock.status, by_mock.body)
    assert by_proxy.status >= 400
    for name in ("content-type", "allow"):
        assert by_proxy.header(name) == by_mock.header(name)
    verdict = by_proxy.header("x-loracle-verdict")
    assert verdict == f"request={by_mock.json['reason']}; answer=none; from=proxy"


def test_there_are_examples() -> None:
    assert len(BAD) > 90


@pytest.mark.parametrize("name", BAD)
def test_an_invalid_request_is_refused_as_by_the_mock(
    enforcing: RunningProxy, strict_mock: RunningMock, name: str
) -> None:
    operation, body = BAD[name]
    refused_alike(
        enforcing, strict_mock, raw_request(operation.method, operation.path, AUTHORIZATION, JSON, body=body)
    )


@pytest.mark.parametrize("name", WRONG)
def test_what_else_is_wrong_is_refused_as_by_the_mock(
    enforcing: RunningProxy, strict_mock: RunningMock, name: str
) -> None:
    refused_alike(enforcing, strict_mock, WRONG[name])


@pytest.mark.parametrize("name", ["no key", "no route", "an encoded body", "a body that is too large"])
def test_a_refused_request_never_reaches_the_server(name: str) -> None:
    with raw_upstream() as upstream, running_proxy(upstream.url, "--enforce", "--format", "json") as proxy:
        exchange(proxy.port, WRONG[name], may_reset=True)
        ended = proxy.stop()
        assert upstream.connections == 0
    assert ended.code == 1
    [counts] = ended.json["operations"]
    assert (counts["requests"], counts["refused_requests"], counts["answers"]) == (1, 1, 0)


def test_in_report_mode_the_servers_answer_comes_back_marked(strict_mock: RunningMock) -> None:
    with running_proxy(strict_mock.url, "--format", "json") as proxy:
        for name, raw in WRONG.items():
            if name in ("headers that are too large", "a body that is too large"):
                continue
            by_proxy, by_mock = (parse_answer(exchange(port, raw)) for port in (proxy.port, strict_mock.port))
            assert (by_proxy.status, by_proxy.body) == (by_mock.status, by_mock.body), name
            verdict = by_proxy.header("x-loracle-verdict")
            assert verdict == f"request={by_mock.json['reason']}; answer=valid; from=server"
        exchange(proxy.port, create(b'{"name": "a", "width": "512"}'))
        ended = proxy.stop()
    assert ended.code == 1
    broken = validate(b'{"name": "a", "width": "512"}').violations
    for violation in broken:
        assert f"loracle: POST {SUBJECT}: client: {violation}\n" in ended.said
    rules = {one["rule"] for one in ended.operation("createSubjectTraining")["client"]}
    assert {violation.rule for violation in broken} <= rules


def test_traffic_of_a_good_client_is_clean(strict_mock: RunningMock) -> None:
    with running_proxy(strict_mock.url, "--format", "json") as proxy:
        created = parse_answer(exchange(proxy.port, create()))
        query = f"?task_id={created.json['task_id']}"
        for target in (SUBJECT + query, "/v3/training?pagination.limit=3", "/v3/model"):
            answer = parse_answer(exchange(proxy.port, raw_request("GET", target, AUTHORIZATION)))
            assert answer.header("x-loracle-verdict") == "request=valid; answer=valid; from=server"
        ended = proxy.stop()
    assert ended.code == 0
    assert ended.json["requests"] == 4
    assert KEY not in ended.said + ended.report


def test_a_bare_key_is_right_under_lenient_only(lenient_mock: RunningMock) -> None:
    raw = create(CREATE, ("Authorization", KEY), JSON)
    for profile, expected in (
        ("lenient", "request=valid; answer=valid"),
        ("strict", "request=INVALID_API_KEY; "),
    ):
        with running_proxy(lenient_mock.url, "--profile", profile) as proxy:
            verdict = parse_answer(exchange(proxy.port, raw)).header("x-loracle-verdict")
        assert str(verdict).startswith(expected)


# --- answers


@dataclass
class Defect:
    answer: bytes
    checks: str
    server: list[dict[str, Any]]
    drift: dict[str, Any]


def broken(check: str, rule: str | None = None) -> dict[str, Any]:
    return {"check": check, "rule": rule, "count": 1}


DEFECTS = {
    "wrong type": Defect(answer_with(b'{"task_id":1}'), "body", [broken("body", "task_id.type")], {}),
    "201": Defect(answer_with(TASK, 201), "status", [broken("status")], {}),
    "no content type": Defect(answer_with(TASK, 200, b"X: y"), "content-type", [broken("content-type")], {}),
    "HTML": Defect(
        answer_with(b"<html>", 502, b"Content-Type: text/html"),
        "refused,envelope,content-type",
        [broken("refused"), broken("envelope", "json.syntax"), broken("content-type")],
        {"undocumented": [{"status": 502, "reason": None, "count": 1}]},
    ),
    "an unknown reason": Defect(
        error(400, "NEW_REASON"),
        "refused",
        [broken("refused")],
        {"undocumented": [{"status": 400, "reason": "NEW_REASON", "count": 1}]},
    ),
    "a refusal of a valid request": Defect(
        error(400, "INVALID_REQUEST_BODY"), "refused", [broken("refused")], {}
    ),
    "an unknown member": Defect(
        answer_with(b'{"task_id":"b299b567-531a-4745-b600-eca9591aae24","a/b":{"c":1}}'),
        "drift",
        [],
        {"unknown_members": [{"pointer": "/a~1b", "count": 1}]},
    ),
    "the key in the answer": Defect(
        answer_with(TASK[:-1] + b',"key":"' + KEY.encode() + b'"}'),
        "leak",
        [broken("leak")],
        {"unknown_members": [{"pointer": "/key", "count": 1}]},
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
@pytest.mark.parametrize("mode", ["--report", "--enforce"])
def test_a_broken_answer_is_found(name: str, mode: str) -> None:
    defect = DEFECTS[name]
    with raw_upstream() as upstream, running_proxy(upstream.url, mode, "--format", "json") as proxy:
        upstream.behave = answering(defect.answer)
        answer = parse_answer(exchange(proxy.port, create()))
        ended = proxy.stop()
    assert ended.code == 1
    counts = ended.operation("createSubjectTraining")
    by_check = operator.itemgetter("check")
    assert sorted(counts["server"], key=by_check) == sorted(defect.server, key=by_check)
    for what, found in defect.drift.items():
        assert counts[what] == found
    assert f"{KEY}" not in ended.said + ended.report
    is_passed_on = mode == "--report" or defect.checks == "drift"
    source = "server" if is_passed_on else "proxy"
    assert answer.header("x-loracle-verdict") == f"request=valid; answer={defect.checks}; from={source}"
    if is_passed_on:
        assert answer.body == defect.answer.partition(b"\r\n\r\n")[2]
    else:
        assert (answer.status, answer.json["code"]) == (502, 502)
        assert validate(answer.body, part="error").valid
        listed = answer.json["metadata"]["answer_violations"]
        assert [one["check"] for one in listed] == defect.checks.split(",")
        assert answer.json["metadata"]["by"] == "loracle proxy"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate", "br"])
def test_a_compressed_answer_is_judged_and_passed_on_as_it_is(coding: str) -> None:
    wrong = b'{"task_id":1}'
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(wrong),
        "deflate": zlib.compress(wrong),
        "raw deflate": raw.compress(wrong) + raw.flush(),
        "br": b"\x0b\x06\x80{}\x03",
    }[coding]
    name = coding.rpartition(" ")[2].encode()
    with raw_upstream() as upstream, running_proxy(upstream.url, "--format", "json") as proxy:
        upstream.behave = answering(
            answer_with(packed, 200, b"Content-Type: application/json", b"Content-Encoding: " + name)
        )
        answer = parse_answer(exchange(proxy.port, create()))
        ended = proxy.stop()
    assert answer.body == packed
    verdict = "unjudged" if coding == "br" else "body"
    assert answer.header("x-loracle-verdict") == f"request=valid; answer={verdict}; from=server"
    assert ended.code == (3 if coding == "br" else 1)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b" " * 64 * 2**20, 9)
    with raw_upstream() as upstream, running_proxy(upstream.url) as proxy:
        upstream.behave = answering(
            answer_with(bomb, 200, b"Content-Type: application/json", b"Content-Encoding: gzip")
        )
        answer = parse_answer(exchange(proxy.port, create()))
    assert answer.header("x-loracle-verdict") == "request=valid; answer=unjudged; from=server"


def test_only_codings_that_can_be_read_are_asked_for_where_answers_must_be_read() -> None:
    raw = create(CREATE, AUTHORIZATION, JSON, ("Accept-Encoding", "br, zstd"))
    for mode, expected in (("--report", b"br, zstd"), ("--enforce", b"gzip, deflate")):
        with raw_upstream() as upstream, running_proxy(upstream.url, mode) as proxy:
            upstream.behave = answering(answer_with(TASK))
            exchange(proxy.port, raw)
            assert upstream.next().values(b"accept-encoding") == [expected]
