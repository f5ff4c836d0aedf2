"""Runs the proxy on the mock's server: uvicorn on uvloop and httptools, one process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import uvicorn

from loracle_mockserver.configuration import Configuration
from loracle_mockserver.protocol import MockProtocol
from loracle_mockserver.proxy.app import ProxyApp
from loracle_mockserver.proxy.exchange import TARGET
from loracle_mockserver.server import uvicorn_config

__all__ = ["serve"]


class _ProxyProtocol(MockProtocol):
    """Keeps the target of a request as it came, which ASGI has no place for."""

    def on_headers_complete(self) -> None:
        """Adds the target to the scope, before the app's task runs."""
        scope: Any = self.scope
        super().on_headers_complete()
        url = self.url
        if not url.startswith(b"/") or b"#" in url:
            # The absolute form names a server, and a fragment is no part of a request.
            url = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        scope[TARGET] = url


def serve(
    app: ProxyApp, listener: socket.socket, announce: Callable[[], None], interim: Callable[[], None]
) -> None:
    """Passes requests on until the process gets SIGINT or SIGTERM, and returns.

    On SIGUSR1 `interim` is called.
    """

    async def service(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            # What exists now lives as long as the process; as in the mock.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
            if sys.platform != "win32":
                asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, interim)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            app.close()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await app(scope, receive, send)

    config = uvicorn_config(service, Configuration())
    config.http = _ProxyProtocol
    server = uvicorn.Server(config)
    # uvicorn shuts down cleanly and raises the signal again for whoever wants it.
    with contextlib.suppress(KeyboardInterrupt), _termination_as_interrupt(), server.capture_signals():
        announce()
        server.run(sockets=[listener])


@contextlib.contextmanager
def _termination_as_interrupt() -> Any:
    """SIGTERM ends a run as Ctrl-C does: with its report."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    earlier = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)
