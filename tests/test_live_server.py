"""live_server starts a mock in this process, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import uvicorn
from training_clients import CREATE_PATH, LIST_PATH, body, create, opened

from loracle_contracts import task_id
from loracle_mockserver import Engine, TrainingMock, live_server
from loracle_mockserver.live import LiveServer
from loracle_mockserver.store import MemoryStore, StoreError

PATIENCE = 60.0


def is_open(url: str) -> bool:
    host, port = httpx.URL(url).host, httpx.URL(url).port
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def test_two_at_once_know_nothing_of_each_other() -> None:
    with opened("live") as (first, send), opened("live", seed=1) as (second, _):
        assert first.url != second.url
        create(send)
        assert [len(first.tasks), len(second.tasks)] == [1, 0]
        assert is_open(first.url)
    assert not is_open(first.url)
    # What was asked can still be looked at.
    first.assert_created("a", times=1)
    assert first.clock.advance(1) > 0


@pytest.mark.parametrize("progression", ["polls", "immediate"])
def test_options_reach_the_mock(progression: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("asset_ids: int\npolls_per_state: 3\nfaults: [{fault: LIST_TASK_FAILED, nth: 2}]")
    options = {"faults": plan, "polls_per_state": 2, "progression": progression, "seed": 5}
    with opened("live", **options, profile="lenient") as (mock, send):
        settings = mock.configure()
        # What is said in Python wins over the file.
        assert (settings["progression"], settings["polls_per_state"]) == (progression, 2)
        assert settings["asset_ids"] == "int"
        assert create(send).json() == {"task_id": task_id(5, "createSubjectTraining", "a", 0)}
        assert [send("GET", LIST_PATH).status_code for _ in range(2)] == [200, 500]
        mock.reset()
        assert [send("GET", LIST_PATH).status_code for _ in range(2)] == [200, 500]
        assert send("GET", LIST_PATH, headers={"Authorization": mock.api_key}).status_code == 200


def test_a_store_can_be_given(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'mock.db'}"
    with opened("live", store=url) as (mock, send):
        create(send)
        assert len(mock.requests) == 1
    with opened("live", store=url) as (mock, _):
        assert [task.name for task in mock.tasks] == ["a"]
        # It tells of its own time only.
        assert mock.requests == []
    store = MemoryStore()
    with opened("live", store=store) as (_, send):
        create(send)
    assert store.statistics().tasks == 1


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"progresion": "polls"}, TypeError, "did you mean 'progression'"),
        ({"verbose": True}, TypeError, "there are profile, seed, api_keys, faults, store, progression"),
        ({"profile": "loose"}, ValueError, "profile is one of strict, lenient, seed, not 'loose'"),
        ({"seed": "1"}, ValueError, "seed is a whole number"),
        ({"seed": True}, ValueError, "seed is a whole number"),
        ({"progression": "fast"}, ValueError, "immediate, polls or seconds"),
        ({"api_keys": ["a", " "]}, ValueError, "not blank"),
        ({"api_keys": ""}, ValueError, "not blank"),
        ({"faults": "@none"}, ValueError, "no scenario @none"),
        ({"faults": "none.yaml"}, OSError, "none.yaml"),
        ({"store": "mysql://x"}, StoreError, "mysql"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], error: type, text: str) -> None:
    before = threading.active_count()
    with pytest.raises(error) as refused, live_server(**options):  # type: ignore[arg-type]
        pytest.fail("it started")
    assert text in str(refused.value)
    assert threading.active_count() == before


def test_what_fails_at_the_start_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    before = threading.active_count()

    def failing(_: uvicorn.Config) -> None:
        raise OSError("out of everything")

    monkeypatch.setattr(uvicorn.Config, "load", failing)
    with pytest.raises(OSError, match="out of everything"), live_server():
        pytest.fail("it started")
    assert threading.active_count() == before


def test_what_the_test_raises_is_what_the_caller_sees() -> None:
    before = threading.active_count()
    mocks: list[TrainingMock] = []

    def fails() -> None:
        with live_server() as mock:
            mocks.append(mock)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert threading.active_count() == before
    assert not is_open(mocks[0].url)


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "hang", "seconds": 300},
        {"delay": 300},
        {"fault": "slow-drip", "seconds": 300},
        {"fault": "hang", "delay": 300},
    ],
)
def test_the_end_waits_for_no_answer(rule: dict[str, object], caplog: pytest.LogCaptureFixture) -> None:
    noted = threading.Event()

    class Noting(MemoryStore):
        def append(self, entry: object) -> None:
            super().append(entry)  # type: ignore[arg-type]
            noted.set()

    def ask(url: str) -> object:
        try:
            return httpx.get(url + LIST_PATH, headers={"Authorization": "Bearer k"}, timeout=None)
        except httpx.TransportError as error:
            return error

    with ThreadPoolExecutor(1) as pool:
        with live_server(faults=rule, store=Noting()) as mock, caplog.at_level(logging.WARNING):
            waiting = pool.submit(ask, mock.url)
            assert noted.wait(PATIENCE)
        assert waiting.result(PATIENCE) is not None
    assert caplog.records == []


def test_half_a_request_does_not_hold_up_the_end() -> None:
    with socket.socket() as client:
        with live_server() as mock:
            address = httpx.URL(mock.url)
            client.connect((address.host, address.port))
            client.sendall(b"POST /v3/training/subject HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
            # The answer to another request shows that the first one has arrived.
            httpx.get(mock.url + LIST_PATH)
        client.settimeout(PATIENCE)
        assert client.recv(1) == b""


def test_calls_from_any_thread_take_their_turn() -> None:
    """Eight threads create under keys of their own, while each steers its world, too."""
    each, workers = 20, 8

    def work(mock: TrainingMock) -> list[str]:
        ids = []
        with httpx.Client(base_url=mock.url, headers=mock.headers) as client:
            for n in range(each):
                ids.append(client.post(CREATE_PATH, json=body()).json()["task_id"])
                mock.clock.advance(1)
                mock.assert_created("a", times=n + 1)
                assert len(mock.tasks) == n + 1
        return ids

    with live_server() as mock, ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(work, [mock.with_key(f"key-{n}") for n in range(workers)]))
    assert found == [[task_id(0, "createSubjectTraining", "a", n) for n in range(each)]] * workers


def test_a_call_from_the_servers_own_thread_does_not_wait_for_itself() -> None:
    with LiveServer(Engine()) as server:
        threads = server.call(lambda: (threading.current_thread(), server.call(threading.current_thread)))
        assert threads[0] is threads[1] is not threading.current_thread()
        with pytest.raises(ZeroDivisionError):
            server.call(lambda: 1 // 0)
    assert server.call(threading.current_thread) is threading.current_thread()


def test_it_works_inside_an_event_loop() -> None:
    async def use() -> int:
        with live_server() as mock:
            async with httpx.AsyncClient(base_url=mock.url, headers=mock.headers) as client:
                await client.post(CREATE_PATH, json=body())
            mock.assert_created("a")
            return len(mock.tasks)

    assert asyncio.run(use()) == 1


_ALONE = """
import gc, http.client, sys, threading
from loracle_mockserver import live_server
for _ in range(3):
    with live_server() as mock:
        connection = http.client.HTTPConnection(mock.url.removeprefix("http://"))
        connection.request("GET", "/v3/training", headers=mock.headers)
        assert connection.getresponse().read()
        connection.close()
    gc.collect()
assert threading.active_count() == 1, threading.enumerate()
assert "pytest" not in sys.modules and "httpx" not in sys.modules and "fastapi" not in sys.modules
print("done")
"""


def test_it_works_without_pytest_and_leaks_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", _ALONE],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_a_server_that_is_forgotten_does_not_hold_up_the_interpreter() -> None:
    code = "from loracle_mockserver import live_server\nkept = live_server()\nkept.__enter__()"
    done = subprocess.run([sys.executable, "-c", code], timeout=PATIENCE, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on this system")
def test_a_forked_process_is_told_that_it_cannot_steer() -> None:
    code = (
        "import os, sys\nfrom loracle_mockserver import live_server\n"
        "with live_server() as mock:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        try:\n"
        "            mock.tasks\n"
        "        except RuntimeError as error:\n"
        "            sys.exit(7 if 'process that started it' in str(error) else 1)\n"
        "        sys.exit(2)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], timeout=PATIENCE, check=True, capture_output=True, text=True
    )
    assert done.stdout == "7\n", done.stderr
