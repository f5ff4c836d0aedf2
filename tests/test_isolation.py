"""Keys that share one server see only their own world, and see it as if they were alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from control_calls import App
from hypothesis import given, settings
from hypothesis import strategies as st
from training_clients import CREATE_PATH, LIST_PATH, body

from loracle_contracts import task_id
from loracle_mockserver import TrainingMock, live_server
from loracle_mockserver.clock import EPOCH
from loracle_mockserver.control import Control
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_rules import namespace_of

WORKERS = 8
ROUNDS = 4


def work(client: httpx.Client, namespace: str, number: int, wait: Callable[[], Any]) -> list[Any]:
    """What one worker does and sees: its own faults, clock, settings, tasks, journal.

    `wait` is called before each step, so that the steps of all workers meet.
    """
    seen: list[Any] = []

    def step(method: str, path: str, **given: Any) -> Any:
        wait()
        answer = client.request(method, path, **given)
        assert answer.status_code < 600
        return answer

    def control(method: str, page: str, json: Any = None) -> Any:
        return step(method, f"/_mock/{page}?namespace={namespace}", json=json).json()

    control("POST", "clock", {"frozen": True, "advance": 10 * number})
    control("PUT", "settings", {"progression": "seconds", "polls_per_state": number + 1})
    control("PUT", "faults", {"fault": "LIST_TASK_FAILED", "nth": number + 1})
    for turn in range(ROUNDS):
        # All workers use the same names: ids depend on the name and its count, not on the key.
        created = step("POST", CREATE_PATH, json=body(f"shared-{turn % 2}"))
        seen.append((created.status_code, created.json()))
        control("POST", "clock", {"advance": 60 + number})
        task = created.json()["task_id"]
        status = step("GET", CREATE_PATH, params={"task_id": task}).json()
        seen.append((status["task_status"], status["extra"]))
    for _ in range(WORKERS + 1):
        listed = step("GET", LIST_PATH, params={"pagination.limit": 100})
        answer = listed.json()
        answer.get("metadata", {}).pop("fault", None)
        seen.append((listed.status_code, answer))
    seen.append(control("GET", "settings"))
    seen.append(control("GET", "clock"))
    seen.append(
        [(rule["matched"], rule.get("fault"), rule["nth"]) for rule in control("GET", "faults")["faults"]]
    )
    seen.append(control("GET", "tasks")["total"])
    requests = control("GET", "requests")
    seen.append(
        (requests["total"], [(entry["operation"], entry["status"]) for entry in requests["requests"]])
    )
    seen.append(control("POST", "verify", {"operation": "createSubjectTraining", "count": ROUNDS})["holds"])
    return seen


def alone(number: int) -> list[Any]:
    with live_server() as mock:
        own = mock.with_key(f"worker-{number}")
        with httpx.Client(base_url=mock.url, headers=own.headers, verify=False) as client:
            return work(client, own.namespace, number, lambda: None)


def test_eight_workers_on_one_server_see_what_each_would_see_alone() -> None:
    expected = [alone(number) for number in range(WORKERS)]
    together = threading.Barrier(WORKERS)

    def run(mock: TrainingMock, number: int) -> list[Any]:
        own = mock.with_key(f"worker-{number}")
        try:
            with httpx.Client(base_url=mock.url, headers=own.headers, verify=False) as client:
                return work(client, own.namespace, number, together.wait)
        except BaseException:
            together.abort()  # or the others would wait for ever
            raise

    with live_server() as mock, ThreadPoolExecutor(WORKERS) as threads:
        seen = list(threads.map(lambda number: run(mock, number), range(WORKERS)))
    assert seen == expected
    # They differ where they were told to, so that the comparison compares something.
    assert len({repr(world) for world in seen}) == WORKERS
    ids = [answer["task_id"] for _, answer in seen[0][: 2 * ROUNDS : 2]]
    assert ids == [task_id(0, "createSubjectTraining", f"shared-{n % 2}", n // 2) for n in range(ROUNDS)]


def test_handles_of_threads_steer_their_own_world() -> None:
    """The same through Python: what a handle is told and tells is about its key."""

    def run(mock: TrainingMock, number: int) -> None:
        own = mock.with_key(f"worker-{number}")
        with httpx.Client(base_url=mock.url, headers=own.headers, verify=False) as client:
            for turn in range(ROUNDS):
                own.reset()
                if number % 3:
                    own.fail("CREATE_TASK_FAILED", times=number % 3)
                own.clock.advance(number + turn)
                answers = [client.post(CREATE_PATH, json=body("a")).status_code for _ in range(3)]
                assert answers == [500] * (number % 3) + [200] * (3 - number % 3)
                assert own.clock.now == EPOCH + number + turn
                assert len(own.requests) == 3
                own.assert_created("a", times=3 - number % 3)
                assert len(own.tasks) == 3 - number % 3
                if number == 0:
                    client.post(CREATE_PATH, content=b"{}")
                    client.post(CREATE_PATH, content=b"x" * 2_000_000)
                    assert own.contract_report() is not None
                else:
                    own.assert_contract_kept()

    with live_server() as mock, ThreadPoolExecutor(WORKERS) as threads:
        for number in range(WORKERS):
            mock.with_key(f"worker-{number}")  # so that each knows the others
        list(threads.map(lambda number: run(mock, number), range(WORKERS)))


# --- properties

KEYS = st.lists(st.text(min_size=1).filter(str.strip).map(str.strip), min_size=2, max_size=4, unique=True)


@given(st.lists(st.text(), unique=True))
def test_a_namespace_tells_nothing_of_its_key_and_is_its_own(keys: list[str]) -> None:
    namespaces = [namespace_of(key) for key in keys]
    assert len(set(namespaces)) == len(keys)
    for key, namespace in zip(keys, namespaces, strict=True):
        assert len(namespace) == 12
        assert set(namespace) <= set("0123456789abcdef")
        assert namespace == namespace_of(key)
        assert not key or len(key) < 4 or key not in namespace


STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(
            ["create", "list", "poll", "fault", "advance", "configure", "force", "clear", "reset"]
        ),
        st.integers(0, 3),
    ),
    max_size=20,
)


def apply(app: App, namespace: str, key: str, step: str, number: int) -> Any:
    """One step of one key, and what it shows."""
    query = f"?namespace={namespace}"
    if step == "create":
        return app.create(key, f"n{number % 2}").body
    if step == "list":
        answer = app.list(key)
        return answer.status, answer.json.get("tasks")
    if step in ("poll", "force"):
        task = task_id(0, "createSubjectTraining", f"n{number % 2}", number // 2)
        if step == "poll":
            return app.poll(task, key).body
        return app.ask("POST", f"/_mock/tasks/{task}{query}", json={"state": "FAILED"}).body
    if step == "fault":
        return len(
            app.control("POST", f"faults{query}", {"fault": "LIST_TASK_FAILED", "nth": number + 1})["faults"]
        )
    if step == "advance":
        return app.control("POST", f"clock{query}", {"advance": number * 100})["now"]
    if step == "configure":
        return app.control("PUT", f"settings{query}", {"polls_per_state": number + 1})
    if step == "clear":
        return app.control("DELETE", f"faults{query}")["faults"]
    return app.control("POST", f"reset{query}")


def world_of(app: App, namespace: str) -> Any:
    """All that can be seen of a world, but the numbers of the journal, which all keys share."""
    pages = {
        page: app.control("GET", f"{page}?namespace={namespace}") for page in ("tasks", "clock", "settings")
    }
    pages["faults"] = app.control("GET", f"faults?namespace={namespace}")["faults"]
    entries = [entry for _, entry in Control(app.engine).entries(namespace)]
    pages["journal"] = [(entry.operation, entry.status, entry.fault, entry.body) for entry in entries]
    return pages


@given(keys=KEYS, steps=STEPS)
@settings(max_examples=15)
def test_whatever_the_others_do_a_world_is_as_if_it_were_alone(keys: list[str], steps: list[Any]) -> None:
    together, each = App(Engine(wall=lambda: 7.0)), [App(Engine(wall=lambda: 7.0)) for _ in keys]
    for chosen, step, number in steps:
        at = chosen % len(keys)
        key, namespace = keys[at], namespace_of(keys[at])
        assert apply(together, namespace, key, step, number) == apply(each[at], namespace, key, step, number)
    for own, key in zip(each, keys, strict=True):
        namespace = namespace_of(key)
        assert world_of(together, namespace) == world_of(own, namespace)


@given(keys=KEYS, names=st.lists(st.sampled_from(["a", "b"]), max_size=6), data=st.data())
@settings(max_examples=25)
def test_ids_do_not_depend_on_who_else_creates(
    keys: list[str], names: list[str], data: st.DataObject
) -> None:
    app = App()
    turns = [(key, name) for key in keys for name in names]
    created: dict[str, list[str]] = {key: [] for key in keys}
    # Each key creates the names in their order, interleaved with the others in any way.
    queues = {key: list(names) for key in keys}
    for _ in turns:
        key = data.draw(st.sampled_from([key for key, queue in queues.items() if queue]))
        created[key].append(app.create(key, queues[key].pop(0)).json["task_id"])
    assert all(ids == created[keys[0]] for ids in created.values())
    for key in keys:
        assert [task["task_id"] for task in app.list(key).json["tasks"]] == created[key][::-1]
