"""What is kept of a training that was started."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Task"]


@dataclass(slots=True, eq=False)  # frozen would cost a microsecond for each field
class Task:
    """One training. Where it stands follows from these facts and the clock: see life_cycle.py.

    `created_at` is a moment of the virtual clock in Unix seconds, `body` holds the bytes of the
    request as they came (without the client's key, where the store can be read by others), `fault` is
    the task fault that the training was started with, `polls` counts how often its state was asked for,
    and `forced` is the state that somebody put it into.
    """

    id: str
    operation: str
    name: str
    created_at: float
    body: bytes
    fault: str | None = None
    polls: int = 0
    forced: str | None = None

    @property
    def type(self) -> str:
        """The kind of the training, as the list spells it."""
        return "style" if self.operation == "createStyleTraining" else "subject"
