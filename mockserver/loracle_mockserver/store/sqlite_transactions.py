"""Transactions of a store in SQLite: one for each turn of the event loop, or for each write without one."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Awaitable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from loracle_mockserver.store.batch import Batch
from loracle_mockserver.store.protocol import StoreError
from loracle_mockserver.store.sqlite_file import BUSY_SECONDS

__all__ = ["Pending", "Transactions"]

# By thread and file: who has begun a transaction there.
_begun: dict[tuple[int, str], Transactions] = {}


class Pending(Protocol):
    """What waits for the end of a transaction."""

    @property
    def has_more(self) -> bool:
        """Whether something waits that needs a transaction."""
        ...

    def write(self) -> None:
        """Writes what waits; a transaction is open."""
        ...

    def forget(self) -> None:
        """Forgets what was true in the transaction only, which is over."""
        ...


class Transactions:
    """Has the connection used by one thread at a time, in transactions that have the file for themselves.

    Use it as `with transactions.writing as connection` or `reading`. In an event loop the transaction
    goes on until the end of the turn; without one, what was written is committed at once. Where SQLite
    fails the whole transaction is taken back, those who wait for it are told, and StoreError is raised.
    """

    def __init__(self, connection: sqlite3.Connection, path: str, pending: Pending) -> None:
        self.connection = connection
        self.lock = threading.RLock()  # the control API of a fixture works from another thread
        self.batch = Batch(self.flush)
        self.reading, self.writing = _Use(self, is_writing=False), _Use(self, is_writing=True)
        self._path, self._pending = path, pending
        self._place = (0, "")

    def begin(self) -> None:
        """Begins a transaction where none is open."""
        if self.connection.in_transaction:
            return
        self._place = (threading.get_ident(), str(Path(self._path).absolute()))
        holder = _begun.get(self._place)
        if holder is not None:
            # Another store of this thread and file; to wait for it would be to wait for ourselves.
            holder.flush()
        self.connection.execute("BEGIN IMMEDIATE")
        _begun[self._place] = self

    def commit(self) -> None:
        """Ends the transaction with all that waits for its end."""
        try:
            if self._pending.has_more:
                self.begin()
            if self.connection.in_transaction:
                self._pending.write()
                self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self.lost(error) from None
        self._end()

    def _end(self) -> None:
        if _begun.get(self._place) is self:
            del _begun[self._place]
        self._pending.forget()

    def lost(self, error: sqlite3.Error) -> StoreError:
        """Takes back all that was not committed; the error to raise."""
        with contextlib.suppress(sqlite3.Error):  # there may be nothing left to take back
            self.connection.rollback()
        self._end()
        why = str(error)
        if "locked" in why or "busy" in why:
            why = f"another process has held its lock for more than {BUSY_SECONDS:g} seconds"
        lost = StoreError(f"{self._path} cannot be read or written: {why}")
        self.batch.settle(lost)
        return lost

    def flush(self) -> None:
        """Commits all that was written, and tells those who wait for it."""
        with self.lock:
            self.commit()
            self.batch.settle()

    def flushed(self) -> Awaitable[None] | None:
        """As `flush`, at the end of this turn of the event loop; None where there is nothing to commit."""
        with self.lock:
            if not self._pending.has_more and not self.connection.in_transaction:
                return None
            return self.batch.wait()


class _Use:
    def __init__(self, transactions: Transactions, *, is_writing: bool) -> None:
        self._transactions, self._is_writing = transactions, is_writing

    def __enter__(self) -> sqlite3.Connection:
        transactions = self._transactions
        transactions.lock.acquire()
        try:
            # In a loop also for what only reads: each request writes in the end, if only to the journal.
            if transactions.batch.schedule() or self._is_writing:
                transactions.begin()
        except sqlite3.Error as error:
            lost = transactions.lost(error)
            transactions.lock.release()
            raise lost from None
        return transactions.connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        transactions = self._transactions
        try:
            if isinstance(error, sqlite3.Error):
                raise transactions.lost(error) from None
            if self._is_writing and not transactions.batch.schedule():
                transactions.commit()
        finally:
            transactions.lock.release()
