"""One exchange through the proxy: what is known of it, and how its two bodies are taken in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal

from loracle_contracts.exchange import Request
from loracle_contracts.oracle import Expectation
from loracle_contracts.parse import MAX_BODY
from loracle_mockserver.delivery import CONNECTION, Connection
from loracle_mockserver.proxy.connection import AnswerHead, UpstreamConnection
from loracle_mockserver.proxy.forwarding import length_of
from loracle_mockserver.proxy.judgement import pairs
from loracle_mockserver.proxy.upstream import Origin

__all__ = ["TARGET", "BodyTooLargeError", "ClientGoneError", "Exchange", "Message", "Receive", "Send"]

TARGET = "loracle_target"
"""The member of the ASGI scope that holds the request's target as it came."""
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientGoneError(Exception):
    """The client went away in mid-request."""


class BodyTooLargeError(Exception):
    """An upload that is to be refused for its size, which only its last bytes have shown."""


@dataclass(slots=True, eq=False)
class Exchange:
    """A request on its way through the proxy, and what became of it.

    `target` is the one at the server `origin`, `judged_target` the same as the contract knows it. `most`
    bytes of a streamed body are let through. The durations are in seconds and count from when the request
    went out: `sent` until it was written, `wait` until the head of the answer was there, `seconds` until
    all of it was.
    """

    scope: Message
    receive: Receive
    target: bytes
    judged_target: str
    origin: Origin
    is_upload: bool
    task: asyncio.Task[Any] | None = field(default_factory=asyncio.current_task)
    received_at: float = field(default_factory=time.time)
    length: int = 0
    is_streamed: bool = False
    most: int | None = None
    expectation: Expectation | None = None
    head: AnswerHead | None = None
    answer: bytes | None = b""
    answer_length: int = 0
    began: float = 0.0
    sent: float = 0.0
    wait: float = 0.0
    seconds: float = 0.0
    is_over: bool = False
    end: Literal["gone", "stopping"] | None = None
    _received: list[bytes] = field(default_factory=list)
    _has_more: bool = True
    _watcher: asyncio.Task[None] | None = None

    @property
    def announced(self) -> int | None:
        """How long the client says that the body is; None where it does not say."""
        return length_of(self.scope["headers"])

    @property
    def connection(self) -> Connection:
        """The client's connection."""
        found: Connection = self.scope["state"][CONNECTION]
        return found

    @property
    def body(self) -> bytes:
        """The request's body; of one that is streamed only what was taken in, or nothing."""
        return b"".join(self._received)

    def request(self) -> Request:
        """The request as it is judged."""
        return Request(self.scope["method"], self.judged_target, pairs(self.scope["headers"]), self.body)

    async def read(self) -> None:
        """Takes in the request's body, up to the limit of what is judged; a longer one is streamed.

        Raises ClientGoneError.
        """
        self.length = self.announced or 0
        if not self.is_upload and self.length <= MAX_BODY:
            self.length = 0
            while self._has_more and self.length <= MAX_BODY:
                self._received.append(await self._more())
        self.is_streamed = self._has_more

    async def _more(self) -> bytes:
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        piece: bytes = message.get("body", b"")
        self._has_more = bool(message.get("more_body"))
        self.length += len(piece)
        return piece

    async def pieces(self) -> AsyncIterator[bytes]:
        """The request's body as it comes, what was taken in already first; nothing of it is kept.

        Raises ClientGoneError, and BodyTooLargeError beyond `most` bytes.
        """
        if self.announced is not None:
            self.length = 0
        while self._received:
            yield self._received.pop(0)
        while self._has_more:
            piece = await self._more()
            if self.most is not None and self.length > self.most:
                raise BodyTooLargeError
            yield piece
        self.watch()

    def watch(self) -> None:
        """Has `task` cancelled when the client goes away, or the proxy is stopped, before the task's end.

        Begins when the whole body was read; `end` then tells why.
        """
        if self.task is not None and not self._has_more and self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._watch(self.task))

    async def _watch(self, task: asyncio.Task[Any]) -> None:
        while True:
            is_gone = (await self.receive())["type"] == "http.disconnect"
            if self.is_over:
                return
            if is_gone or self.connection.is_stopping:
                self.end = "gone" if is_gone else "stopping"
                task.cancel()
                return

    async def break_off(self) -> None:
        """Ends the client's connection in mid-answer, so that it cannot take the answer for a whole one."""
        self.is_over = True
        await self.connection.settle()
        self.connection.reset()
        # The server must have noticed, or it would take the missing end for a mistake.
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def read_answer(self, connection: UpstreamConnection) -> list[bytes]:
        """Takes in the answer's body; `answer` is then whole, or None where it is larger than what is held.

        Gives the pieces in either case. Raises UpstreamError.
        """
        held: list[bytes] = []
        size = 0
        while size <= MAX_BODY:
            piece = await connection.piece()
            if piece is None:
                self.answer, self.answer_length = b"".join(held), size
                return held
            held.append(piece)
            size += len(piece)
        self.answer, self.answer_length = None, size
        return held
