"""What a store has to do: keep tasks, counters, uploads, documents and the journal of every namespace.

A namespace is the world of one API key. Every method is atomic, also among processes that share the
store; what they wrote is durable once `flush` (or `flushed`) has returned. Any of them raises StoreError
where the store cannot do its work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from loracle_mockserver.journal import Entry
from loracle_mockserver.tasks import Task

__all__ = ["Statistics", "Store", "StoreError"]


class StoreError(Exception):
    """The store cannot be reached or cannot do its work; the text says why."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """How much a store keeps, and how much it dropped since the start or the last reset.

    `requests` is the number of the newest one in the journal, too. `answers` counts them by operation
    (empty: none), status and fault (empty: none).
    """

    tasks: int = 0
    tasks_dropped: int = 0
    namespaces: int = 0
    namespaces_dropped: int = 0
    requests: int = 0
    requests_dropped: int = 0
    answers: dict[tuple[str, int, str], int] = field(default_factory=dict)


class Store(Protocol):
    """Where a world is kept. `is_shared` says whether several processes can work on it."""

    is_shared: bool

    # --- tasks

    def create(
        self,
        namespace: str,
        seed: int,
        operation: str,
        name: str,
        created_at: float,
        body: bytes,
        fault: str | None,
    ) -> Task:
        """Adds a task, whose id is `task_id(seed, operation, name, n)` of the `n` earlier ones."""
        ...

    def task(self, namespace: str, task_id: str) -> Task | None:
        """The task of this id."""
        ...

    def poll(self, namespace: str, task_id: str) -> Task | None:
        """The task of this id, after counting that its state was asked for."""
        ...

    def force(self, namespace: str, task_id: str, state: str | None) -> Task | None:
        """The task of this id, after putting it into a state; None lets it go on by itself."""
        ...

    def tasks(self, namespace: str) -> Iterator[Task]:
        """The tasks of a namespace, newest first."""
        ...

    def owners(self, task_id: str) -> list[str]:
        """The namespaces that have a task of this id."""
        ...

    # --- uploads

    def expect_upload(self, namespace: str, asset: str, file: str) -> None:
        """Notes that the file of this name may be uploaded as the asset of this id."""
        ...

    def receive_upload(self, namespace: str, asset: str, file: str, size: int) -> bool:
        """Notes that the file came, with `size` bytes; False where nobody expected it."""
        ...

    def has_asset(self, namespace: str, asset: str) -> bool:
        """Whether the image of this asset id was uploaded."""
        ...

    # --- counters and documents

    def count(self, namespace: str, names: list[str]) -> list[int]:
        """Adds one to each counter of the namespace, and answers what they are now (from 1)."""
        ...

    def counts(self, namespace: str, names: list[str]) -> list[int]:
        """What the counters of the namespace are, without counting."""
        ...

    def read(self, namespace: str, name: str) -> tuple[bytes | None, bytes | None]:
        """The document of this name in a namespace, and the one in the namespace "" (of all keys)."""
        ...

    def update(
        self, namespace: str, name: str, change: Callable[[bytes | None], bytes | None]
    ) -> bytes | None:
        """Replaces a document by what `change` makes of it (None removes it), and answers that.

        `change` must be pure: where several processes are at it, it may be called again.
        """
        ...

    # --- the journal

    def append(self, entry: Entry) -> None:
        """Adds an entry to the journal under the next number; the oldest goes where it is full."""
        ...

    def entries(self) -> Iterator[tuple[int, Entry]]:
        """The entries that are still there with their numbers (from 1), oldest first."""
        ...

    # --- the whole

    def statistics(self) -> Statistics:
        """How much is kept, and how much was dropped since the start or the last reset."""
        ...

    def namespaces(self) -> list[str]:
        """The ids of the namespaces that keep anything, oldest first."""
        ...

    def reset(self, namespace: str | None) -> None:
        """Forgets one namespace (the empty one: what is of all keys), or everything."""
        ...

    def flush(self) -> None:
        """Returns when all that was written is durable."""
        ...

    def flushed(self) -> Awaitable[None] | None:
        """As `flush`, to be awaited; None where there is nothing to wait for."""
        ...

    def close(self) -> None:
        """Ends the use of the store."""
        ...
