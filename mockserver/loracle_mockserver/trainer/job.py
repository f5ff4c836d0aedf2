"""A training as a process of its own: started, listened to, ended in time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO

from loracle_mockserver.trainer.child import Order
from loracle_mockserver.trainer.events import (
    MAX_LINE,
    CanceledEvent,
    Done,
    Event,
    EventError,
    Failed,
    Step,
    read_line,
)
from loracle_mockserver.trainer.extras import ONE_THREAD
from loracle_mockserver.trainer.runner import Ending, cpu_failure, wall_failure

__all__ = ["COMMAND", "Job"]

# -P: a module of the working directory is not to be taken for one of the trainer's.
COMMAND = (sys.executable, "-P", "-m", "loracle_mockserver.trainer")
_CANCEL_GRACE = 0.5  # seconds for a step to end; then the process is killed
_SHOWN = 300  # characters of what a process that crashed has said last


@dataclass(eq=False)
class Job:
    """One training, in a child process while `run` lasts.

    `command` starts the child. `later` calls a function after so many seconds unless it is canceled, as
    threading.Timer does.
    """

    order: Order
    command: Sequence[str] = COMMAND
    later: Callable[[float, Callable[[], None]], threading.Timer] = threading.Timer
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _is_canceled: bool = field(default=False, init=False)
    _is_late: bool = field(default=False, init=False)
    _timers: list[threading.Timer] = field(default_factory=list, init=False)
    _step: int = field(default=0, init=False)

    def run(self, hear: Callable[[Event], None] = lambda _: None) -> Ending:
        """Runs the training, and says how it ended. At the end there is no process any more.

        `hear` is given every event but the ending, in this thread.
        Call it once, and from a thread that outlives it: on Linux the child ends with the thread.
        """
        with tempfile.TemporaryFile() as errors:
            with self._lock:
                if self._is_canceled:
                    return CanceledEvent(0)
                try:
                    process = self._start(errors)
                except OSError as error:
                    return Failed("not_started", f"No process can be started: {error.strerror or error}")
            try:
                ending = self._follow(process, hear)
            finally:
                self._end(process)
            return self._ending(ending, process.returncode, errors)

    def cancel(self) -> None:
        """Ends the training, from any thread; within a second there is no process any more."""
        with self._lock:
            if self._is_canceled:
                return
            self._is_canceled = True
            if self._process is not None:
                self._process.terminate()
                self._after(_CANCEL_GRACE, self._kill)

    def _start(self, errors: IO[bytes]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - the command is the program's own
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(os.environ),
            start_new_session=True,  # a Ctrl-C at the terminal is the server's, which then ends it
        )
        self._process = process
        self._after(self.order.caps.wall_seconds, self._be_late)
        return process

    def _follow(self, process: subprocess.Popen[bytes], hear: Callable[[Event], None]) -> Ending | None:
        """Hears the child until it is silent; None where it did not say how it ended."""
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process was started without pipes")
        try:
            process.stdin.write(replace(self.order, parent=os.getpid()).as_line())
            process.stdin.flush()
        except BrokenPipeError:
            pass  # how it ended will tell more
        while line := process.stdout.readline(MAX_LINE + 1):
            try:
                event = read_line(line)
            except EventError as error:
                return Failed("protocol", f"The process of the training does not keep the protocol: {error}.")
            if isinstance(event, Done | Failed | CanceledEvent):
                return event
            if isinstance(event, Step):
                self._step = event.step
            hear(event)
        return None

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._process = None
            for timer in self._timers:
                timer.cancel()
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()  # which ends it, if nothing else did
        if process.stdout is not None:
            process.stdout.close()
        try:
            process.wait(_CANCEL_GRACE)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()

    def _ending(self, told: Ending | None, code: int, errors: IO[bytes]) -> Ending:
        if isinstance(told, CanceledEvent) and not self._is_canceled:
            told, code = None, -signal.SIGTERM  # somebody else asked for it
        if told is not None:
            return told
        if self._is_canceled:
            return CanceledEvent(self._step)
        caps, done = self.order.caps, f"it had done {self._step} steps"
        if self._is_late:
            return wall_failure(caps, self._step)
        if sys.platform != "win32" and code == -signal.SIGXCPU:
            return cpu_failure(caps, self._step)
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            return Failed("killed", f"The process of the training was ended by {name}; {done}.")
        return Failed(
            "crashed", f"The process of the training ended with {code}; {done}. {_last(errors)}".strip()
        )

    def _after(self, seconds: float, function: Callable[[], None]) -> None:
        timer = self.later(seconds, function)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def _be_late(self) -> None:
        self._is_late = True
        self._kill()

    def _kill(self) -> None:
        with self._lock:
            if self._process is not None:
                _kill(self._process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the child and what it may have started."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: no thread beside the one that computes, and none of the mock's secrets."""
    kept = {name: value for name, value in own.items() if not name.startswith("LORACLE_")}
    return {**kept, **dict.fromkeys(ONE_THREAD, "1")}


def _last(errors: IO[bytes]) -> str:
    """The last line that a process wrote to stderr."""
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - 4 * _SHOWN))
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:_SHOWN] if lines else ""
