"""Finds entries of the journal; cheap questions come first, so that ten thousand entries take no time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from loracle_contracts import spec
from loracle_mockserver.globs import MAX_GLOB, is_like
from loracle_mockserver.journal import Entry

__all__ = ["MAX_LIMIT", "Search", "SearchError"]

MAX_LIMIT = 10_000
_LIMIT = 100
_VERDICTS = ("valid", "invalid")


class SearchError(ValueError):
    """A filter that cannot be; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Search:
    """What an entry has to be like to be found; None does not matter.

    `verdict` is the one under the strict profile, `task` the id that a status call asks for or a create
    was answered with, `fault` the name of what went wrong on demand (a glob: `*` is any fault, `none` is
    for requests that met none). Of those found the latest `limit` count; after `since`, the number of an
    entry, the first ones, so that whoever reads on from the last number misses nothing.
    """

    operation: str | None = None
    status: int | None = None
    verdict: Literal["valid", "invalid"] | None = None
    task: str | None = None
    fault: str | None = None
    since: int | None = None
    limit: int = _LIMIT

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Search:
        """The search that query parameters of these names ask for. Raises SearchError."""
        operation, verdict = given.get("operation"), given.get("verdict")
        if operation is not None and operation not in spec.operations():
            raise SearchError(f"no operation {operation[:80]!r}; there are {', '.join(spec.operations())}")
        if verdict is not None and verdict not in _VERDICTS:
            raise SearchError(f"verdict is valid or invalid, not {verdict[:80]!r}")
        if len(given.get("fault", "")) > MAX_GLOB:
            raise SearchError(f"fault is a pattern of at most {MAX_GLOB:,} characters")
        limit = _whole(given, "limit", 1, MAX_LIMIT)
        return cls(
            operation,
            _whole(given, "status", 100, 599),
            "valid" if verdict == "valid" else "invalid" if verdict else None,
            given.get("task"),
            given.get("fault"),
            _whole(given, "since", 0, 2**63 - 1),
            _LIMIT if limit is None else limit,
        )

    def ordered(self, entries: Iterable[tuple[int, Entry]]) -> Iterator[tuple[int, Entry]]:
        """The entries in the order in which they have to be tried."""
        if self.since is not None:
            since = self.since
            return (kept for kept in entries if kept[0] > since)
        return reversed(list(entries))

    def takes(self, entry: Entry) -> bool:
        """Whether the entry is one of those that are asked for."""
        return all(ask(entry) for ask in self._questions())

    def _questions(self) -> Iterator[Callable[[Entry], bool]]:
        if self.operation is not None:
            yield lambda entry: entry.operation == self.operation
        if self.status is not None:
            yield lambda entry: entry.status == self.status
        if self.fault == "none":
            yield lambda entry: entry.fault is None
        elif self.fault is not None:
            wanted = self.fault
            yield lambda entry: entry.fault is not None and is_like(entry.fault, wanted)
        if self.task is not None:
            yield lambda entry: entry.task == self.task
        if self.verdict is not None:
            yield lambda entry: entry.is_valid() is (self.verdict == "valid")


def _whole(given: Mapping[str, str], name: str, lowest: int, highest: int) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and lowest <= int(text) <= highest):
        raise SearchError(f"{name} is a whole number from {lowest} to {highest}, not {text[:80]!r}")
    return int(text)
