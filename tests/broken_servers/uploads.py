"""Servers that hand out unusable upload URLs, or do not take what is put there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from broken_servers.changes import Make, answered, asked, behaviour, failed, instead, rewritten
from broken_servers.defect import Corpus
from broken_servers.right_bodies import UPLOAD
from broken_servers.scripts import seen
from broken_servers.wire import Answer, Request, as_json, operation_of, refusal
from loracle_contracts import operations

__all__ = ["CASES"]

CASES = Corpus()
_PUT = "putUpload"
_IMAGE = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


def _url(edit: Callable[[str], Any]) -> Make:
    return _target(lambda value: {"upload_url": edit(value["upload_url"])})


def _target(edit: Callable[[Any], Any]) -> Make:
    return rewritten((UPLOAD,), lambda value: {**value, **edit(value)})


def _without(name: str) -> Make:
    return rewritten((UPLOAD,), lambda value: {key: held for key, held in value.items() if key != name})


def _path_and_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def _put(is_meant: Callable[[Request], bool], answer: Answer) -> Make:
    return instead(lambda request: operation_of(request) == _PUT and is_meant(request), lambda _: answer)


def _same_asset() -> Callable[[Any], Any]:
    first: list[Any] = []

    def edit(value: Any) -> Any:
        first.append(value["assets_id"])
        return {**value, "assets_id": first[0]}

    return edit


async def _uploaded(client: httpx.AsyncClient) -> Any:
    outcome: list[Any] = []
    path = operations()[UPLOAD].path
    for extension in ("png", "jpeg"):
        asked_for = await client.post(path, json={"file_extension": extension})
        outcome.append(seen(asked_for))
        value = asked_for.json() if asked_for.content else {}
        url = value.get("upload_url") if isinstance(value, dict) else None
        if not isinstance(url, str):
            continue
        put = client.build_request("PUT", url, content=_IMAGE, headers={"content-type": "image/png"})
        del put.headers["authorization"]
        if not put.url.is_absolute_url:
            continue
        outcome.append(seen(await client.send(put)))
        put = client.build_request("PUT", url, content=_IMAGE)
        del put.headers["authorization"]
        outcome.append(seen(await client.send(put)))
        other = url.partition("?")[0].replace("/_uploads/", "/_uploads/other")
        outcome.append(seen(await client.put(other, content=_IMAGE)))
    return outcome


_DEFECTS: dict[str, Make] = {
    "upload-url-relative": _url(_path_and_query),
    "upload-url-without-scheme": _url(lambda url: url.partition(":")[2]),
    "upload-url-of-files": _url(lambda url: "file" + url[url.index(":") :]),
    "upload-url-empty": _url(lambda _: ""),
    "upload-url-null": _url(lambda _: None),
    "upload-url-missing": _without("upload_url"),
    "upload-url-with-blanks": _url(lambda url: url.replace("&", " & ", 1)),
    "upload-method-post": _target(lambda _: {"method": "POST"}),
    "upload-method-lower-case": _target(lambda _: {"method": "put"}),
    "upload-method-missing": _without("method"),
    "upload-id-missing": _without("assets_id"),
    "upload-id-null": _target(lambda _: {"assets_id": None}),
    "upload-id-negative": _target(lambda _: {"assets_id": -1}),
    "upload-id-blank": _target(lambda _: {"assets_id": " "}),
    "upload-id-fraction": _target(lambda _: {"assets_id": 1.5}),
    "upload-id-repeated": rewritten((UPLOAD,), make=_same_asset),
    "upload-headers-as-list": _target(lambda value: {"headers": list(value["headers"])}),
    "upload-headers-without-values": _target(lambda _: {"headers": {"Host": {}}}),
    "upload-headers-as-text": _target(lambda _: {"headers": {"Host": "mock.test"}}),
    "upload-in-an-envelope": rewritten((UPLOAD,), lambda value: {"data": value}),
    "upload-url-answers-201": answered((UPLOAD,), lambda answer: replace(answer, status=201)),
    "put-needs-a-key": _put(
        lambda request: request.header("authorization") is None, refusal("MISSING_API_KEY")
    ),
    "put-needs-a-media-type": _put(
        lambda request: request.header("content-type") is None, refusal("INVALID_IMAGE_FORMAT")
    ),
    "put-refuses-a-media-type": _put(
        lambda request: request.header("content-type") is not None, Answer(403, b"")
    ),
    "put-answers-201": answered((_PUT,), lambda answer: replace(answer, status=201)),
    "put-answers-204": answered((_PUT,), lambda _: Answer(204, headers=())),
    "put-answers-500": answered((_PUT,), lambda _: as_json({"error": "disk"}, 500)),
    "put-of-any-url-taken": failed(
        lambda _: Answer(200, b"", ()), lambda answer: b"No such upload URL" in answer.body
    ),
    "put-is-not-there": asked(
        lambda request: (
            replace(request, path="/_uploads/gone.png") if operation_of(request) == _PUT else request
        )
    ),
}


def _fill() -> None:
    for slug, make in _DEFECTS.items():
        operation = _PUT if slug.startswith("put-") else UPLOAD
        behaviour(CASES, slug, operation, make, _uploaded)


_fill()
