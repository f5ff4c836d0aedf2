"""Servers whose list of models is wrong."""

from __future__ import annotations

import re
from typing import Any

import httpx
from broken_servers_second.editing import behaves
from broken_servers_second.wire import MODELS, Answer, Handler, Next, Request
from broken_servers_unseen.client import ready
from broken_servers_unseen.defect import Case, Witness

from broken_servers_fourth.forms import asked, asking, plain

__all__ = ["CASES"]

_LIST = "listModels"


async def _starts_over(request: Request, pass_on: Next) -> Answer:
    """The cursor was written into the documents and into the answers, but nothing reads it."""
    answer = await pass_on(request)
    if not request.is_to("GET", MODELS) or answer.status != 200:
        return answer
    return await pass_on(asking(request, pagination__cursor=None))


def _or_before_and() -> Handler:
    """`WHERE key = ? AND sd_name LIKE ? OR name LIKE ?`: the last has no key to keep to."""
    keys: dict[str, None] = {}

    async def handler(request: Request, pass_on: Next) -> Answer:
        own = request.header("authorization")
        answer = await pass_on(request)
        if request.is_authorised and answer.status == 200:
            keys[own] = None
        text = asked(request).get("filter.query", "") if request.is_to("GET", MODELS) else ""
        if not text or answer.status != 200:
            return answer
        page = answer.json()
        for key in [key for key in keys if key != own]:
            others = (await pass_on(request.with_header("authorization", key))).json()["models"]
            page["models"] += [model for model in others if text.lower() in model["name"].lower()]
        limit = asked(request).get("pagination.limit")
        page["models"] = page["models"][: int(limit) if limit else 10]
        return answer.with_json(page)

    return handler


async def _every_model(request: Request, pass_on: Next) -> list[dict[str, Any]]:
    """All models that the filters leave, but for the text."""
    models: list[dict[str, Any]] = []
    cursor = ""
    while True:
        whole = asking(request, filter__query=None, pagination__limit="100", pagination__cursor=cursor)
        page = (await pass_on(whole)).json()
        models += page["models"]
        cursor = page["pagination"]["next_cursor"]
        if not cursor:
            return models


async def _like(request: Request, pass_on: Next) -> Answer:
    """`name LIKE '%' || ? || '%'`: in the text, too, the percent and the underscore stand for others."""
    answer = await pass_on(request)
    sent = asked(request) if request.is_to("GET", MODELS) else {}
    text = sent.get("filter.query", "")
    if answer.status != 200 or not re.search(r"[%_]", text):
        return answer
    signs = {"%": ".*", "_": "."}
    form = re.compile("".join(signs.get(sign, re.escape(sign)) for sign in text), re.DOTALL | re.IGNORECASE)
    names = ("name", "sd_name")
    found = [
        model
        for model in await _every_model(request, pass_on)
        if any(form.search(model[name]) for name in names)
    ]
    cursor = sent.get("pagination.cursor", "").strip()
    begin = int(cursor[2:]) if cursor else 0
    end = begin + int(sent.get("pagination.limit", 10))
    following = f"c_{end}" if end < len(found) else ""
    return answer.with_json({"models": found[begin:end], "pagination": {"next_cursor": following}})


async def _numbered(request: Request, pass_on: Next) -> Answer:
    """The number of a model is the number of its row in the page: ROW_NUMBER(), or `enumerate`."""
    answer = await pass_on(request)
    if not request.is_to("GET", MODELS) or answer.status != 200:
        return answer
    page = answer.json()
    for number, model in enumerate(page["models"], 1):
        model["id"] = number
    return answer.with_json(page)


async def _models(client: httpx.AsyncClient, query: str, **headers: str) -> Any:
    return (await client.get(f"{MODELS}?{query}", headers=headers)).json()


def _paged(client_limit: int) -> Witness:
    async def witness(client: httpx.AsyncClient) -> object:
        for name in ("avatar", "portrait", "landscape"):
            await ready(client, name)
        cursors = ("", f"c_{client_limit}")
        query = f"pagination.limit={client_limit}"
        return [await _models(client, f"{query}&pagination.cursor={cursor}") for cursor in cursors]

    return witness


async def _a_foreign_model(client: httpx.AsyncClient) -> object:
    await ready(client, "portrait")
    other = {"authorization": "Bearer key-two"}
    return [await _models(client, f"filter.query={text}", **other) for text in ("", "trait")]


async def _a_sign_in_the_text(client: httpx.AsyncClient) -> object:
    await ready(client, "portrait")
    return await _models(client, "filter.query=por_rait")


CASES: list[Case] = [
    behaves("models-start-over", _LIST, plain(_starts_over), _paged(2), needs_create=True),
    behaves("or-before-and", _LIST, _or_before_and, _a_foreign_model, needs_create=True),
    behaves("text-is-a-pattern", _LIST, plain(_like), _a_sign_in_the_text, needs_create=True),
    behaves("models-are-numbered-by-page", _LIST, plain(_numbered), _paged(1), needs_create=True),
]
