"""Servers that do not keep to HTTP or to the contract's routes: methods, paths, media types, bodies."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx

from broken_servers.changes import CREATES, SUBJECT, Make, asked, behaviour, failed, instead
from broken_servers.defect import Corpus, Witness
from broken_servers.right_bodies import UPLOAD, minimal, plain
from broken_servers.scripts import seen, sent
from broken_servers.wire import Answer, Change, Forward, Request, as_json, operation_of, pause, refusal
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
            probe = await forward(request.with_body({}))
            return refusal("UNSUPPORTED_MEDIA_TYPE") if b"INVALID_REQUEST" in probe.body else probe
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


def _path(edit: Callable[[str], str]) -> Make:
    return asked(lambda request: replace(request, path=edit(request.path)))


def _known(edit: Callable[[str], str]) -> Callable[[str], str]:
    """Where the path is not known, the edited one is taken if that is."""
    return lambda path: edit(path) if path not in _PATHS and edit(path) in _PATHS else path


def _redirects(request: Request) -> bool:
    return request.path.endswith("/") and request.path.rstrip("/") in _PATHS


_MOVED = Answer(307, b"", ((b"location", b"/v3/training"),))
_CRASH = Answer(500, b"Internal Server Error", ((b"content-type", b"text/plain"),))


def _method(*names: str) -> Callable[[Request], bool]:
    return lambda request: request.method in names and request.path in _PATHS


def _read_as(method: str, read: str) -> Make:
    return asked(lambda request: replace(request, method=read) if request.method == method else request)


def _overridden(request: Request) -> Request:
    other = request.header("x-http-method-override")
    return replace(request, method=other.decode("latin-1").upper()) if other else request


def _refused(reason: str) -> Callable[[Answer], bool]:
    return lambda answer: f'"{reason}"'.encode() in answer.body


def _allowing(value: bytes | None) -> Make:
    def edit(answer: Answer) -> Answer:
        kept = tuple(pair for pair in answer.headers if pair[0] != b"allow")
        return replace(answer, headers=kept if value is None else (*kept, (b"allow", value)))

    return failed(edit, _refused("METHOD_NOT_ALLOWED"))


def _as_unknown(answer: Answer) -> Answer:
    return replace(refusal("API_NOT_FOUND"), headers=answer.headers)


_WRONG_METHOD = sent("PUT", _PATH, {})
_DELETE = sent("DELETE", _LIST)


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


async def _options(client: httpx.AsyncClient) -> Any:
    return seen(await client.options(_PATH))


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
    ("slash-at-the-end-taken", _path(_known(lambda path: path.rstrip("/"))), sent("GET", f"{_LIST}/")),
    ("slash-at-the-end-redirected", instead(_redirects, lambda _: _MOVED), sent("GET", f"{_LIST}/")),
    (
        "slash-doubled-taken",
        _path(_known(lambda path: path.replace("//", "/"))),
        sent("GET", "http://mock.test//v3/training"),
    ),
    (
        "slash-doubled-inside-taken",
        _path(_known(lambda path: path.replace("//", "/"))),
        sent("GET", "/v3//training"),
    ),
    ("path-in-any-case-taken", _path(_known(str.lower)), sent("GET", "/V3/Training")),
    (
        "path-with-suffix-taken",
        _path(_known(lambda path: path.removesuffix(".json"))),
        sent("GET", f"{_LIST}.json"),
    ),
    (
        "path-by-prefix-taken",
        _path(lambda path: path if path in _PATHS or not path.startswith(f"{_LIST}/") else _LIST),
        sent("GET", f"{_LIST}/nothing"),
    ),
    ("path-without-version-taken", _path(_known(lambda path: f"/v3{path}")), sent("GET", "/training")),
    ("put-read-as-post", _read_as("PUT", "POST"), _WRONG_METHOD),
    ("delete-answers-200", instead(_method("DELETE"), lambda _: as_json({})), _DELETE),
    ("delete-answers-204", instead(_method("DELETE"), lambda _: Answer(204, headers=())), _DELETE),
    ("patch-answers-500", instead(_method("PATCH"), lambda _: _CRASH), sent("PATCH", _PATH, {})),
    ("options-answers-500", instead(_method("OPTIONS"), lambda _: _CRASH), _options),
    ("head-answers-500", instead(_method("HEAD"), lambda _: _CRASH), sent("HEAD", _LIST)),
    (
        "trace-echoes",
        instead(_method("TRACE"), lambda r: Answer(200, repr(r.headers).encode())),
        sent("TRACE", _LIST),
    ),
    (
        "method-unheard-of-500",
        instead(_method("PROPFIND", "FOO", "BREW", "QUERY"), lambda _: _CRASH),
        sent("QUERY", _LIST),
    ),
    (
        "method-overridden-by-header",
        asked(_overridden),
        sent("POST", _LIST, b"", x_http_method_override="GET"),
    ),
    ("wrong-method-404", failed(_as_unknown, _refused("METHOD_NOT_ALLOWED")), _WRONG_METHOD),
    ("wrong-method-without-allow", _allowing(None), _WRONG_METHOD),
    ("wrong-method-allows-nothing", _allowing(b""), _WRONG_METHOD),
    ("wrong-method-allows-itself", _allowing(b"GET, POST, PUT, DELETE"), _WRONG_METHOD),
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
        _on_header("accept", lambda value: value and b"/" not in value, _CRASH),
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
