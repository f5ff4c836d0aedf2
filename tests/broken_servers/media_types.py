"""Servers that do not keep to HTTP: media types, encodings, pieces of a body, what a client accepts."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

from broken_servers.changes import CRASH, CREATES, SUBJECT, Make, asked, behaviour, instead
from broken_servers.defect import Corpus, Witness
from broken_servers.right_bodies import UPLOAD, minimal, plain
from broken_servers.scripts import seen, sent
from broken_servers.wire import Answer, Change, Forward, Request, operation_of, pause, refusal, refuse_right
from loracle_contracts import operations
from loracle_contracts.headers import content_type_rule

__all__ = ["CASES"]

CASES = Corpus()
_PATH, _LIST = "/v3/training/subject", "/v3/training"
_PATHS = {operation.path for operation in operations().values() if operation.authenticated}
_JSON = "application/json"
_RIGHT = json.dumps(minimal()).encode()


def _typed(media_type: str, body: Any = None) -> Witness:
    return sent("POST", _PATH, minimal() if body is None else body, content_type=media_type)


def _type_taken(is_taken: Callable[[str], bool]) -> Make:
    """Some media types are taken for JSON."""

    def edit(request: Request) -> Request:
        media_type = (request.header("content-type") or b"").decode("latin-1").lower()
        is_wrong = content_type_rule(media_type) is not None
        return request.with_header("content-type", _JSON) if is_wrong and is_taken(media_type) else request

    return asked(edit)


def _type_refused(is_meant: Callable[[str], bool]) -> Make:
    """Some spellings of the right media type are refused."""

    async def change(request: Request, forward: Forward) -> Answer:
        media_type = (request.header("content-type") or b"").decode("latin-1")
        if operation_of(request) in (*CREATES, UPLOAD) and is_meant(media_type):
            return await refuse_right(request, forward, "UNSUPPORTED_MEDIA_TYPE")
        return await forward(request)

    return lambda: change


def _unpacks(request: Request) -> Request:
    if request.header("content-encoding") != b"gzip" or not request.body:
        return request
    try:
        body = gzip.decompress(request.body)
    except (OSError, EOFError):
        return request
    return request.with_header("content-encoding", None).with_body(body)


def _reads_forms(request: Request) -> Request:
    media_type = request.header("content-type") or b""
    if not media_type.startswith(b"application/x-www-form-urlencoded") or not request.body:
        return request
    return request.with_header("content-type", _JSON).with_body(minimal(name="form"))


def _expecting(status: int, seconds: float = 0.0) -> Make:
    def make() -> Change:
        async def change(request: Request, forward: Forward) -> Answer:
            if b"100-continue" in (request.header("expect") or b"").lower():
                await pause(seconds)
                return Answer(status, b"", ())
            return await forward(request)

        return change

    return make


def _reads_one_piece() -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        is_chunked = b"chunked" in (request.header("transfer-encoding") or b"")
        return await forward(request.with_body((request.body or b"")[:20]) if is_chunked else request)

    return change


def _chunked(size: int, operation: str = SUBJECT) -> Witness:
    async def witness(client: httpx.AsyncClient) -> Any:
        async def pieces() -> AsyncIterator[bytes]:
            body = json.dumps(minimal(operation)).encode()
            for start in range(0, len(body), size):
                yield body[start : start + size]

        path = operations()[operation].path
        return seen(await client.post(path, content=pieces(), headers={"content-type": _JSON}))

    return witness


def _accepting(media_type: str) -> Witness:
    return sent("GET", _LIST, accept=media_type)


def _on_header(name: str, is_meant: Callable[[bytes], bool], answer: Answer) -> Make:
    return instead(
        lambda request: is_meant(request.header(name) or b"") and request.path in _PATHS, lambda _: answer
    )


_FREE: list[tuple[str, Make, Witness]] = [
    ("type-ignored", _type_taken(lambda _: True), _typed("text/plain", {})),
    ("type-missing-taken", _type_taken(lambda given: not given), _typed("", {})),
    ("type-of-text-taken", _type_taken(lambda given: given.startswith("text/")), _typed("text/json", {})),
    (
        "type-with-suffix-taken",
        _type_taken(lambda given: "+json" in given),
        _typed("application/vnd.api+json", {}),
    ),
    (
        "type-by-prefix-taken",
        _type_taken(lambda given: given.startswith(_JSON)),
        _typed("application/json5", {}),
    ),
    (
        "charset-ignored",
        _type_taken(lambda given: "charset" in given),
        _typed(f"{_JSON}; charset=utf-16", {}),
    ),
    (
        "form-taken",
        asked(_reads_forms),
        sent("POST", _PATH, b"name=a", content_type="application/x-www-form-urlencoded"),
    ),
    (
        "gzip-taken",
        asked(_unpacks),
        sent("POST", _PATH, gzip.compress(b"{}", mtime=0), content_encoding="gzip"),
    ),
    (
        "content-encoding-ignored",
        asked(lambda request: request.with_header("content-encoding", None)),
        sent("POST", _PATH, b"{}", content_encoding="br"),
    ),
    (
        "accept-xml-406",
        _on_header("accept", lambda value: value == b"application/xml", Answer(406, b"", ())),
        _accepting("application/xml"),
    ),
    (
        "accept-html-gets-html",
        _on_header(
            "accept",
            lambda value: b"html" in value,
            Answer(200, b"<html>", ((b"content-type", b"text/html"),)),
        ),
        _accepting("text/html"),
    ),
    (
        "accept-odd-500",
        _on_header("accept", lambda value: value and b"/" not in value, CRASH),
        _accepting("nonsense"),
    ),
    (
        "range-206",
        _on_header("range", bool, Answer(206, b"{", ((b"content-type", b"application/json"),))),
        sent("GET", _LIST, range="bytes=0-0"),
    ),
    ("expect-refused", _expecting(417), sent("POST", _PATH, {}, expect="100-continue")),
    ("expect-hangs", _expecting(408, 3.0), sent("POST", _PATH, {}, expect="100-continue")),
    (
        "chunked-411",
        instead(
            lambda r: b"chunked" in (r.header("transfer-encoding") or b""), lambda _: Answer(411, b"", ())
        ),
        _chunked(10, UPLOAD),
    ),
    ("chunked-read-in-part", _reads_one_piece, _chunked(7, UPLOAD)),
    (
        "body-of-a-get-refused",
        instead(
            lambda r: r.method == "GET" and int(r.header("content-length") or 0) > 0, lambda _: refusal()
        ),
        sent("GET", _LIST, b"{}"),
    ),
]
_PAID: list[tuple[str, Make, Witness]] = [
    (
        "charset-utf-8-refused",
        _type_refused(lambda given: "charset" in given),
        _typed(f"{_JSON}; charset=utf-8"),
    ),
    (
        "type-upper-case-refused",
        _type_refused(lambda given: given != given.lower()),
        _typed("Application/JSON"),
    ),
    (
        "type-with-parameter-refused",
        _type_refused(lambda given: "version=" in given),
        _typed(f"{_JSON}; version=3"),
    ),
    (
        "large-right-body-refused",
        instead(lambda r: len(r.body or b"") > 100_000, lambda _: refusal("REQUEST_TOO_LARGE")),
        sent("POST", _PATH, _RIGHT + b" " * 500_000),
    ),
    (
        "pretty-body-refused",
        instead(lambda r: b"\n " in (r.body or b""), lambda _: refusal()),
        sent("POST", _PATH, json.dumps(plain(), indent=1).encode()),
    ),
    (
        "escaped-body-refused",
        instead(lambda r: b"\\u00" in (r.body or b""), lambda _: refusal()),
        sent("POST", _PATH, _RIGHT.replace(b"minimal", b"minim\\u0061l")),
    ),
]


def _fill() -> None:
    for slug, make, witness in _FREE:
        behaviour(CASES, slug, "", make, witness)
    for slug, make, witness in _PAID:
        behaviour(CASES, slug, "", make, witness, needs_create=True)


_fill()
