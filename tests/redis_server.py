"""A Redis or Valkey of its own for the tests: a free port, nothing kept, ended by its process id."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis
from live import PATIENCE

__all__ = ["RedisServer", "private_redis", "server_program"]

_PROGRAMS = ("redis-server", "valkey-server")
_DATABASES = 10_000
_STARTS = 5  # somebody else may take the port first


def server_program(environment: Mapping[str, str], find: Callable[[str], str | None] = shutil.which) -> str:
    """The program to run. Where there is none the test is skipped, but with CI=true it fails."""
    for name in _PROGRAMS:
        found = find(name)
        if found is not None:
            return found
    missing = f"neither {' nor '.join(_PROGRAMS)} is installed"
    if environment.get("CI", "").lower() == "true":
        pytest.fail(f"{missing}, and CI=true wants these tests run", pytrace=False)
    pytest.skip(f"{missing}; the tests of stores in Redis need one")


class RedisServer:
    """A server that can be stopped, killed and started again on the same port; it keeps nothing."""

    def __init__(self, program: str, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.port = 0
        self._program, self._folder = program, folder
        self._process: subprocess.Popen[str] | None = None
        self._numbers = itertools.count(1)

    def url(self) -> str:
        """The URL of a database that nobody has used yet."""
        return f"redis://127.0.0.1:{self.port}/{next(self._numbers)}"

    def client(self, url: str) -> Any:
        """A client of the test's own, which answers bytes."""
        return redis.Redis.from_url(url, single_connection_client=True)

    @property
    def pid(self) -> int:
        assert self._process is not None, "it does not run"
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers; after the first time on the same port."""
        for _ in range(_STARTS):
            if self._start(self.port or _free_port()):
                return
            self.stop()
        raise AssertionError(f"{self._program} does not start")

    def _start(self, port: int) -> bool:
        options = {
            "bind": "127.0.0.1",
            "port": port,
            "unixsocket": self.socket,
            "dir": self._folder,
            "databases": _DATABASES,
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
            "logfile": "",
        }
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen([self._program, *words], stdout=subprocess.PIPE, text=True)
        watch = threading.Timer(PATIENCE, self._process.kill)
        watch.start()
        try:
            assert self._process.stdout is not None
            for line in self._process.stdout:
                if "accept connections" in line:
                    self.port = port
                    return True
        finally:
            watch.cancel()
            watch.join()
        return False

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends it, if it runs; what it held is gone."""
        process, self._process = self._process, None
        if process is not None:
            with process:
                process.send_signal(number)
                process.wait(PATIENCE)
                assert process.stdout is not None
            self.socket.unlink(missing_ok=True)


@contextlib.contextmanager
def private_redis() -> Iterator[RedisServer]:
    """A server that runs while the context lasts. Skips or fails where none is installed."""
    # Not below pytest's folders: the path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="loracle-") as folder:
        server = RedisServer(server_program(os.environ), Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
