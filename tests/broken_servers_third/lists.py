"""Servers that list trainings or models wrongly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from broken_servers_second.bodies import listed, start
from broken_servers_second.editing import behaves
from broken_servers_second.wire import MODELS, TRAININGS, Answer, Handler, Next, Request, envelope
from broken_servers_unseen.defect import Case, Witness
from httpx import AsyncClient

from broken_servers_third.answering import changing, paged, parameters, polled, sees, whole_list, with_query

__all__ = ["CASES"]

_TRAININGS, _MODELS = "listTrainings", "listModels"
_ENDED = ("SUCCESS", "FAILED", "CANCELED")


def _relisting(change: Callable[[list[Any]], list[Any]]) -> Callable[[], Handler]:
    """A server that pages another list than the correct one."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("GET", TRAININGS) and answer.status == 200:
            return answer.with_json(paged(request, change(await whole_list(request, pass_on))))
        return answer

    return lambda: handler


def _turned(tasks: list[Any]) -> list[Any]:
    return tasks[::-1]


def _running(tasks: list[Any]) -> list[Any]:
    return [task for task in tasks if task["task_status"] not in _ENDED]


def _skipping(page: Any) -> Any:
    """`id > cursor`, where the cursor is the first entry of the next page."""
    cursor = page["pagination"]["next_cursor"]
    if cursor:
        page["pagination"]["next_cursor"] = f"c_{int(cursor[2:]) + 1}"
    return page


def _null_cursor(page: Any) -> Any:
    return {**page, "pagination": {"next_cursor": page["pagination"]["next_cursor"] or None}}


def _one_page(page: Any) -> Any:
    return {**page, "pagination": {"next_cursor": ""}}


def _pair(page: Any) -> Any:
    """As one documentation page prints it."""
    return [page["tasks"], page["pagination"]]


def _int64(page: Any) -> Any:
    """The JSON of protocol buffers writes an int64 as a text."""
    return {**page, "tasks": [{**task, "created_at": str(task["created_at"])} for task in page["tasks"]]}


def _without_empty(value: Any) -> Any:
    """The JSON of protocol buffers leaves out what is empty."""
    if isinstance(value, dict):
        return {name: _without_empty(inner) for name, inner in value.items() if inner not in ("", 0, [])}
    return [_without_empty(inner) for inner in value] if isinstance(value, list) else value


def _typeless(page: Any) -> Any:
    return {**page, "models": [{**model, "type": model["type"]["name"]} for model in page["models"]]}


def _past_the_end() -> Handler:
    """Django's paginator calls it an invalid page."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("GET", TRAININGS) and answer.status == 200:
            cursor = parameters(request).get("pagination.cursor", "").strip()
            if cursor not in ("", "c_0") and not answer.json()["tasks"]:
                return envelope(404, "TASK_NOT_FOUND", "Invalid page.")
        return answer

    return handler


def _last_change() -> Handler:
    """The list shows updated_at."""
    statuses: dict[str, list[str]] = {}

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.method != "GET" or answer.status != 200 or not request.path.startswith(TRAININGS):
            return answer
        value = answer.json()
        for task in value["tasks"] if request.path == TRAININGS else [value]:
            seen = statuses.setdefault(task["task_id"], [])
            if task["task_status"] not in seen:
                seen.append(task["task_status"])
            if request.path == TRAININGS:
                task["created_at"] += 60 * (len(seen) - 1)
        return answer.with_json(value)

    return handler


def _ignoring(path: str, name: str) -> Callable[[], Handler]:
    """A server that judges a parameter, and does no more with it."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        query = parameters(request)
        if request.is_to("GET", path) and answer.status == 200 and name in query:
            del query[name]
            return await pass_on(with_query(request, query))
        return answer

    return lambda: handler


