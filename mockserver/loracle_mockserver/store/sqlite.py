"""Keeps everything in one SQLite file, which several processes of one machine may share."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator

from loracle_mockserver.journal import Entry
from loracle_mockserver.store import sqlite_tasks
from loracle_mockserver.store.batch import Batch
from loracle_mockserver.store.protocol import Statistics, StoreError
from loracle_mockserver.store.record import decode_entry, decode_text, encode_text
from loracle_mockserver.store.sqlite_file import BUSY_SECONDS, open_file
from loracle_mockserver.store.sqlite_journal import SqliteJournal
from loracle_mockserver.store.sqlite_tasks import known
from loracle_mockserver.tasks import Task

__all__ = ["SqliteStore"]

_PAGE = 50
_PER_NAMESPACE = ("names", "tasks", "uploads", "counters", "documents")


class SqliteStore:
    """All namespaces of one file.

    What is written in one turn of the event loop is one transaction (group commit); without an event
    loop every write is committed at once. Entries of the journal wait for the next `flush` in any case.
    """

    is_shared = True

    def __init__(self, path: str, seed: int, max_tasks: int | None = None) -> None:
        """Raises StoreError where the file cannot be used."""
        self._path, self._seed, self._max_tasks = path, seed, max_tasks
        self._connection = open_file(path, seed)
        self._journal = SqliteJournal(self._connection)
        self._batch = Batch(self.flush)
        # The control API of a fixture works from another thread.
        self._lock = threading.RLock()
        self._is_closed = False

    # --- transactions

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise self._lost(error) from None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if not self._connection.in_transaction:
                    self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
            except sqlite3.Error as error:
                raise self._lost(error) from None
            except BaseException:
                # Nothing was written yet; what came before is none the worse for it.
                self._end_write()
                raise
            self._end_write()

    def _end_write(self) -> None:
        if not self._batch.schedule():
            self._commit()

    def _lost(self, error: sqlite3.Error) -> StoreError:
        """Takes back all that was not committed, and tells those who wait for it."""
        with contextlib.suppress(sqlite3.Error):  # there may be nothing left to take back
            self._connection.rollback()
        self._journal.forget()
        why = str(error)
        if "locked" in why or "busy" in why:
            why = f"another process has held its lock for more than {BUSY_SECONDS:g} seconds"
        lost = StoreError(f"{self._path} cannot be read or written: {why}")
        self._batch.settle(lost)
        return lost

    def _commit(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._lost(error) from None

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
            raise StoreError(f"{self._path} is of seed {self._seed}, not of seed {seed}")
        with self._writing() as connection:
            task = sqlite_tasks.create(connection, namespace, seed, operation, name, created_at, body, fault)
            if self._max_tasks is not None:
                sqlite_tasks.drop_oldest(connection, self._max_tasks)
            return task

    def task(self, namespace: str, task_id: str) -> Task | None:
        """The task of this id."""
        with self._reading() as connection:
            return sqlite_tasks.find(connection, namespace, task_id)

    def poll(self, namespace: str, task_id: str) -> Task | None:
        """The task of this id, after counting that its state was asked for."""
        if self.task(namespace, task_id) is None:
            return None  # without taking the lock
        with self._writing() as connection:
            sqlite_tasks.count_poll(connection, namespace, task_id)
            return sqlite_tasks.find(connection, namespace, task_id)

    def force(self, namespace: str, task_id: str, state: str | None) -> Task | None:
        """The task of this id, after putting it into a state; None lets it go on by itself."""
        with self._writing() as connection:
            sqlite_tasks.force(connection, namespace, task_id, state)
            return sqlite_tasks.find(connection, namespace, task_id)

    def tasks(self, namespace: str) -> Iterator[Task]:
        """The tasks of a namespace, newest first."""
        below = None
        while True:
            # A page at a time: a cursor that stays open would keep the log from being emptied.
            with self._reading() as connection:
                tasks, below = sqlite_tasks.page(connection, namespace, below)
            yield from tasks
            if below is None:
                return

    def owners(self, task_id: str) -> list[str]:
        """The namespaces that have a task of this id."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT namespace FROM namespaces JOIN tasks USING (namespace) "
                "WHERE tasks.id = ? ORDER BY namespaces.n",
                (encode_text(task_id),),
            )
            return [decode_text(owner) for (owner,) in rows]

    # --- uploads

    def expect_upload(self, namespace: str, asset: str, file: str) -> None:
        """Notes that the file of this name may be uploaded as the asset of this id."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, NULL)",
                (known(connection, namespace), encode_text(asset), encode_text(file)),
            )

    def receive_upload(self, namespace: str, asset: str, file: str, size: int) -> bool:
        """Notes that the file came, with `size` bytes; False where nobody expected it."""
        with self._writing() as connection:
            changed = connection.execute(
                "UPDATE uploads SET size = ? WHERE namespace = ? AND asset = ? AND file = ?",
                (size, encode_text(namespace), encode_text(asset), encode_text(file)),
            )
            return changed.rowcount > 0

    def has_asset(self, namespace: str, asset: str) -> bool:
        """Whether the image of this asset id was uploaded."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT size FROM uploads WHERE namespace = ? AND asset = ?",
                (encode_text(namespace), encode_text(asset)),
            ).fetchone()
            return row is not None and row[0] is not None

    # --- counters and documents

    def count(self, namespace: str, names: list[str]) -> list[int]:
        """Adds one to each counter of the namespace, and answers what they are now (from 1)."""
        with self._writing() as connection:
            owner = known(connection, namespace)
            connection.executemany(
                "INSERT INTO counters VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET value = value + 1",
                [(owner, encode_text(name)) for name in names],
            )
            return self._counted(owner, names)

    def counts(self, namespace: str, names: list[str]) -> list[int]:
        """What the counters of the namespace are, without counting."""
        with self._reading():
            return self._counted(encode_text(namespace), names)

    def _counted(self, owner: bytes, names: list[str]) -> list[int]:
        query = "SELECT value FROM counters WHERE namespace = ? AND name = ?"
        rows = [self._connection.execute(query, (owner, encode_text(name))).fetchone() for name in names]
        return [row[0] if row else 0 for row in rows]

    def read(self, namespace: str, name: str) -> tuple[bytes | None, bytes | None]:
        """The document of this name in a namespace, and the one in the namespace "" (of all keys)."""
        owner = encode_text(namespace)
        with self._reading() as connection:
            found: dict[bytes, bytes] = dict(
                connection.execute(
                    "SELECT namespace, value FROM documents WHERE namespace IN (?, x'') AND name = ?",
                    (owner, encode_text(name)),
                ).fetchall()
            )
        return found.get(owner) if owner else None, found.get(b"")

    def update(
        self, namespace: str, name: str, change: Callable[[bytes | None], bytes | None]
    ) -> bytes | None:
        """Replaces a document by what `change` makes of it (None removes it), and answers that."""
        key = (encode_text(namespace), encode_text(name))
        with self._writing() as connection:
            row = connection.execute(
                "SELECT value FROM documents WHERE namespace = ? AND name = ?", key
            ).fetchone()
            new = change(row[0] if row else None)
            known(connection, namespace)
            if new is None:
                connection.execute("DELETE FROM documents WHERE namespace = ? AND name = ?", key)
            else:
                connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (*key, new))
            return new

    # --- the journal

    def append(self, entry: Entry) -> None:
        """Adds an entry to the journal, without its credentials."""
        with self._lock:
            if self._journal.append(entry):
                self.flush()

    def entries(self) -> Iterator[tuple[int, Entry]]:
        """The entries that are still there with their numbers, oldest first."""
        self.flush()
        above = 0
        while True:
            with self._reading() as connection:
                rows = connection.execute(
                    "SELECT n, entry FROM journal WHERE n > ? ORDER BY n LIMIT ?", (above, _PAGE)
                ).fetchall()
            for n, record in rows:
                yield n, decode_entry(record)
            if len(rows) < _PAGE:
                return
            above = rows[-1][0]

    # --- the whole

    def statistics(self) -> Statistics:
        """How much is kept, and how much was dropped since the start or the last reset."""
        self.flush()
        with self._reading() as connection:
            tasks, tasks_dropped, requests, requests_dropped, namespaces = connection.execute(
                "SELECT tasks, tasks_dropped, requests, requests_dropped, "
                "(SELECT count(*) FROM namespaces) FROM totals"
            ).fetchone()
            answers = connection.execute("SELECT operation, status, fault, count FROM answers").fetchall()
        counted = {
            (decode_text(operation), status, decode_text(fault)): count
            for operation, status, fault, count in answers
        }
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
        with self._reading() as connection:
            rows = connection.execute("SELECT namespace FROM namespaces ORDER BY n").fetchall()
        return [decode_text(owner) for (owner,) in rows]

    def reset(self, namespace: str | None) -> None:
        """Forgets one namespace, or everything."""
        with self._writing() as connection:
            self._journal.write()
            if namespace is None:
                for table in (*_PER_NAMESPACE, "namespaces", "journal", "answers"):
                    connection.execute(f"DELETE FROM {table}")  # noqa: S608 - no input
                connection.execute(
                    "UPDATE totals SET requests = 0, requests_dropped = 0, entries = 0, entry_bytes = 0, "
                    "tasks = 0, tasks_dropped = 0"
                )
                return
            owner = (encode_text(namespace),)
            (gone,) = connection.execute("SELECT count(*) FROM tasks WHERE namespace = ?", owner).fetchone()
            connection.execute("UPDATE totals SET tasks = tasks - ?", (gone,))
            for table in (*_PER_NAMESPACE, "namespaces"):
                connection.execute(f"DELETE FROM {table} WHERE namespace = ?", owner)  # noqa: S608
            self._journal.remove(owner[0])

    def flush(self) -> None:
        """Commits all that was written."""
        with self._lock:
            if self._journal.has_more:
                with self._writing():
                    self._journal.write()
            self._commit()
            self._batch.settle()

    def flushed(self) -> Awaitable[None] | None:
        """As `flush`, at the end of this turn of the event loop."""
        with self._reading() as connection:
            if not self._journal.has_more and not connection.in_transaction:
                return None
            return self._batch.wait()

    def close(self) -> None:
        """Commits all that was written, and closes the file."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            try:
                self.flush()
            finally:
                self._connection.close()
