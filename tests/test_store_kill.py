"""A mock that is killed in mid-load loses nothing that a client was told, and goes on where it ended."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from live import PATIENCE, Conversation, RunningMock, ask, raw_request, running_mock
from redis_server import RedisServer
from wire_cases import JSON, SUBJECT, create_body

from loracle_contracts import task_id

KEY = ("Authorization", "Bearer load")
CREATE = "createSubjectTraining"
CLIENTS = 6
NAMES = ("everybody's", "every second's", "with ünicode\n")
# Answers that are read before the kill: other moments in each round.
ANSWERS = (40, 97, 155, 61, 123)

Told = defaultdict[str, list[str]]


class Load:
    """Clients that start trainings as fast as they are answered, and note each id that they are told."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._wanted, self._enough = 0, threading.Event()
        self.told: Told = defaultdict(list)

    def until(self, answers: int, *, then: int) -> None:
        """Kills the process `then` after that many answers, and returns when no client hears any more."""
        self._wanted = answers
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._run, number) for number in range(CLIENTS)]
            assert self._enough.wait(PATIENCE), "so many answers never came"
            os.kill(then, signal.SIGKILL)
            for client in clients:
                client.result(PATIENCE)

    def _run(self, number: int) -> None:
        names = itertools.cycle((*NAMES, f"of client {number}"))
        with contextlib.suppress(ConnectionError), Conversation(self._port) as conversation:
            for name in names:
                body = create_body(name=json.dumps(name))
                conversation.send(raw_request("POST", SUBJECT, KEY, JSON, body=body, close=False))
                try:
                    answer = conversation.read_answer()
                except AssertionError:
                    return  # it ended in the middle, so nothing was told
                assert answer.status == 200, answer.body
                self._note(name, answer.json["task_id"])

    def _note(self, name: str, made: str) -> None:
        with self._lock:
            self.told[name].append(made)
            if sum(map(len, self.told.values())) >= self._wanted:
                self._enough.set()


def check_kept(mock: RunningMock, told: Told, *, is_one_transaction: bool) -> None:
    """All that clients were told is there, and what is there hangs together."""
    listed = ask(mock.port, "GET", "/_mock/tasks?limit=10000").json["tasks"]
    kept: Told = defaultdict(list)
    for task in reversed(listed):
        kept[task["task_name"]].append(task["task_id"])
    for name, ids in told.items():
        assert len(set(ids)) == len(ids)
        assert set(ids) <= set(kept[name]), "a task is lost"
    for name, ids in kept.items():
        assert ids == [task_id(0, CREATE, name, n) for n in range(len(ids))]
    journal = ask(mock.port, "GET", "/_mock/requests?limit=10000").json
    assert [entry["n"] for entry in journal["requests"]] == list(range(1, journal["total"] + 1))
    noted = Counter(entry["task"] for entry in journal["requests"])
    assert set(noted.values()) <= {1}
    assert {made for ids in told.values() for made in ids} <= set(noted), "an answer is not noted"
    tasks = {made for ids in kept.values() for made in ids}
    assert set(noted) == tasks if is_one_transaction else set(noted) <= tasks


def kill_again_and_again(store: str, rounds: int) -> None:
    told: Told = defaultdict(list)
    is_one_transaction = store.startswith("sqlite:")
    for number in range(rounds + 1):
        with running_mock("--store", store) as mock:
            check_kept(mock, told, is_one_transaction=is_one_transaction)
            if number == rounds:
                return
            load = Load(mock.port)
            load.until(ANSWERS[number % len(ANSWERS)], then=mock.process.pid)
            assert mock.stop() == (-signal.SIGKILL, "")
        for name, ids in load.told.items():
            told[name] += ids


ROUNDS = [3, pytest.param(20, marks=pytest.mark.long)]


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_file_has_all_that_was_acknowledged(rounds: int, tmp_path: Path) -> None:
    kill_again_and_again(f"sqlite:{tmp_path}/mock.db", rounds)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_redis_has_all_that_was_acknowledged(rounds: int, redis_server: RedisServer) -> None:
    kill_again_and_again(redis_server.url(), rounds)
