"""Stands between a client and the correct server, and sees requests and answers as a whole."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from broken_servers_unseen.defect import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "MODELS",
    "STYLE",
    "SUBJECT",
    "TRAININGS",
    "UPLOAD_URL",
    "Answer",
    "Handler",
    "Next",
    "Plant",
    "Request",
    "around",
    "crash",
    "envelope",
    "read_strictly",
]

SUBJECT = "/v3/training/subject"
STYLE = "/v3/training/style"
TRAININGS = "/v3/training"
UPLOAD_URL = "/v3/assets/training_dataset"
MODELS = "/v3/model"
_LARGEST = 31 * 2**20


@dataclass(frozen=True)
class Request:
    """A request with its whole body."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The values of a header, joined; empty where there is none."""
        found = [value.decode("latin-1") for key, value in self.headers if key.lower() == name.encode()]
        return ", ".join(found)

    def with_header(self, name: str, value: str | None) -> Request:
        """The same request with one header replaced, or left out."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.encode())
        added = () if value is None else ((name.encode(), value.encode("latin-1")),)
        return replace(self, headers=kept + added)

    def with_body(self, body: bytes) -> Request:
        """The same request with another body."""
        return replace(self, body=body).with_header("content-length", str(len(body)))

    @property
    def is_authorised(self) -> bool:
        """Whether the request carries a bearer key."""
        scheme, _, key = self.header("authorization").strip().partition(" ")
        return scheme.lower() == "bearer" and bool(key.strip()) and "," not in key

    @property
    def is_judged(self) -> bool:
        """Whether nothing but its body can be wrong with a call that sends JSON."""
        media_type = self.header("content-type").partition(";")[0].strip().lower()
        return self.is_authorised and media_type == "application/json" and len(self.body) <= 2**20

    def is_to(self, method: str, *paths: str) -> bool:
        """Whether the request is to one of these routes."""
        return self.method == method and self.path in paths


@dataclass(frozen=True)
class Answer:
    """An answer with its whole body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)

    def with_body(self, body: bytes) -> Answer:
        """The same answer with another body."""
        kept = tuple(pair for pair in self.headers if pair[0] != b"content-length")
        return replace(self, headers=(*kept, (b"content-length", b"%d" % len(body))), body=body)

    def with_json(self, value: Any) -> Answer:
        """The same answer with another JSON body."""
        return self.with_body(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())

    def with_type(self, media_type: str) -> Answer:
        """The same answer with another content type."""
        kept = tuple(pair for pair in self.headers if pair[0] != b"content-type")
        return replace(self, headers=(*kept, (b"content-type", media_type.encode())))


Next = Callable[[Request], Awaitable[Answer]]
Handler = Callable[[Request, Next], Awaitable[Answer]]
Plant = Callable[[ASGIApp], ASGIApp]


def envelope(status: int, reason: str, message: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> Answer:
    """An error in the API's envelope."""
    value = {"code": status, "reason": reason, "message": message, "metadata": {}}
    return Answer(status, ((b"content-type", b"application/json"), *headers), b"").with_json(value)


def crash() -> Answer:
    """What a framework answers where the handler raised."""
    headers = ((b"content-type", b"text/plain; charset=utf-8"),)
    return Answer(500, headers, b"").with_body(b"Internal Server Error")


def read_strictly(body: bytes) -> Any:
    """The parsed body. Raises ValueError where the contract has no JSON document."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a name twice")
        return dict(pairs)

    def refuse(text: str) -> Any:
        raise ValueError(text)

    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("too deep") from error


def around(make: Callable[[], Handler]) -> Plant:
    """A plant that puts a handler, made anew for each server, in front of the correct server."""

    def plant(app: ASGIApp) -> ASGIApp:
        handler = make()

        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"].startswith("/_mock"):
                await app(scope, receive, send)
                return
            body = await _whole(receive, scope)
            if body is None:
                await app(scope, receive, send)
                return

            async def pass_on(request: Request) -> Answer:
                return await _ask(app, scope, request)

            query = scope["query_string"].decode("latin-1")
            request = Request(
                scope["method"], scope["path"], query, tuple(map(tuple, scope["headers"])), body
            )
            answer = await handler(request, pass_on)
            start = {"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)}
            await send(start)
            await send({"type": "http.response.body", "body": answer.body})

        return broken

    return plant


async def _whole(receive: Receive, scope: Scope) -> bytes | None:
    """The body of a request, or None where it is cut off or announces more than any route takes."""
    lengths = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    if lengths and lengths[0].isdigit() and int(lengths[0]) > _LARGEST:
        return None
    body, more = b"", True
    while more and len(body) <= _LARGEST:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _ask(app: ASGIApp, scope: Scope, request: Request) -> Answer:
    messages = [{"type": "http.request", "body": request.body, "more_body": False}]
    status, headers, parts = 0, (), []

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], tuple(map(tuple, message["headers"]))
        else:
            parts.append(message.get("body", b""))

    changed = {
        **scope,
        "method": request.method,
        "path": request.path,
        "raw_path": request.path.encode("utf-8", "surrogateescape"),
        "query_string": request.query.encode("latin-1"),
        "headers": list(request.headers),
    }
    await app(changed, receive, send)
    return Answer(status, headers, b"".join(parts))
