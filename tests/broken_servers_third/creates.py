"""Servers that start trainings wrongly."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

from broken_servers_second.bodies import listed, start, style, subject
from broken_servers_second.editing import behaves
from broken_servers_second.wire import (
    STYLE,
    SUBJECT,
    Answer,
    Handler,
    Next,
    Request,
    crash,
    envelope,
    read_strictly,
)
from broken_servers_unseen.defect import Case
from broken_servers_unseen.wire import is_valid
from httpx import AsyncClient

from broken_servers_third.answering import changing, parameters, polled, reason, sees, with_query

__all__ = ["CASES"]

_SUBJECT, _STYLE = "createSubjectTraining", "createStyleTraining"
_ID = re.compile(rb'("task_id":"[0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12}")')


def _camel(answer: Any) -> Any:
    return {"taskId": answer["task_id"]}


def _created() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        is_one = request.is_to("POST", SUBJECT) and answer.status == 200
        return replace(answer, status=201) if is_one else answer

    return handler


def _no_hyphens() -> Handler:
    """Java code that strips its UUIDs, and a column of CHAR(32)."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        query = parameters(request)
        task = query.get("task_id", "")
        if request.method == "GET" and re.fullmatch(r"[0-9a-f]{32}", task):
            whole = "-".join((task[:8], task[8:12], task[12:16], task[16:20], task[20:]))
            request = with_query(request, {**query, "task_id": whole})
        answer = await pass_on(request)
        return answer.with_body(_ID.sub(rb"\1\2\3\4\5", answer.body)) if answer.status == 200 else answer

    return handler


def _unique() -> Handler:
    """A unique index over the key and the name."""
    known: set[tuple[str, str]] = set()

    async def handler(request: Request, pass_on: Next) -> Answer:
        if request.is_to("POST", SUBJECT) and request.is_judged and is_valid(request.body, _SUBJECT):
            entry = (request.header("authorization"), read_strictly(request.body)["name"])
            if entry in known:
                return envelope(400, "TASK_NAME_EXISTED", "A task of this name exists.")
            known.add(entry)
        return await pass_on(request)

    return handler


def _twice() -> Handler:
    """A gateway that retries what it thinks has failed."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("POST", SUBJECT) and answer.status == 200:
            await pass_on(request)
        return answer

    return handler


def _locked() -> Handler:
    """SQLite has one writer, and the code waits for no lock."""
    writers: list[Request] = []

    async def handler(request: Request, pass_on: Next) -> Answer:
        if not request.is_to("POST", STYLE) or not is_valid(request.body, _STYLE):
            return await pass_on(request)
        if writers:
            return crash()
        writers.append(request)
        try:
            await asyncio.sleep(0.003)  # the write
            return await pass_on(request)
        finally:
            writers.clear()

    return handler


def _as_subject() -> Handler:
    """The handler was copied, and keeps its tasks under the first one's kind."""
    styles: set[str] = set()

    async def handler(request: Request, pass_on: Next) -> Answer:
        if request.is_to("GET", SUBJECT, STYLE) and parameters(request).get("task_id") in styles:
            request = replace(request, path=SUBJECT if request.path == STYLE else STYLE)
        answer = await pass_on(request)
        if request.is_to("POST", STYLE) and answer.status == 200:
            styles.add(answer.json()["task_id"])
        return answer

    return handler


async def _same_name(client: AsyncClient) -> object:
    return [reason(await client.post(SUBJECT, json=subject(name="twin"))) for _ in range(2)]


async def _listed_once(client: AsyncClient) -> object:
    await start(client)
    return len((await listed(client))["tasks"])


async def _at_once(client: AsyncClient) -> object:
    bodies = [style(name=name) for name in ("one", "two")]
    answers = await asyncio.gather(*(client.post(STYLE, json=body) for body in bodies))
    return [answer.status_code for answer in answers]


async def _style_state(client: AsyncClient) -> object:
    return await polled(client, "style", await start(client, "style"))


async def _subject_id(client: AsyncClient) -> object:
    task = await start(client)
    return task, await polled(client, "subject", task)


CASES: list[Case] = [
    behaves("create-answers-201", _SUBJECT, _created, sees("POST", SUBJECT, subject()), needs_create=True),
    behaves(
        "answer-in-camel-case",
        _STYLE,
        changing("POST", STYLE, _camel),
        sees("POST", STYLE, style()),
        needs_create=True,
    ),
    behaves("ids-without-hyphens", _SUBJECT, _no_hyphens, _subject_id, needs_create=True),
    behaves("names-are-unique", _SUBJECT, _unique, _same_name, needs_create=True),
    behaves("creates-count-twice", _SUBJECT, _twice, _listed_once, needs_create=True),
    behaves("database-is-locked", _STYLE, _locked, _at_once, needs_create=True),
    behaves("style-tasks-are-kept-as-subjects", _STYLE, _as_subject, _style_state, needs_create=True),
]
