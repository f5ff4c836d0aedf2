"""The queue of trainings: one runs, the others wait, in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from loracle_mockserver.trainer.events import CanceledEvent, Event, Failed, Started, Step
from loracle_mockserver.trainer.runner import Ending

__all__ = ["Key", "Queue", "Run", "Work"]

Key = tuple[str, str]  # namespace, task id
_FIRST_GUESS = 1.0  # seconds of a training, before one has ended


class Work(Protocol):
    """What a run needs of a job."""

    def run(self, hear: Callable[[Event], None]) -> Ending:
        """Does the work, gives every event but the last to `hear`, and says how it ended."""
        ...

    def cancel(self) -> None:
        """Ends the work, from any thread."""


@dataclass(eq=False)
class Run:
    """A training that waits or runs. Progress in percent, which never goes back; `eta` in seconds."""

    key: Key
    job: Work
    is_running: bool = False
    progress: float = 0.0
    eta: float = _FIRST_GUESS
    notes: tuple[str, ...] = ()
    ending: Ending | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def hear(self, event: Event) -> None:
        """Takes over what the training tells of itself."""
        if isinstance(event, Started):
            self.notes += event.notes
        elif isinstance(event, Step):
            share = 100 * event.step / max(event.steps, 1)
            self.progress, self.eta = max(self.progress, min(round(share, 1), 100.0)), max(event.eta, 0.0)


class Queue:
    """Runs one training after the other, in a thread of its own that begins with the first one.

    `ended` is called when a run is over, before the next one begins: in that thread, or where a run that
    waited was canceled.
    """

    def __init__(self, ended: Callable[[Run], None], clock: Callable[[], float]) -> None:
        self._ended, self._clock = ended, clock
        self._changed = threading.Condition()
        self._waiting: deque[Run] = deque()
        self._runs: dict[Key, Run] = {}
        self._expected = _FIRST_GUESS
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        """How many trainings wait."""
        return len(self._waiting)

    def put(self, run: Run) -> None:
        """Has a run wait for its turn; an earlier one of the same key is canceled."""
        self.cancel_and_wait(run.key)
        with self._changed:
            self._waiting.append(run)
            self._runs[run.key] = run
            self._changed.notify_all()
        if self._thread is None:
            # On Linux a child ends with the thread that started it, so that there is one for all of them.
            self._thread = threading.Thread(target=self._work, name="loracle trainer", daemon=True)
            self._thread.start()

    def find(self, key: Key) -> Run | None:
        """The run of this key that is not over."""
        return self._runs.get(key)

    def seconds_to(self, run: Run | None = None) -> float:
        """About how long until a run that waits has ended, or until there is room for one more."""
        with self._changed:
            running = sum(one.eta for one in self._runs.values() if one.is_running)
            ahead = self._waiting.index(run) + 1 if run is not None and run in self._waiting else 0
        return round(running + ahead * self._expected, 1)

    def cancel(self, key: Key | None = None, namespace: str | None = None) -> list[Run]:
        """Cancels the run of this key, those of a namespace, or all; answers those that are not over yet."""
        with self._changed:
            chosen = [
                run
                for known, run in self._runs.items()
                if (key is None or known == key) and namespace in (None, known[0])
            ]
            waiting = [run for run in chosen if not run.is_running]
            for run in waiting:
                self._waiting.remove(run)
        for run in chosen:
            if run not in waiting:
                run.job.cancel()
        for run in waiting:
            self._end(run, CanceledEvent(0))
        return [run for run in chosen if run not in waiting]

    def cancel_and_wait(self, key: Key | None = None, namespace: str | None = None) -> None:
        """As `cancel`, and returns when they are over, which takes less than a second."""
        for run in self.cancel(key, namespace):
            run.over.wait()

    def close(self) -> None:
        """Cancels all, and returns when the thread has ended."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self.cancel_and_wait()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while (run := self._next()) is not None:
            began = self._clock()
            try:
                ending = run.job.run(run.hear)
            except Exception as error:  # noqa: BLE001 - one training must not stop those behind it
                ending = Failed("crashed", f"The trainer has failed: {type(error).__name__}: {error}")
            self._expected = max(self._clock() - began, 0.0)
            self._end(run, ending)

    def _end(self, run: Run, ending: Ending) -> None:
        run.ending = ending
        try:
            self._ended(run)
        finally:
            with self._changed:
                if self._runs.get(run.key) is run:
                    del self._runs[run.key]
            run.over.set()

    def _next(self) -> Run | None:
        with self._changed:
            while not self._waiting:
                if self._is_closed:
                    return None
                self._changed.wait()
            run = self._waiting.popleft()
            run.is_running = True
            return run
