"""Who trains: the seam between what an operation answers and where a training really is.

The simulated trainer trains nothing: its trainings stand where the virtual clock, the polls and their
faults say. The reference trainer (trainer/reference.py) is the other one.
"""

from __future__ import annotations

from typing import Any, Protocol

from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.call import Call
from loracle_mockserver.life_cycle import Stage, stage_of
from loracle_mockserver.tasks import Task

__all__ = ["Simulated", "Trainer"]


class Trainer(Protocol):
    """What a mock asks of who trains. Nothing here waits for a training."""

    def seconds_to_wait(self) -> float | None:
        """None where another training can be taken, or in how many seconds that is likely."""
        ...

    def keep(self, namespace: str, asset: str, image: bytes) -> None:
        """Takes the bytes of an uploaded image. Raises StoreError where they cannot be kept."""

    def begin(self, call: Call, task: Task) -> list[str]:
        """Begins the training of a task that the call has created, and answers what is to be noted.

        Raises StoreError where nothing can be noted of it.
        """
        ...

    def stage(
        self, namespace: str, task: Task, behaviour: Behaviour, moment: float, fault: str | None = None
    ) -> Stage:
        """Where a training stands; the last three are as for `stage_of`."""
        ...

    def run(self, namespace: str, task: Task) -> dict[str, Any] | None:
        """What is known of the real training of a task, as JSON; None where there is none."""
        ...

    def cancel(self, namespace: str, task_id: str) -> None:
        """Ends a training that is not over; of one that is, or that there is not, nothing changes."""

    def forget(self, namespace: str | None) -> None:
        """Ends all trainings of a namespace, or of all, and removes what they left."""

    def close(self) -> None:
        """Ends all trainings; a second time does nothing."""


class Simulated:
    """Trains nothing."""

    def seconds_to_wait(self) -> float | None:
        """None: there is room for any number."""
        return None

    def keep(self, namespace: str, asset: str, image: bytes) -> None:
        """Does nothing: of uploads the store knows that they came."""

    def begin(self, call: Call, task: Task) -> list[str]:  # noqa: ARG002 - the protocol's
        """Does nothing: the task's facts are enough."""
        return []

    def stage(
        self,
        namespace: str,  # noqa: ARG002 - the protocol's
        task: Task,
        behaviour: Behaviour,
        moment: float,
        fault: str | None = None,
    ) -> Stage:
        """Where the virtual life of the task stands."""
        return stage_of(task, behaviour, moment, fault)

    def run(self, namespace: str, task: Task) -> dict[str, Any] | None:  # noqa: ARG002 - the protocol's
        """None: nothing runs."""
        return None

    def cancel(self, namespace: str, task_id: str) -> None:
        """Does nothing: what is forced stands in the task."""

    def forget(self, namespace: str | None) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""
