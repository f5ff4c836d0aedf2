"""What is wrong with an answer: a table of good and bad ones, with what is found in each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loracle_contracts.answers import mismatches, reason_of
from loracle_contracts.exchange import Answer, Request
from loracle_contracts.oracle import Oracle

KEY = ("Authorization", "Bearer a-secret-key")
JSON = (("content-type", "application/json"),)
LIST = Request("GET", "/v3/training", (KEY,))
STATE = Request("GET", "/v3/training/subject?task_id=x", (KEY,))
BAD_LIST = Request("GET", "/v3/training?pagination.limit=0", (KEY,))
NO_KEY = Request("GET", "/v3/training")
WRONG_METHOD = Request("DELETE", "/v3/training", (KEY,))
UNKNOWN = Request("GET", "/v3/nothing", (KEY,))
HEAD = Request("HEAD", "/v3/training", (KEY,))
HEAD_WITHOUT_KEY = Request("HEAD", "/v3/training")
HEAD_OF_NOTHING = Request("HEAD", "/v3/nothing", (KEY,))
OPTIONS = Request("OPTIONS", "/v3/training", (KEY,))
UPLOAD = Request("PUT", "/_uploads/x.png", (), b"bytes")
EMPTY_LIST: dict[str, Any] = {"tasks": [], "pagination": {"next_cursor": ""}}


def refusal(code: int, reason: str, **changed: Any) -> dict[str, Any]:
    return {"code": code, "reason": reason, "message": "No.", "metadata": {}, **changed}


def answer(status: int, value: Any, headers: tuple[tuple[str, str], ...] = JSON) -> Answer:
    return Answer(status, headers, value if isinstance(value, bytes) else json.dumps(value).encode())


INVALID = refusal(400, "INVALID_REQUEST_BODY")
NOT_ALLOWED = refusal(405, "METHOD_NOT_ALLOWED")
ALLOW = (*JSON, ("allow", "GET"))

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"

GOOD = [
    (LIST, answer(200, EMPTY_LIST)),
    (LIST, answer(200, EMPTY_LIST, (("Content-Type", 'Application/JSON; charset="UTF-8"'),))),
    (LIST, answer(429, refusal(429, "RATE_LIMIT_EXCEEDED"), (*JSON, ("retry-after", "5")))),
    (LIST, answer(503, refusal(503, "SERVICE_UNAVAILABLE"))),
    (LIST, answer(503, refusal(503, "SERVICE_UNAVAILABLE"), (*JSON, ("Retry-After", DATE)))),
    (BAD_LIST, answer(400, INVALID)),
    (BAD_LIST, answer(429, refusal(429, "RATE_LIMIT_EXCEEDED"))),
    (BAD_LIST, answer(400, refusal(400, "INVALID_REQUEST_BODY", message="Use /v3/training/subject."))),
    (STATE, answer(404, refusal(404, "TASK_NOT_FOUND"))),
    (NO_KEY, answer(400, refusal(400, "MISSING_API_KEY"))),
    (UNKNOWN, answer(404, refusal(404, "API_NOT_FOUND"))),
    (WRONG_METHOD, answer(405, NOT_ALLOWED, ALLOW)),
    (HEAD, answer(405, b"", ALLOW)),
    (HEAD, answer(200, b"", JSON)),
    (HEAD_WITHOUT_KEY, answer(400, b"", JSON)),
    (HEAD_OF_NOTHING, answer(404, b"", JSON)),
    (HEAD_OF_NOTHING, answer(429, b"", JSON)),
    (OPTIONS, answer(204, b"", ())),
    (OPTIONS, answer(405, NOT_ALLOWED, ALLOW)),
    (UPLOAD, answer(200, b"", ())),
]  # fmt: skip
BAD = [
    ("status", LIST, answer(204, b"", ())),
    ("status", LIST, answer(201, EMPTY_LIST)),
    ("refused", LIST, answer(400, INVALID)),
    ("refused", LIST, answer(404, refusal(404, "TASK_NOT_FOUND"))),
    ("refused", LIST, answer(500, refusal(500, "LIST_TASK_FAILED"))),
    ("refused", LIST, answer(429, refusal(429, "TOO_FAST"))),
    ("body", LIST, answer(200, {"tasks": []})),
    ("body", LIST, answer(200, [])),
    ("body", LIST, answer(200, b"{")),
    ("body", LIST, answer(200, b"")),
    ("body", LIST, answer(200, b'{"tasks": [], "tasks": [], "pagination": {"next_cursor": ""}}')),
    ("body", LIST, answer(200, b'\xef\xbb\xbf{"tasks": [], "pagination": {"next_cursor": ""}}')),
    ("body", LIST, answer(200, {**EMPTY_LIST, "pagination": {"next_cursor": None}})),
    ("content-type", LIST, answer(200, EMPTY_LIST, ())),
    ("content-type", LIST, answer(200, EMPTY_LIST, (("content-type", "text/html"),))),
    ("content-type", LIST, answer(200, EMPTY_LIST, (("content-type", "application/json; charset=gbk"),))),
    ("content-type", LIST, answer(200, EMPTY_LIST, JSON * 2)),
    ("content-type", BAD_LIST, answer(400, INVALID, (("content-type", "text/plain"),))),
    ("retry-after", LIST, answer(429, refusal(429, "RATE_LIMIT_EXCEEDED"), (*JSON, ("retry-after", "soon")))),
    ("retry-after", LIST, answer(429, refusal(429, "RATE_LIMIT_EXCEEDED"), (*JSON, ("retry-after", "-1")))),
    ("accepted", BAD_LIST, answer(200, EMPTY_LIST)),
    ("accepted", NO_KEY, answer(200, EMPTY_LIST)),
    ("accepted", WRONG_METHOD, answer(204, b"", ())),
    ("status", BAD_LIST, answer(422, refusal(422, "INVALID_REQUEST_BODY"))),
    ("status", BAD_LIST, answer(500, refusal(500, "LIST_TASK_FAILED"))),
    ("status", NO_KEY, answer(401, refusal(401, "FAILED_TO_AUTH"))),
    ("status", UNKNOWN, answer(301, b"", (("location", "/"),))),
    ("reason", BAD_LIST, answer(400, refusal(400, "MISSING_API_KEY"))),
    ("reason", BAD_LIST, answer(400, b"400")),
    ("envelope", BAD_LIST, answer(400, refusal(200, "INVALID_REQUEST_BODY"))),
    ("envelope", BAD_LIST, answer(400, refusal(404, "INVALID_REQUEST_BODY"))),
    ("envelope", BAD_LIST, answer(400, refusal(400, "INVALID_REQUEST_BODY", metadata=None))),
    ("envelope", BAD_LIST, answer(400, refusal(400, "INVALID_REQUEST_BODY", message=3))),
    ("envelope", BAD_LIST, answer(400, {"detail": "no"})),
    ("allow", WRONG_METHOD, answer(405, NOT_ALLOWED)),
    ("allow", WRONG_METHOD, answer(405, NOT_ALLOWED, (*JSON, ("allow", "")))),
    ("allow", WRONG_METHOD, answer(405, NOT_ALLOWED, (*JSON, ("allow", "GET, DELETE")))),
    ("head", HEAD, answer(405, NOT_ALLOWED, ALLOW)),
    ("status", HEAD, answer(500, b"", ())),
    ("status", HEAD_WITHOUT_KEY, answer(405, b"", ALLOW)),
    ("status", HEAD_OF_NOTHING, answer(200, b"", JSON)),
    ("body", UPLOAD, answer(200, {"ok": True})),
    ("leak", BAD_LIST, answer(400, refusal(400, "INVALID_REQUEST_BODY", message="Bearer a-secret-key"))),
    ("leak", LIST, answer(200, EMPTY_LIST, (*JSON, ("x-key", "a-secret-key")))),
]  # fmt: skip
LEAKS = [
    'Traceback (most recent call last):\n  File "app.py", line 3, in f',
    "Error: no\n    at Object.f (/srv/api/index.js:3:7)",
    "panic: runtime error\n\ngoroutine 1 [running]:",
    "java.lang.NullPointerException: no",
    "thread 'main' panicked at src/main.rs:10:5",
    "open /var/lib/api/tasks.db: no such file",
    r"C:\inetpub\api\tasks.db",
    "sqlalchemy.exc.OperationalError",
    'ERROR: syntax error at or near "x"',
    "/usr/lib/node_modules/express/lib/router.js",
]


def found(request: Request, given: Answer, profile: Any = "strict") -> list[str]:
    expectation = Oracle(profile).expect(request)
    return [one.check for one in mismatches(expectation, request, given, profile, ("a-secret-key",))]


@pytest.mark.parametrize(("request_", "given"), GOOD)
def test_nothing_is_wrong_with_a_good_answer(request_: Request, given: Answer) -> None:
    assert found(request_, given) == []


@pytest.mark.parametrize(("check", "request_", "given"), BAD)
def test_what_is_wrong_is_found(check: str, request_: Request, given: Answer) -> None:
    assert check in found(request_, given)


@pytest.mark.parametrize("text", LEAKS)
def test_an_error_that_shows_the_inside_of_the_server_is_a_leak(text: str) -> None:
    assert found(BAD_LIST, answer(400, refusal(400, "INVALID_REQUEST_BODY", message=text))) == ["leak"]


def test_the_vendors_guide_may_be_followed_under_lenient_only() -> None:
    given = answer(401, refusal(401, "FAILED_TO_AUTH"))
    assert found(NO_KEY, given, "lenient") == []
    assert found(NO_KEY, given, "strict") == ["status"]


def test_the_reason_is_read_from_an_envelope_only() -> None:
    assert reason_of(answer(400, INVALID)) == "INVALID_REQUEST_BODY"
    for body in (b"", b"[]", b"1", b'{"reason": 1}', b"\xff", b"{"):
        assert reason_of(answer(400, body)) is None


def test_a_short_key_is_no_leak() -> None:
    request = Request("GET", "/v3/training")
    expectation = Oracle().expect(request)
    envelope = b'{"code":400,"reason":"MISSING_API_KEY","message":"no key-of-mine","metadata":{}}'
    answer = Answer(400, (("content-type", "application/json"),), envelope)
    told = {
        key: [one.check for one in mismatches(expectation, request, answer, "strict", (key,))]
        for key in ("k", "key-of-mine")
    }
    assert told == {"k": [], "key-of-mine": ["leak"]}
