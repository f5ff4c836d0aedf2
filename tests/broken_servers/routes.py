"""Servers that do not keep to the contract's routes: other paths, other methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx

from broken_servers.changes import CRASH, Make, asked, behaviour, failed, instead
from broken_servers.defect import Corpus, Witness
from broken_servers.scripts import seen, sent
from broken_servers.wire import Answer, Request, as_json, refusal
from loracle_contracts import operations

__all__ = ["CASES"]

CASES = Corpus()
_PATH, _LIST = "/v3/training/subject", "/v3/training"
_PATHS = {operation.path for operation in operations().values() if operation.authenticated}
_MOVED = Answer(307, b"", ((b"location", b"/v3/training"),))
_WRONG_METHOD = sent("PUT", _PATH, {})
_DELETE = sent("DELETE", _LIST)


def _path(edit: Callable[[str], str]) -> Make:
    return asked(lambda request: replace(request, path=edit(request.path)))


def _known(edit: Callable[[str], str]) -> Callable[[str], str]:
    """Where the path is not known, the edited one is taken if that is."""
    return lambda path: edit(path) if path not in _PATHS and edit(path) in _PATHS else path


def _redirects(request: Request) -> bool:
    return request.path.endswith("/") and request.path.rstrip("/") in _PATHS


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


async def _doubled(client: httpx.AsyncClient) -> Any:
    # As a path alone it would be read as a host.
    return seen(await client.get(client.base_url.copy_with(raw_path=b"//v3/training")))


async def _options(client: httpx.AsyncClient) -> Any:
    return seen(await client.options(_PATH))


_DEFECTS: list[tuple[str, Make, Witness]] = [
    ("slash-at-the-end-taken", _path(_known(lambda path: path.rstrip("/"))), sent("GET", f"{_LIST}/")),
    ("slash-at-the-end-redirected", instead(_redirects, lambda _: _MOVED), sent("GET", f"{_LIST}/")),
    (
        "slash-doubled-taken",
        _path(_known(lambda path: path.replace("//", "/"))),
        _doubled,
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
    ("patch-answers-500", instead(_method("PATCH"), lambda _: CRASH), sent("PATCH", _PATH, {})),
    ("options-answers-500", instead(_method("OPTIONS"), lambda _: CRASH), _options),
    ("head-answers-500", instead(_method("HEAD"), lambda _: CRASH), sent("HEAD", _LIST)),
    (
        "trace-echoes",
        instead(_method("TRACE"), lambda r: Answer(200, repr(r.headers).encode())),
        sent("TRACE", _LIST),
    ),
    (
        "method-unheard-of-500",
        instead(_method("PROPFIND", "FOO", "BREW", "QUERY"), lambda _: CRASH),
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
]


def _fill() -> None:
    for slug, make, witness in _DEFECTS:
        behaviour(CASES, slug, "", make, witness)


_fill()
