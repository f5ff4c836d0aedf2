"""A store that fails in mid-run: a documented 503, nothing half done, and all is well when it is back."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from live import Answer, RunningMock, ask, running_mock
from redis_server import RedisServer, private_redis
from wire_cases import JSON, SUBJECT, create_body

from loracle_contracts import task_id

KEY = ("Authorization", "Bearer shared")
CREATE = "createSubjectTraining"
OPERATION = [
    ("GET", f"{SUBJECT}?task_id=x", b""),
    ("GET", "/v3/training", b""),
    ("GET", "/v3/model", b""),
    ("POST", "/v3/assets/training_dataset", b'{"file_extension": "png"}'),
    ("GET", "/_mock/health", b""),
    ("GET", "/_mock/tasks", b""),
    ("GET", "/_mock/requests", b""),
    ("POST", "/_mock/reset", b""),
    ("GET", "/_mock/metrics", b""),
]


def create(mock: RunningMock, name: str = "a", **members: str) -> Answer:
    return ask(mock.port, "POST", SUBJECT, KEY, JSON, body=create_body(name=json.dumps(name), **members))


def check_created(mock: RunningMock, n: int, name: str = "a") -> None:
    answer = create(mock, name)
    assert (answer.status, answer.json.get("task_id")) == (200, task_id(0, CREATE, name, n)), answer.json


def check_refused(answer: Answer, reason: str) -> None:
    assert answer.status == 503, answer.body
    envelope = answer.json
    assert set(envelope) == {"code", "reason", "message", "metadata"}
    assert (envelope["code"], envelope["reason"]) == (503, "SERVICE_UNAVAILABLE")
    assert envelope["message"].startswith("The store of the mock does not work: ")
    assert reason in envelope["message"]


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """One that nobody else uses, so that it can be stopped."""
    with private_redis() as server:
        yield server


# --- Redis


@pytest.mark.parametrize("workers", [1, 2])
def test_redis_goes_away_and_comes_back(workers: int, own_redis: RedisServer) -> None:
    url = own_redis.url().replace("redis://", "redis://:hidden@")
    with_password(own_redis)
    with running_mock("--store", url, "--workers", str(workers)) as mock:
        check_created(mock, 0)
        own_redis.stop()
        for _ in range(2 * workers):
            refused = create(mock)
            check_refused(refused, f"the Redis at 127.0.0.1:{own_redis.port}")
            assert b"hidden" not in refused.body
        for method, target, body in OPERATION:
            check_refused(ask(mock.port, method, target, KEY, JSON, body=body), "does not do its work")
        own_redis.start()
        with_password(own_redis)
        # It has lost everything, so that the names count from the start.
        for n in range(2 * workers):
            check_created(mock, n)
        assert ask(mock.port, "GET", "/_mock/health").json["tasks"] == 2 * workers
        assert mock.stop() == (0, "")


def with_password(server: RedisServer) -> None:
    client = server.client(f"redis://127.0.0.1:{server.port}")
    client.config_set("requirepass", "hidden")
    client.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_mock_ends_cleanly_while_redis_is_away(number: signal.Signals, own_redis: RedisServer) -> None:
    with running_mock("--store", own_redis.url()) as mock:
        check_created(mock, 0)
        own_redis.stop()
        check_refused(create(mock), "the Redis at")
        assert mock.stop(number) == (0 if number is signal.SIGINT else 143, "")


@contextlib.contextmanager
def as_a_replica(client: Any) -> Iterator[str]:
    client.execute_command("REPLICAOF", "127.0.0.1", "1")
    yield "read only replica"
    client.execute_command("REPLICAOF", "NO", "ONE")


@contextlib.contextmanager
def without_memory(client: Any) -> Iterator[str]:
    client.config_set("maxmemory", "1")
    yield "maxmemory"
    client.config_set("maxmemory", "0")


@pytest.mark.parametrize("failing", [as_a_replica, without_memory])
def test_a_redis_that_takes_no_writes_keeps_what_it_has(
    failing: Callable[[Any], contextlib.AbstractContextManager[str]], own_redis: RedisServer
) -> None:
    url = own_redis.url()
    client = own_redis.client(url)
    with running_mock("--store", url) as mock:
        check_created(mock, 0)
        with failing(client) as reason:
            before = everything_in(client)
            check_refused(create(mock), reason)
            check_refused(create(mock, "b"), reason)
            assert everything_in(client) == before
        check_created(mock, 1)
        check_created(mock, 0, "b")
        journal = ask(mock.port, "GET", "/_mock/requests").json["requests"]
        assert [(entry["n"], entry["status"]) for entry in journal] == [(1, 200), (2, 200), (3, 200)]
    client.close()


def everything_in(client: Any) -> dict[bytes, bytes]:
    """All that the database holds, by key."""
    return {key: client.dump(key) for key in client.scan_iter()}


@pytest.mark.parametrize(
    "command", [("SCRIPT", "FLUSH"), ("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")]
)
def test_what_redis_forgets_or_closes_is_not_noticed_after_a_pause(
    command: tuple[str, ...], own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loracle_mockserver.store import open_store, redis_connection  # noqa: PLC0415

    monkeypatch.setattr(redis_connection, "_IDLE_SECONDS", -1.0)  # each time counts as one after a pause
    url = own_redis.url()
    store = open_store(url, seed=0)
    client = own_redis.client(url)
    for n in range(3):
        made = store.create("0123456789ab", 0, CREATE, "a", 0.0, b"{}", None)
        assert made.id == task_id(0, CREATE, "a", n)
        client.execute_command(*command)
    client.close()
    store.close()


@pytest.mark.long
def test_a_redis_that_hangs_costs_five_seconds(own_redis: RedisServer) -> None:
    with running_mock("--store", own_redis.url()) as mock:
        check_created(mock, 0)
        os.kill(own_redis.pid, signal.SIGSTOP)
        try:
            check_refused(create(mock), "Timeout")
        finally:
            os.kill(own_redis.pid, signal.SIGCONT)
        # It hung when it was asked how the world is, before anything was written.
        check_created(mock, 1)


# --- SQLite


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
def test_a_full_disk_is_told_and_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "mock.db"
    with running_mock("--store", f"sqlite:{path}") as mock:
        for n in range(3):
            check_created(mock, n)
        size = max(file.stat().st_size for file in tmp_path.iterdir())
        earlier = resource.prlimit(mock.process.pid, resource.RLIMIT_FSIZE)
        # As if nothing more had room on the disk.
        resource.prlimit(mock.process.pid, resource.RLIMIT_FSIZE, (size, earlier[1]))
        for _ in range(3):
            check_refused(create(mock), f"{path} cannot be read or written")
        check_refused(create(mock, "b"), "cannot be read or written")
        # Those that come together share a transaction, and all are told.
        with ThreadPoolExecutor(8) as pool:
            for refused in pool.map(lambda _: create(mock), range(24)):
                check_refused(refused, "cannot be read or written")
        resource.prlimit(mock.process.pid, resource.RLIMIT_FSIZE, earlier)
        check_created(mock, 3)
        check_created(mock, 0, "b")
        journal = ask(mock.port, "GET", "/_mock/requests").json["requests"]
        assert [(entry["n"], entry["status"]) for entry in journal] == [(n, 200) for n in range(1, 6)]
        assert mock.stop() == (0, "")


@pytest.mark.long
def test_a_file_that_another_program_holds_is_told_after_five_seconds(tmp_path: Path) -> None:
    path = tmp_path / "mock.db"
    with running_mock("--store", f"sqlite:{path}") as mock:
        check_created(mock, 0)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            check_refused(create(mock), "another process has held its lock for more than 5 seconds")
            other.execute("ROLLBACK")
        check_created(mock, 1)
