"""Keeps everything in a Redis or Valkey, which servers on several hosts may share."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import orjson

from loracle_contracts import task_id
from loracle_mockserver.journal import Entry
from loracle_mockserver.store import limits
from loracle_mockserver.store.batch import Batch
from loracle_mockserver.store.protocol import Statistics, StoreError
from loracle_mockserver.store.record import decode_entry, decode_text, encode_entry, encode_text
from loracle_mockserver.store.redis_connection import RedisConnection
from loracle_mockserver.store.redis_scripts import VERSION
from loracle_mockserver.tasks import Task

__all__ = ["RedisStore"]

_PAGE = 50
_MOST_GUESSES = 10_000  # names whose next number is remembered
_CANDIDATES = 8
# Each failure means that another process succeeded, so this many in a row mean something else.
_MOST_TRIES = 1_000
# Entries and bytes that go to the server at once; who never flushes gets there, too.
_MAX_WAITING = 500
_MAX_WAITING_BYTES = 4 * 1024 * 1024


class RedisStore:
    """All namespaces of one database of a Redis.

    Every method but `append` is done there when it returns. The entries of the journal wait for the
    next flush, which sends those of one turn of the event loop together.
    """

    is_shared = True

    def __init__(self, url: str, seed: int, max_tasks: int | None = None) -> None:
        """Raises StoreError where the server cannot be used, or belongs to another seed."""
        self._seed, self._max_tasks = seed, max_tasks
        self._connection = RedisConnection(url)
        self._next: dict[tuple[str, str, str], int] = {}
        self._wait_for_more()
        # What was read in this turn of the event loop.
        self._documents: dict[tuple[str, str], tuple[bytes | None, bytes | None]] = {}
        self._batch = Batch(self.flush)
        # The control API of a fixture works from another thread.
        self._lock = threading.RLock()
        self._is_closed = False
        try:
            self._claim()
        except StoreError:
            self._connection.close()
            raise

    def _claim(self) -> None:
        where = self._connection.where
        claimed = self._run("claim", VERSION, self._seed)
        schema, seed = (value.decode(errors="backslashreplace") for value in claimed)
        if schema != str(VERSION):
            raise StoreError(
                f"{where} has data of version {schema}, but this loracle knows version {VERSION}; "
                "use another database"
            )
        if seed != str(self._seed):
            raise StoreError(
                f"{where} was used with seed {seed}, so its ids are not those of seed {self._seed}; "
                f"use --seed {seed} or another database"
            )

    def _run(self, script: str, *values: bytes | str | float) -> Any:
        with self._lock:
            return self._connection.run(script, *values)

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
        """Adds a task. Raises StoreError for another seed than the store's."""
        if seed != self._seed:
            raise StoreError(f"{self._connection.where} is of seed {self._seed}, not of seed {seed}")
        owner, field = encode_text(namespace), encode_text(f"{operation}\n{name}")
        facts = orjson.dumps([created_at, fault])
        record = b"%d %b%b\n%b" % (len(field), field, facts, body)
        cap = "" if self._max_tasks is None else self._max_tasks
        # Redis cannot make the id, so it is told which one the next number has. That is guessed from
        # the last one; where another process was faster, the answer is the number as it is now.
        first, candidates = self._next.get((namespace, operation, name), 0), 1
        for _ in range(_MOST_TRIES):
            ids = [task_id(seed, operation, name, first + more) for more in range(candidates)]
            made = self._run("create", owner, seed, field, record, cap, first, *ids)
            if isinstance(made, bytes):
                new = made.decode()
                if len(self._next) >= _MOST_GUESSES:
                    self._next.clear()
                self._next[namespace, operation, name] = first + ids.index(new) + 1
                return Task(new, operation, name, created_at, body, fault)
            first, candidates = made, _CANDIDATES
        raise StoreError(f"{self._connection.where} is too busy with tasks of one name")

    def task(self, namespace: str, task_id: str) -> Task | None:
        """The task of this id."""
        return _task(self._run("task", encode_text(namespace), encode_text(task_id)))

    def poll(self, namespace: str, task_id: str) -> Task | None:
        """The task of this id, after counting that its state was asked for."""
        return _task(self._run("poll", encode_text(namespace), encode_text(task_id)))

    def force(self, namespace: str, task_id: str, state: str | None) -> Task | None:
        """The task of this id, after putting it into a state; None lets it go on by itself."""
        return _task(self._run("force", encode_text(namespace), encode_text(task_id), *_optional(state)))

    def tasks(self, namespace: str) -> Iterator[Task]:
        """The tasks of a namespace, newest first."""
        below = b"+inf"
        while below:
            place, found = self._run("page", encode_text(namespace), below, _PAGE)
            for one in found:
                task = _task(one)
                if task is not None:
                    yield task
            below = b"(" + place if place else b""

    def owners(self, task_id: str) -> list[str]:
        """The namespaces that have a task of this id."""
        return [decode_text(owner) for owner in self._run("owners", encode_text(task_id))]

    # --- uploads

    def expect_upload(self, namespace: str, asset: str, file: str) -> None:
        """Notes that the file of this name may be uploaded as the asset of this id."""
        self._run("expect", encode_text(namespace), encode_text(asset), encode_text(file))

    def receive_upload(self, namespace: str, asset: str, file: str, size: int) -> bool:
        """Notes that the file came, with `size` bytes; False where nobody expected it."""
        known = self._run("receive", encode_text(namespace), encode_text(asset), encode_text(file), size)
        return bool(known)

    def has_asset(self, namespace: str, asset: str) -> bool:
        """Whether the image of this asset id was uploaded."""
        return bool(self._run("has_asset", encode_text(namespace), encode_text(asset)))

    # --- counters and documents

    def count(self, namespace: str, names: list[str]) -> list[int]:
        """Adds one to each counter of the namespace, and answers what they are now (from 1)."""
        counts = self._run("count", encode_text(namespace), *map(encode_text, names))
        return [int(count) for count in counts]

    def counts(self, namespace: str, names: list[str]) -> list[int]:
        """What the counters of the namespace are, without counting."""
        counts = self._run("counts", encode_text(namespace), *map(encode_text, names))
        return [int(count) for count in counts]

    def read(self, namespace: str, name: str) -> tuple[bytes | None, bytes | None]:
        """The document of this name in a namespace, and the one in the namespace "" (of all keys).

        In an event loop they are read once for each turn.
        """
        with self._lock:
            known = self._documents.get((namespace, name))
            if known is None:
                own, everyone = self._run("read", encode_text(namespace), encode_text(name))
                known = own, everyone
                if self._batch.schedule():
                    self._documents[namespace, name] = known
            return known

    def update(
        self, namespace: str, name: str, change: Callable[[bytes | None], bytes | None]
    ) -> bytes | None:
        """Replaces a document by what `change` makes of it (None removes it), and answers that."""
        key = (encode_text(namespace), encode_text(name))
        self._documents.clear()
        for _ in range(_MOST_TRIES):
            known = self._run("document", *key)
            new = change(known)
            if self._run("replace", *key, *_optional(known), *_optional(new)):
                return new
        raise StoreError(f"{self._connection.where} is too busy with one document")

    # --- the journal

    def append(self, entry: Entry) -> None:
        """Adds an entry to the journal, without its credentials."""
        size = len(entry.body) + len(entry.reply_body)
        owner = b"" if entry.namespace is None else b"of " + encode_text(entry.namespace)
        answer = (entry.operation or "", entry.status, entry.fault or "")
        record = encode_entry(entry)
        with self._lock:
            self._waiting += (b"%d %b" % (size, owner), record)
            self._waiting_size += size
            self._waiting_bytes += len(record)
            self._answers[answer] += 1
            if len(self._waiting) >= 2 * _MAX_WAITING or self._waiting_bytes >= _MAX_WAITING_BYTES:
                self.flush()

    def _send(self) -> None:
        waiting, size, answers = self._waiting, self._waiting_size, self._answers
        if waiting:
            self._wait_for_more()
            counted = [word for answer, count in answers.items() for word in (orjson.dumps(answer), count)]
            caps = (limits.MAX_ENTRIES, limits.MAX_ENTRY_BYTES)
            self._run("append", *caps, len(waiting) // 2, size, *waiting, *counted)

    def _wait_for_more(self) -> None:
        self._waiting: list[bytes] = []
        self._waiting_size = self._waiting_bytes = 0
        self._answers: Counter[tuple[str, int, str]] = Counter()

    def entries(self) -> Iterator[tuple[int, Entry]]:
        """The entries that are still there with their numbers, oldest first."""
        self.flush()
        above = 0
        while True:
            found = self._run("entries", f"({above}", _PAGE)
            for n, record in found:
                yield int(n), decode_entry(record)
            if len(found) < _PAGE:
                return
            above = int(found[-1][0])

    # --- the whole

    def statistics(self) -> Statistics:
        """How much is kept, and how much was dropped since the start or the last reset."""
        self.flush()
        totals, tasks, namespaces, answers = self._run("statistics")
        tasks_dropped, requests, requests_dropped = (int(total or 0) for total in totals)
        counted = {}
        for answer, count in zip(answers[::2], answers[1::2], strict=True):
            operation, status, fault = orjson.loads(answer)
            counted[operation, status, fault] = int(count)
        return Statistics(
            tasks=tasks,
            tasks_dropped=tasks_dropped,
            namespaces=namespaces,
            requests=requests,
            requests_dropped=requests_dropped,
            answers=counted,
        )

    def namespaces(self) -> list[str]:
        """The ids of the namespaces that keep anything, oldest first."""
        return [decode_text(owner) for owner in self._run("namespaces")]

    def reset(self, namespace: str | None) -> None:
        """Forgets one namespace, or everything; only keys of ours are deleted."""
        self.flush()
        self._documents.clear()
        if namespace is None:
            self._run("reset_all")
        else:
            self._run("reset", encode_text(namespace))

    def flush(self) -> None:
        """Sends what waits."""
        with self._lock:
            self._documents.clear()
            try:
                self._send()
            except StoreError as error:
                self._batch.settle(error)
                raise
            self._batch.settle()

    def flushed(self) -> Awaitable[None] | None:
        """As `flush`, at the end of this turn of the event loop."""
        with self._lock:
            return self._batch.wait() if self._waiting else None

    def close(self) -> None:
        """Sends what waits, and ends the connection."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            try:
                self.flush()
            finally:
                self._connection.close()


def _task(found: Any) -> Task | None:
    if not found:
        return None
    new, record, polls, forced = found
    length, rest = record.split(b" ", 1)
    field, facts = rest[: int(length)], rest[int(length) :]
    operation, name = decode_text(field).split("\n", 1)
    line, body = facts.split(b"\n", 1)
    created_at, fault = orjson.loads(line)
    return Task(
        new.decode(),
        operation,
        name,
        created_at,
        body,
        fault,
        int(polls or 0),
        None if forced is None else decode_text(forced),
    )


def _optional(value: bytes | str | None) -> tuple[int, bytes]:
    """Whether there is one, and it; a script cannot be told of nothing."""
    if value is None:
        return 0, b""
    return 1, encode_text(value) if isinstance(value, str) else value
