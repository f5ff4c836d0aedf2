"""Servers that list trainings and models wrongly: pages, order, filters."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx

from broken_servers.changes import LISTS, Make, asked, behaviour, rewritten
from broken_servers.defect import Corpus, Witness
from broken_servers.scripts import create, id_of, listed, seen, sent, state
from broken_servers.wire import Answer, Change, Forward, Request, as_json, operation_of, refusal

__all__ = ["CASES"]

CASES = Corpus()
_MODELS = ("listModels",)


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True))


def _asking(edit: Callable[[dict[str, str]], dict[str, str]], operation: str = "listTrainings") -> Make:
    """The query is read otherwise than it was sent; what is no right query stays as it is."""

    def change(request: Request) -> Request:
        query = _query(request)
        limit = query.get("pagination.limit", "10")
        if operation_of(request) != operation or not limit.isdigit() or not 0 < int(limit) <= 100:
            return request
        return replace(request, query=urlencode(edit(query)).encode())

    return asked(change)


def _without(name: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda query: {other: value for other, value in query.items() if other != name}


def _limit(step: int) -> Callable[[dict[str, str]], dict[str, str]]:
    def edit(query: dict[str, str]) -> dict[str, str]:
        if "pagination.limit" not in query:
            return query
        limit = int(query["pagination.limit"]) + step
        return {**query, "pagination.limit": str(min(max(limit, 1), 100))}

    return edit


def _cursor(step: int) -> Callable[[dict[str, str]], dict[str, str]]:
    def edit(query: dict[str, str]) -> dict[str, str]:
        start = query.get("pagination.cursor", "").strip()[2:]
        if not start.isdigit() or int(start) == 0:
            return query
        return {**query, "pagination.cursor": f"c_{max(int(start) + step, 0)}"}

    return edit


def _tasks(edit: Callable[[list[Any]], list[Any]]) -> Make:
    return rewritten(LISTS, lambda value: {**value, "tasks": edit(value["tasks"])})


def _next(edit: Callable[[Any], Any]) -> Make:
    return rewritten(LISTS, lambda value: {**value, "pagination": {"next_cursor": edit(value)}})


def _never_ends() -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        value = answer.value()
        if operation_of(request) in LISTS and answer.status == 200 and not value["pagination"]["next_cursor"]:
            cursor = _query(request).get("pagination.cursor", "").strip()
            value["pagination"]["next_cursor"] = cursor or "c_0"
            return answer.with_value(value)
        return answer

    return change


def _shuffles() -> Callable[[Any], Any]:
    calls = itertools.count()

    def edit(value: Any) -> Any:
        turn = next(calls) % max(len(value["tasks"]), 1)
        return {**value, "tasks": value["tasks"][turn:] + value["tasks"][:turn]}

    return edit


def _beyond_the_end(answer: Answer) -> Make:
    def make() -> Change:
        async def change(request: Request, forward: Forward) -> Answer:
            given = await forward(request)
            is_empty = given.status == 200 and given.value().get("tasks") == []
            if operation_of(request) in LISTS and is_empty and "pagination.cursor" in _query(request):
                return answer
            return given

        return change

    return make


def _empty(answer: Answer) -> Make:
    """What a key gets that has no tasks."""

    def make() -> Change:
        async def change(request: Request, forward: Forward) -> Answer:
            given = await forward(request)
            is_empty = given.status == 200 and given.value().get("tasks") == []
            return answer if operation_of(request) in LISTS and is_empty and not request.query else given

        return change

    return make


async def _models(client: httpx.AsyncClient) -> Any:
    for name in ("first", "second"):
        task = id_of(await create(client, name))
        for _ in range(5):
            await state(client, task)
    queries = [
        "",
        "?filter.source=civitai",
        "?filter.types=vae",
        "?filter.visibility=public",
        "?filter.query=first",
        "?pagination.limit=1",
        "?pagination.limit=1&pagination.cursor=c_1",
    ]
    return [seen(await client.get("/v3/model" + query)) for query in queries]


def _model(**changes: Any) -> Make:
    return rewritten(
        _MODELS, lambda value: {**value, "models": [{**model, **changes} for model in value["models"]]}
    )


_NOTHING = {"tasks": [], "pagination": {"next_cursor": ""}}
_LIST = sent("GET", "/v3/training")
# slug, what is planted, the witness, whether there must be tasks first, whether the plain use fails, too
_DEFECTS: list[tuple[str, Make, Witness, bool, bool]] = [
    ("pages-overlap", _asking(_cursor(-1)), listed, True, False),
    ("pages-skip", _asking(_cursor(1)), listed, True, False),
    ("cursor-ignored", _asking(_without("pagination.cursor")), listed, True, False),
    ("limit-ignored", _asking(_without("pagination.limit")), listed, True, False),
    ("limit-one-more", _asking(_limit(1)), listed, True, False),
    (
        "limit-kept-at-one",
        rewritten(LISTS, lambda value: {**value, "tasks": value["tasks"][:1]}),
        listed,
        True,
        False,
    ),
    ("order-reversed", _tasks(lambda tasks: tasks[::-1]), listed, True, False),
    ("order-changes", rewritten(LISTS, make=_shuffles), listed, True, False),
    ("list-repeats-the-first", _tasks(lambda tasks: tasks[:1] + tasks), listed, True, False),
    (
        "list-drops-the-last",
        _tasks(lambda tasks: tasks[:-1] if len(tasks) > 1 else tasks),
        listed,
        True,
        False,
    ),
    ("list-capped-at-three", _tasks(lambda tasks: tasks[:3]), listed, True, False),
    ("paging-never-ends", _never_ends, _LIST, False, False),
    ("next-cursor-never-there", _next(lambda _: ""), listed, True, False),
    (
        "next-cursor-null",
        _next(lambda value: value["pagination"]["next_cursor"] or None),
        _LIST,
        False,
        False,
    ),
    ("next-cursor-as-number", _next(lambda value: len(value["tasks"])), _LIST, False, False),
    (
        "next-cursor-opaque",
        _next(lambda value: value["pagination"]["next_cursor"] and "eyJwIjoyfQ=="),
        listed,
        True,
        False,
    ),
    ("next-cursor-missing", rewritten(LISTS, lambda value: {**value, "pagination": {}}), _LIST, False, False),
    ("pagination-missing", rewritten(LISTS, lambda value: {"tasks": value["tasks"]}), _LIST, False, False),
    ("pagination-null", rewritten(LISTS, lambda value: {**value, "pagination": None}), _LIST, False, False),
    ("list-as-array", rewritten(LISTS, lambda value: [value["tasks"]]), _LIST, False, True),
    ("task-type-ignored", _asking(_without("task_type")), listed, True, False),
    (
        "task-type-finds-nothing",
        _asking(lambda query: query | ({"pagination.cursor": "c_99"} if "task_type" in query else {})),
        listed,
        True,
        False,
    ),
    ("beyond-the-end-500", _beyond_the_end(as_json({"error": "index"}, 500)), listed, False, False),
    ("beyond-the-end-400", _beyond_the_end(refusal()), listed, False, False),
    ("empty-list-null", _empty(as_json({**_NOTHING, "tasks": None})), _LIST, False, False),
    ("empty-list-404", _empty(refusal("TASK_NOT_FOUND")), _LIST, False, False),
    ("empty-list-204", _empty(Answer(204, headers=())), _LIST, False, False),
    ("empty-list-without-tasks", _empty(as_json({"pagination": {"next_cursor": ""}})), _LIST, False, False),
]
_OF_MODELS: list[tuple[str, Make, bool]] = [
    ("models-limit-ignored", _asking(_without("pagination.limit"), "listModels"), True),
    ("models-source-ignored", _asking(_without("filter.source"), "listModels"), True),
    ("models-types-ignored", _asking(_without("filter.types"), "listModels"), True),
    ("models-visibility-ignored", _asking(_without("filter.visibility"), "listModels"), True),
    ("models-query-ignored", _asking(_without("filter.query"), "listModels"), True),
    ("models-cursor-ignored", _asking(_without("pagination.cursor"), "listModels"), True),
    ("models-never-there", rewritten(_MODELS, lambda value: {**value, "models": []}), True),
    ("model-id-as-text", _model(id="17"), True),
    ("model-without-sd-name", _model(sd_name=None), True),
    ("model-source-unknown", _model(source="trained"), True),
    ("model-type-as-text", _model(type="lora"), True),
    ("models-as-array", rewritten(_MODELS, lambda value: value["models"]), False),
    ("models-pagination-missing", rewritten(_MODELS, lambda value: {"models": value["models"]}), False),
]


def _fill() -> None:
    for slug, make, witness, needs_create, breaks_plain in _DEFECTS:
        behaviour(
            CASES,
            slug,
            "listTrainings",
            make,
            witness,
            needs_create=needs_create,
            breaks_plain=breaks_plain,
        )
    for slug, make, needs_create in _OF_MODELS:
        behaviour(CASES, slug, "listModels", make, _models, needs_create=needs_create)


_fill()
