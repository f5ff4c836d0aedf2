"""Reads whose answers do not fit together are found."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from fuzzed_wire import Defect
from wire_defects import (
    LIST,
    MODELS,
    SUBJECT,
    found,
    of,
    query,
    where,
)

from loracle_contracts.exchange import Request


def _each(name: str, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        return {**value, "tasks": [{**task, name: change(task[name])} for task in value["tasks"]]}

    return apply


def _tasks(change: Callable[[list[Any]], list[Any]]) -> Callable[[Any], Any]:
    return lambda value: {**value, "tasks": change(value["tasks"])}


def _cursor(change: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda value: {**value, "pagination": {"next_cursor": change(value["pagination"]["next_cursor"])}}


def _next(cursor: str) -> str:
    return f"c_{int(cursor[2:]) + 1}" if cursor else ""


def _flapping() -> Defect:
    calls = itertools.count()
    return of(LIST, _tasks(lambda tasks: tasks if next(calls) % 2 else tasks[::-1]))


def _backward() -> Defect:
    return of(SUBJECT, lambda value: {**value, "task_status": "QUEUING", "models": []})


def _limit(request: Request) -> int:
    found = re.search(r"limit=(\d+)", request.query)
    return int(found[1]) if found else 10


# What is found (check and subject), and the defect.
DEFECTS: dict[str, tuple[str, str, Defect]] = {
    "limit ignored": (
        "relation",
        "pagination.limit",
        where(
            lambda one: one.path == LIST and 1 <= _limit(one) <= 100,
            lambda one: query(one, r"limit=\d+", "limit=100"),
        ),
    ),
    "pages overlap": (
        "relation",
        "paging.disjoint",
        where(
            lambda one: one.path == LIST,
            lambda one: query(one, r"cursor=c_([1-9])(?=&|$)", lambda found: f"cursor=c_{int(found[1]) - 1}"),
        ),
    ),
    "pages skip": ("relation", "paging.complete", of(LIST, _cursor(_next))),
    "a cursor ignored": (
        "relation",
        "paging.disjoint",
        where(lambda one: one.path == LIST, lambda one: query(one, r"cursor=c_\d{1,3}(?=&|$)", "cursor=")),
    ),
    "a cursor on the last page": (
        "relation",
        "paging.last",
        of(LIST, _cursor(lambda cursor: cursor or "c_999")),
    ),
    "no cursor": ("relation", "paging.complete", of(LIST, _cursor(lambda _: ""))),
    "the oldest first": (
        "relation",
        "list.order",
        of(
            LIST,
            lambda value: {
                **value,
                "tasks": [
                    {**task, "created_at": task["created_at"] + n} for n, task in enumerate(value["tasks"])
                ],
            },
        ),
    ),
    "milliseconds": (
        "relation",
        "created_at.unit",
        of(LIST, _each("created_at", lambda moment: moment * 1000)),
    ),
    "task_type ignored": (
        "relation",
        "task_type.filter",
        where(
            lambda one: one.path == LIST, lambda one: query(one, r"task_type=(subject|style)(?=&|$)", "x=x")
        ),
    ),
    "task_type hides": (
        "relation",
        "task_type.complete",
        of(LIST, _tasks(lambda tasks: tasks[:1]), lambda one: "task_type" in one.query),
    ),
    "a task twice": ("relation", "list.once", of(LIST, _tasks(lambda tasks: tasks + tasks[:1]))),
    "a list in another order": ("relation", "list.stable", _flapping()),
    "a listed task that nobody knows": (
        "refused",
        "list.known",
        of(LIST, _each("task_id", lambda one: one[:-1] + ("0" if one[-1] != "0" else "1"))),
    ),
    "a status that goes back": ("relation", "state.forward", _backward()),
    "another task": (
        "relation",
        "state.task_id",
        of(SUBJECT, lambda value: {**value, "task_id": "fe84ac1b-5a01-487c-a56d-2c6c93b61f49"}),
    ),
    "success without models": ("relation", "models.success", of(LIST, _each("models", lambda _: []))),
    "other models": (
        "relation",
        "list.models",
        of(
            LIST,
            _each(
                "models",
                lambda models: [{**model, "model_name": "model_1_A.safetensors"} for model in models],
            ),
        ),
    ),
    "a filter of models ignored": (
        "relation",
        "filter.source.filter",
        where(
            lambda one: one.path == MODELS,
            lambda one: query(one, r"filter\.source=(civitai|uploading)", "x=x"),
        ),
    ),
    "a flag ignored": (
        "relation",
        "filter.is_sdxl.filter",
        where(
            lambda one: one.path == MODELS,
            lambda one: query(one, r"filter\.is_sdxl=(true|false)(?=&|$)", "x=x"),
        ),
    ),
    "filter.query ignored": (
        "relation",
        "filter.query.filter",
        where(lambda one: one.path == MODELS, lambda one: query(one, r"filter\.query=loracle[^&]*", "x=x")),
    ),
    "filter.query finds nothing": (
        "relation",
        "filter.query.filter",
        where(
            lambda one: one.path == MODELS,
            lambda one: query(one, r"filter\.query=task[^&]*", "filter.query=zzz"),
        ),
    ),
    "trained models hidden": (
        "relation",
        "models.listed",
        of(
            MODELS,
            lambda value: {**value, "models": value["models"][1:]},
            lambda one: "source=training" in one.query,
        ),
    ),
    "limit ignored at models": (
        "relation",
        "pagination.limit",
        where(
            lambda one: one.path == MODELS and 1 <= _limit(one) <= 100,
            lambda one: query(one, r"limit=\d+", "limit=100"),
        ),
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_the_defect_is_found(name: str) -> None:
    check, subject, defect = DEFECTS[name]
    assert (check, subject) in found("queries", defect)
