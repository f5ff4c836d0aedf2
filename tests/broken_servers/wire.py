"""How a defect sits between a client and the correct app: it sees whole requests and whole answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from broken_servers.defect import ASGIApp
from loracle_contracts import spec
from loracle_contracts.parse import MAX_BODY
from loracle_mockserver.message import error_reply

__all__ = [
    "Answer",
    "Change",
    "Forward",
    "Request",
    "as_json",
    "operation_of",
    "pause",
    "planted",
    "refusal",
    "refuse_right",
]

_NOT_OF_THE_API = ("/_mock", "/docs", "/openapi.", "/static-offline-docs")
_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS", "DELETE")
_MAX_UPLOAD = 30 * 2**20
_JSON = (b"content-type", b"application/json")
_LENGTHS = (b"content-length", b"transfer-encoding")


@dataclass(frozen=True)
class Request:
    """A request as it came. `body` is None where it was left unread: too large, or none to read."""

    method: str
    path: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes | None
    scope: Any = field(repr=False)
    receive: Any = field(repr=False)

    def header(self, name: str) -> bytes | None:
        """The first value of a header, or None."""
        wanted = name.lower().encode()
        return next((value for header, value in self.headers if header == wanted), None)

    def value(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            return json.loads(self.body or b"")
        except (ValueError, RecursionError):
            return None

    def with_body(self, body: Any) -> Request:
        """The request with another body; what is no bytes is written as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kept = tuple(pair for pair in self.headers if pair[0] not in _LENGTHS)
        return replace(self, body=data, headers=(*kept, (b"content-length", b"%d" % len(data))))

    def with_header(self, name: str, value: str | None) -> Request:
        """The request with another value of a header, or without it."""
        key = name.lower().encode()
        kept = tuple(pair for pair in self.headers if pair[0] != key)
        return replace(self, headers=kept if value is None else (*kept, (key, value.encode("latin-1"))))


@dataclass(frozen=True)
class Answer:
    """An answer as a whole. Its Content-Length is written when it is sent."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = (_JSON,)

    def value(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def with_value(self, value: Any) -> Answer:
        """The answer with another JSON body."""
        return replace(self, body=json.dumps(value).encode())

    def with_type(self, media_type: str | None) -> Answer:
        """The answer with another Content-Type, or without one."""
        kept = tuple(pair for pair in self.headers if pair[0] != b"content-type")
        if media_type is None:
            return replace(self, headers=kept)
        return replace(self, headers=(*kept, (b"content-type", media_type.encode())))


Forward = Callable[[Request], Awaitable[Answer]]
Change = Callable[[Request, Forward], Awaitable[Answer]]


def planted(make: Callable[[], Change]) -> Callable[[ASGIApp], ASGIApp]:
    """The plant of a defect that is told as what becomes of a request; `make` gives it new state."""

    def plant(app: ASGIApp) -> ASGIApp:
        change = make()

        async def broken(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or scope["path"].startswith(_NOT_OF_THE_API):
                await app(scope, receive, send)
                return
            answer = await change(await _read(scope, receive), lambda request: _ask(app, request))
            await _send(answer, send)

        return broken

    return plant


async def _read(scope: Any, receive: Any) -> Request:
    headers = tuple((bytes(name), bytes(value)) for name, value in scope["headers"])
    request = Request(
        scope["method"], scope["path"], scope["query_string"], headers, None, dict(scope), receive
    )
    limit = _MAX_UPLOAD if request.path.startswith("/_uploads/") else MAX_BODY
    announced = request.header("content-length") or b"0"
    if request.method in _WITHOUT_BODY or not announced.isdigit() or int(announced) > limit:
        return request
    pieces, size, is_more = [], 0, True
    while is_more and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        is_more = message.get("more_body", False)
    return replace(request, body=b"".join(pieces))


async def _ask(app: ASGIApp, request: Request) -> Answer:
    """The answer of the app behind."""
    scope = {
        **request.scope,
        "method": request.method,
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query,
        "headers": list(request.headers),
    }
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, request.receive if request.body is None else receive, send)
    headers = tuple(
        (bytes(name), bytes(value))
        for name, value in messages[0].get("headers", ())
        if name.lower() not in _LENGTHS
    )
    return Answer(messages[0]["status"], b"".join(m.get("body", b"") for m in messages[1:]), headers)


async def _send(answer: Answer, send: Any) -> None:
    headers = list(answer.headers)
    if answer.status != 204:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def as_json(value: Any, status: int = 200) -> Answer:
    """An answer of JSON."""
    return Answer(status, json.dumps(value).encode())


def refusal(reason: str = "INVALID_REQUEST_BODY", message: str | None = None) -> Answer:
    """The contract's own answer for an error reason."""
    reply = error_reply(reason, message)
    return Answer(reply.status, reply.body, tuple(reply.headers))


async def refuse_right(request: Request, forward: Forward, reason: str = "INVALID_REQUEST_BODY") -> Answer:
    """The refusal of a right body, which starts nothing; a wrong key or media type is told first."""
    probe = await forward(request.with_body({}))
    return refusal(reason) if b'"INVALID_REQUEST_BODY"' in probe.body else probe


def operation_of(request: Request) -> str:
    """The operationId that the request is for, or an empty text."""
    for operation in spec.operations().values():
        is_upload = operation.id == "putUpload" and request.path.startswith("/_uploads/")
        if request.method == operation.method and (is_upload or request.path == operation.path):
            return operation.id
    return ""


async def pause(seconds: float) -> None:
    """Waits. A test puts a virtual clock in its place."""
    await asyncio.sleep(seconds)
