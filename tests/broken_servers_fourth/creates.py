"""Servers that start trainings wrongly, or for somebody else."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from broken_servers_second.bodies import listed, post, start, subject
from broken_servers_second.editing import behaves
from broken_servers_second.wire import STYLE, SUBJECT, Answer, Handler, Next, Request, envelope, read_strictly
from broken_servers_unseen.client import outcome
from broken_servers_unseen.defect import Case

from broken_servers_fourth.forms import asked, plain

__all__ = ["CASES"]

_SUBJECT, _STYLE = "createSubjectTraining", "createStyleTraining"


def _queued() -> Handler:
    """The id is answered as soon as a queue has the training; who asks at once finds no row."""
    waiting: set[str] = set()

    async def handler(request: Request, pass_on: Next) -> Answer:
        task = asked(request).get("task_id", "")
        if request.is_to("GET", STYLE) and request.is_authorised and task in waiting:
            waiting.discard(task)
            return envelope(404, "TASK_NOT_FOUND", "No such task.")
        answer = await pass_on(request)
        if request.is_to("POST", STYLE) and answer.status == 200:
            waiting.add(answer.json()["task_id"])
        return answer

    return handler


async def _inserted_first(request: Request, pass_on: Next) -> Answer:
    """The row is written before the rest is judged, and no transaction takes it back."""
    answer = await pass_on(request)
    if not request.is_to("POST", SUBJECT) or answer.status != 400 or not request.is_judged:
        return answer
    try:
        body = read_strictly(request.body)
    except ValueError:
        return answer
    name = body.get("name") if isinstance(body, dict) else None
    if isinstance(name, str) and 0 < len(name) < 256:
        await pass_on(request.with_body(_row(name)))
    return answer


def _row(name: str) -> bytes:
    value = subject(name=name)
    return Answer(200, (), b"").with_json(value).body


def _key_in_a_global() -> Handler:
    """The key of the request is kept in a variable of the module, over an await."""
    key = ""

    async def handler(request: Request, pass_on: Next) -> Answer:
        nonlocal key
        if not request.is_to("POST", SUBJECT) or not request.is_authorised:
            return await pass_on(request)
        key = request.header("authorization")
        await asyncio.sleep(0.005)
        return await pass_on(request.with_header("authorization", key))

    return handler


def _any_case() -> Handler:
    """MySQL compares texts without regard to case unless the collation says otherwise; so it does keys."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        if not request.is_authorised:
            return await pass_on(request)
        scheme, _, key = request.header("authorization").strip().partition(" ")
        return await pass_on(request.with_header("authorization", f"{scheme} {key.lower()}"))

    return handler


async def _asked_at_once(client: httpx.AsyncClient) -> object:
    task = await start(client, "style")
    return outcome(await client.get(STYLE, params={"task_id": task}))


async def _after_a_refusal(client: httpx.AsyncClient) -> object:
    refused = await post(SUBJECT, subject(width=0))(client)
    return refused, await listed(client)


async def _tasks(client: httpx.AsyncClient, key: str) -> Any:
    answer = await client.get("/v3/training", headers={"authorization": f"Bearer {key}"})
    return [task["task_name"] for task in answer.json()["tasks"]]


async def _two_keys_at_once(client: httpx.AsyncClient) -> object:
    keys = ("key-one", "key-two")
    sent = [
        client.post(SUBJECT, json=subject(name=f"of {key}"), headers={"authorization": f"Bearer {key}"})
        for key in keys
    ]
    await asyncio.gather(*sent)
    return [await _tasks(client, key) for key in keys]


async def _key_in_capitals(client: httpx.AsyncClient) -> object:
    await start(client)
    return await _tasks(client, "KEY-ONE")


CASES: list[Case] = [
    behaves("new-training-is-not-there-yet", _STYLE, _queued, _asked_at_once, needs_create=True),
    behaves("refused-create-leaves-a-training", _SUBJECT, plain(_inserted_first), _after_a_refusal),
    behaves("key-in-a-global", _SUBJECT, _key_in_a_global, _two_keys_at_once, needs_create=True),
    behaves("keys-in-any-case", "", _any_case, _key_in_capitals, needs_create=True),
]
