"""What a walk sees: tasks that it made, entries of answers, pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from loracle_contracts.fuzzing.probe import Exchange

__all__ = ["Entry", "Listing", "Look", "Made", "Page"]

# So many of the newest tasks hold all of ours, whatever else the key is used for meanwhile.
ENOUGH = 200


class Made(NamedTuple):
    """A task that a create was answered with; `sent` and `answered` are ticks."""

    id: str
    name: str
    kind: str
    exchange: Exchange
    sent: int
    answered: int


class Entry(NamedTuple):
    """A task as an answer shows it; a member that is absent or of a wrong type is None."""

    id: str
    name: str | None = None
    kind: str | None = None
    status: str | None = None
    created_at: int | None = None
    models: tuple[tuple[str, str], ...] | None = None
    progress: float | None = None
    eta: float | None = None

    @classmethod
    def of(cls, value: Any) -> Entry | None:
        """The task in a parsed answer, or None where it has no id."""
        if not isinstance(value, dict) or not isinstance(value.get("task_id"), str):
            return None
        extra = value.get("extra")
        extra = extra if isinstance(extra, dict) else {}
        created_at = value.get("created_at")
        return cls(
            value["task_id"],
            _text(value.get("task_name")),
            _text(value.get("task_type")),
            _text(value.get("task_status")),
            created_at if type(created_at) is int else None,
            _models(value.get("models")),
            _number(extra.get("progress_percent")),
            _number(extra.get("eta_relative")),
        )


class Look(NamedTuple):
    """A task as it was seen at a tick: in a list, or by asking for its state."""

    tick: int
    entry: Entry
    exchange: Exchange
    is_listed: bool


class Page(NamedTuple):
    """One answer of the list: its entries and the cursor of the next page."""

    entries: tuple[Entry, ...]
    cursor: str
    limit: int | None
    exchange: Exchange

    @property
    def ids(self) -> list[str]:
        """The ids of its entries, in order."""
        return [entry.id for entry in self.entries]


@dataclass
class Listing:
    """Pages that follow one another; `begun` is the tick before the first, `is_whole` that none follows."""

    limit: int | None
    begun: int
    pages: list[Page] = field(default_factory=list)
    is_whole: bool = False

    @property
    def entries(self) -> list[Entry]:
        """The entries of all pages, in order."""
        return [entry for page in self.pages for entry in page.entries]

    @property
    def ids(self) -> list[str]:
        """The ids of the entries, in order."""
        return [entry.id for entry in self.entries]

    @property
    def exchanges(self) -> list[Exchange]:
        """The requests with their answers."""
        return [page.exchange for page in self.pages]

    @property
    def holds_newest(self) -> bool:
        """Whether every task that is as young as this walk must be in it."""
        return self.is_whole or len(self.ids) >= ENOUGH


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) else None


def _models(value: Any) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(
        (str(model.get("model_name")).strip(), str(model.get("model_status")))
        for model in value
        if isinstance(model, dict)
    )
