"""Servers whose lists hold what they should not, or not what they should."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
from broken_servers_unseen.defect import Case, Witness

from broken_servers_second.bodies import images, listed, start
from broken_servers_second.editing import behaves
from broken_servers_second.wire import MODELS, STYLE, SUBJECT, TRAININGS, Answer, Handler, Next, Request

__all__ = ["CASES"]


def _query(request: Request) -> dict[str, str]:
    return dict(httpx.QueryParams(request.query).multi_items())


def _asking(request: Request, **changes: str | None) -> Request:
    values: dict[str, Any] = {
        **_query(request),
        **{name.replace("__", "."): v for name, v in changes.items()},
    }
    kept = {name: value for name, value in values.items() if value is not None}
    return replace(request, query=str(httpx.QueryParams(kept)))


def _place(request: Request) -> tuple[int, int]:
    """Where the page begins, and how many entries it holds."""
    values = _query(request)
    cursor = values.get("pagination.cursor", "").strip()
    return int(cursor[2:] or 0), int(values.get("pagination.limit", 10))


def _lists(path: str, change: Callable[[Request, Any], Any]) -> Callable[[], Handler]:
    def make() -> Handler:
        async def handler(request: Request, pass_on: Next) -> Answer:
            answer = await pass_on(request)
            if not request.is_to("GET", path) or answer.status != 200:
                return answer
            return answer.with_json(change(request, answer.json()))

        return handler

    return make


def _asks(path: str, change: Callable[[Request], Request]) -> Callable[[], Handler]:
    """A server that asks its store for something else than the client did, where that was right."""

    def make() -> Handler:
        async def handler(request: Request, pass_on: Next) -> Answer:
            answer = await pass_on(request)
            if not request.is_to("GET", path) or answer.status != 200:
                return answer
            return await pass_on(change(request))

        return handler

    return make


def _cursor_when_full(request: Request, page: Any) -> Any:
    begin, limit = _place(request)
    if page["tasks"] and len(page["tasks"]) == limit and not page["pagination"]["next_cursor"]:
        return {**page, "pagination": {"next_cursor": f"c_{begin + limit}"}}
    return page


def _no_last_cursor(_: Request, page: Any) -> Any:
    return page if page["pagination"]["next_cursor"] else {**page, "pagination": {}}


def _oldest_first_in_page(_: Request, page: Any) -> Any:
    return {**page, "tasks": page["tasks"][::-1]}


def _overlapping(request: Request) -> Request:
    begin, limit = _place(request)
    return _asking(request, pagination__cursor=f"c_{begin - 1}") if begin and limit > 1 else request


def _filter_of_first_page(request: Request) -> Request:
    return _asking(request, task_type=None) if _place(request)[0] else request


def _any_source(request: Request) -> Request:
    return _asking(request, filter__source=None)


def _filtered_after_paging() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        kind = _query(request).get("task_type")
        if not request.is_to("GET", TRAININGS) or answer.status != 200 or kind is None:
            return answer
        page = (await pass_on(_asking(request, task_type=None))).json()
        return answer.with_json(
            {**page, "tasks": [task for task in page["tasks"] if task["task_type"] == kind]}
        )

    return handler


def _kept_by_key() -> Handler:
    kept: dict[str, Answer] = {}

    async def handler(request: Request, pass_on: Next) -> Answer:
        key = request.header("authorization")
        answer = await pass_on(request)
        if request.is_to("POST", SUBJECT, STYLE):
            kept.pop(key, None)
        if request.is_to("GET", TRAININGS) and answer.status == 200:
            return kept.setdefault(key, answer)
        return answer

    return handler


def _of_everybody() -> Handler:
    owners: list[str] = []

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        owner = request.header("authorization")
        if request.is_to("POST", SUBJECT, STYLE) and answer.status == 200 and owner not in owners:
            owners.append(owner)
        if not request.is_to("GET", TRAININGS) or answer.status != 200:
            return answer
        page = answer.json()
        for other in owners:
            if other != owner:
                theirs = await pass_on(request.with_header("authorization", other))
                page["tasks"] += theirs.json()["tasks"]
        return answer.with_json({**page, "tasks": page["tasks"][: _place(request)[1]]})

    return handler


def _state_for_anybody() -> Handler:
    owners: dict[str, str] = {}

    async def handler(request: Request, pass_on: Next) -> Answer:
        owner = owners.get(_query(request).get("task_id", "")) if request.method == "GET" else None
        if request.is_to("GET", STYLE) and request.is_authorised and owner:
            return await pass_on(request.with_header("authorization", owner))
        answer = await pass_on(request)
        if request.is_to("POST", STYLE) and answer.status == 200:
            owners[answer.json()["task_id"]] = request.header("authorization")
        return answer

    return handler


def _row_for_each_image() -> Handler:
    rows: dict[str, int] = {}

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("POST", SUBJECT, STYLE) and answer.status == 200:
            rows[answer.json()["task_id"]] = len(json.loads(request.body)["image_dataset_items"])
        if not request.is_to("GET", TRAININGS) or answer.status != 200:
            return answer
        page = answer.json()
        tasks = [task for task in page["tasks"] for _ in range(rows.get(task["task_id"], 1))]
        return answer.with_json({**page, "tasks": tasks[: _place(request)[1]]})

    return handler


def _after(kinds: str, *queries: str, other_key: bool = False) -> Witness:
    """A witness that starts trainings (s: of a subject, y: of a style), and sees lists of them."""

    async def witness(client: httpx.AsyncClient) -> object:
        for number, kind in enumerate(kinds):
            items = images(2) if number == 0 else images(1)
            await start(
                client, "style" if kind == "y" else "subject", name=f"n{number}", image_dataset_items=items
            )
        if other_key:
            client.headers["authorization"] = "Bearer key-two"
        return [await listed(client, query) for query in queries]

    return witness


async def _of_a_stranger(client: httpx.AsyncClient) -> object:
    task = await start(client, "style")
    other = {"authorization": "Bearer key-two"}
    return (await client.get(STYLE, params={"task_id": task}, headers=other)).status_code


async def _of_another_source(client: httpx.AsyncClient) -> object:
    task = await start(client)
    for _ in range(4):
        await client.get(SUBJECT, params={"task_id": task})
    return (await client.get(f"{MODELS}?filter.source=civitai")).json()


async def _models(client: httpx.AsyncClient) -> object:
    return (await client.get(MODELS)).json()


def _create(name: str, operation: str, make: Callable[[], Handler], witness: Witness) -> Case:
    return behaves(name, operation, make, witness, needs_create=True)


CASES: list[Case] = [
    # 0.12: "`next_cursor` is `""` on the last page"; >= for >
    _create(
        "cursor-when-full",
        "listTrainings",
        _lists(TRAININGS, _cursor_when_full),
        _after("ss", "?pagination.limit=2"),
    ),
    # 0.12: the same; omitempty
    behaves("no-last-cursor", "listModels", _lists(MODELS, _no_last_cursor), _models),
    # 6: "newest first"; a page is turned for a display
    _create("page-turned", "listTrainings", _lists(TRAININGS, _oldest_first_in_page), _after("sys", "")),
    # 2.6: "`c_10` after limit 10" is where the next page begins; counted from one
    _create(
        "pages-overlap",
        "listTrainings",
        _asks(TRAININGS, _overlapping),
        _after("ssss", "?pagination.limit=2&pagination.cursor=c_2"),
    ),
    # 4.23: "filter ... `subject` or `style`" on each page; the cursor replaces the query
    _create(
        "filter-of-first-page",
        "listTrainings",
        _asks(TRAININGS, _filter_of_first_page),
        _after("sysy", "?task_type=style&pagination.limit=1&pagination.cursor=c_1"),
    ),
    # LimitParameter: "How many entries a page holds"; filtered in the program, not in the query
    _create(
        "filtered-after-paging",
        "listTrainings",
        _filtered_after_paging,
        _after("yyss", "?task_type=style&pagination.limit=2"),
    ),
    # LimitParameter and cursor are part of the question; the cache's name is the key alone
    _create(
        "cache-without-query",
        "listTrainings",
        _kept_by_key,
        _after("sss", "?pagination.limit=1", "?pagination.limit=2"),
    ),
    # openapi.yaml says: "Lists the trainings of this key"
    _create("list-of-everybody", "listTrainings", _of_everybody, _after("s", "", other_key=True)),
    # the same of a state: another's task is 404
    _create("state-for-anybody", "getStyleTraining", _state_for_anybody, _of_a_stranger),
    # 2.6: a task is one entry; JOIN with the images and no DISTINCT
    _create("row-for-each-image", "listTrainings", _row_for_each_image, _after("s", "")),
    # 2.7: "filter.source civitai/training/uploading"
    _create("any-source", "listModels", _asks(MODELS, _any_source), _of_another_source),
]
