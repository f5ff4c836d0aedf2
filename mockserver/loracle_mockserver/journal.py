"""A bounded record of what was asked and what was answered. Credentials never enter it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

__all__ = ["Entry", "Journal"]

MAX_ENTRIES = 10_000
_PATH = 200  # characters of a path that are kept


class Entry(NamedTuple):
    """One request and its answer.

    `rules` are the violated rules of the profile in force, `strict_rules` those that only strict
    forbids.
    """

    n: int
    namespace: str | None
    operation: str | None
    method: str
    path: str
    status: int
    reason: str | None
    fault: str | None
    rules: tuple[str, ...]
    strict_rules: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The entry as JSON; a path may hold anything, so it is percent-encoded."""
        return {**self._asdict(), "path": quote(self.path)}


class Journal:
    """The latest entries; older ones are dropped and counted."""

    def __init__(self) -> None:
        self._entries: deque[tuple[Any, ...]] = deque(maxlen=MAX_ENTRIES)
        self.total = 0

    @property
    def dropped(self) -> int:
        """How many entries were dropped."""
        return self.total - len(self._entries)

    def add(
        self,
        namespace: str | None,
        operation: str | None,
        method: str,
        path: str,
        status: int,
        reason: str | None,
        fault: str | None = None,
        rules: tuple[str, ...] = (),
        strict_rules: tuple[str, ...] = (),
    ) -> None:
        """Adds one entry."""
        self.total += 1
        # An entry is made when it is read, which most are not.
        self._entries.append(
            (
                self.total,
                namespace,
                operation,
                method,
                path if len(path) <= _PATH else path[:_PATH],
                status,
                reason,
                fault,
                rules,
                strict_rules,
            )
        )

    def __iter__(self) -> Iterator[Entry]:
        return map(Entry._make, tuple(self._entries))
