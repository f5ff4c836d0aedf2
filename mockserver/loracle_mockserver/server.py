"""Runs the mock: one listening socket, uvicorn on uvloop and httptools."""

from __future__ import annotations

import gc
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from loracle_mockserver.asgi import MockApp
from loracle_mockserver.protocol import MockProtocol

__all__ = ["bind", "is_loopback", "serve"]

_BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises OSError where the address cannot be had.
    """
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # Without the protocol named, asyncio does not set TCP_NODELAY on what is accepted, and every
    # answer on a kept-alive connection waits 40 ms for an acknowledgement.
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(app: MockApp, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Answers requests until the process is interrupted, and returns; a termination ends the process."""
    options: dict[str, Any] = {
        "loop": "auto",
        "http": MockProtocol,
        "ws": "none",
        "lifespan": "off",
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "date_header": False,
        "timeout_graceful_shutdown": 3,
    }
    # What exists now lives as long as the process, and what a request makes dies with it; collecting
    # rarely saves a tenth of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    server = uvicorn.Server(uvicorn.Config(app, **options))
    try:
        # From here on a signal ends the server cleanly; whoever reads the announcement may send one.
        with server.capture_signals():
            announce()
            server.run(sockets=[listener])
    except KeyboardInterrupt:
        # uvicorn has shut down by then and raises the signal again for whoever wants it.
        pass
    finally:
        listener.close()
