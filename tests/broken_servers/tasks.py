"""Servers that lose, double or alter the trainings which they were asked for."""

from __future__ import annotations

import asyncio
import itertools
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx

from broken_servers.changes import (
    CREATES,
    LISTS,
    STATES,
    STYLE,
    SUBJECT,
    Make,
    asked,
    behaviour,
    rewritten,
)
from broken_servers.defect import Corpus, Witness
from broken_servers.scripts import LIST, create, created, id_of, seen, state
from broken_servers.wire import Answer, Change, Forward, Request, as_json, operation_of, pause, refusal

__all__ = ["CASES"]

CASES = Corpus()
_FIXED = "22222222-2222-4222-8222-222222222222"


def _listed_tasks(edit: Callable[[Any], Any]) -> Make:
    return rewritten(LISTS, lambda value: {**value, "tasks": edit(value["tasks"])})


def _each_listed(edit: Callable[[Any], Any]) -> Make:
    return _listed_tasks(lambda tasks: [{**task, **edit(task)} for task in tasks])


def _renamed(edit: Callable[[str], str]) -> Make:
    return _each_listed(lambda task: {"task_name": edit(task["task_name"])})


def _counting(edit: Callable[[int, Any], Any]) -> Make:
    """Changes each answer to a create by its number."""

    def make() -> Callable[[Any], Any]:
        numbers = itertools.count(1)
        return lambda value: edit(next(numbers), value)

    return rewritten(CREATES, make=make)


def _lost(every: int, *, in_list: bool = True, in_state: bool = True) -> Make:
    """Every so manyth create is answered and forgotten."""

    def make() -> Change:
        numbers, lost = itertools.count(1), set()

        async def change(request: Request, forward: Forward) -> Answer:
            answer = await forward(request)
            if answer.status != 200:
                return answer
            operation, value = operation_of(request), answer.value()
            if operation in CREATES and next(numbers) % every == 0:
                lost.add(value["task_id"])
            if in_state and operation in STATES and value["task_id"] in lost:
                return refusal("TASK_NOT_FOUND")
            if in_list and operation in LISTS:
                kept = [task for task in value["tasks"] if task["task_id"] not in lost]
                return answer.with_value({**value, "tasks": kept})
            return answer

        return change

    return make


def _same_name_same_task() -> Change:
    ids: dict[str, str] = {}

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if operation_of(request) in CREATES and answer.status == 200:
            name = request.value()["name"]
            return as_json({"task_id": ids.setdefault(name, answer.value()["task_id"])})
        return answer

    return change


def _races() -> Change:
    """Creates that overlap get the id of the one that began first."""
    under_way: list[str] = []

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if operation_of(request) not in CREATES or answer.status != 200:
            return answer
        under_way.append(answer.value()["task_id"])
        first = under_way[0]
        await pause(0.05)
        under_way.pop()
        return as_json({"task_id": first})

    return change


def _race_loses() -> Change:
    """Of creates that overlap only the last one is kept."""
    under_way, lost = [0], set()

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        operation, value = operation_of(request), answer.value()
        if operation in CREATES and answer.status == 200:
            under_way[0] += 1
            if under_way[0] > 1:
                lost.add(value["task_id"])
            await pause(0.05)
            under_way[0] -= 1
        if operation in LISTS and answer.status == 200:
            kept = [task for task in value["tasks"] if task["task_id"] not in lost]
            return answer.with_value({**value, "tasks": kept})
        return answer

    return change


def _twice() -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        if operation_of(request) in CREATES:
            await forward(request)
        return await forward(request)

    return change


def _shifting_time() -> Callable[[Any], Any]:
    calls = itertools.count()

    def edit(value: Any) -> Any:
        now = next(calls)
        return {
            **value,
            "tasks": [{**task, "created_at": task["created_at"] + now} for task in value["tasks"]],
        }

    return edit


def _shifting_ids() -> Callable[[Any], Any]:
    calls = itertools.count(1)

    def edit(value: Any) -> Any:
        tail = f"{next(calls):012x}"
        return {
            **value,
            "tasks": [{**task, "task_id": task["task_id"][:24] + tail} for task in value["tasks"]],
        }

    return edit


async def _two_alike(client: httpx.AsyncClient) -> Any:
    first, second = await create(client, "alike"), await create(client, "alike")
    return [seen(first), seen(second), seen(await client.get(LIST))]


async def _at_once(client: httpx.AsyncClient) -> Any:
    await asyncio.gather(*(create(client, f"parallel {number}") for number in range(4)))
    return seen(await client.get(LIST))


async def _at_once_answers(client: httpx.AsyncClient) -> Any:
    answers = await asyncio.gather(*(create(client, f"parallel {number}") for number in range(4)))
    return len({id_of(answer) for answer in answers})


