"""The mock as a transport of httpx: requests reach the engine without a socket.

The network faults become, at once, the exceptions that httpx raises after a real one.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import unquote

from loracle_mockserver.engine import Engine, store_failure
from loracle_mockserver.engine_options import make_engine
from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.message import Reply, Request
from loracle_mockserver.store import StoreError
from loracle_mockserver.training_app import DEFAULT_KEY, IN_PROCESS_URL
from loracle_mockserver.training_mock import TrainingMock

try:
    import httpx
except ModuleNotFoundError as missing:
    if missing.name != "httpx":
        raise
    raise ImportError("TrainingTransport needs httpx: pip install httpx") from None

__all__ = ["TrainingTransport"]

_T = TypeVar("_T")
_UNANSWERED = ("reset-on-arrival", "reset-before-headers", "hang")


class TrainingTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """For httpx.Client(transport=...) and httpx.AsyncClient(transport=...), with any host in the URL.

    `mock` is the handle that steers it. Nothing sleeps: a delay or a hang that is longer than the read
    timeout of the call raises ReadTimeout at once, a shorter one is skipped. A reset raises ReadError, a
    truncated body RemoteProtocolError, both while the body is read where the status came before. A slow
    drip arrives whole, because a read timeout only bounds the time between two bytes. It serves the
    contract's operations; the pages below /_mock/ and /docs need a server.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        *,
        api_key: str = DEFAULT_KEY,
        begin_with: FaultPlan | None = None,
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Without an engine it makes one of the options, which are those of `live_server`.

        `begin_with` and `settings` are for the world of `api_key`. Raises TypeError and ValueError for
        options that cannot be.
        """
        if engine is not None and options:
            raise TypeError(f"TrainingTransport() takes an engine or options, not both: {', '.join(options)}")
        self.engine = make_engine("TrainingTransport()", options, Engine) if engine is None else engine
        self.url = IN_PROCESS_URL
        self.known: set[str] = set()
        self._lock = threading.RLock()
        self.mock = TrainingMock(self, api_key, begin_with, settings)

    def call(self, function: Callable[[], _T]) -> _T:
        """What the function gives, called so that no request is answered meanwhile."""
        with self._lock:
            return function()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answers a request of httpx.Client."""
        asked = _asked(request)
        with self._lock:
            try:
                reply = self.engine.admit(asked)
            except StoreError as error:
                return _answer(request, store_failure(error))
        # A body may come from a generator, which is to run outside of the lock.
        body = request.read() if isinstance(reply, int) and reply else b""
        with self._lock:
            try:
                answer = self._reply(asked, reply, body)
                self.engine.store.flush()
            except StoreError as error:
                answer = store_failure(error)
        return _answer(request, answer)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answers a request of httpx.AsyncClient."""
        asked = _asked(request)
        try:
            with self._lock:
                reply = self.engine.admit(asked)
            body = await request.aread() if isinstance(reply, int) and reply else b""
            with self._lock:
                answer = self._reply(asked, reply, body)
                waiting = self.engine.store.flushed()
            if waiting is not None:
                await waiting
        except StoreError as error:
            answer = store_failure(error)
        return _answer(request, answer)

    def _reply(self, asked: Request, admitted: int | Reply, body: bytes) -> Reply:
        if isinstance(admitted, Reply):
            return admitted
        if len(body) > admitted:
            return self.engine.refuse_body(asked)
        asked.body = body
        return self.engine.handle(asked)


def _asked(request: httpx.Request) -> Request:
    path, _, query = request.url.raw_path.partition(b"?")
    decoded = path.decode("ascii")
    return Request(
        request.method,
        unquote(decoded) if "%" in decoded else decoded,
        query,
        [(name.lower(), value) for name, value in request.headers.raw],
        b"",
        request.url.scheme,
    )


def _answer(request: httpx.Request, reply: Reply) -> httpx.Response:
    body = reply.body if request.method != "HEAD" else b""
    stream: httpx.SyncByteStream | httpx.AsyncByteStream = httpx.ByteStream(body)
    if reply.delay or reply.transmission is not None:
        patience = request.extensions.get("timeout", {}).get("read")
        waits = [reply.delay, reply.seconds if reply.transmission == "hang" else 0.0]
        if patience is not None and max(waits) > patience:
            raise httpx.ReadTimeout(
                f"no byte came for {patience:g} seconds (not waited for)", request=request
            )
        if reply.transmission in _UNANSWERED:
            raise _reset(reply)
        if reply.transmission == "reset-after-headers":
            stream = _BrokenBody(body, _reset(reply))
        elif reply.transmission == "truncated":
            stream = _BrokenBody(body, _truncated(body))
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
    return httpx.Response(
        reply.status, headers=headers, stream=stream, extensions={"http_version": b"HTTP/1.1"}
    )


def _reset(reply: Reply) -> httpx.TransportError:
    return httpx.ReadError(f"Connection reset by peer (fault {reply.transmission})")


def _truncated(body: bytes) -> httpx.TransportError:
    received = len(body) // 2
    return httpx.RemoteProtocolError(
        "peer closed connection without sending complete message body "
        f"(received {received} bytes, expected {len(body)})"
    )


class _BrokenBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body of which half comes, and then an error."""

    def __init__(self, body: bytes, error: httpx.TransportError) -> None:
        self._half, self._error = body[: len(body) // 2], error

    def __iter__(self) -> Iterator[bytes]:
        yield self._half
        raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._half
        raise self._error
