"""Keeps everything in one SQLite file, which several processes of one machine may share."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator

from loracle_mockserver.journal import Entry
from loracle_mockserver.store.protocol import Statistics, StoreError
from loracle_mockserver.store.record import decode_entry, decode_text, encode_text
from loracle_mockserver.store.sqlite_file import open_file
from loracle_mockserver.store.sqlite_journal import SqliteJournal
from loracle_mockserver.store.sqlite_tasks import SqliteTasks
from loracle_mockserver.store.sqlite_transactions import Transactions
from loracle_mockserver.tasks import Task

__all__ = ["SqliteStore"]

_PAGE = 50
_PER_NAMESPACE = ("uploads", "counters", "documents", "namespaces")


class SqliteStore:
    """All namespaces of one file.

    What is asked and written in one turn of the event loop is one transaction (group commit), which has
    the file for itself; without an event loop every write is committed at once. Entries of the journal
    wait for the next `flush` in any case.
    """

    is_shared = True

    def __init__(self, path: str, seed: int, max_tasks: int | None = None) -> None:
        """Raises StoreError where the file cannot be used."""
        self._path, self._seed = path, seed
        connection = open_file(path, seed)
        self._tasks = SqliteTasks(connection, max_tasks)
        self._journal = SqliteJournal(connection)
        # What this transaction knows; nobody else changes the file meanwhile.
        self._known: set[bytes] = set()
        self._documents: dict[tuple[bytes, bytes], tuple[bytes | None, bytes | None]] = {}
        self._transactions = Transactions(connection, path, self)
        self._reading, self._writing = self._transactions.reading, self._transactions.writing
        self._is_closed = False

    # --- transactions

    @property
    def has_more(self) -> bool:
        """Whether something waits that needs a transaction."""
        return self._journal.has_more

    def write(self) -> None:
        """Writes what waits for the end of the transaction."""
        self._tasks.write()
        self._journal.write()

    def forget(self) -> None:
        """Forgets what was true in the transaction only; what still waits is lost."""
        self._tasks.forget()
        self._journal.forget()
        self._known.clear()
        self._documents.clear()

    def _owner(self, connection: sqlite3.Connection, namespace: str) -> bytes:
        """The namespace as bytes, after noting that it keeps something."""
        owner = encode_text(namespace)
        if owner and owner not in self._known:
            connection.execute("INSERT OR IGNORE INTO namespaces (namespace) VALUES (?)", (owner,))
            self._known.add(owner)
        return owner

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
        with self._writing as connection:
            owner = self._owner(connection, namespace)
            return self._tasks.create(owner, seed, operation, name, created_at, body, fault)

    def task(self, namespace: str, task_id: str) -> Task | None:
        """The task of this id."""
        with self._reading:
            return self._tasks.find(namespace, task_id)

    def poll(self, namespace: str, task_id: str) -> Task | None:
        """The task of this id, after counting that its state was asked for."""
        with self._writing:
            self._tasks.count_poll(namespace, task_id)
            return self._tasks.find(namespace, task_id)

    def force(self, namespace: str, task_id: str, state: str | None) -> Task | None:
        """The task of this id, after putting it into a state; None lets it go on by itself."""
        with self._writing:
            self._tasks.force(namespace, task_id, state)
            return self._tasks.find(namespace, task_id)

    def tasks(self, namespace: str) -> Iterator[Task]:
        """The tasks of a namespace, newest first."""
        below = None
        while True:
            # A page at a time: a cursor that stays open would keep the log from being emptied.
            with self._reading:
                tasks, below = self._tasks.page(namespace, below)
            yield from tasks
            if below is None:
                return

    def owners(self, task_id: str) -> list[str]:
        """The namespaces that have a task of this id."""
        with self._reading:
            return self._tasks.owners(task_id)

    # --- uploads

    def expect_upload(self, namespace: str, asset: str, file: str) -> None:
        """Notes that the file of this name may be uploaded as the asset of this id."""
        with self._writing as connection:
            connection.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, NULL)",
                (self._owner(connection, namespace), encode_text(asset), encode_text(file)),
            )

    def receive_upload(self, namespace: str, asset: str, file: str, size: int) -> bool:
        """Notes that the file came, with `size` bytes; False where nobody expected it."""
        with self._writing as connection:
            changed = connection.execute(
                "UPDATE uploads SET size = ? WHERE namespace = ? AND asset = ? AND file = ?",
                (size, encode_text(namespace), encode_text(asset), encode_text(file)),
            )
            return changed.rowcount > 0

    def has_asset(self, namespace: str, asset: str) -> bool:
        """Whether the image of this asset id was uploaded."""
        with self._reading as connection:
            row = connection.execute(
                "SELECT size FROM uploads WHERE namespace = ? AND asset = ?",
                (encode_text(namespace), encode_text(asset)),
            ).fetchone()
            return row is not None and row[0] is not None

    # --- counters and documents

    def count(self, namespace: str, names: list[str]) -> list[int]:
        """Adds one to each counter of the namespace, and answers what they are now (from 1)."""
        with self._writing as connection:
            owner = self._owner(connection, namespace)
            connection.executemany(
                "INSERT INTO counters VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET value = value + 1",
                [(owner, encode_text(name)) for name in names],
            )
            return _counted(connection, owner, names)

    def counts(self, namespace: str, names: list[str]) -> list[int]:
        """What the counters of the namespace are, without counting."""
        with self._reading as connection:
            return _counted(connection, encode_text(namespace), names)

    def read(self, namespace: str, name: str) -> tuple[bytes | None, bytes | None]:
        """The document of this name in a namespace, and the one in the namespace "" (of all keys)."""
        owner, key = encode_text(namespace), encode_text(name)
        with self._reading as connection:
            known = self._documents.get((owner, key))
            if known is None:
                found: dict[bytes, bytes] = dict(
                    connection.execute(
                        "SELECT namespace, value FROM documents WHERE namespace IN (?, x'') AND name = ?",
                        (owner, key),
                    ).fetchall()
                )
                known = found.get(owner) if owner else None, found.get(b"")
                if connection.in_transaction:
                    self._documents[owner, key] = known
            return known

    def update(
        self, namespace: str, name: str, change: Callable[[bytes | None], bytes | None]
    ) -> bytes | None:
        """Replaces a document by what `change` makes of it (None removes it), and answers that."""
        key = (encode_text(namespace), encode_text(name))
        with self._writing as connection:
            row = connection.execute(
                "SELECT value FROM documents WHERE namespace = ? AND name = ?", key
            ).fetchone()
            new = change(row[0] if row else None)
            self._owner(connection, namespace)
            self._documents.clear()
            if new is None:
                connection.execute("DELETE FROM documents WHERE namespace = ? AND name = ?", key)
            else:
                connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (*key, new))
            return new

    # --- the journal

    def append(self, entry: Entry) -> None:
        """Adds an entry to the journal, without its credentials."""
        with self._transactions.lock:
            if self._journal.append(entry):
                self.flush()

    def entries(self) -> Iterator[tuple[int, Entry]]:
        """The entries that are still there with their numbers, oldest first."""
        self.flush()
        above = 0
        while True:
            with self._reading as connection:
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
        with self._reading as connection:
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
        with self._reading as connection:
            rows = connection.execute("SELECT namespace FROM namespaces ORDER BY n").fetchall()
        return [decode_text(owner) for (owner,) in rows]

    def reset(self, namespace: str | None) -> None:
        """Forgets one namespace, or everything."""
        with self._writing as connection:
            self.write()
            self.forget()
            if namespace is None:
                for table in ("tasks", "names", *_PER_NAMESPACE, "journal", "answers"):
                    connection.execute(f"DELETE FROM {table}")  # noqa: S608 - no input
                connection.execute(
                    "UPDATE totals SET requests = 0, requests_dropped = 0, entries = 0, entry_bytes = 0, "
                    "tasks = 0, tasks_dropped = 0"
                )
                return
            owner = encode_text(namespace)
            self._tasks.remove(owner)
            for table in _PER_NAMESPACE:
                connection.execute(f"DELETE FROM {table} WHERE namespace = ?", (owner,))  # noqa: S608
            self._journal.remove(owner)

    def flush(self) -> None:
        """Commits all that was written."""
        self._transactions.flush()

    def flushed(self) -> Awaitable[None] | None:
        """As `flush`, at the end of this turn of the event loop."""
        return self._transactions.flushed()

    def close(self) -> None:
        """Commits all that was written, and closes the file."""
        with self._transactions.lock:
            if self._is_closed:
                return
            self._is_closed = True
            try:
                self.flush()
            finally:
                self._transactions.connection.close()


def _counted(connection: sqlite3.Connection, owner: bytes, names: list[str]) -> list[int]:
    query = "SELECT value FROM counters WHERE namespace = ? AND name = ?"
    rows = [connection.execute(query, (owner, encode_text(name))).fetchone() for name in names]
    return [row[0] if row else 0 for row in rows]