def _everybody() -> Handler:
    known: list[str] = []

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        own = request.header("authorization")
        if request.is_authorised and own not in known:
            known.append(own)
        if not request.is_to("GET", MODELS) or answer.status != 200:
            return answer
        page = answer.json()
        for other in known:
            if other != own:
                page["models"] += (await pass_on(request.with_header("authorization", other))).json()[
                    "models"
                ]
        limit = int(parameters(request).get("pagination.limit", 10))
        return answer.with_json({**page, "models": page["models"][:limit]})

    return handler


def _marked() -> Handler:
    """A source file of the script was saved with a byte order mark."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        return answer.with_body(b"\xef\xbb\xbf" + answer.body) if request.is_to("GET", MODELS) else answer

    return handler


def _lists(query: str = "", count: int = 3, polls: int = 0, path: str = TRAININGS) -> Witness:
    """A witness that starts trainings of both kinds, follows the first, and sees what is listed."""

    async def witness(client: AsyncClient) -> object:
        for number in range(count):
            kind = "style" if number % 2 else "subject"
            task = await start(client, kind, name=f"training {number}")
            if number == 0 and polls:
                await polled(client, kind, task, polls)
        return (await client.get(f"{path}{query}")).json()

    return witness


async def _foreign_models(client: AsyncClient) -> object:
    await polled(client, "subject", await start(client), 6)
    return (await client.get(MODELS, headers={"authorization": "Bearer key-two"})).json()


async def _walk(client: AsyncClient) -> object:
    for number in range(5):
        await start(client, name=f"training {number}")
    names, cursor = [], ""
    for _ in range(5):
        page = await listed(client, f"?pagination.limit=2&pagination.cursor={cursor}")
        names.append([task["task_name"] for task in page["tasks"]])
        cursor = page["pagination"]["next_cursor"]
        if not cursor:
            break
    return names


def _of_trainings(name: str, change: Callable[[Any], Any], witness: Witness, *, needs_create: bool) -> Case:
    make = changing("GET", TRAININGS, change)
    return behaves(name, _TRAININGS, make, witness, needs_create=needs_create)


CASES: list[Case] = [
    behaves("oldest-first", _TRAININGS, _relisting(_turned), _lists(), needs_create=True),
    behaves(
        "ended-trainings-are-not-listed",
        _TRAININGS,
        _relisting(_running),
        _lists(polls=6),
        needs_create=True,
    ),
    _of_trainings("next-page-skips-one", _skipping, _walk, needs_create=True),
    _of_trainings("last-cursor-is-null", _null_cursor, sees("GET", TRAININGS), needs_create=False),
    _of_trainings("list-ends-after-one-page", _one_page, _walk, needs_create=True),
    _of_trainings("list-is-a-pair", _pair, sees("GET", TRAININGS), needs_create=False),
    _of_trainings("created-at-is-a-text", _int64, _lists(), needs_create=True),
    _of_trainings("empty-members-are-left-out", _without_empty, sees("GET", TRAININGS), needs_create=False),
    behaves(
        "cursor-past-the-end-is-404",
        _TRAININGS,
        _past_the_end,
        sees("GET", f"{TRAININGS}?pagination.cursor=c_500"),
    ),
    behaves("created-at-is-the-last-change", _TRAININGS, _last_change, _lists(polls=3), needs_create=True),
    behaves(
        "kind-is-not-filtered",
        _TRAININGS,
        _ignoring(TRAININGS, "task_type"),
        _lists("?task_type=style"),
        needs_create=True,
    ),
    behaves(
        "type-of-a-model-is-a-text",
        _MODELS,
        changing("GET", MODELS, _typeless),
        _lists(path=MODELS, polls=6),
        needs_create=True,
    ),
    behaves(
        "visibility-is-not-filtered",
        _MODELS,
        _ignoring(MODELS, "filter.visibility"),
        _lists("?filter.visibility=public", path=MODELS, polls=6),
        needs_create=True,
    ),
    behaves("models-of-everybody", _MODELS, _everybody, _foreign_models, needs_create=True),
    behaves("answer-begins-with-a-mark", _MODELS, _marked, sees("GET", MODELS)),
]
