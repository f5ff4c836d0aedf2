"""Keeps everything in memory, bounded: the oldest goes first, and is counted."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator

from loracle_contracts import task_id
from loracle_mockserver.journal import Entry
from loracle_mockserver.store import limits
from loracle_mockserver.store.protocol import Statistics
from loracle_mockserver.tasks import Task

__all__ = ["MemoryStore"]


class _Namespace:
    __slots__ = ("counters", "documents", "names", "tasks", "uploads")

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        # (operation, name) -> [created, still kept]
        self.names: dict[tuple[str, str], list[int]] = {}
        self.counters: dict[str, int] = {}
        self.documents: dict[str, bytes] = {}
        # asset id -> its file and the bytes that came, None before they did
        self.uploads: OrderedDict[str, tuple[str, int | None]] = OrderedDict()


class MemoryStore:
    """All namespaces of one process, in the order in which they appeared."""

    is_shared = False

    def __init__(self, max_tasks: int | None = None) -> None:
        self._max_tasks = limits.MAX_TASKS if max_tasks is None else max_tasks
        self._clear()

    def _clear(self) -> None:
        self._namespaces: OrderedDict[str, _Namespace] = OrderedDict()
        self._everyone = _Namespace()
        self._dropped_tasks = self._dropped_namespaces = 0
        self._tasks = self._bytes = 0
        # Oldest first; those of dropped namespaces are skipped when met.
        self._order: deque[tuple[_Namespace, Task]] = deque()
        self._journal: deque[tuple[int, Entry]] = deque()
        self._journal_bytes = self._total = self._dropped_entries = 0
        self._answers: dict[tuple[str, int, str], int] = {}

    def _namespace(self, name: str) -> _Namespace:
        found = self._namespaces.get(name)
        if found is None:
            if not name:
                return self._everyone
            found = self._namespaces[name] = _Namespace()
            if len(self._namespaces) > limits.MAX_NAMESPACES:
                self._forget(next(iter(self._namespaces)))
                self._dropped_namespaces += 1
        return found

    def _forget(self, name: str) -> None:
        gone = self._namespaces.pop(name, None)
        if gone is not None:
            self._tasks -= len(gone.tasks)
            self._bytes -= sum(len(task.body) for task in gone.tasks.values())
            gone.tasks.clear()

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
        """Adds a task; where the store is full, the oldest task of all goes."""
        kept = self._namespace(namespace)
        counts = kept.names.get((operation, name))
        if counts is None:
            counts = kept.names[operation, name] = [0, 0]
        task = Task(task_id(seed, operation, name, counts[0]), operation, name, created_at, body, fault)
        counts[0] += 1
        counts[1] += 1
        kept.tasks[task.id] = task
        self._order.append((kept, task))
        self._tasks += 1
        self._bytes += len(body)
        while self._tasks > self._max_tasks or self._bytes > limits.MAX_TASK_BYTES:
            self._drop_oldest()
        if len(self._order) > 2 * max(self._max_tasks, 1):
            self._order = deque(entry for entry in self._order if entry[1].id in entry[0].tasks)
        return task

    def _drop_oldest(self) -> None:
        kept, task = self._order.popleft()
        if kept.tasks.pop(task.id, None) is None:
            return
        # A name's count goes with the last task of that name, or names would fill the memory.
        counts = kept.names[task.operation, task.name]
        counts[1] -= 1
        if not counts[1]:
            del kept.names[task.operation, task.name]
        self._bytes -= len(task.body)
        self._tasks -= 1
        self._dropped_tasks += 1

    def task(self, namespace: str, task_id: str) -> Task | None:
        """The task of this id."""
        kept = self._namespaces.get(namespace)
        return kept.tasks.get(task_id) if kept else None

    def poll(self, namespace: str, task_id: str) -> Task | None:
        """The task of this id, after counting that its state was asked for."""
        task = self.task(namespace, task_id)
        if task is not None:
            task.polls += 1
        return task

    def force(self, namespace: str, task_id: str, state: str | None) -> Task | None:
        """The task of this id, after putting it into a state; None lets it go on by itself."""
        task = self.task(namespace, task_id)
        if task is not None:
            task.forced = state
        return task

    def tasks(self, namespace: str) -> Iterator[Task]:
        """The tasks of a namespace, newest first."""
        kept = self._namespaces.get(namespace)
        return iter(reversed(kept.tasks.values())) if kept else iter(())

    def owners(self, task_id: str) -> list[str]:
        """The namespaces that have a task of this id."""
        return [name for name, kept in self._namespaces.items() if task_id in kept.tasks]

    # --- uploads

    def expect_upload(self, namespace: str, asset: str, file: str) -> None:
        """Notes that the file of this name may be uploaded as the asset of this id."""
        uploads = self._namespace(namespace).uploads
        uploads[asset] = (file, None)
        if len(uploads) > limits.MAX_UPLOADS:
            uploads.popitem(last=False)

    def receive_upload(self, namespace: str, asset: str, file: str, size: int) -> bool:
        """Notes that the file came, with `size` bytes; False where nobody expected it."""
        kept = self._namespaces.get(namespace)
        expected = kept.uploads.get(asset) if kept else None
        if kept is None or expected is None or expected[0] != file:
            return False
        kept.uploads[asset] = (file, size)
        return True

    def has_asset(self, namespace: str, asset: str) -> bool:
        """Whether the image of this asset id was uploaded."""
        kept = self._namespaces.get(namespace)
        return kept is not None and kept.uploads.get(asset, ("", None))[1] is not None

    # --- counters and documents

    def count(self, namespace: str, names: list[str]) -> list[int]:
        """Adds one to each counter of the namespace, and answers what they are now (from 1)."""
        counters = self._namespace(namespace).counters
        for name in names:
            counters[name] = counters.get(name, 0) + 1
        return [counters[name] for name in names]

    def counts(self, namespace: str, names: list[str]) -> list[int]:
        """What the counters of the namespace are, without counting."""
        kept = self._namespaces.get(namespace) if namespace else self._everyone
        return [kept.counters.get(name, 0) if kept else 0 for name in names]

    def read(self, namespace: str, name: str) -> tuple[bytes | None, bytes | None]:
        """The document of this name in a namespace, and the one in the namespace "" (of all keys)."""
        kept = self._namespaces.get(namespace)
        return (kept.documents.get(name) if kept else None), self._everyone.documents.get(name)

    def update(
        self, namespace: str, name: str, change: Callable[[bytes | None], bytes | None]
    ) -> bytes | None:
        """Replaces a document by what `change` makes of it (None removes it), and answers that."""
        documents = self._namespace(namespace).documents
        new = change(documents.get(name))
        if new is None:
            documents.pop(name, None)
        else:
            documents[name] = new
        return new

    # --- the journal

    def append(self, entry: Entry) -> None:
        """Adds an entry to the journal under the next number."""
        self._total += 1
        journal = self._journal
        journal.append((self._total, entry))
        self._journal_bytes += len(entry[6]) + len(entry[10])
        while len(journal) > limits.MAX_ENTRIES or self._journal_bytes > limits.MAX_ENTRY_BYTES:
            _, oldest = journal.popleft()
            self._journal_bytes -= len(oldest[6]) + len(oldest[10])
            self._dropped_entries += 1
        answer = (entry[1] or "", entry[7], entry[11] or "")
        self._answers[answer] = self._answers.get(answer, 0) + 1

    def entries(self) -> Iterator[tuple[int, Entry]]:
        """The entries that are still there with their numbers, oldest first."""
        return iter(tuple(self._journal))

    # --- the whole

    def statistics(self) -> Statistics:
        """How much is kept, and how much was dropped since the start or the last reset."""
        return Statistics(
            tasks=self._tasks,
            tasks_dropped=self._dropped_tasks,
            namespaces=len(self._namespaces),
            namespaces_dropped=self._dropped_namespaces,
            requests=self._total,
            requests_dropped=self._dropped_entries,
            answers=dict(self._answers),
        )

    def namespaces(self) -> list[str]:
        """The ids of the namespaces that keep anything, oldest first."""
        return list(self._namespaces)

    def reset(self, namespace: str | None) -> None:
        """Forgets one namespace, or everything."""
        if namespace is None:
            self._clear()
            return
        if not namespace:
            self._everyone = _Namespace()
        self._forget(namespace)
        self._journal = deque(kept for kept in self._journal if kept[1].namespace != namespace)
        self._journal_bytes = sum(len(entry.body) + len(entry.reply_body) for _, entry in self._journal)

    def flush(self) -> None:
        """Does nothing: what is in memory is as durable as the process."""

    def flushed(self) -> None:
        """There is nothing to wait for."""
        return

    def close(self) -> None:
        """Does nothing."""
