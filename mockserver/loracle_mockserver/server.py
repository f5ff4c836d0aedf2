"""Runs the mock: one listening socket, uvicorn on uvloop and httptools."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from loracle_mockserver.configuration import Configuration
from loracle_mockserver.exit_codes import TERMINATED
from loracle_mockserver.logs import log_config
from loracle_mockserver.protocol import MockProtocol
from loracle_mockserver.service import Service

__all__ = ["bind", "is_loopback", "serve", "termination_as_exit", "uvicorn_config"]

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


@contextlib.contextmanager
def termination_as_exit() -> Iterator[None]:
    """Turns SIGTERM into an exit with 143, so that whatever has to be closed is closed on the way."""

    def end(*_: object) -> None:
        sys.exit(TERMINATED)

    earlier = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def uvicorn_config(app: Any, configuration: Configuration, *, factory: bool = False) -> uvicorn.Config:
    """How uvicorn is to run the app of a mock, or the factory that makes it in each worker."""
    tls = configuration.tls
    return uvicorn.Config(
        app,
        factory=factory,
        workers=configuration.workers,
        loop="auto",
        http=MockProtocol,
        ws="none",
        lifespan="on",
        log_config=log_config(configuration.log_format, access_log=configuration.access_log),
        access_log=False,  # the access log is ours
        server_header=False,
        date_header=False,
        proxy_headers=False,  # the engine reads the one that matters, at no cost to other requests
        timeout_graceful_shutdown=3,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )


def serve(configuration: Configuration, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Answers requests until the process is interrupted, and returns.

    SIGTERM is raised again when all is closed. Raises StoreError where the store cannot be used.
    """
    service = Service(configuration)
    server = uvicorn.Server(uvicorn_config(service, configuration))
    try:
        # From here on a signal ends the server cleanly; whoever reads the announcement may send one.
        with server.capture_signals():
            try:
                announce()
                server.run(sockets=[listener])
            finally:
                service.close()
    except KeyboardInterrupt:
        # uvicorn has shut down by then and raises the signal again for whoever wants it.
        pass
