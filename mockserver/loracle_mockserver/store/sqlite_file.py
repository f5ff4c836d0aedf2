"""Opens the file of a store: only one of ours, of this schema and this seed."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from loracle_mockserver.store.protocol import StoreError
from loracle_mockserver.store.record import encode_text

__all__ = ["BUSY_SECONDS", "open_file"]

BUSY_SECONDS = 5.0
# Marks the file as ours in its header ("lora" in ASCII); the version there is that of the tables.
_APPLICATION = 0x6C6F7261
_VERSION = 1
# Texts are blobs: what a path or a name holds need not be valid UTF-8. The namespace of a key is 12
# bytes, so it stands in every table as it is; the empty one is that of all keys.
_TABLES = """
CREATE TABLE totals (
    seed BLOB NOT NULL, requests INTEGER NOT NULL, requests_dropped INTEGER NOT NULL,
    entries INTEGER NOT NULL, entry_bytes INTEGER NOT NULL,
    tasks INTEGER NOT NULL, tasks_dropped INTEGER NOT NULL);
CREATE TABLE namespaces (n INTEGER PRIMARY KEY, namespace BLOB NOT NULL UNIQUE);
CREATE TABLE names (
    namespace BLOB NOT NULL, operation BLOB NOT NULL, name BLOB NOT NULL,
    created INTEGER NOT NULL, kept INTEGER NOT NULL,
    PRIMARY KEY (namespace, operation, name)) WITHOUT ROWID;
CREATE TABLE tasks (
    n INTEGER PRIMARY KEY, namespace BLOB NOT NULL, id BLOB NOT NULL, operation BLOB NOT NULL,
    name BLOB NOT NULL, created_at REAL NOT NULL, fault BLOB, polls INTEGER NOT NULL, forced BLOB,
    body BLOB NOT NULL, UNIQUE (id, namespace));
CREATE INDEX tasks_of_namespace ON tasks (namespace);
CREATE TABLE uploads (
    namespace BLOB NOT NULL, asset BLOB NOT NULL, file BLOB NOT NULL, size INTEGER,
    PRIMARY KEY (namespace, asset)) WITHOUT ROWID;
CREATE TABLE counters (
    namespace BLOB NOT NULL, name BLOB NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (namespace, name)) WITHOUT ROWID;
CREATE TABLE documents (
    namespace BLOB NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (namespace, name)) WITHOUT ROWID;
CREATE TABLE journal (n INTEGER PRIMARY KEY, namespace BLOB, bytes INTEGER NOT NULL, entry BLOB NOT NULL);
CREATE TABLE answers (
    operation BLOB NOT NULL, status INTEGER NOT NULL, fault BLOB NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (operation, status, fault)) WITHOUT ROWID;
"""


def open_file(path: str, seed: int) -> sqlite3.Connection:
    """A connection to the file, which is made where there is none; it begins transactions by hand.

    Raises StoreError where the file cannot be used; a file that is not ours stays as it is.
    """
    if not path or path == ":memory:":
        raise StoreError("a store in SQLite needs the path of a file, as in sqlite:mock.db")
    place = Path(path)
    try:
        if place.exists() and not (place.is_file() or place.is_dir()):
            raise StoreError(f"{path} cannot be opened: it is no regular file")
        connection = sqlite3.connect(
            place.absolute(), timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
    except (sqlite3.Error, OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be opened: {_why(path, error)}") from None
    try:
        _prepare(connection, path, seed)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise StoreError(f"{path} cannot be used: {_why(path, error)}") from None
        raise
    return connection


def _why(path: str, error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if "unable to open" not in str(error):
        return str(error)
    parent = Path(path).absolute().parent
    if not parent.is_dir():
        return f"there is no folder {parent}"
    return "it is a folder" if Path(path).is_dir() else "no file can be read and written there"


def _prepare(connection: sqlite3.Connection, path: str, seed: int) -> None:
    # In one transaction: another process may be making the tables.
    connection.execute("BEGIN")
    _check_owner(connection, path)
    connection.execute("COMMIT")
    mode = _write_ahead_log(connection)
    if mode != "wal":
        raise StoreError(f"{path} cannot be used: its file system allows no write-ahead log")
    # Survives the end of the process at any moment; a power cut may cost the last moments.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    if _check_owner(connection, path):
        for statement in _TABLES.split(";\n"):
            connection.execute(statement)
        connection.execute("INSERT INTO totals VALUES (?, 0, 0, 0, 0, 0, 0)", (encode_text(str(seed)),))
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")
    row = connection.execute("SELECT seed FROM totals").fetchone()
    if row is None:
        raise StoreError(f"{path} is damaged: it does not say which seed it is of; use another file")
    known = bytes(row[0]).decode(errors="backslashreplace")
    if known != str(seed):
        raise StoreError(
            f"{path} was made with seed {known}, so its ids are not those of seed {seed}; "
            f"use --seed {known} or another file"
        )


def _check_owner(connection: sqlite3.Connection, path: str) -> bool:
    """Whether the file is new. Raises StoreError for one of another program, or of another version."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application == _APPLICATION:
        if version != _VERSION:
            raise StoreError(
                f"{path} has tables of version {version}, but this loracle knows version {_VERSION}; "
                "use another file"
            )
        return False
    if application or version or tables:
        raise StoreError(f"{path} is a database of another program; use another file")
    return True


def _write_ahead_log(connection: sqlite3.Connection) -> str:
    # The change of mode takes a lock for which SQLite does not always wait by itself.
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return str(mode)
