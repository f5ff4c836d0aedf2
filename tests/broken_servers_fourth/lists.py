"""Servers whose list of trainings is wrong, or who show it to the wrong client."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
from broken_servers_second.bodies import listed, start
from broken_servers_second.editing import behaves
from broken_servers_second.wire import TRAININGS, Answer, Handler, Next, Request, envelope
from broken_servers_unseen.client import outcome, polled
from broken_servers_unseen.defect import Case

from broken_servers_fourth.forms import asked, asking, plain

__all__ = ["CASES"]

_LIST = "listTrainings"
_DEFAULT = 10


def _number(text: str, default: int) -> int:
    """The number at the end of a parameter."""
    found = re.search(r"[0-9]+\s*$", text)
    return int(found[0]) if found else default


async def _filtered_late(request: Request, pass_on: Next) -> Answer:
    """The page is fetched and then filtered in the application; a short page is taken for the last."""
    answer = await pass_on(request)
    kind = asked(request).get("task_type")
    if not request.is_to("GET", TRAININGS) or answer.status != 200 or kind is None:
        return answer
    page = (await pass_on(asking(request, task_type=None))).json()
    limit = _number(asked(request).get("pagination.limit", ""), _DEFAULT)
    page["tasks"] = [task for task in page["tasks"] if task["task_type"] == kind]
    if len(page["tasks"]) < limit:
        page["pagination"]["next_cursor"] = ""
    return answer.with_json(page)


async def _limit_is_forgotten(request: Request, pass_on: Next) -> Answer:
    """The cursor is thought to hold all that the first call asked for, and does not hold the limit."""
    answer = await pass_on(request)
    follows = request.is_to("GET", TRAININGS) and asked(request).get("pagination.cursor", "").strip()
    if not follows or answer.status != 200:
        return answer
    return await pass_on(asking(request, pagination__limit=None))


def _cached_by_path() -> Handler:
    """A cache before the server whose key has no query: nginx's `proxy_cache_key $uri`."""
    kept: dict[str, Answer] = {}

    async def handler(request: Request, pass_on: Next) -> Answer:
        if not request.is_to("GET", TRAININGS):
            kept.clear()
            return await pass_on(request)
        key = request.header("authorization")
        if key in kept and request.is_authorised:
            return kept[key]
        answer = await pass_on(request)
        if answer.status == 200:
            kept[key] = answer
        return answer

    return handler


def _told(change: Any) -> Handler:
    """A handler that changes each task of a list."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if not request.is_to("GET", TRAININGS) or answer.status != 200:
            return answer
        page = answer.json()
        for task in page["tasks"]:
            change(task)
        return answer.with_json(page)

    return handler


def _never_serves(task: dict[str, Any]) -> None:
    """The models were copied into the row of the task when it ended, and that copy stays as it was."""
    for model in task["models"]:
        model["model_status"] = "DEPLOYING"


def _escaped_name(task: dict[str, Any]) -> None:
    """A filter against scripts (Laravel's `e()`, a template that escapes) in a place that is no HTML."""
    task["task_name"] = html.escape(task["task_name"])


async def _offset_of_32_bits(request: Request, pass_on: Next) -> Answer:
    """The offset goes into an int4, and the driver's text into the answer."""
    answer = await pass_on(request)
    if not request.is_to("GET", TRAININGS) or answer.status != 200:
        return answer
    if _number(asked(request).get("pagination.cursor", ""), 0) > 2**31 - 1:
        return envelope(500, "LIST_TASK_FAILED", "pq: value is out of range for type integer")
    return answer


async def _by_kind(client: httpx.AsyncClient) -> object:
    await start(client, "style")
    for _ in range(3):
        await start(client)
    return await listed(client, "?task_type=style&pagination.limit=2")


async def _second_page(client: httpx.AsyncClient) -> object:
    for _ in range(4):
        await start(client)
    return await listed(client, "?pagination.limit=1&pagination.cursor=c_1")


async def _two_limits(client: httpx.AsyncClient) -> object:
    for _ in range(3):
        await start(client)
    return [await listed(client, f"?pagination.limit={limit}") for limit in (1, 2)]


async def _ended(client: httpx.AsyncClient) -> object:
    await polled(client, await start(client), 5)
    return await listed(client)


async def _signs_in_a_name(client: httpx.AsyncClient) -> object:
    await start(client, name="Tom & Jerry's <best>")
    return await listed(client)


async def _far_cursor(client: httpx.AsyncClient) -> object:
    return outcome(await client.get(f"{TRAININGS}?pagination.cursor=c_3000000000"))


CASES: list[Case] = [
    behaves("filter-after-the-page", _LIST, plain(_filtered_late), _by_kind, needs_create=True),
    behaves("limit-is-forgotten", _LIST, plain(_limit_is_forgotten), _second_page, needs_create=True),
    behaves("cache-without-the-query", _LIST, _cached_by_path, _two_limits, needs_create=True),
    behaves("list-keeps-deploying", _LIST, plain(_told(_never_serves)), _ended, needs_create=True),
    behaves("names-are-escaped", _LIST, plain(_told(_escaped_name)), _signs_in_a_name, needs_create=True),
    behaves("offset-of-32-bits", _LIST, plain(_offset_of_32_bits), _far_cursor),
]
