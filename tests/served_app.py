"""An ASGI app on a real socket in this process, on the event loop of choice, with TLS or without."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from live import PATIENCE

from loracle_mockserver.protocol import MockProtocol
from loracle_mockserver.server import bind
from loracle_mockserver.tls import TlsFiles


@dataclass(frozen=True)
class ServedApp:
    port: int
    tls: TlsFiles | None = None

    @contextlib.contextmanager
    def connect(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as plain:
            if self.tls is None:
                yield plain
                return
            trust = ssl.create_default_context(cafile=str(self.tls.ca))
            # An end without TLS' own goodbye is an error, and not just the end.
            with trust.wrap_socket(
                plain, server_hostname="localhost", suppress_ragged_eofs=False
            ) as connection:
                yield connection


@dataclass(frozen=True)
class Ending:
    """All that came on a connection, and whether it ended in good order."""

    raw: bytes
    is_orderly: bool


def read_ending(connection: socket.socket) -> Ending:
    pieces = []
    try:
        while piece := connection.recv(65536):
            pieces.append(piece)
    except (ConnectionResetError, ssl.SSLEOFError):
        return Ending(b"".join(pieces), is_orderly=False)
    return Ending(b"".join(pieces), is_orderly=True)


@contextlib.contextmanager
def served(app: Any, loop: Any = "auto", tls: TlsFiles | None = None) -> Iterator[ServedApp]:
    """Serves until the end of the block, as the mock does; fails where the server then does not end."""
    listener = bind("127.0.0.1", 0)
    config = uvicorn.Config(
        app,
        loop=loop,
        http=MockProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(PATIENCE),
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield ServedApp(listener.getsockname()[1], tls)
    finally:
        server.should_exit = True
        thread.join(PATIENCE / 2)
    assert not thread.is_alive(), "the server does not end"
