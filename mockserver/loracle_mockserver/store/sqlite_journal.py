"""The journal of a store in SQLite: entries wait here, and are written together."""

from __future__ import annotations

import sqlite3
from collections import Counter

from loracle_mockserver.journal import Entry
from loracle_mockserver.store import limits
from loracle_mockserver.store.record import encode_entry, encode_text

__all__ = ["SqliteJournal"]

# Entries that may wait; only who writes without ever flushing gets there.
_MAX_WAITING = 1_000


class SqliteJournal:
    """Writes entries through a connection; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # namespace, bytes of the bodies, the record
        self._waiting: list[tuple[bytes | None, int, bytes]] = []
        self._answers: Counter[tuple[bytes, int, bytes]] = Counter()

    @property
    def has_more(self) -> bool:
        """Whether entries wait to be written."""
        return bool(self._waiting)

    def append(self, entry: Entry) -> bool:
        """Takes an entry; whether so many wait that they should be written now."""
        namespace = None if entry.namespace is None else encode_text(entry.namespace)
        self._waiting.append((namespace, len(entry.body) + len(entry.reply_body), encode_entry(entry)))
        self._answers[encode_text(entry.operation or ""), entry.status, encode_text(entry.fault or "")] += 1
        return len(self._waiting) >= _MAX_WAITING

    def forget(self) -> None:
        """Drops the entries that wait."""
        self._waiting.clear()
        self._answers.clear()

    def write(self) -> None:
        """Writes the entries that wait under the next numbers; the oldest go where it is full."""
        if not self._waiting:
            return
        waiting, connection = self._waiting, self._connection
        (requests, entries, size) = connection.execute(
            "SELECT requests, entries, entry_bytes FROM totals"
        ).fetchone()
        connection.executemany(
            "INSERT INTO journal VALUES (?, ?, ?, ?)",
            [(n, *values) for n, values in enumerate(waiting, requests + 1)],
        )
        connection.executemany(
            "INSERT INTO answers VALUES (?, ?, ?, ?4) "
            "ON CONFLICT (operation, status, fault) DO UPDATE SET count = count + ?4",
            [(*answer, count) for answer, count in self._answers.items()],
        )
        size += sum(waited[1] for waited in waiting)
        dropped, size = self._drop_oldest(entries + len(waiting), size)
        connection.execute(
            "UPDATE totals SET requests = requests + ?1, requests_dropped = requests_dropped + ?2, "
            "entries = entries + ?1 - ?2, entry_bytes = ?3",
            (len(waiting), dropped, size),
        )
        self.forget()

    def _drop_oldest(self, entries: int, size: int) -> tuple[int, int]:
        """How many entries went, and the bytes that the others have."""
        dropped, last = 0, 0
        while entries - dropped > limits.MAX_ENTRIES or size > limits.MAX_ENTRY_BYTES:
            step = max(entries - dropped - limits.MAX_ENTRIES, 1)
            oldest = self._connection.execute(
                "SELECT n, bytes FROM journal WHERE n > ? ORDER BY n LIMIT ?", (last, step)
            ).fetchall()
            dropped, size, last = dropped + len(oldest), size - sum(row[1] for row in oldest), oldest[-1][0]
        if dropped:
            self._connection.execute("DELETE FROM journal WHERE n <= ?", (last,))
        return dropped, size

    def remove(self, namespace: bytes) -> None:
        """Removes the entries of a namespace; the others keep their numbers."""
        connection = self._connection
        connection.execute("DELETE FROM journal WHERE namespace = ?", (namespace,))
        connection.execute(
            "UPDATE totals SET (entries, entry_bytes) = "
            "(SELECT count(*), coalesce(sum(bytes), 0) FROM journal)"
        )
