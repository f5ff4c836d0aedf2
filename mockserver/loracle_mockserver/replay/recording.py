"""One entry of a cassette: the request as it is compared, the answer as it is played."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_plus, urlsplit

from loracle_contracts import spec
from loracle_contracts.headers import header_violations

__all__ = ["Asked", "NotPlayedError", "Recording", "asked", "recording"]

_SLASHES = re.compile(r"/{2,}")
# What belongs to one connection or to one form of the body, which is played in another one.
_NOT_PLAYED = (
    "connection",
    "content-encoding",
    "content-length",
    "keep-alive",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-loracle-verdict",
)


class NotPlayedError(Exception):
    """An entry that cannot be played; the text says why, in a sentence."""


class Asked(NamedTuple):
    """A request as it is compared.

    `path` is decoded; of an operation of the contract it is the contract's, wherever the API stands. `query`
    are decoded pairs, in the order of their names. `body` is None where it is not known. `rules` are those of
    the headers that the request breaks.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: bytes | None
    rules: tuple[str, ...]
    operation: str | None


class Recording(NamedTuple):
    """An entry: its number in the cassette from 1, what was asked, what was answered and after how long."""

    n: int
    asked: Asked
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    seconds: float


def asked(
    method: str,
    path: str,
    query: str,
    body: bytes | None,
    headers: Iterable[tuple[str, str]],
    *,
    is_taken: bool = False,
) -> Asked:
    """A request in the form that is compared.

    `is_taken` says that a server took it, so that a key which is not among its headers was left out of them.
    """
    single = _SLASHES.sub("/", path)
    operation = next(
        (
            one
            for one in spec.operations().values()
            if one.method == method and single.endswith(one.path) and "{" not in one.path
        ),
        None,
    )
    rules: tuple[str, ...] = ()
    if operation is not None:
        found = [violation.rule for violation in header_violations(headers, operation.id)]
        rules = () if is_taken else tuple(found)
    pairs = [
        (unquote_plus(name, errors="replace"), unquote_plus(value, errors="replace"))
        for name, _, value in (pair.partition("=") for pair in query.split("&"))
        if name
    ]
    return Asked(
        method,
        operation.path if operation is not None else path,
        tuple(sorted(pairs, key=lambda pair: pair[0])),
        body,
        rules,
        operation.id if operation is not None else None,
    )


def recording(n: int, entry: Any) -> Recording:
    """An entry of an HTTP Archive. Raises NotPlayedError."""
    request, response = _object(entry, "request"), _object(entry, "response")
    method, url, status = request.get("method"), request.get("url"), response.get("status")
    if not isinstance(method, str) or not isinstance(url, str):
        raise NotPlayedError("it has no method or no URL")
    if type(status) is not int or not 200 <= status <= 599:
        raise NotPlayedError("it has no answer")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise NotPlayedError("its URL is none") from None
    milliseconds = entry.get("time") if isinstance(entry, dict) else 0
    seconds = milliseconds / 1000 if isinstance(milliseconds, (int, float)) and milliseconds > 0 else 0.0
    return Recording(
        n,
        asked(
            method.upper(),
            unquote(parts.path, errors="surrogateescape") or "/",
            parts.query,
            _request_body(request),
            _pairs(request),
            is_taken=status < 400,
        ),
        status,
        tuple(
            (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in _pairs(response)
            if name.lower() not in _NOT_PLAYED and not name.startswith(":")
        ),
        _answer_body(response, is_bodiless=method.upper() == "HEAD" or status in (204, 304)),
        seconds,
    )


def _object(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _pairs(message: dict[str, Any]) -> list[tuple[str, str]]:
    headers = message.get("headers")
    listed = headers if isinstance(headers, list) else []
    return [(str(one.get("name")), str(one.get("value"))) for one in listed if isinstance(one, dict)]


def _request_body(request: dict[str, Any]) -> bytes | None:
    posted = _object(request, "postData")
    text, comment = posted.get("text"), str(posted.get("comment", ""))
    if not isinstance(text, str):
        return None if request.get("bodySize") not in (0, None) else b""
    if "cut:" in comment:
        return None
    is_base64 = posted.get("encoding") == "base64" or comment.startswith("base64")
    return _bytes(text, is_base64=is_base64)


def _answer_body(response: dict[str, Any], *, is_bodiless: bool) -> bytes:
    content = _object(response, "content")
    text = content.get("text")
    if is_bodiless:
        return b""
    if not isinstance(text, str):
        if content.get("size") in (0, None):
            return b""
        raise NotPlayedError("the body of its answer is not in the cassette")
    return _bytes(text, is_base64=content.get("encoding") == "base64")


def _bytes(text: str, *, is_base64: bool) -> bytes:
    if not is_base64:
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NotPlayedError("a body in it is said to be base64, but is not") from None
