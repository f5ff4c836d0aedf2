"""What stands on the wire: raw bytes in, and an answer in the API's own envelope out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from live import Answer, Conversation, RunningMock, ask, exchange, parse_answer, parse_answers, raw_request
from wire_cases import BAD, DECIDED, GOOD, JSON, KEY, PLAIN, SUBJECT, Bad, chunked, create, create_body

MIB = 1024 * 1024
VIOLATION = {"in", "pointer", "line", "column", "rule", "expected", "got", "source", "advice"}


def listed_names(mock: RunningMock, key: str) -> list[str]:
    answer = ask(mock.port, "GET", "/v3/training?pagination.limit=100", ("Authorization", f"Bearer {key}"))
    return [task["task_name"] for task in answer.json["tasks"]]


def check_envelope(answer: Answer, status: int, reason: str) -> dict[str, Any]:
    """The metadata of an error whose envelope is as the contract says."""
    assert answer.status == status, answer.body[:1000]
    assert answer.header("content-type") == "application/json"
    envelope = answer.json
    assert set(envelope) == {"code", "reason", "message", "metadata"}
    assert (envelope["code"], envelope["reason"]) == (status, reason)
    assert envelope["message"]
    return dict(envelope["metadata"])


def test_the_tables_are_complete() -> None:
    assert len(BAD) >= 31
    assert len({case.name for case in BAD}) == len(BAD)
    assert {"plain", "charset", "chunked", "512.0"} <= set(GOOD)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in BAD + DECIDED])
def test_a_bad_request_gets_its_refusal(case: Bad, strict_mock: RunningMock) -> None:
    raw = exchange(strict_mock.port, case.raw, may_reset=case.may_reset)
    if raw or not case.may_reset:
        answer = parse_answer(raw)
        metadata = check_envelope(answer, case.status, case.reason)
        assert answer.header("allow") == case.allow or sorted(str(answer.header("allow")).split(", ")) == (
            str(case.allow).split(", ")
        )
        if case.violation:
            listed = metadata["violations"]
            assert all(set(violation) == VIOLATION for violation in listed)
            places = [tuple(v[part] for part in ("rule", "pointer", "line", "column")) for v in listed]
            assert case.violation in places
    assert ask(strict_mock.port, "GET", "/_mock/health").json["status"] == "ready"


@pytest.mark.parametrize("name", GOOD)
def test_a_good_request_creates_one_task(name: str, strict_mock: RunningMock) -> None:
    raw = GOOD[name].replace(b"earer wire", b"earer good " + name.encode().replace(b" ", b"-"))
    answer = parse_answer(exchange(strict_mock.port, raw))
    assert answer.status == 200, answer.body
    assert answer.header("content-type") == "application/json"
    assert set(answer.json) == {"task_id"}


def test_a_large_body_is_refused_before_it_is_read(strict_mock: RunningMock) -> None:
    head = raw_request("POST", SUBJECT, *PLAIN, ("Content-Length", "50000000"))
    # Not a byte of the body is ever sent, so a server that waits for it never answers.
    answer = parse_answer(exchange(strict_mock.port, head))
    check_envelope(answer, 413, "REQUEST_TOO_LARGE")
    assert answer.header("connection") == "close"


def test_a_chunked_body_is_refused_where_it_passes_the_limit(strict_mock: RunningMock) -> None:
    head = raw_request("POST", SUBJECT, *PLAIN, ("Transfer-Encoding", "chunked"))
    # One byte too many, and no end: whoever waits for the end never answers.
    raw = head + b"%x\r\n" % (2 * MIB) + b" " * (MIB + 1)
    check_envelope(parse_answer(exchange(strict_mock.port, raw)), 413, "REQUEST_TOO_LARGE")


def test_a_body_of_one_byte_too_many_is_too_large(strict_mock: RunningMock) -> None:
    body = create_body()
    raw = create(body + b" " * (MIB + 1 - len(body)))
    answer = parse_answer(exchange(strict_mock.port, raw, may_reset=True))
    check_envelope(answer, 413, "REQUEST_TOO_LARGE")


def test_lenient_takes_what_shipped_clients_send(lenient_mock: RunningMock, strict_mock: RunningMock) -> None:
    doubled = create(create_body(), target="/" + SUBJECT)
    bare = create(create_body(), JSON, ("Authorization", "wire"))
    for raw in (doubled, bare):
        assert parse_answer(exchange(lenient_mock.port, raw)).status == 200
        assert parse_answer(exchange(strict_mock.port, raw)).status in (403, 404)
    basic = create(create_body(), JSON, ("Authorization", "Basic d2lyZQ=="))
    check_envelope(parse_answer(exchange(lenient_mock.port, basic)), 403, "INVALID_API_KEY")


@pytest.mark.parametrize("body", [b"[", b"x" * 1000, create_body()])
def test_the_body_of_a_get_is_ignored(body: bytes, strict_mock: RunningMock) -> None:
    plain = exchange(strict_mock.port, raw_request("GET", "/v3/training", *PLAIN))
    with_body = exchange(strict_mock.port, raw_request("GET", "/v3/training", *PLAIN, body=body))
    assert parse_answer(plain).status == 200
    assert with_body == plain


def test_head_is_refused_without_a_body(strict_mock: RunningMock) -> None:
    raw = exchange(strict_mock.port, raw_request("HEAD", SUBJECT, KEY))
    answer = parse_answer(raw, bodiless=True)
    assert answer.status == 405
    assert sorted(str(answer.header("allow")).split(", ")) == ["GET", "POST"]


def test_expect_is_answered_before_the_body_is_sent(strict_mock: RunningMock) -> None:
    body = create_body()
    expecting = (*PLAIN, ("Expect", "100-continue"), ("Content-Length", str(len(body))))
    with Conversation(strict_mock.port) as conversation:
        conversation.send(raw_request("POST", SUBJECT, *expecting))
        assert conversation.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        conversation.send(body)
        assert parse_answer(conversation.read_rest()).status == 200


def test_expect_of_a_large_body_is_refused_at_once(strict_mock: RunningMock) -> None:
    expecting = (*PLAIN, ("Expect", "100-continue"), ("Content-Length", "50000000"))
    answer = parse_answer(exchange(strict_mock.port, raw_request("POST", SUBJECT, *expecting)))
    check_envelope(answer, 413, "REQUEST_TOO_LARGE")


@pytest.mark.parametrize("length_first", [True, False])
def test_ambiguous_framing_is_not_two_requests(length_first: bool, strict_mock: RunningMock) -> None:
    headers = (JSON, ("Authorization", "Bearer smuggler"))
    hidden = raw_request("POST", SUBJECT, *headers, body=create_body(name='"hidden"'))
    body = b"0\r\n\r\n" + hidden
    framing = (("Content-Length", str(len(body))), ("Transfer-Encoding", "chunked"))
    raw = raw_request(
        "POST", SUBJECT, *headers, *(framing if length_first else framing[::-1]), body=body, close=False
    )
    [answer] = parse_answers(exchange(strict_mock.port, raw, may_reset=True))
    assert answer.status == 400
    assert listed_names(strict_mock, "smuggler") == []


def test_requests_on_one_connection_are_answered_in_order(strict_mock: RunningMock) -> None:
    key = ("Authorization", "Bearer kept alive")
    names = [f"kept alive {n}" for n in range(5)]
    bodies = [create_body(name=json.dumps(name)) for name in names]
    with Conversation(strict_mock.port) as conversation:
        for body in bodies:
            conversation.send(raw_request("POST", SUBJECT, key, JSON, body=body, close=False))
            assert conversation.read_answer().status == 200
    assert listed_names(strict_mock, "kept alive") == names[::-1]


def test_pipelined_requests_are_answered_in_order(strict_mock: RunningMock) -> None:
    headers = (JSON, ("Authorization", "Bearer pipeline"))
    good = [create_body(name=json.dumps(f"pipelined {n}")) for n in range(3)]
    requests = [
        raw_request("POST", SUBJECT, *headers, body=good[0], close=False),
        raw_request("POST", SUBJECT, *headers, body=b"[", close=False),
        raw_request("GET", "/v3/training", *headers, body=b"ignored", close=False),
        raw_request(
            "POST", SUBJECT, *headers, ("Transfer-Encoding", "chunked"), body=chunked(good[1]), close=False
        ),
        raw_request("GET", "/nowhere", *headers, close=False),
        raw_request("POST", SUBJECT, *headers, body=good[2]),
    ]
    answers = parse_answers(exchange(strict_mock.port, b"".join(requests)))
    assert [answer.status for answer in answers] == [200, 400, 200, 200, 404, 200]
    assert [task["task_name"] for task in answers[2].json["tasks"]] == ["pipelined 0"]
    assert listed_names(strict_mock, "pipeline") == ["pipelined 2", "pipelined 1", "pipelined 0"]


def test_an_offer_to_upgrade_does_not_lose_the_body(strict_mock: RunningMock) -> None:
    # Java's HttpClient offers HTTP/2 with every first request to an http:// URL.
    offer = (
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
    )
    with Conversation(strict_mock.port) as conversation:
        conversation.send(raw_request("POST", SUBJECT, *PLAIN, *offer, body=create_body(), close=False))
        assert conversation.read_answer().status == 200


def test_an_answer_does_not_grow_with_the_names_of_the_request(strict_mock: RunningMock) -> None:
    long_name = b"k" * 500_000
    body = b'{"%b": {%b}}' % (long_name, b", ".join([b'"a": 1'] * 200))
    answer = parse_answer(exchange(strict_mock.port, create(body)))
    check_envelope(answer, 400, "INVALID_REQUEST_BODY")
    growth = len(answer.body) / len(body)
    assert growth < 10


def test_headers_that_never_end_are_refused(strict_mock: RunningMock) -> None:
    endless = b"GET /v3/training HTTP/1.1\r\nHost: x\r\n" + b"X-More: %b\r\n" % (b"x" * 60_000) * 10
    check_envelope(
        parse_answer(exchange(strict_mock.port, endless, may_reset=True)), 431, "HEADERS_TOO_LARGE"
    )


@pytest.mark.parametrize("line", [b"GET v3 HTTP/1.1", b"BREW", b"GET / HTTP/9.9"])
def test_what_is_no_http_gets_the_envelope_too(line: bytes, strict_mock: RunningMock) -> None:
    answer = parse_answer(exchange(strict_mock.port, line + b"\r\nHost: x\r\n\r\n"))
    check_envelope(answer, 400, "INVALID_REQUEST_BODY")
