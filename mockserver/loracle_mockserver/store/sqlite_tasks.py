"""The tasks of a store in SQLite; the caller holds the transaction of what writes."""

from __future__ import annotations

import sqlite3
from typing import Any

from loracle_contracts import task_id
from loracle_mockserver.store.record import decode_text, encode_text
from loracle_mockserver.tasks import Task

__all__ = ["SqliteTasks"]

_PAGE = 50


class SqliteTasks:
    """Reads and writes tasks through a connection.

    How many there are, of each name and in all, is counted here and written once for a transaction.
    """

    def __init__(self, connection: sqlite3.Connection, max_tasks: int | None) -> None:
        self._connection, self._max_tasks = connection, max_tasks
        # namespace, operation, name -> how many were created before this transaction, and in it
        self._names: dict[tuple[bytes, bytes, bytes], list[int]] = {}
        self._new = 0

    def create(
        self,
        namespace: bytes,
        seed: int,
        operation: str,
        name: str,
        created_at: float,
        body: bytes,
        fault: str | None,
    ) -> Task:
        """Adds a task under the next number of its name; where there are too many, the oldest goes."""
        key = (namespace, encode_text(operation), encode_text(name))
        counts = self._names.get(key)
        if counts is None:
            row = self._connection.execute(
                "SELECT created FROM names WHERE namespace = ? AND operation = ? AND name = ?", key
            ).fetchone()
            counts = self._names[key] = [row[0] if row else 0, 0]
        new = task_id(seed, operation, name, sum(counts))
        self._connection.execute(
            "INSERT INTO tasks (namespace, operation, name, id, created_at, fault, polls, body) "
            "VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
            (*key, new.encode(), created_at, None if fault is None else encode_text(fault), body),
        )
        counts[1] += 1
        self._new += 1
        if self._max_tasks is not None:
            self.write()
            self._drop_oldest(self._max_tasks)
        return Task(new, operation, name, created_at, body, fault)

    def write(self) -> None:
        """Writes what was counted."""
        if self._new:
            self._connection.executemany(
                "INSERT INTO names VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (namespace, operation, name) "
                "DO UPDATE SET created = created + ?4, kept = kept + ?4",
                [(*key, counts[1]) for key, counts in self._names.items() if counts[1]],
            )
            self._connection.execute("UPDATE totals SET tasks = tasks + ?", (self._new,))
        self.forget()

    def forget(self) -> None:
        """Begins to count anew, because the transaction is over."""
        self._names.clear()
        self._new = 0

    def _drop_oldest(self, kept: int) -> None:
        """Removes the oldest tasks of all, where there are more than `kept`."""
        connection = self._connection
        (tasks,) = connection.execute("SELECT tasks FROM totals").fetchone()
        surplus = connection.execute(
            "SELECT n, namespace, operation, name FROM tasks ORDER BY n LIMIT ?", (max(tasks - kept, 0),)
        ).fetchall()
        for n, *key in surplus:
            connection.execute("DELETE FROM tasks WHERE n = ?", (n,))
            # A name's count goes with the last task of that name.
            connection.execute(
                "UPDATE names SET kept = kept - 1 WHERE namespace = ? AND operation = ? AND name = ?", key
            )
            connection.execute(
                "DELETE FROM names WHERE namespace = ? AND operation = ? AND name = ? AND kept = 0", key
            )
        if surplus:
            connection.execute(
                "UPDATE totals SET tasks = tasks - ?1, tasks_dropped = tasks_dropped + ?1", (len(surplus),)
            )

    def remove(self, namespace: bytes) -> None:
        """Removes the tasks of a namespace."""
        self.write()
        for table in ("names", "tasks"):
            gone = self._connection.execute(f"DELETE FROM {table} WHERE namespace = ?", (namespace,))  # noqa: S608
        self._connection.execute("UPDATE totals SET tasks = tasks - ?", (gone.rowcount,))

    def find(self, namespace: str, task_id: str) -> Task | None:
        """The task of this id."""
        row = self._connection.execute(
            "SELECT id, operation, name, created_at, body, fault, polls, forced FROM tasks "
            "WHERE id = ? AND namespace = ?",
            (encode_text(task_id), encode_text(namespace)),
        ).fetchone()
        return _task(row) if row else None

    def count_poll(self, namespace: str, task_id: str) -> None:
        """Counts that the state of a task was asked for, if there is such a task."""
        self._connection.execute(
            "UPDATE tasks SET polls = polls + 1 WHERE id = ? AND namespace = ?",
            (encode_text(task_id), encode_text(namespace)),
        )

    def force(self, namespace: str, task_id: str, state: str | None) -> None:
        """Notes the state that a task was put into, if there is such a task."""
        self._connection.execute(
            "UPDATE tasks SET forced = ? WHERE id = ? AND namespace = ?",
            (None if state is None else encode_text(state), encode_text(task_id), encode_text(namespace)),
        )

    def page(self, namespace: str, below: int | None) -> tuple[list[Task], int | None]:
        """Some tasks of a namespace, newest first, and where the next page goes on; None: it is the last.

        `below` is where the last page said that this one goes on; None for the first.
        """
        rows = self._connection.execute(
            "SELECT id, operation, name, created_at, body, fault, polls, forced, n FROM tasks "
            "WHERE namespace = ?1 AND (?2 IS NULL OR n < ?2) ORDER BY n DESC LIMIT ?3",
            (encode_text(namespace), below, _PAGE),
        ).fetchall()
        return [_task(row[:-1]) for row in rows], rows[-1][-1] if len(rows) == _PAGE else None

    def owners(self, task_id: str) -> list[str]:
        """The namespaces that have a task of this id, oldest first."""
        rows = self._connection.execute(
            "SELECT namespace FROM namespaces JOIN tasks USING (namespace) "
            "WHERE tasks.id = ? ORDER BY namespaces.n",
            (encode_text(task_id),),
        )
        return [decode_text(owner) for (owner,) in rows]


def _task(row: tuple[Any, ...]) -> Task:
    new, operation, name, created_at, body, fault, polls, forced = row
    return Task(
        new.decode(),
        decode_text(operation),
        decode_text(name),
        created_at,
        body,
        None if fault is None else decode_text(fault),
        polls,
        None if forced is None else decode_text(forced),
    )
