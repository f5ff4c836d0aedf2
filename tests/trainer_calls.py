"""Trainings in the tests: orders, and a line on which a stand-in says that it is there."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine_calls import BODIES, CREATE
from trainer_stand_in import COMMAND

from loracle_mockserver.trainer.child import Order
from loracle_mockserver.trainer.job import Job
from loracle_mockserver.trainer.planned import Caps

PATIENCE = 60.0


class Line:
    """Where a stand-in calls."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.port = listener.getsockname()[1]
        self._connection: socket.socket | None = None

    def hear(self) -> int:
        """The stand-in's process, once it is in the middle of its training."""
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(PATIENCE)
        return int(self._connection.makefile("rb").readline())

    def let_go(self) -> None:
        assert self._connection is not None
        self._connection.sendall(b"!")

    def wait_for_the_end(self) -> None:
        """Returns when the process is there no more; its last data may have been lost with it."""
        assert self._connection is not None
        with contextlib.suppress(ConnectionResetError):
            assert self._connection.recv(1) == b""

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


@contextlib.contextmanager
def line() -> Iterator[Line]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        made = Line(listener)
        try:
            yield made
        finally:
            made.close()


@dataclass
class Alarms:
    """Timers that go off when the test says so."""

    asked: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def __call__(self, seconds: float, function: Callable[[], None]) -> threading.Timer:
        self.asked.append((seconds, function))
        return _Never()

    def ring(self, seconds: float) -> None:
        for asked, function in self.asked:
            if asked == seconds:
                function()


class _Never(threading.Timer):
    def __init__(self) -> None:
        super().__init__(0, lambda: None)

    def start(self) -> None:
        pass


def order(out: Path, name: str = "fine", **changed: Any) -> Order:
    values: dict[str, Any] = {"images": (None,), "caps": Caps(), **changed}
    return Order({**BODIES[CREATE], "name": name}, CREATE, str(out / "adapter"), **values)


def job(out: Path, name: str = "fine", later: Any = None, **changed: Any) -> Job:
    return Job(order(out, name, **changed), COMMAND, later=later or Alarms())
