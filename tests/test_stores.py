"""What stores promise beside equal answers: caps, pages, many at once, no credentials."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from engine_calls import call
from live import PATIENCE, RunningMock, ask, running_mock
from redis_server import RedisServer
from wire_cases import JSON, SUBJECT, create_body

from loracle_contracts import task_id
from loracle_mockserver.asgi import MockApp
from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_rules import namespace_of
from loracle_mockserver.journal import Entry
from loracle_mockserver.store import Store, open_store

CREATE = "createSubjectTraining"
NAMESPACE = "0123456789ab"
OTHER = "ffffffffffff"


def unused(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of a store that nobody has used yet."""
    if kind == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return server.url()
    return f"sqlite:{folder}/mock.db" if kind == "sqlite" else kind


@pytest.fixture(params=["memory", "sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return unused(request.param, request, tmp_path)


@pytest.fixture(params=["sqlite", "redis"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return unused(request.param, request, tmp_path)


@contextlib.contextmanager
def opened(url: str, max_tasks: int | None = None) -> Iterator[Store]:
    store = open_store(url, max_tasks, seed=0)
    try:
        yield store
    finally:
        store.close()


def create(store: Store, name: str = "a", namespace: str = NAMESPACE) -> str:
    return store.create(namespace, 0, CREATE, name, 0.0, b"{}", None).id


def entry(body: bytes = b"") -> Entry:
    sent = (
        NAMESPACE,
        CREATE,
        "POST",
        "/",
        b"",
        [],
        body,
        200,
        None,
        [],
        b"",
        None,
        None,
        (),
        (),
        0.0,
        0.0,
        0.0,
    )
    return Entry(*sent, len(body))


# --- how much is kept


def test_the_journal_keeps_ten_thousand_entries(url: str) -> None:
    with opened(url) as store:
        for n in range(1, 10_031):
            store.append(entry(b"%d" % n))
        kept = list(store.entries())
        assert [n for n, _ in kept] == list(range(31, 10_031))
        assert [one.body for _, one in kept] == [b"%d" % n for n in range(31, 10_031)]
        counted = store.statistics()
        assert (counted.requests, counted.requests_dropped) == (10_030, 30)
        assert counted.answers == {(CREATE, 200, ""): 10_030}


def test_the_journal_keeps_64_mib_of_bodies(url: str) -> None:
    body = b"x" * (1 << 16)
    with opened(url) as store:
        for _ in range(1_030):
            store.append(entry(body))
        assert [n for n, _ in store.entries()] == list(range(7, 1_031))
        assert store.statistics().requests_dropped == 6


def test_only_memory_forgets_tasks_that_nobody_limited(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loracle_mockserver.store.limits.MAX_TASKS", 100)
    with opened(url) as store:
        made = [create(store, f"task {n}") for n in range(130)]
        kept = [task.id for task in store.tasks(NAMESPACE)]
        assert kept == made[::-1][: 100 if url == "memory" else 130]
        assert store.statistics().tasks == len(kept)


def test_of_more_tasks_than_wanted_the_oldest_go_whosever_they_are(url: str) -> None:
    with opened(url, max_tasks=60) as store:
        made = [(owner, create(store, f"task {n}", owner)) for n in range(50) for owner in (NAMESPACE, OTHER)]
        kept = [(owner, task.id) for owner in (NAMESPACE, OTHER) for task in store.tasks(owner)]
        assert sorted(kept) == sorted(made[40:])
        assert store.statistics().tasks_dropped == 40
        # The name is as new again as its task was the last of it.
        assert create(store, "task 0") == task_id(0, CREATE, "task 0", 0)
        assert create(store, "task 49") == task_id(0, CREATE, "task 49", 1)


def test_long_lists_are_whole_and_in_order(url: str) -> None:
    # More than is read at once, some of it while it changes.
    with opened(url) as store:
        made = [create(store, "one name") for _ in range(120)]
        for n in range(120):
            store.append(entry(b"%d" % n))
        assert [task.id for task in store.tasks(NAMESPACE)] == made[::-1]
        assert [one.body for _, one in store.entries()] == [b"%d" % n for n in range(120)]
        if url != "memory":
            listing = store.tasks(NAMESPACE)
            begun = [next(listing).id for _ in range(10)]
            create(store, "one name")
            assert begun + [task.id for task in listing] == made[::-1]


# --- many at once


def test_threads_share_a_store(shared_url: str) -> None:
    everyone = threading.Barrier(6)
    with opened(shared_url) as store:

        def work(number: int) -> list[tuple[str, int]]:
            everyone.wait(PATIENCE)
            done = []
            for _ in range(20):
                done.append((create(store), store.count(NAMESPACE, ["c"])[0]))
                store.update(NAMESPACE, "d", lambda document: b"%d" % (int(document or 0) + 1))
                store.append(entry(b"%d" % number))
            store.flush()
            return done

        with ThreadPoolExecutor(6) as pool:
            done = [one for some in pool.map(work, range(6)) for one in some]
        check_together(store, done)


WORKER = """
import sys
from loracle_mockserver.journal import Entry
from loracle_mockserver.store import open_store

store, namespace = open_store(sys.argv[1], seed=0), "0123456789ab"
sent = (namespace, "createSubjectTraining", "POST", "/", b"", [], b"", 200)
entry = Entry(*sent, None, [], b"", None, None, (), (), 0.0, 0.0, 0.0, 0)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    task = store.create(namespace, 0, "createSubjectTraining", "a", 0.0, b"{}", None)
    [count] = store.count(namespace, ["c"])
    store.update(namespace, "d", lambda document: b"%d" % (int(document or 0) + 1))
    store.append(entry)
    print(task.id, count)
store.close()
"""


def test_many_may_make_the_file_at_once(tmp_path: Path) -> None:
    gate = threading.Barrier(4)

    def opened(path: Path) -> None:
        gate.wait(PATIENCE)
        open_store(f"sqlite:{path}", seed=0).close()

    with ThreadPoolExecutor(4) as pool:
        for n in range(60):
            list(pool.map(opened, [tmp_path / f"{n}.db"] * 4))


def test_processes_share_a_store(shared_url: str) -> None:
    command = [sys.executable, "-c", WORKER, shared_url, "40"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as running:
        workers = [running.enter_context(subprocess.Popen(command, **pipes)) for _ in range(3)]
        try:
            for worker in workers:
                assert worker.stdout is not None
                assert worker.stdout.readline() == "ready\n"
            for worker in workers:
                assert worker.stdin is not None
                worker.stdin.write("go\n")
                worker.stdin.flush()
            told = [worker.communicate(timeout=PATIENCE)[0].split() for worker in workers]
        finally:
            for worker in workers:
                worker.kill()
    done = [(made, int(count)) for words in told for made, count in zip(words[::2], words[1::2], strict=True)]
    with opened(shared_url) as store:
        check_together(store, done)


def check_together(store: Store, done: list[tuple[str, int]]) -> None:
    """All that was done by several of them adds up, and no two got the same."""
    assert sorted(made for made, _ in done) == sorted(task_id(0, CREATE, "a", n) for n in range(120))
    assert sorted(count for _, count in done) == list(range(1, 121))
    assert store.read(NAMESPACE, "d")[0] == b"120"
    assert [n for n, _ in store.entries()] == list(range(1, 121))
    assert {task.id for task in store.tasks(NAMESPACE)} == {made for made, _ in done}
    counted = store.statistics()
    assert (counted.tasks, counted.requests, counted.namespaces) == (120, 120, 1)


def test_two_mocks_of_one_event_loop_share_a_store(shared_url: str) -> None:
    headers = [(b"authorization", b"Bearer k"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": SUBJECT, "query_string": b"", "headers": headers}

    async def answer(app: MockApp) -> tuple[int, bytes]:
        said: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": create_body()}

        async def send(message: Any) -> None:
            said.append(message)

        await app(dict(scope), receive, send)
        return said[0]["status"], said[1]["body"]

    async def both(apps: list[MockApp]) -> list[tuple[int, bytes]]:
        return await asyncio.gather(*(answer(app) for _ in range(10) for app in apps))

    with opened(shared_url) as one, opened(shared_url) as two:
        answers = asyncio.run(both([MockApp(Engine(store=store)) for store in (one, two)]))
    ids = [task_id(0, CREATE, "wire", n) for n in range(20)]
    assert sorted(answers) == sorted((200, b'{"task_id":"%b"}' % made.encode()) for made in ids)


# --- what must not be kept


def keys_of(secret: str) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {secret}"), ("X-Api-Key", secret), ("Cookie", f"session={secret}")]


SECRETS = ("sk-accepted-5f2b", "sk-refused-77aa", "adm-token-9d1c", "sk-planned-31c4", 'in/the"url')


def talk(mock: RunningMock) -> None:
    accepted, refused, token, planned, odd = SECRETS
    body = create_body(
        image_dataset_items=json.dumps([{"assets_id": f"id-{accepted}", "caption": f"with {accepted}"}]),
        base_model=json.dumps(accepted),
    )
    assert ask(mock.port, "POST", SUBJECT, *keys_of(accepted), JSON, body=body).status == 200
    assert (
        ask(mock.port, "GET", f"/v3/training?key={accepted}&x={accepted}", *keys_of(accepted)).status == 200
    )
    assert ask(mock.port, "POST", SUBJECT, *keys_of(refused), JSON, body=create_body()).status == 403
    assert ask(mock.port, "GET", f"/{accepted}/nowhere", *keys_of(accepted)).status == 404
    assert ask(mock.port, "GET", "/v3/training", ("Authorization", f"Bearer {odd}")).status == 403
    rule = json.dumps({"api_key": planned, "status": 503}).encode()
    admin = ("Authorization", f"Bearer {token}")
    assert ask(mock.port, "POST", "/_mock/faults", admin, JSON, body=rule).status == 200
    models = ask(mock.port, "GET", "/v3/model", *keys_of(accepted)).json["models"]
    assert [model["base_model"] for model in models] == []
    for _ in range(4):
        made = task_id(0, CREATE, "wire", 0)
        assert ask(mock.port, "GET", f"{SUBJECT}?task_id={made}", *keys_of(accepted)).status == 200
    assert len(ask(mock.port, "GET", "/v3/model", *keys_of(accepted)).json["models"]) == 1


def test_no_credential_is_kept_outside_the_process(shared_url: str, tmp_path: Path) -> None:
    accepted, _, token, *_ = SECRETS
    with running_mock("--store", shared_url, "--api-key", accepted, "--admin-token", token) as mock:
        talk(mock)
        kept = everything(shared_url, tmp_path)
        assert len(kept) > 1_000
        for secret in SECRETS:
            for spelled in {secret, json.dumps(secret)[1:-1], secret.replace("/", "%2F")}:
                assert spelled.encode() not in kept


def everything(url: str, folder: Path) -> bytes:
    """All bytes of a store: its files, or every key and value."""
    if url.startswith("sqlite:"):
        return b"".join(path.read_bytes() for path in folder.iterdir())
    import redis  # noqa: PLC0415

    with contextlib.closing(redis.Redis.from_url(url, protocol=2)) as client:
        found: list[bytes] = []
        for key in client.scan_iter():
            match client.type(key):
                case b"hash":
                    parts = [part for pair in client.hgetall(key).items() for part in pair]
                case b"zset":
                    parts = client.zrange(key, 0, -1)
                case _:
                    parts = [client.get(key)]
            found += [key, *parts]
        return b"\n".join(found)


def test_a_key_that_spans_members_of_the_body_breaks_nothing(shared_url: str) -> None:
    key = '512,"height'
    with opened(shared_url) as store:
        engine = Engine(store=store, behaviour=Behaviour(progression="immediate"))
        assert call(engine, key=key).status == 200
        [task] = store.tasks(namespace_of(key))
        assert key.encode() not in task.body
        listed = call(engine, "listModels", key=key)
        assert listed.status == 200
        assert [model["base_model"] for model in json.loads(listed.body)["models"]] == ["[redacted]"]
