"""Servers that answer a right create with something else than a task id and 200."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from broken_servers.changes import CREATES, Make, answered, behaviour, rewritten
from broken_servers.defect import Corpus
from broken_servers.scripts import created
from broken_servers.wire import Answer

__all__ = ["CASES"]

CASES = Corpus()
_FIXED = "22222222-2222-4222-8222-222222222222"


def _each(edit: Callable[[str], Any]) -> Make:
    return rewritten(CREATES, lambda value: {"task_id": edit(value["task_id"])})


_DEFECTS: dict[str, Make] = {
    "id-fixed": _each(lambda _: _FIXED),
    "id-no-uuid": _each(lambda task: task[:8]),
    "id-upper-case": _each(str.upper),
    "id-with-braces": _each(lambda task: f"{{{task}}}"),
    "id-of-version-1": _each(lambda task: task[:14] + "1" + task[15:]),
    "id-null": _each(lambda _: None),
    "id-as-number": _each(lambda task: int(task[:8], 16)),
    "id-under-another-name": rewritten(CREATES, lambda value: {"id": value["task_id"]}),
    "create-answers-201": answered(CREATES, lambda answer: replace(answer, status=201)),
    "create-answers-202": answered(CREATES, lambda answer: replace(answer, status=202)),
    "create-answers-204": answered(CREATES, lambda _: Answer(204, headers=())),
    "create-answers-nothing": answered(CREATES, lambda answer: replace(answer, body=b"")),
    "create-answers-a-list": rewritten(CREATES, lambda value: [value]),
    "create-answers-an-envelope": rewritten(CREATES, lambda value: {"code": 0, "data": value}),
}


def _fill() -> None:
    for slug, make in _DEFECTS.items():
        behaviour(CASES, slug, "", make, created, needs_create=True, breaks_plain=True)


_fill()
