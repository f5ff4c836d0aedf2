"""Tasks, and how they appear in answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Task"]

# What the vendor's page says a training takes.
_EXPECTED_SECONDS = 600


@dataclass(slots=True, eq=False)  # frozen would cost a microsecond for each field
class Task:
    """One training that was started. `body` holds the bytes of the request as they came."""

    id: str
    operation: str
    name: str
    created_at: int
    body: bytes

    @property
    def type(self) -> str:
        """The kind of the training, as the list spells it."""
        return "style" if self.operation == "createStyleTraining" else "subject"

    @property
    def status(self) -> str:
        """The state of the task. A created task waits in the queue."""
        return "QUEUING"

    def as_state(self) -> dict[str, Any]:
        """The answer to a status call; every documented key is there, none is null."""
        return {
            "task_id": self.id,
            "task_status": self.status,
            "model_type": "lora",
            "models": [],
            "extra": {"eta_relative": _EXPECTED_SECONDS, "progress_percent": 0},
        }

    def as_summary(self) -> dict[str, Any]:
        """The task's entry in a list."""
        return {
            "task_name": self.name,
            "task_id": self.id,
            "task_type": self.type,
            "task_status": self.status,
            "created_at": self.created_at,
            "models": [],
        }
