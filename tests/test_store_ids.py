"""The same creates get the same ids: in every run, with every store, from one process or from several."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from live import PATIENCE, RunningMock, ask, running_mock
from redis_server import RedisServer
from wire_cases import JSON, create_body

from loracle_contracts import task_id

SEED = 11
PATHS = {"createSubjectTraining": "/v3/training/subject", "createStyleTraining": "/v3/training/style"}
# operation, name, key: 40 creates, most names more than once.
CREATES = [
    (operation, name, key)
    for operation in PATHS
    for name in ("a", "b", "a", "\n", "ä😀", "a", "1:2", "b", "a b", "\x00")
    for key in ("one", "two")
]
TOGETHER = 40


def create(mock: RunningMock, operation: str, name: str, key: str) -> str:
    items = '[{"assets_id": 26, "caption": "c"}]'
    body = create_body(name=json.dumps(name), image_dataset_items=items)
    answer = ask(mock.port, "POST", PATHS[operation], ("Authorization", f"Bearer {key}"), JSON, body=body)
    assert answer.status == 200, answer.body
    made: str = answer.json["task_id"]
    return made


def expected() -> list[str]:
    counted: dict[tuple[str, str, str], int] = {}
    ids = []
    for one in CREATES:
        n = counted[one] = counted.get(one, -1) + 1
        ids.append(task_id(SEED, one[0], one[1], n))
    return ids


STORES: dict[str, Callable[[Path, RedisServer], tuple[str, ...]]] = {
    "memory": lambda _, __: ("--store", "memory"),
    "sqlite": lambda folder, _: ("--store", f"sqlite:{folder}/mock.db"),
    "redis": lambda _, server: ("--store", server.url()),
    "sqlite, 2 workers": lambda folder, _: ("--store", f"sqlite:{folder}/mock.db", "--workers", "2"),
    "redis, 2 workers": lambda _, server: ("--store", server.url(), "--workers", "2"),
}


@pytest.mark.parametrize("store", STORES)
def test_40_of_40_ids_are_the_same(store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    assert len(CREATES) == 40
    server = request.getfixturevalue("redis_server") if "redis" in store else None
    with running_mock("--seed", str(SEED), *STORES[store](tmp_path, server)) as mock:
        assert [create(mock, *one) for one in CREATES] == expected()
        # Which of those that come together gets which id is open, yet not which ids they get.
        everyone = threading.Barrier(8)

        def some(_: int) -> list[str]:
            everyone.wait(PATIENCE)
            return [create(mock, "createSubjectTraining", "one name", "one") for _ in range(TOGETHER // 8)]

        with ThreadPoolExecutor(8) as pool:
            made = [one for ids in pool.map(some, range(8)) for one in ids]
        ids = [task_id(SEED, "createSubjectTraining", "one name", n) for n in range(TOGETHER)]
        assert sorted(made) == sorted(ids)