async def _several(client: httpx.AsyncClient) -> Any:
    answers = [await create(client, f"task {number}") for number in range(5)]
    states = [await state(client, id_of(answer)) for answer in answers]
    return [seen(answer) for answer in (*answers, *states, await client.get(LIST))]


async def _named(client: httpx.AsyncClient) -> Any:
    for name in (" Blank Ends ", "Ze\u0301 <b>&'\"/", "\u00e9\u540d\U0001f600", "x" * 200, "two\n lines"):
        await create(client, name)
    return seen(await client.get(LIST))


_TASKS: list[tuple[str, str, Make, Witness]] = [
    ("task-lost", SUBJECT, _lost(3), _several),
    ("task-not-in-list", "listTrainings", _lost(2, in_state=False), _several),
    ("task-not-in-state", "getSubjectTraining", _lost(2, in_list=False), _several),
    ("task-lost-rarely", SUBJECT, _lost(5), _several),
    ("id-repeated", SUBJECT, _counting(lambda n, value: {"task_id": _FIXED} if n > 1 else value), _several),
    ("id-of-the-name", SUBJECT, _same_name_same_task, _two_alike),
    ("id-repeated-in-parallel", SUBJECT, _races, _at_once_answers),
    ("task-lost-in-parallel", SUBJECT, _race_loses, _at_once),
    ("task-created-twice", SUBJECT, _twice, _several),
    ("created-at-moves", "listTrainings", rewritten(LISTS, make=_shifting_time), created),
    ("listed-id-moves", "listTrainings", rewritten(LISTS, make=_shifting_ids), created),
    (
        "created-at-as-text",
        "listTrainings",
        _each_listed(lambda task: {"created_at": f"{task['created_at']}000"}),
        created,
    ),
    (
        "created-at-as-date",
        "listTrainings",
        _each_listed(lambda _: {"created_at": "2024-01-01T00:00:00Z"}),
        created,
    ),
    ("created-at-negative", "listTrainings", _each_listed(lambda _: {"created_at": -1}), created),
    ("created-at-fraction", "listTrainings", _each_listed(lambda _: {"created_at": 1.5}), created),
    ("name-trimmed", "listTrainings", _renamed(str.strip), _named),
    ("name-lower-case", "listTrainings", _renamed(str.lower), _named),
    ("name-cut", "listTrainings", _renamed(lambda name: name[:64]), _named),
    (
        "name-normalised",
        "listTrainings",
        _renamed(lambda name: unicodedata.normalize("NFC", name)),
        _named,
    ),
    ("name-escaped", "listTrainings", _renamed(lambda name: name.replace("<", "&lt;")), _named),
    (
        "name-as-latin-1",
        "listTrainings",
        _renamed(lambda name: name.encode().decode("latin-1")),
        _named,
    ),
    (
        "name-ascii-only",
        "listTrainings",
        _renamed(lambda name: name.encode("ascii", "replace").decode()),
        _named,
    ),
    ("name-null", "listTrainings", _each_listed(lambda _: {"task_name": None}), created),
    ("style-listed-as-subject", "listTrainings", _each_listed(lambda _: {"task_type": "subject"}), created),
    (
        "type-unknown",
        "listTrainings",
        _each_listed(lambda task: {"task_type": task["task_type"].title()}),
        created,
    ),
]


def _as_the_other_kind(request: Request) -> Request:
    kinds = {"getStyleTraining": "/v3/training/subject"}
    return replace(request, path=kinds.get(operation_of(request), request.path))


async def _other_kind(client: httpx.AsyncClient) -> Any:
    task = id_of(await create(client, "a subject", SUBJECT))
    other = id_of(await create(client, "a style", STYLE))
    return seen(await state(client, task, "style")), seen(await state(client, other, "style"))


def _either_kind() -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if operation_of(request) == "getStyleTraining" and answer.status == 404:
            return await forward(_as_the_other_kind(request))
        return answer

    return change


def _fill() -> None:
    for slug, operation, make, witness in _TASKS:
        is_hidden = slug == "listed-id-moves"
        behaviour(CASES, slug, operation, make, witness, needs_create=True, breaks_plain=is_hidden)
    behaviour(
        CASES,
        "style-reads-subject",
        "getStyleTraining",
        _either_kind,
        _other_kind,
        needs_create=True,
    )
    # All trainings become subjects.
    behaviour(
        CASES,
        "style-creates-a-subject",
        STYLE,
        asked(lambda r: replace(r, path="/v3/training/subject") if operation_of(r) == STYLE else r),
        created,
        needs_create=True,
    )


_fill()
