"""uvicorn's HTTP protocol, with what the mock needs of the connection below ASGI."""

from __future__ import annotations

import asyncio
import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from loracle_mockserver.delivery import CONNECTION, Connection
from loracle_mockserver.engine import MAX_HEADERS
from loracle_mockserver.message import error_reply

__all__ = ["MockProtocol"]

_UPGRADE = re.compile(rb"(\r\n)upgrade(?=[ \t]*:)", re.IGNORECASE)
# Headers below this reach the engine, which refuses them in the order of the contract.
_UNREADABLE_HEADERS = 8 * MAX_HEADERS


class MockProtocol(HttpToolsProtocol):
    """One connection.

    An offer to upgrade (Java's HttpClient makes one with every first request) is ignored, as RFC 9110
    section 7.8 allows; the parser would stop reading at it and lose the body. Headers that never end
    are refused before they fill the memory. The app finds the connection in the scope's `state`, and
    is told of its end and of the server's also where further requests wait behind the one it answers.
    """

    _head_bytes = 0
    _earlier: tuple[RequestResponseCycle, ...] = ()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Puts the connection into the state that every request on it gets a copy of."""
        super().connection_made(transport)
        self._connection = Connection(transport)
        self.app_state = {**self.app_state, CONNECTION: self._connection}

    def on_headers_complete(self) -> None:
        """Starts or queues a request; uvicorn itself keeps only the newest one in sight."""
        before = self.cycle
        super().on_headers_complete()
        if self.pipeline:
            self._earlier = (*(cycle for cycle in self._earlier if not cycle.response_complete), before)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells every request that is not answered yet."""
        for cycle in self._earlier:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self._earlier = ()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Lets the server end: whoever waits is woken up, and half a request is not waited for."""
        self._connection.is_stopping = True
        super().shutdown()
        cycle = self.cycle
        if cycle is None:
            return
        if cycle.more_body and not cycle.response_started:
            self.transport.close()
        for waiting in (*self._earlier, cycle):
            waiting.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, and watches the part of a message before its body."""
        before = self.cycle
        if before is not None and before.more_body:
            super().data_received(data)
            return
        if b"pgrade" in data or b"PGRADE" in data:
            head, blank_line, body = data.partition(b"\r\n\r\n")
            # Of equal length, so that nothing else about the message changes.
            data = _UPGRADE.sub(rb"\1ignored", head) + blank_line + body
        super().data_received(data)
        if self.cycle is not before:
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > _UNREADABLE_HEADERS and not self.transport.is_closing():
            self._refuse(b"431 Request Header Fields Too Large", error_reply("HEADERS_TOO_LARGE").body)

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP in the API's envelope."""
        self._refuse(b"400 Bad Request", error_reply("INVALID_REQUEST_BODY", msg).body)

    def _refuse(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\n" % status
        self.transport.write(head + b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body))
        self.transport.close()
