"""The servers of a test run: each process has one for each profile and seed that its tests ask for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Self

from loracle_contracts.verdict import Profile
from loracle_mockserver.engine import Engine
from loracle_mockserver.live import LiveServer

__all__ = ["SessionServers"]


class SessionServers:
    """Servers by profile and seed, each started when it is first asked for, all ended with the block."""

    def __init__(self) -> None:
        self._running = contextlib.ExitStack()
        self._servers: dict[tuple[Profile, int], LiveServer] = {}
        self._in_use: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @contextlib.contextmanager
    def use(self, profile: Profile, seed: int, namespace: str) -> Iterator[LiveServer]:
        """A server on which the namespace, and whatever else no test is using, is as at the start."""
        server = self._servers.get((profile, seed))
        if server is None:
            server = self._running.enter_context(LiveServer(Engine(profile=profile, seed=seed)))
            self._servers[profile, seed] = server
        engine, forgotten = server.engine, namespace if self._in_use else None
        if not self._in_use:
            engine.heir = namespace
        server.call(lambda: engine.reset(forgotten))
        self._in_use.add(namespace)
        try:
            yield server
        finally:
            self._in_use.discard(namespace)
