"""Servers whose uploads go wrong."""

from __future__ import annotations

from dataclasses import replace

import httpx
from broken_servers_second.bodies import upload_url
from broken_servers_second.editing import behaves
from broken_servers_second.wire import UPLOAD_URL, Answer, Handler, Next, Request, envelope
from broken_servers_unseen.defect import Case

from broken_servers_fourth.forms import plain

__all__ = ["CASES"]

_MARK = "&api_key="


def _once() -> Handler:
    """Object stores can be told to write only what is not there (`If-None-Match: *`): no upload again."""
    stored: set[str] = set()

    async def handler(request: Request, pass_on: Next) -> Answer:
        if request.method != "PUT" or not request.path.startswith("/_uploads/"):
            return await pass_on(request)
        if request.path in stored:
            return envelope(409, "UPLOAD_EXISTS", "There is such an image.")
        answer = await pass_on(request)
        if answer.status == 200:
            stored.add(request.path)
        return answer

    return handler


def _remembered() -> Handler:
    """The function that signs is remembered by its arguments: `@lru_cache` over key and extension."""
    known: dict[tuple[str, bytes], Answer] = {}

    async def handler(request: Request, pass_on: Next) -> Answer:
        if not request.is_to("POST", UPLOAD_URL) or not request.is_judged:
            return await pass_on(request)
        answer = await pass_on(request)
        call = (request.header("authorization"), request.body)
        return known.setdefault(call, answer) if answer.status == 200 else answer

    return handler


async def _key_in_the_url(request: Request, pass_on: Next) -> Answer:
    """The URL is to work without a header, so the key goes along in it, to logs and to referrers."""
    query, mark, _ = request.query.partition(_MARK)
    if mark and request.path.startswith("/_uploads/"):
        return await pass_on(replace(request, query=query))
    answer = await pass_on(request)
    if not request.is_to("POST", UPLOAD_URL) or answer.status != 200:
        return answer
    target = answer.json()
    target["upload_url"] += _MARK + request.header("authorization").strip().partition(" ")[2].strip()
    return answer.with_json(target)


async def _again(client: httpx.AsyncClient) -> object:
    url = (await upload_url(client))["upload_url"]
    return [(await client.put(url, content=b"an image")).status_code for _ in range(2)]


async def _two_urls(client: httpx.AsyncClient) -> object:
    return [await upload_url(client) for _ in range(2)]


CASES: list[Case] = [
    behaves("upload-only-once", "putUpload", _once, _again),
    behaves("upload-urls-are-remembered", "createUploadUrl", _remembered, _two_urls),
    behaves("key-in-the-upload-url", "createUploadUrl", plain(_key_in_the_url), _two_urls),
]
