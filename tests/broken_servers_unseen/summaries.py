"""Entries of the list: names, times, defaults."""

from __future__ import annotations

import html
from typing import Any

import httpx

from broken_servers_unseen.client import created, listed
from broken_servers_unseen.registry import behaviour, on_answer
from broken_servers_unseen.wire import Answer, Call, Forward, Handler


async def _fresh(client: httpx.AsyncClient) -> object:
    await created(client)
    return (await listed(client))["tasks"]


def _named(name: str) -> Any:
    async def witness(client: httpx.AsyncClient) -> object:
        await created(client, name)
        response = await client.get("/v3/training")
        try:
            return [task["task_name"] for task in response.json()["tasks"]]
        except ValueError:
            return "not JSON"

    return witness


# contract 0.12: "sends every documented key, never null: `models` is `[]` before SUCCESS"
@on_answer("listTrainings", _fresh, needs_create=True, spoils=["list"])
def no_models_are_null(document: Any) -> None:
    """A nil slice, as Go writes it."""
    for task in document["tasks"]:
        task["models"] = task["models"] or None


# openapi created_at: "When the training was started, in Unix seconds."
@on_answer("listTrainings", _fresh, needs_create=True, spoils=["list"])
def created_at_is_in_milliseconds(document: Any) -> None:
    """Date.now()."""
    for task in document["tasks"]:
        task["created_at"] *= 1000


async def _ids(client: httpx.AsyncClient) -> object:
    task_id = await created(client)
    return task_id == (await listed(client))["tasks"][0]["task_id"]


# openapi task_id: "a UUID of version 4 in lower case"
@on_answer("listTrainings", _ids, needs_create=True, spoils=["list"])
def list_writes_ids_in_capitals(document: Any) -> None:
    """As SQL Server prints a uniqueidentifier."""
    for task in document["tasks"]:
        task["task_id"] = task["task_id"].upper()


async def _kinds(client: httpx.AsyncClient) -> object:
    await created(client, "a", "Style")
    await created(client, "b")
    return [task["task_type"] for task in (await listed(client))["tasks"]]


# openapi TaskSummary.task_type: "Kind of the training."
@on_answer("listTrainings", _kinds, needs_create=True)
def every_entry_is_a_subject(document: Any) -> None:
    """The column came later, and has a default."""
    for task in document["tasks"]:
        task["task_type"] = "subject"


# openapi task_name: "The name that the training was started with."
@on_answer("listTrainings", _named("n" * 100), needs_create=True)
def long_names_are_cut(document: Any) -> None:
    """varchar(64), and a database that is not strict."""
    for task in document["tasks"]:
        task["task_name"] = task["task_name"][:64]


# openapi task_name: "The name that the training was started with."
@on_answer("listTrainings", _named("Tom & Jerry's <cat>"), needs_create=True)
def names_are_escaped_for_html(document: Any) -> None:
    for task in document["tasks"]:
        task["task_name"] = html.escape(task["task_name"])


# openapi listTrainings 200: "application/json" (a whole document)
@behaviour("listTrainings", _named("Zoë in Köln"), needs_create=True)
def length_is_counted_in_characters() -> Handler:
    """Content-Length: str(len(text))."""

    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if call.operation == "listTrainings" and answer.is_ok:
            answer.body = answer.body[: len(answer.body.decode())]
        return answer

    return handle
