"""One connection to the server behind the proxy: HTTP/1.1 over an asyncio transport, parsed by httptools.

The parser is the one of the mock's own server; against httpx it saves four fifths of the time that a request
spends in the proxy (`benchmarks/proxy.py` measures both).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import httptools

__all__ = ["AnswerHead", "Headers", "UpstreamConnection", "UpstreamError"]

Headers = list[tuple[bytes, bytes]]
_MAX_HEAD = 256 * 1024  # bytes of the headers of an answer
_HIGH_WATER = 256 * 1024  # bytes of an answer that wait to be passed on
_INTERIM = range(100, 200)


class UpstreamError(Exception):
    """No answer, or no whole one; the text is one sentence.

    `cause` is unreachable, timeout, reset or malformed.
    """

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


class AnswerHead(NamedTuple):
    """Status and headers of an answer, as they came."""

    status: int
    headers: Headers


class UpstreamConnection(asyncio.Protocol):
    """One connection; at most one exchange is under way on it.

    `timeout` is how many seconds the server may let pass without a sign of life.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._parser = httptools.HttpResponseParser(self)
        self._waiters: set[asyncio.Future[None]] = set()
        self._is_write_paused = False
        self.is_closed = False
        self.idle_since = 0.0
        self.begin("GET")
        self._is_complete = True

    def begin(self, method: str) -> None:
        """Prepares for the answer to a request of this method."""
        self._method = method
        self._headers: Headers = []
        self._head_bytes = 0
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._is_complete = False
        self._is_kept = False
        self._ends_with_connection = True
        self._error: UpstreamError | None = None
        self.head: AnswerHead | None = None
        self.has_received = False
        self.is_cut_short = False
        self.sent_at = 0.0

    @property
    def is_reusable(self) -> bool:
        """Whether another request can go over this connection."""
        is_over = self.is_closed or self.is_cut_short or self._transport.is_closing()
        return self._is_complete and self._is_kept and not is_over

    # --- what the exchange does

    async def write(self, data: bytes) -> None:
        """Sends bytes; waits while the server does not take them. Raises UpstreamError."""
        if self.is_closed:
            if self.head is None:
                raise self._failure()
            return
        self._transport.write(data)
        self.sent_at = perf_counter()
        await self._until(lambda: not self._is_write_paused or self.head is not None)

    async def answered(self) -> AnswerHead:
        """The head of the answer. Raises UpstreamError."""
        if self.head is None:
            await self._until(lambda: self.head is not None)
        if self.head is None:
            raise self._failure()
        return self.head

    async def piece(self) -> bytes | None:
        """The next bytes of the answer's body, or None at its end. Raises UpstreamError."""
        if not self._pieces and not self._is_complete:
            await self._until(lambda: bool(self._pieces) or self._is_complete)
        if self._pieces:
            found = self._pieces.popleft()
            if self._waiting_bytes >= _HIGH_WATER > self._waiting_bytes - len(found):
                self._transport.resume_reading()
            self._waiting_bytes -= len(found)
            return found
        if not self._is_complete:
            raise self._failure()
        return None

    def close(self) -> None:
        """Closes at once; what is under way is dropped."""
        self._transport.abort()

    async def settled(self) -> None:
        """Waits, however long, until the answer begins or there will be none."""
        await self._until(lambda: self.head is not None, is_patient=True)

    async def _until(self, is_so: Callable[[], bool], *, is_patient: bool = False) -> None:
        """Waits until something is so, or the connection is over; unless patient, at most `timeout` long."""
        loop = asyncio.get_running_loop()
        while not is_so() and not self.is_closed and self._error is None:
            waiter = loop.create_future()
            self._waiters.add(waiter)
            timer = None if is_patient else loop.call_later(self._timeout, self._expire)
            try:
                await waiter
            finally:
                if timer is not None:
                    timer.cancel()
                self._waiters.discard(waiter)
        if self._error is not None:
            raise self._error

    def _expire(self) -> None:
        text = f"The server sent nothing for {self._timeout:g} seconds."
        self._fail(UpstreamError("timeout", text))

    def _fail(self, error: UpstreamError) -> None:
        if self._error is None:
            self._error = error
        self._wake()
        self._transport.abort()

    def _failure(self) -> UpstreamError:
        if self._error is not None:
            return self._error
        when = "in mid-answer" if self.head is not None else "without an answer"
        return UpstreamError("reset", f"The server ended the connection {when}.")

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    # --- what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the transport."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Feeds the parser."""
        if self._is_complete:
            # Nobody has asked for it; what is asked next must not be answered with it.
            self._is_kept = False
            self._transport.abort()
            return
        self.has_received = True
        if self.head is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(UpstreamError("malformed", "The server switched to another protocol."))
        except httptools.HttpParserError as error:
            if not self._is_complete:
                self._fail(UpstreamError("malformed", f"The answer is no HTTP: {error}."))
            self._is_kept = False
            return
        if self.head is None and self._head_bytes > _MAX_HEAD:
            text = f"The answer has more than {_MAX_HEAD // 1024} KiB of headers."
            self._fail(UpstreamError("malformed", text))

    def eof_received(self) -> None:
        """The server sends no more."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over, by whomever."""
        if exc is None:
            self._end()
        self.is_closed = True
        self._wake()

    def _end(self) -> None:
        is_framed_so = self.head is not None and self._ends_with_connection and self._error is None
        if is_framed_so and not self._is_complete:
            self._is_complete = True
            self._is_kept = False
            self._wake()

    def pause_writing(self) -> None:
        """The server does not take what was written."""
        self._is_write_paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self._is_write_paused = False
        self._wake()

    # --- what the parser tells

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; those behind the body are dropped, as HTTP/1.1 lets a proxy do."""
        if self.head is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is there."""
        status = self._parser.get_status_code()
        if status in _INTERIM:
            return
        if not 200 <= status < 600:
            self._fail(UpstreamError("malformed", f"The answer has the status {status}."))
            return
        for raw_name, value in self._headers:
            name = raw_name.lower()
            if name == b"transfer-encoding":
                self._ends_with_connection = False
                if value.strip().lower() != b"chunked":
                    text = "The answer has a transfer coding other than chunked."
                    self._fail(UpstreamError("malformed", text))
                    return
            elif name == b"content-length":
                self._ends_with_connection = False
        self.head = AnswerHead(status, self._headers)
        if self._method == "HEAD":
            # The parser would wait for the body that the headers tell of.
            self._is_complete = True
        self._wake()

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        if self._is_complete:
            return
        self._pieces.append(data)
        before = self._waiting_bytes
        self._waiting_bytes += len(data)
        if before < _HIGH_WATER <= self._waiting_bytes:
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self.head is None:
            self._headers = []  # it was an interim one
            return
        self._is_complete = True
        self._is_kept = self._method != "HEAD" and bool(self._parser.should_keep_alive())
        self._wake()
