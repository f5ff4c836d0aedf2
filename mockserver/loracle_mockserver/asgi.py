"""The contract's operations as an ASGI app, with everything else behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from loracle_mockserver.control import Control
from loracle_mockserver.control_guard import ControlGuard
from loracle_mockserver.delivery import deliver
from loracle_mockserver.engine import Engine, store_failure
from loracle_mockserver.message import Request, json_reply
from loracle_mockserver.store import StoreError

__all__ = ["MockApp"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_OURS = ("/_mock", "/docs", "/openapi.", "/static-offline-docs")
_HEALTH = "/_mock/health"


class MockApp:
    """An ASGI app over an engine. Documents and the control API are built when first asked for.

    The `guard` says who may steer the mock; without one, whoever can connect.
    """

    def __init__(self, engine: Engine, guard: ControlGuard | None = None) -> None:
        self.engine = engine
        self._guard = ControlGuard() if guard is None else guard
        self._documents: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one ASGI connection."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith(_OURS) and (path.startswith("/openapi.") or _is_below(path)):
            await self._ours(scope, receive, send)
            return
        request = Request(
            scope["method"], path, scope["query_string"], scope["headers"], b"", scope.get("scheme", "http")
        )
        try:
            reply = self.engine.admit(request)
            if isinstance(reply, int):
                body = await _body(receive, reply) if reply else b""
                if body is None:
                    reply = self.engine.refuse_body(request)
                else:
                    request.body = body
                    reply = self.engine.handle(request)
            # What an answer says must be durable before anybody hears it.
            waiting = self.engine.store.flushed()
            if waiting is not None:
                await waiting
        except _DisconnectedError:
            return
        except StoreError as error:
            # The body may not have been read.
            reply = store_failure(error, ((b"connection", b"close"),))
        if reply.delay or reply.transmission is not None:
            await deliver(reply, scope, receive, send)
            return
        reply.headers.append((b"content-length", b"%d" % len(reply.body)))
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _ours(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == _HEALTH and scope["method"] in ("GET", "HEAD"):
            # Whoever waits for the mock asks this first, and need not wait for FastAPI, too.
            try:
                reply = json_reply(Control(self.engine).health())
            except StoreError as error:
                reply = store_failure(error)
            await deliver(reply, scope, receive, send)
            return
        refusal = self._guard.refusal(scope["headers"]) if scope["path"].startswith("/_mock") else None
        if refusal is not None:
            await deliver(refusal, scope, receive, send)
            return
        await self._document_app()(scope, receive, send)

    def _document_app(self) -> Any:
        if self._documents is None:
            # FastAPI takes a third of a second to import, which a mock that is never looked at
            # need not pay.
            from loracle_mockserver.app import document_app  # noqa: PLC0415

            self._documents = document_app(self.engine)
        return self._documents

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await send({"type": "lifespan.shutdown.complete"})
                return


class _DisconnectedError(Exception):
    """The client went away in mid-request."""


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The body of a request, or None where it is larger than `limit` bytes."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _DisconnectedError
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= limit else None
    chunks, read = [body], len(body)
    while message.get("more_body") and read <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _DisconnectedError
        chunks.append(message.get("body", b""))
        read += len(chunks[-1])
    return b"".join(chunks) if read <= limit else None


def _is_below(path: str) -> bool:
    """Whether the path is one of ours, or below it, and not one that only begins alike."""
    return any(path == ours or path.startswith(f"{ours}/") for ours in _OURS)
