"""The tasks of a store in SQLite; the caller holds the transaction of what writes."""

from __future__ import annotations

import sqlite3
from typing import Any

from loracle_contracts import task_id
from loracle_mockserver.store.record import decode_text, encode_text
from loracle_mockserver.tasks import Task

__all__ = ["count_poll", "create", "drop_oldest", "find", "force", "known", "page"]

_PAGE = 50


def known(connection: sqlite3.Connection, namespace: str) -> bytes:
    """The namespace as bytes, after noting that it keeps something."""
    owner = encode_text(namespace)
    if owner:
        connection.execute("INSERT OR IGNORE INTO namespaces (namespace) VALUES (?)", (owner,))
    return owner


def create(
    connection: sqlite3.Connection,
    namespace: str,
    seed: int,
    operation: str,
    name: str,
    created_at: float,
    body: bytes,
    fault: str | None,
) -> Task:
    """Adds a task under the next number of its name."""
    key = (known(connection, namespace), encode_text(operation), encode_text(name))
    connection.execute(
        "INSERT INTO names VALUES (?, ?, ?, 1, 1) "
        "ON CONFLICT DO UPDATE SET created = created + 1, kept = kept + 1",
        key,
    )
    (created,) = connection.execute(
        "SELECT created FROM names WHERE namespace = ? AND operation = ? AND name = ?", key
    ).fetchone()
    new = task_id(seed, operation, name, created - 1)
    connection.execute(
        "INSERT INTO tasks (namespace, operation, name, id, created_at, fault, polls, body) "
        "VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
        (*key, new.encode(), created_at, None if fault is None else encode_text(fault), body),
    )
    connection.execute("UPDATE totals SET tasks = tasks + 1")
    return Task(new, operation, name, created_at, body, fault)


def drop_oldest(connection: sqlite3.Connection, kept: int) -> None:
    """Removes the oldest tasks of all, where there are more than `kept`."""
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


def find(connection: sqlite3.Connection, namespace: str, task_id: str) -> Task | None:
    """The task of this id."""
    row = connection.execute(
        "SELECT id, operation, name, created_at, body, fault, polls, forced FROM tasks "
        "WHERE id = ? AND namespace = ?",
        (encode_text(task_id), encode_text(namespace)),
    ).fetchone()
    return _task(row) if row else None


def count_poll(connection: sqlite3.Connection, namespace: str, task_id: str) -> None:
    """Counts that the state of a task was asked for, if there is such a task."""
    connection.execute(
        "UPDATE tasks SET polls = polls + 1 WHERE id = ? AND namespace = ?",
        (encode_text(task_id), encode_text(namespace)),
    )


def force(connection: sqlite3.Connection, namespace: str, task_id: str, state: str | None) -> None:
    """Notes the state that a task was put into, if there is such a task."""
    connection.execute(
        "UPDATE tasks SET forced = ? WHERE id = ? AND namespace = ?",
        (None if state is None else encode_text(state), encode_text(task_id), encode_text(namespace)),
    )


def page(connection: sqlite3.Connection, namespace: str, below: int | None) -> tuple[list[Task], int | None]:
    """Some tasks of a namespace, newest first, and where the next page goes on; None where it is the last.

    `below` is where the last page said that this one goes on; None for the first.
    """
    rows = connection.execute(
        "SELECT id, operation, name, created_at, body, fault, polls, forced, n FROM tasks "
        "WHERE namespace = ?1 AND (?2 IS NULL OR n < ?2) ORDER BY n DESC LIMIT ?3",
        (encode_text(namespace), below, _PAGE),
    ).fetchall()
    return [_task(row[:-1]) for row in rows], rows[-1][-1] if len(rows) == _PAGE else None


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
