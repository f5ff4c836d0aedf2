"""Servers on which a refused request leaves something behind, or a read changes something."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from broken_servers.changes import CREATES, LISTS, STATES, STYLE, SUBJECT, Make, behaviour
from broken_servers.defect import Corpus, Witness
from broken_servers.right_bodies import minimal
from broken_servers.scripts import LIST, create, created, id_of, seen, state
from broken_servers.wire import Answer, Change, Forward, Request, operation_of, refuse_right

__all__ = ["CASES"]

CASES = Corpus()


def _starts(is_meant: Callable[[Request, Answer], bool], operations: tuple[str, ...] = CREATES) -> Make:
    """Some refused requests start a training all the same."""

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        operation = operation_of(request)
        if operation in operations and answer.status >= 400 and is_meant(request, answer):
            started = minimal(operation, "of a refused request")
            await forward(request.with_header("content-type", "application/json").with_body(started))
        return answer

    return lambda: change


def _is_invalid(_: Request, answer: Answer) -> bool:
    return b'"INVALID_REQUEST_BODY"' in answer.body


def _breaks(member: str) -> Callable[[Request, Answer], bool]:
    """A refusal for this member alone, which is judged after the training was noted."""

    def tells(_: Request, answer: Answer) -> bool:
        value = answer.value()
        violations = value["metadata"].get("violations", []) if _is_invalid(_, answer) else []
        return bool(violations) and all(found["pointer"].startswith(f"/{member}") for found in violations)

    return tells


def _is_broken_json(request: Request, answer: Answer) -> bool:
    return _is_invalid(request, answer) and request.value() is None


def _has_wrong_type(_: Request, answer: Answer) -> bool:
    return answer.status == 415


def _blocks_names() -> Change:
    """The name of a refused create counts as used."""
    used: set[str] = set()

    async def change(request: Request, forward: Forward) -> Answer:
        if operation_of(request) not in CREATES:
            return await forward(request)
        value = request.value()
        name = str(value.get("name")) if isinstance(value, dict) else ""
        if name in used:
            return await refuse_right(request, forward, "TASK_NAME_EXISTED")
        answer = await forward(request)
        if _is_invalid(request, answer) and name:
            used.add(name)
        return answer

    return change


def _counts(limit: int) -> Make:
    """So many refused creates use up the quota."""

    def make() -> Change:
        refused: Counter[str] = Counter()

        async def change(request: Request, forward: Forward) -> Answer:
            if operation_of(request) not in CREATES:
                return await forward(request)
            if refused["all"] >= limit:
                return await refuse_right(request, forward, "FREE_TRIAL_QUOTA_EXCEEDS")
            answer = await forward(request)
            refused["all"] += _is_invalid(request, answer)
            return answer

        return change

    return make


def _polled_tasks_leave() -> Change:
    """A training that was asked for three times is not listed any more."""
    polled: Counter[str] = Counter()

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if answer.status != 200:
            return answer
        value = answer.value()
        if operation_of(request) in STATES:
            polled[value["task_id"]] += 1
        if operation_of(request) in LISTS:
            kept = [task for task in value["tasks"] if polled[task["task_id"]] < 3]
            return answer.with_value({**value, "tasks": kept})
        return answer

    return change


def _unknown_is_made() -> Change:
    """Who asks for an unknown training finds it in the list afterwards."""
    made: list[Any] = []

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if operation_of(request) in STATES and answer.status == 404:
            task = request.query.decode("latin-1").rpartition("=")[2]
            made.append(
                {
                    "task_name": "",
                    "task_id": task,
                    "task_type": "subject",
                    "task_status": "UNKNOWN",
                    "created_at": 0,
                    "models": [],
                }
            )
        if operation_of(request) in LISTS and answer.status == 200:
            value = answer.value()
            return answer.with_value({**value, "tasks": value["tasks"] + made})
        return answer

    return change


def _last_name_wins() -> Change:
    """All trainings are listed under the name of the last one."""
    names = [""]

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if operation_of(request) in CREATES and answer.status == 200:
            names[0] = request.value()["name"]
        if operation_of(request) in LISTS and answer.status == 200:
            value = answer.value()
            return answer.with_value(
                {**value, "tasks": [{**task, "task_name": names[0]} for task in value["tasks"]]}
            )
        return answer

    return change


def _replaces() -> Change:
    """A second training of a kind takes the place of the first."""
    latest: dict[str, str] = {}

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        operation = operation_of(request)
        if answer.status != 200:
            return answer
        value = answer.value()
        if operation in CREATES:
            latest[operation] = value["task_id"]
        if operation in LISTS:
            kept = [task for task in value["tasks"] if task["task_id"] in latest.values()]
            return answer.with_value({**value, "tasks": kept})
        return answer

    return change


def _refused(body: bytes, media_type: str = "application/json", *, then: str = "") -> Witness:
    async def witness(client: httpx.AsyncClient) -> Any:
        path = "/v3/training/subject"
        for _ in range(3):
            await client.post(path, content=body, headers={"content-type": media_type})
        after = seen(await create(client, then)) if then else None
        return after, seen(await client.get(LIST))

    return witness


async def _two_of_a_kind(client: httpx.AsyncClient) -> Any:
    for name in ("first", "second"):
        await create(client, name, SUBJECT)
        await create(client, name, STYLE)
    return seen(await client.get(LIST))


async def _asked_often(client: httpx.AsyncClient) -> Any:
    task = id_of(await create(client, "asked"))
    for _ in range(5):
        await state(client, task)
    return seen(await client.get(LIST))


async def _asked_for_nobody(client: httpx.AsyncClient) -> Any:
    await state(client, "44444444-4444-4444-8444-444444444444")
    return seen(await client.get(LIST))


def _with(**changes: Any) -> bytes:
    return json.dumps({**minimal(), **changes}).encode()


_FREE: list[tuple[str, Make, Witness]] = [
    ("refused-create-starts", _starts(_is_invalid), _refused(b"{}")),
    ("refused-width-starts", _starts(_breaks("width")), _refused(_with(width=0))),
    ("refused-settings-start", _starts(_breaks("expert_setting")), _refused(_with(expert_setting={}))),
    ("refused-components-start", _starts(_breaks("components")), _refused(_with(components=None))),
    (
        "refused-images-start",
        _starts(_breaks("image_dataset_items")),
        _refused(_with(image_dataset_items=[])),
    ),
    ("broken-json-starts", _starts(_is_broken_json), _refused(b"{")),
    ("wrong-type-starts", _starts(_has_wrong_type), _refused(_with(), "text/plain")),
    ("unknown-task-is-made", _unknown_is_made, _asked_for_nobody),
]
_PAID: list[tuple[str, Make, Witness]] = [
    ("refused-name-is-used", _blocks_names, _refused(_with(name="twice", width=0), then="twice")),
    ("refused-creates-count", _counts(3), _refused(b"{}", then="after")),
    ("polled-task-leaves-the-list", _polled_tasks_leave, _asked_often),
    ("last-name-for-all", _last_name_wins, created),
    ("second-replaces-first", _replaces, _two_of_a_kind),
]


def _fill() -> None:
    for slug, make, witness in _FREE:
        behaviour(CASES, slug, "", make, witness)
    for slug, make, witness in _PAID:
        behaviour(CASES, slug, "", make, witness, needs_create=True)


_fill()
