"""A store that cannot be used is refused with one sentence, before anything is answered or changed."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live import RunningMock, run_command
from redis_server import RedisServer

from loracle_mockserver.store import StoreError, open_store

CREATE = ("createSubjectTraining", "a", 0.0, b"{}", None)
NAMESPACE = "0123456789ab"
# Where nobody, not even root, can make a file.
READ_ONLY = Path("/proc")


def made(path: Path, seed: int = 0) -> Path:
    store = open_store(f"sqlite:{path}", seed=seed)
    store.create(NAMESPACE, seed, *CREATE)
    store.close()
    return path


def foreign(path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    return path


def changed(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(made(path))
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def cut(path: Path) -> Path:
    """A file of ours whose second half was lost."""
    content = made(path).read_bytes()
    return written(path, content[: len(content) // 2])


def made_fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


# What is made in a folder, and a part of the sentence.
FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "another seed": (
        lambda folder: made(folder / "x.db", seed=5),
        "with seed 5, .*use --seed 5 or another file",
    ),
    "a later version": (
        lambda folder: changed(folder / "x.db", "PRAGMA user_version = 2"),
        "tables of version 2, but this loracle knows version 1",
    ),
    "no totals": (lambda folder: changed(folder / "x.db", "DELETE FROM totals"), "damaged"),
    "no tables": (lambda folder: changed(folder / "x.db", "DROP TABLE totals"), "no such table: totals"),
    "cut": (lambda folder: cut(folder / "x.db"), "malformed"),
    "another program's": (lambda folder: foreign(folder / "x.db"), "a database of another program"),
    "no database": (
        lambda folder: written(folder / "x.txt", b"my diary, of some length\n" * 99),
        "not a database",
    ),
    "a folder": (lambda folder: folder, "it is a folder"),
    "in no folder": (lambda folder: folder / "no" / "x.db", "there is no folder .*no$"),
    "in a file": (lambda folder: written(folder / "x", b"") / "x.db", "there is no folder"),
    "a pipe": (lambda folder: made_fifo(folder / "pipe"), "no regular file"),
    "nowhere": (lambda _: Path(":memory:"), "needs the path of a file"),
    "with a NUL": (lambda folder: folder / "x\0.db", "null"),
}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_a_store_is_refused_and_left_alone(case: str, tmp_path: Path) -> None:
    make, reason = FILES[case]
    path = make(tmp_path)
    before = snapshot(tmp_path)
    with pytest.raises(StoreError, match=reason) as refused:
        open_store(f"sqlite:{path}", seed=0)
    assert str(path) in str(refused.value) or case == "nowhere"
    assert len(str(refused.value).splitlines()) == 1
    assert snapshot(tmp_path) == before


@pytest.mark.skipif(not READ_ONLY.is_dir(), reason="there is no place where root cannot write, either")
def test_a_place_where_nothing_can_be_written_is_refused() -> None:
    with pytest.raises(StoreError, match="no file can be read and written there"):
        open_store(f"sqlite:{READ_ONLY}/x.db", seed=0)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("is_folder", [True, False])
def test_a_file_without_the_rights_is_refused(is_folder: bool, tmp_path: Path) -> None:
    path = made(tmp_path / "x.db")
    (tmp_path if is_folder else path).chmod(0o500 if is_folder else 0o400)
    try:
        with pytest.raises(StoreError, match="cannot be"):
            open_store(f"sqlite:{path}", seed=0)
    finally:
        tmp_path.chmod(0o700)


# --- Redis


def with_data(*commands: tuple[Any, ...]) -> Callable[[RedisServer], str]:
    def prepared(server: RedisServer) -> str:
        url = server.url()
        client = server.client(url)
        for command in commands:
            client.execute_command(*command)
        client.close()
        return url

    return prepared


def of_another_seed(server: RedisServer) -> str:
    url = server.url()
    open_store(url, seed=5).close()
    return url


REDIS: dict[str, tuple[Callable[[RedisServer], str], str]] = {
    "another seed": (of_another_seed, "with seed 5, .*use --seed 5 or another database"),
    "a later version": (
        with_data(("HSET", "loracle:about", "schema", "2")),
        "data of version 2, but this loracle knows version 1",
    ),
    "an odd version": (with_data(("HSET", "loracle:about", "schema", b"\xff")), r"data of version \\xff"),
    "another program's": (with_data(("SET", "loracle:about", "mine")), "wrong kind of value"),
    "no such database": (lambda server: f"redis://127.0.0.1:{server.port}/99999", "index is out of range"),
    "a password that is not wanted": (
        lambda server: f"redis://:hidden@127.0.0.1:{server.port}/1",
        "called without any password configured",
    ),
    "a user who does not exist": (
        lambda server: f"redis://nobody:hidden@127.0.0.1:{server.port}/1",
        "invalid username-password",
    ),
    "TLS to a server without": (lambda server: f"rediss://127.0.0.1:{server.port}/1", "cannot be used"),
}


SLOW = "TLS to a server without"  # which waits for the rest of what is no command


@pytest.mark.parametrize(
    "case", [pytest.param(SLOW, marks=pytest.mark.long), *(case for case in REDIS if case != SLOW)]
)
def test_a_redis_that_cannot_be_a_store_is_refused(case: str, redis_server: RedisServer) -> None:
    make, reason = REDIS[case]
    with pytest.raises(StoreError, match=reason) as refused:
        open_store(make(redis_server), seed=0)
    assert str(refused.value).startswith(f"the Redis at 127.0.0.1:{redis_server.port}, database ")
    assert "hidden" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hidden@127.0.0.1:port/0",
        "redis://:hidden@127.0.0.1:99999/0",
        "redis://:hidden@127.0.0.1/database",
        "redis://:hidden@127.0.0.1/0/1",
        "redis://:hidden@127.0.0.1/0?colour=red",
        "redis://:hidden@127.0.0.1/0?socket_timeout=soon",
        "redis://:hidden@[::1/0",
        "unix://:hidden@",
        "rediss://:hidden@127.0.0.1/x",
    ],
)
def test_a_url_that_is_misspelt_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(StoreError, match="the URL of the Redis is not understood") as refused:
        open_store(url, seed=0)
    assert "hidden" not in str(refused.value)


def test_where_nobody_listens_there_is_no_store(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = taken.getsockname()[1]
        with pytest.raises(StoreError, match=f"127.0.0.1:{port}.*refused"):
            open_store(f"redis://127.0.0.1:{port}/0", seed=0)
    with pytest.raises(StoreError, match="No such file"):
        open_store(f"unix://{tmp_path}/no.sock", seed=0)


def test_what_is_no_redis_is_no_store(strict_mock: RunningMock) -> None:
    with pytest.raises(StoreError, match="cannot be used"):
        open_store(f"redis://127.0.0.1:{strict_mock.port}/0", seed=0)


@pytest.mark.parametrize("url", ["", "mysql://user:hidden@host", "Memory", "sqlite", "redis:", "postgres:"])
def test_another_kind_of_store_is_refused(url: str) -> None:
    with pytest.raises(StoreError) as refused:
        open_store(url, seed=0)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("url", ["memory", "sqlite:x.db"])
def test_no_store_keeps_fewer_tasks_than_none(url: str) -> None:
    with pytest.raises(StoreError, match="cannot keep -1 tasks"):
        open_store(url, -1, seed=0)


# --- on the command line


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    "store", ["sqlite:.", "sqlite:no/such/folder.db", "sqlite:theirs.db", "sqlite:of-seed-5.db", "redis"]
)
def test_the_server_does_not_start_and_says_why_on_one_line(store: str, workers: str, tmp_path: Path) -> None:
    foreign(tmp_path / "theirs.db")
    made(tmp_path / "of-seed-5.db", seed=5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"redis://:hidden@127.0.0.1:{taken.getsockname()[1]}/0" if store == "redis" else store
        ended = run_command("serve", "--port", "0", "--workers", workers, "--store", url, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (3, "")
    [line] = ended.stderr.splitlines()
    assert line.startswith("Error: ")
    assert (store.removeprefix("sqlite:") if store != "redis" else "the Redis at 127.0.0.1:") in line
    assert "hidden" not in line
