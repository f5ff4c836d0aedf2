"""How an answer goes out that is late, or that the network spoils on its way.

An answer without a delay and without a network fault needs none of this, and the app sends it itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from loracle_mockserver.message import Reply

if sys.platform != "win32":
    import fcntl
    import termios

__all__ = ["CONNECTION", "Connection", "NetworkFaultError", "deliver"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CONNECTION = "loracle_connection"
"""The member of the ASGI scope's `state` that holds the connection."""
# The faults after which the client has seen not even a status.
_UNANSWERED = frozenset(("reset-on-arrival", "reset-before-headers", "hang"))
_PIECE_SECONDS = 0.05
_ARRIVAL_SECONDS = 0.02
_ARRIVAL_STEPS = 50
_CLOSE_SECONDS = 5.0
# On, for 0 seconds: the socket then closes with a reset. Windows has two shorts there.
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class NetworkFaultError(ConnectionResetError):
    """Stands for the network fault `fault` where there is no connection that could have it."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"the mock was asked for the network fault {fault}")
        self.fault = fault


@dataclass(slots=True, eq=False)
class Connection:
    """The connection below a request. `is_stopping` says that the server shuts down."""

    transport: asyncio.Transport
    is_stopping: bool = False

    def reset(self) -> None:
        """Ends the connection with a TCP reset; what is still to be sent is dropped."""
        if not self.transport.is_closing():
            # A socket that the client has reset meanwhile takes no options on some systems.
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

    async def settle(self) -> None:
        """Waits until the client's machine has confirmed what was sent, at most a second.

        A reset drops whatever is still under way.
        """
        for _ in range(_ARRIVAL_STEPS):
            if self.transport.is_closing():
                return
            if not self.transport.get_write_buffer_size() and not _unconfirmed(self._socket.fileno()):
                return
            await asyncio.sleep(_ARRIVAL_SECONDS)

    @property
    def _socket(self) -> Any:
        return self.transport.get_extra_info("socket")


def _unconfirmed(descriptor: int) -> int:
    """Bytes that were sent and not confirmed yet; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    return int(struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))[0])


async def deliver(reply: Reply, scope: Message, receive: Receive, send: Send) -> None:
    """Sends an answer after its delay, in the way that its `transmission` says.

    The wait ends where the client goes away; where the server shuts down, what remains happens at once.
    The server says which connection it is in the scope's `state`. Where it does not, as with other ASGI
    servers and in-process clients, a reset, a hang and a truncated body come as near as ASGI allows:
    after what they send, if anything, NetworkFaultError is raised, which in-process clients see and
    servers answer by closing the connection or, where nothing was sent, with a 500.
    """
    connection: Connection | None = (scope.get("state") or {}).get(CONNECTION)
    if reply.delay and await _is_gone(receive, connection, reply.delay):
        return
    fault = reply.transmission
    if fault is None:
        await send(_start(reply))
        await send({"type": "http.response.body", "body": reply.body})
        return
    if fault == "slow-drip":
        await _drip(reply, receive, send, connection)
        return
    if fault == "hang" and await _is_gone(receive, connection, reply.seconds):
        return
    if fault not in _UNANSWERED:
        await send(_start(reply, is_whole=False))
        half = reply.body[: len(reply.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
    if connection is None:
        raise NetworkFaultError(fault)
    if fault == "truncated":
        connection.transport.close()
        # Only a client that does not read on makes this last.
        if await _is_gone(receive, connection, _CLOSE_SECONDS):
            return
    elif fault == "reset-after-headers":
        # Some systems drop at a reset also what came and was not read yet.
        await asyncio.sleep(_ARRIVAL_SECONDS)
    # Also for the answers to earlier requests on this connection.
    await connection.settle()
    connection.reset()
    # The server must have noticed, or it would take the missing answer for a mistake.
    while (await receive())["type"] != "http.disconnect":
        pass


async def _drip(reply: Reply, receive: Receive, send: Send, connection: Connection | None) -> None:
    length = len(reply.body)
    count = max(1, min(length, int(reply.seconds / _PIECE_SECONDS)))
    clock = asyncio.get_running_loop().time
    began = clock()
    if length:
        await send(_start(reply))
    for n in range(count):
        rest = began + reply.seconds * (n + 1) / count - clock()
        if rest > 0 and await _is_gone(receive, connection, rest):
            return
        if not length:
            # Nothing can drip, and headers that announce no body would already be the whole answer.
            await send(_start(reply))
        piece = reply.body[length * n // count : length * (n + 1) // count]
        await send({"type": "http.response.body", "body": piece, "more_body": n + 1 < count})


def _start(reply: Reply, *, is_whole: bool = True) -> Message:
    # Of an empty body nothing could be missing, so one that is to break off has no announced length:
    # the server then marks the end, which never comes.
    if is_whole or reply.body:
        reply.headers.append((b"content-length", b"%d" % len(reply.body)))
    return {"type": "http.response.start", "status": reply.status, "headers": reply.headers}


async def _is_gone(receive: Receive, connection: Connection | None, seconds: float) -> bool:
    """Waits, and says whether the client went away before the time was over.

    Ends early with False where the server shuts down; it then wakes up those who receive.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while connection is None or not connection.is_stopping:
                if (await receive())["type"] == "http.disconnect":
                    return True
                # A receiver that never waits would stop the clock, too.
                await asyncio.sleep(0)
    return False
