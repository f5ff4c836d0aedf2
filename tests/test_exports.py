"""The journal as an HTTP Archive and as JSON lines: as those formats say, and true to what was asked."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from control_calls import LIST, SUBJECT, App
from hypothesis import given, settings
from hypothesis import strategies as st

from loracle_mockserver.control import Control
from loracle_mockserver.exports import har_document, har_entry, json_line
from loracle_mockserver.journal import MAX_BODY_KEPT
from loracle_mockserver.message import Request

AUTHORIZATION = (b"authorization", b"Bearer k")
SCHEMA = json.loads((Path(__file__).parent / "har_schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


@cache
def shared() -> App:
    return App()


def archived(*requests: Request) -> list[dict[str, Any]]:
    """The entries of the archive of these requests, found to be as HAR 1.2 wants it."""
    app = shared()
    app.engine.reset()
    for request in requests:
        app.engine.handle(request)
    document = app.control("GET", "requests?format=har")
    check_archive(document)
    entries: list[dict[str, Any]] = document["log"]["entries"]
    assert len(entries) == len(requests)
    return entries


def check_archive(document: Any) -> None:
    errors = [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]
    assert errors == []
    assert document["log"]["version"] == "1.2"
    for entry in document["log"]["entries"]:
        # What the schema does not say and the specification does.
        assert datetime.fromisoformat(entry["startedDateTime"]).tzinfo is not None
        assert entry["time"] == sum(value for value in entry["timings"].values() if value >= 0)
        for message in (entry["request"], entry["response"]):
            assert message["httpVersion"] == "HTTP/1.1"
            assert message["headersSize"] == -1
        assert entry["request"]["url"].startswith(("http://", "https://"))
        assert "#" not in entry["request"]["url"]


def request(
    method: str, path: str, *headers: tuple[bytes, bytes], query: bytes = b"", body: bytes = b""
) -> Request:
    return Request(method, path, query, [AUTHORIZATION, *headers], body)


def test_the_schema_can_fail() -> None:
    document = har_document([har_entry(*entry) for entry in Control(shared().engine).entries()])
    check_archive(document)
    for broken in (
        {"log": {**document["log"], "entries": [{}]}},
        {"log": {**document["log"], "more": 1}},
        {},
    ):
        with pytest.raises(AssertionError):
            check_archive(broken)


def test_a_create_is_archived_whole() -> None:
    body = '{"name": "é", "width": 512}'.encode()
    headers = [(b"host", b"mock.test:81"), (b"content-type", b"application/json"), (b"x-trace", b"a, b")]
    [entry] = archived(request("POST", SUBJECT, *headers, query=b"a=1&b=%20x+y&c&=d", body=body))
    asked, answered = entry["request"], entry["response"]
    assert (asked["method"], asked["url"]) == ("POST", f"http://mock.test:81{SUBJECT}?a=1&b=%20x+y&c&=d")
    assert asked["queryString"] == [
        {"name": "a", "value": "1"},
        {"name": "b", "value": " x y"},
        {"name": "c", "value": ""},
    ]
    assert {"name": "x-trace", "value": "a, b"} in asked["headers"]
    assert asked["postData"] == {"mimeType": "application/json", "params": [], "text": body.decode()}
    assert asked["bodySize"] == len(body)
    assert (answered["status"], answered["statusText"]) == (400, "Bad Request")
    assert answered["content"]["mimeType"] == "application/json"
    assert answered["content"]["size"] == answered["bodySize"] == len(answered["content"]["text"].encode())
    assert json.loads(answered["content"]["text"])["reason"] == "INVALID_REQUEST_BODY"
    assert entry["_loracle"] == {
        "n": 1,
        "namespace": entry["_loracle"]["namespace"],
        "operation": "createSubjectTraining",
        "reason": "INVALID_REQUEST_BODY",
        "fault": None,
        "valid": False,
    }
    assert "comment" not in entry


def test_what_is_no_text_is_base64_and_what_was_cut_says_so() -> None:
    binary, long = b"\xff\x00\xfe", b"x" * (MAX_BODY_KEPT + 5)
    first, second = archived(request("POST", SUBJECT, body=binary), request("POST", SUBJECT, body=long))
    data = first["request"]["postData"]
    assert base64.b64decode(data["text"]) == binary
    assert data["comment"] == "base64, because the body is no UTF-8 text"
    data = second["request"]["postData"]
    assert len(data["text"]) == MAX_BODY_KEPT
    assert data["comment"] == f"cut: the body had {len(long)} bytes"
    assert second["request"]["bodySize"] == len(long)


def test_a_fault_is_told_in_the_comment() -> None:
    entries = archived(
        request("GET", LIST, (b"x-loracle-fault", b"reset-before-headers")),
        request("GET", LIST, (b"x-loracle-fault", b"html-error")),
        request("GET", LIST, (b"prefer", b"code=429")),
    )
    assert [entry["comment"] for entry in entries] == [
        "fault reset-before-headers, asked for by the header X-Loracle-Fault",
        "fault html-error, asked for by the header X-Loracle-Fault",
        "fault RATE_LIMIT_EXCEEDED, asked for by the header Prefer",
    ]
    assert entries[1]["response"]["content"]["mimeType"].startswith("text/html")


def test_a_delay_is_part_of_the_time() -> None:
    app = shared()
    app.engine.reset()
    app.control("POST", "faults", {"delay": 2.5})
    app.engine.handle(request("GET", LIST))
    document = app.control("GET", "requests?format=har")
    check_archive(document)
    assert 2_500 <= document["log"]["entries"][0]["time"] < 60_000


def test_the_answer_to_head_has_no_body() -> None:
    [entry] = archived(request("HEAD", LIST))
    assert entry["response"]["content"]["text"] == ""
    assert entry["response"]["content"]["size"] == entry["response"]["bodySize"] == 0


@pytest.mark.parametrize(
    ("host", "asked_at", "scheme", "expected"),
    [
        (b"mock.test", "127.0.0.1:8000", "http", "http://mock.test/"),
        (b"[::1]:8000", "127.0.0.1:8000", "https", "https://[::1]:8000/"),
        (b"bad host/../", "127.0.0.1:8000", "http", "http://127.0.0.1:8000/"),
        (b"user@host", "[::1]", "https", "https://[::1]/"),
        (None, "", "http", "http://127.0.0.1/"),
    ],
)
def test_the_url_is_one_at_which_the_mock_can_be_reached(
    host: bytes | None, asked_at: str, scheme: str, expected: str
) -> None:
    app = App(scheme=scheme)
    headers = [AUTHORIZATION] + ([(b"host", host)] if host is not None else [])
    app.engine.handle(Request("GET", "/ü b", b"", headers))
    document = app.ask("GET", "/_mock/requests?format=har", host=asked_at).json
    assert document["log"]["entries"][0]["request"]["url"] == f"{expected}%C3%BC%20b"
    command = app.ask("GET", "/_mock/requests?format=curl", host=asked_at).body.decode()
    assert command.strip().endswith(f" {expected}%C3%BC%20b") or f"'{expected}" in command


HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"content-type", b"x-a", b"cookie", b"accept", b"host"]), st.binary(max_size=9)
    ),
    max_size=4,
)


@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "BREW"]),
    path=st.sampled_from([SUBJECT, LIST, "/_uploads/x"]) | st.text(max_size=9).map("/".__add__),
    query=st.binary(max_size=12),
    headers=HEADERS,
    body=st.binary(max_size=20) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")),
    fault=st.sampled_from(["", "malformed", "truncated", "html-success", "SERVICE_UNAVAILABLE", "none"]),
)
@settings(max_examples=80)
def test_every_request_is_archived_as_the_format_wants_it(
    method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes, fault: str
) -> None:
    if fault:
        headers = [*headers, (b"x-loracle-fault", fault.encode())]
    [entry] = archived(request(method, path, *headers, query=query, body=body))
    assert entry["request"]["method"] == method
    assert entry["request"]["bodySize"] == len(body)
    if body:
        data = entry["request"]["postData"]
        kept = (
            base64.b64decode(data["text"]) if "base64" in data.get("comment", "") else data["text"].encode()
        )
        assert kept == body
    else:
        assert "postData" not in entry["request"]


@given(texts=st.lists(st.text(), max_size=3), body=st.binary(max_size=30))
@settings(max_examples=40)
def test_a_json_line_is_one_line_of_ascii(texts: list[str], body: bytes) -> None:
    app = shared()
    app.engine.reset()
    for text in texts:
        app.engine.handle(request("POST", "/" + text, query=text.encode("utf-8", "replace"), body=body))
    for n, entry in Control(app.engine).entries():
        line = json_line(n, entry)
        assert line.isascii()
        assert len(line.splitlines()) == 1
        assert json.loads(line)["n"] == n
