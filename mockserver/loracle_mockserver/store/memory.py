"""Keeps everything in memory, bounded: the oldest goes first, and is counted."""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Iterator

from loracle_contracts import task_id
from loracle_mockserver.tasks import Task

__all__ = ["MemoryStore", "Namespace"]

MAX_TASKS = 10_000
MAX_BYTES = 64 * 1024 * 1024  # of the bodies that are kept with the tasks
MAX_NAMESPACES = 1_000
MAX_UPLOADS = 10_000


class Namespace:
    """The world of one API key."""

    __slots__ = ("_names", "fault_counts", "id", "tasks", "uploads")

    def __init__(self, namespace_id: str) -> None:
        self.id = namespace_id
        self.tasks: dict[str, Task] = {}
        self.uploads = 0
        self.fault_counts: dict[int, int] = {}
        # (operation, name) -> [created, still kept]
        self._names: dict[tuple[str, str], list[int]] = {}

    def create(self, seed: int, operation: str, name: str, created_at: int, body: bytes) -> Task:
        """Adds a task; its id counts the earlier ones of that operation and name."""
        counts = self._names.get((operation, name))
        if counts is None:
            counts = self._names[operation, name] = [0, 0]
        task = Task(task_id(seed, operation, name, counts[0]), operation, name, created_at, body)
        counts[0] += 1
        counts[1] += 1
        self.tasks[task.id] = task
        return task

    def drop(self, task: Task) -> None:
        """Forgets a task, and a name's count with the last task of that name."""
        del self.tasks[task.id]
        counts = self._names[task.operation, task.name]
        counts[1] -= 1
        if not counts[1]:
            del self._names[task.operation, task.name]


class MemoryStore:
    """All namespaces of one server, in the order in which they appeared."""

    def __init__(self) -> None:
        self.namespaces: OrderedDict[str, Namespace] = OrderedDict()
        self.dropped_tasks = 0
        self.dropped_namespaces = 0
        self._tasks = 0
        self._bytes = 0
        self._uploads: OrderedDict[str, None] = OrderedDict()
        # Oldest first; those of dropped namespaces are skipped when met.
        self._order: deque[tuple[Namespace, Task]] = deque()

    def namespace(self, key: str) -> Namespace:
        """The namespace of an API key, made at its first use.

        It is named by the first 12 hex digits of the key's SHA-256, never by the key.
        """
        namespace_id = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        found = self.namespaces.get(namespace_id)
        if found is None:
            found = self.namespaces[namespace_id] = Namespace(namespace_id)
            if len(self.namespaces) > MAX_NAMESPACES:
                _, oldest = self.namespaces.popitem(last=False)
                self._tasks -= len(oldest.tasks)
                self._bytes -= sum(len(task.body) for task in oldest.tasks.values())
                oldest.tasks.clear()
                self.dropped_namespaces += 1
        return found

    def holds(self, namespace: Namespace) -> bool:
        """Whether the namespace was not dropped meanwhile."""
        return self.namespaces.get(namespace.id) is namespace

    def create(
        self, namespace: Namespace, seed: int, operation: str, name: str, created_at: int, body: bytes
    ) -> Task:
        """Adds a task to a namespace; where the store is full, the oldest task of all goes."""
        task = namespace.create(seed, operation, name, created_at, body)
        self._order.append((namespace, task))
        self._tasks += 1
        self._bytes += len(body)
        if self._tasks > MAX_TASKS:
            self._drop_oldest()
        while self._bytes > MAX_BYTES:
            self._drop_oldest()
        if len(self._order) > 2 * MAX_TASKS:
            self._order = deque(entry for entry in self._order if self.holds(entry[0]))
        return task

    def _drop_oldest(self) -> None:
        namespace, task = self._order.popleft()
        while not self.holds(namespace):
            namespace, task = self._order.popleft()
        namespace.drop(task)
        self._bytes -= len(task.body)
        self._tasks -= 1
        self.dropped_tasks += 1

    def expect_upload(self, file: str) -> None:
        """Notes that a file of this name may be uploaded."""
        self._uploads[file] = None
        if len(self._uploads) > MAX_UPLOADS:
            self._uploads.popitem(last=False)

    def expects_upload(self, file: str) -> bool:
        """Whether an upload URL for this file was handed out."""
        return file in self._uploads

    def tasks(self) -> Iterator[tuple[str, Task]]:
        """All tasks with the ids of their namespaces."""
        for namespace in self.namespaces.values():
            for task in namespace.tasks.values():
                yield namespace.id, task
