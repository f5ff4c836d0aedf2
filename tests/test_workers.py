"""Several workers on one socket and one store are as one server."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from live import PATIENCE, RunningMock, ask, run_command, running_mock
from wire_cases import JSON, SUBJECT, create_body

from loracle_contracts import task_id
from loracle_mockserver.configuration import Configuration
from loracle_mockserver.workers import start_worker

KEY = ("Authorization", "Bearer shared")
CREATE = "createSubjectTraining"
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Asks again and again; a condition that never holds fails after PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"in {PATIENCE} seconds it did not happen: {what}"


def is_listening(port: int) -> bool:
    """Whether any process still holds the socket: the workers have it from their parent."""
    with socket.socket() as probe:
        probe.settimeout(PATIENCE)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def create(mock: RunningMock, name: str = "a") -> tuple[int, str | None]:
    answer = ask(mock.port, "POST", SUBJECT, KEY, JSON, body=create_body(name=json.dumps(name)))
    return answer.status, answer.json.get("task_id")


def workers_of(server: int) -> set[int]:
    """The process ids of a server's workers."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            if parent == server and b"spawn_main" in command:
                found.add(int(entry.name))
    return found


def test_together_they_answer_as_one(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("faults: [{status: 503, first: 2}]", encoding="utf-8")
    arguments = ("--workers", "2", "--store", "sqlite:mock.db", "--faults", "plan.yaml")
    with running_mock(*arguments, cwd=tmp_path) as mock:
        assert mock.printed.count("listens on") == 1
        everyone = threading.Barrier(8)

        def many(_: int) -> list[tuple[int, str | None]]:
            everyone.wait(PATIENCE)
            return [create(mock) for _ in range(5)]

        with ThreadPoolExecutor(8) as pool:
            answers = [answer for some in pool.map(many, range(8)) for answer in some]
        statuses = [status for status, _ in answers]
        assert sorted(statuses) == [200] * 38 + [503] * 2, "the rule counts over all workers"
        ids = {task_id(0, CREATE, "a", n) for n in range(38)}
        assert {created for _, created in answers if created} == ids
        # Connections of their own, so that each worker is asked.
        for _ in range(8):
            journal = ask(mock.port, "GET", "/_mock/requests?limit=1000").json
            assert [entry["n"] for entry in journal["requests"]] == list(range(1, 41))
            assert sorted(entry["status"] for entry in journal["requests"]) == sorted(statuses)
            tasks = ask(mock.port, "GET", "/_mock/tasks").json["tasks"]
            assert {task["task_id"] for task in tasks} == ids
        assert mock.stop() == (0, "")
    with running_mock("--store", "sqlite:mock.db", cwd=tmp_path) as alone:
        assert create(alone) == (200, task_id(0, CREATE, "a", 38)), "one server goes on where they ended"


@needs_proc
def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with running_mock("--workers", "2", "--store", "sqlite:mock.db", cwd=tmp_path) as mock:
        before = workers_of(mock.process.pid)
        assert len(before) == 2
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len(workers_of(mock.process.pid) - {killed}) == 2, "another worker is there")
        assert create(mock) == (200, task_id(0, CREATE, "a", 0))
        wait_until(lambda: "takes its place" in mock.said(), "the replacement is reported")
        code, errors = mock.stop()
    assert code == 0
    [line] = errors.splitlines()
    assert f"worker {killed} ended" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_worker_outlives_the_server(number: signal.Signals, tmp_path: Path) -> None:
    with running_mock("--workers", "2", "--store", "sqlite:mock.db", cwd=tmp_path) as mock:
        assert create(mock)[0] == 200
        code, errors = mock.stop(number)
        wait_until(lambda: not is_listening(mock.port), "nobody listens any more")
    assert code == {signal.SIGINT: 0, signal.SIGKILL: -signal.SIGKILL}.get(number, 143)
    if number is not signal.SIGKILL:
        assert errors == ""


def test_an_interrupt_of_the_whole_group_ends_all_quietly(tmp_path: Path) -> None:
    # As Ctrl-C in a terminal does.
    with running_mock("--workers", "2", "--store", "sqlite:mock.db", cwd=tmp_path, new_group=True) as mock:
        assert create(mock)[0] == 200
        os.killpg(mock.process.pid, signal.SIGINT)
        code, errors = mock.stop()
    assert (code, errors) == (0, "")


@pytest.mark.parametrize("store", [[], ["--store", "memory"]])
def test_they_need_a_shared_store(store: list[str], tmp_path: Path) -> None:
    ended = run_command("serve", "--workers", "2", *store, cwd=tmp_path)
    assert ended.returncode == 2
    assert "use --store sqlite:PATH or redis://" in " ".join(ended.stderr.split())


def test_a_store_that_cannot_be_used_is_found_before_they_start(tmp_path: Path) -> None:
    ended = run_command(
        "serve", "--workers", "2", "--port", "0", "--store", "sqlite:no/such/folder.db", cwd=tmp_path
    )
    assert ended.returncode == 3
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1


def test_a_worker_that_cannot_start_says_so_and_is_not_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended:
        start_worker(Configuration(store=f"sqlite:{tmp_path}", workers=2))
    assert ended.value.code == 3
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert str(tmp_path) in record.getMessage()
