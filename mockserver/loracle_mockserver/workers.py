"""Several processes that answer on one socket and share a store, under uvicorn's supervisor."""

from __future__ import annotations

import contextlib
import functools
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from loracle_mockserver.configuration import Configuration
from loracle_mockserver.exit_codes import TERMINATED
from loracle_mockserver.server import uvicorn_config
from loracle_mockserver.service import Service
from loracle_mockserver.store import StoreError

__all__ = ["WorkersError", "serve_with_workers", "start_worker"]

_log = logging.getLogger("loracle")


class WorkersError(Exception):
    """The workers cannot start; they have said why themselves."""


def serve_with_workers(
    configuration: Configuration, listener: socket.socket, announce: Callable[[], None]
) -> None:
    """Answers requests in `configuration.workers` processes until it is interrupted, and returns.

    A worker that ends is replaced. `announce` is called once, when all answer. SIGTERM ends this process
    with 143. Raises WorkersError where they cannot start.
    """
    config = uvicorn_config(functools.partial(start_worker, configuration), configuration, factory=True)
    supervisor = _Supervisor(config, [listener], announce)
    try:
        supervisor.run()
    finally:
        # Where all went well they have ended, and this does nothing.
        supervisor.terminate_all()
        supervisor.join_all()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise WorkersError("the workers did not start")
    if supervisor.is_terminated:
        sys.exit(TERMINATED)


def start_worker(configuration: Configuration) -> Service:
    """The app of one worker.

    Ends the process with the code that tells the supervisor not to try again where there can be none.
    """
    if sys.platform != "win32":
        # By now the server handles them.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        return Service(configuration)
    except (StoreError, OSError) as error:
        _log.error("a worker cannot use the store: %s", " ".join(str(error).split()))
        sys.exit(STARTUP_FAILURE)


class _Supervisor(Multiprocess):
    """Starts the workers, says when they answer, and replaces those that end."""

    def __init__(
        self, config: uvicorn.Config, sockets: list[socket.socket], announce: Callable[[], None]
    ) -> None:
        super().__init__(config, sockets)
        self.is_terminated = False
        self._announce: Callable[[], None] | None = announce

    def init_processes(self) -> None:
        """Starts all workers, and waits until they answer or something happens."""
        with _interrupts_held():
            super().init_processes()
        while self._announce and not self.signal_queue and all(p.process.is_alive() for p in self.processes):
            self._announce_when_up()
            time.sleep(0.02)

    def keep_subprocess_alive(self) -> None:
        """Replaces workers that ended, and says so."""
        before = list(self.processes)
        with _interrupts_held():
            super().keep_subprocess_alive()
        for gone, new in zip(before, self.processes, strict=True):
            if gone is not new:
                _log.warning(
                    "worker %s ended (%s); worker %s takes its place", gone.pid, gone.exitcode, new.pid
                )
        self._announce_when_up()

    def _announce_when_up(self) -> None:
        if self._announce and all(map(_is_up, self.processes)):
            announce, self._announce = self._announce, None
            announce()

    def handle_term(self) -> None:
        """Ends all, as for an interrupt, and remembers that it was a termination."""
        super().handle_term()
        self.is_terminated = True

    def handle_hup(self) -> None:
        """Ends all: the terminal was closed, and nobody could end them later."""
        self.handle_term()


def _is_up(process: Process) -> bool:
    return process.process.is_alive() and process.is_ready(timeout=0.2)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Has processes that are started hold Ctrl-C back, which reaches the whole group of a terminal.

    It would end them with a traceback before they can handle it. This process gets it when all is done.
    """
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # which would let interrupts through again when it is started
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)
