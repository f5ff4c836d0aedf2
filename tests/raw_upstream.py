"""A server behind the proxy that answers with whatever bytes a test wants, and keeps what it was sent."""

from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from live import PATIENCE

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass
class Received:
    """A request as it came: request line, headers as they were spelled, body without its framing."""

    line: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.headers if known.lower() == name]


class Wire:
    """One connection of the proxy."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self.socket = connection
        self._left = b""

    def read_head(self) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
        while b"\r\n\r\n" not in self._left:
            if not self._more():
                return None
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        return line, [(one.partition(b": ")[0], one.partition(b": ")[2]) for one in lines]

    def read_body(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        named = {name.lower(): value for name, value in headers}
        if named.get(b"transfer-encoding") == b"chunked":
            body = b""
            while size := int(self._until(b"\r\n"), 16):
                body += self._exactly(size)
                assert self._exactly(2) == b"\r\n"
            assert self._until(b"\r\n") == b""
            return body
        return self._exactly(int(named.get(b"content-length", b"0")))

    def has_more(self) -> bool:
        """Waits for a request; False where the proxy closes the connection instead."""
        return bool(self._left) or self._more()

    def is_over(self) -> bool:
        """Waits until the proxy has closed the connection; False where it sends something first."""
        try:
            return not self._left and not self._more()
        except ConnectionError:
            return True

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.socket.close()

    def _until(self, end: bytes) -> bytes:
        while end not in self._left:
            self._expect_more()
        found, _, self._left = self._left.partition(end)
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._left) < size:
            self._expect_more()
        found, self._left = self._left[:size], self._left[size:]
        return found

    def _expect_more(self) -> None:
        if not self._more():
            raise ConnectionError("the proxy ended the connection in mid-request")

    def _more(self) -> bool:
        piece = self.socket.recv(262_144)
        self._left += piece
        return bool(piece)


def answering(raw: bytes) -> Callable[[Wire], Received | None]:
    """Reads a request and answers with these bytes."""

    def answer(wire: Wire) -> Received | None:
        head = wire.read_head()
        if head is None:
            return None
        received = Received(*head, wire.read_body(head[1]))
        wire.socket.sendall(raw)
        return received

    return answer


@dataclass
class RawUpstream:
    """`behave` serves one request of a connection; None from it ends the connection."""

    port: int
    behave: Callable[[Wire], Received | None] = field(default_factory=lambda: answering(OK))
    received: queue.Queue[Received] = field(default_factory=queue.Queue)
    connections: int = 0
    failures: list[BaseException] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def next(self) -> Received:
        return self.received.get(timeout=PATIENCE)

    def serve(self, connection: socket.socket) -> None:
        self.connections += 1
        with connection:
            try:
                wire = Wire(connection)
                # How to behave is decided when a request comes, not when the connection was kept.
                while wire.has_more() and (found := self.behave(wire)) is not None:
                    self.received.put(found)
            except (ConnectionError, OSError):
                return
            except BaseException as error:
                self.failures.append(error)
                raise


@contextlib.contextmanager
def raw_upstream() -> Iterator[RawUpstream]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    upstream = RawUpstream(listener.getsockname()[1])

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=upstream.serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE)
        assert not upstream.failures
