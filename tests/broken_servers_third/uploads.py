"""Servers whose uploads go wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from broken_servers_second.bodies import put, upload_url
from broken_servers_second.editing import behaves
from broken_servers_second.wire import UPLOAD_URL, Answer, Handler, Next, Request
from broken_servers_unseen.defect import Case
from httpx import AsyncClient

from broken_servers_third.answering import changing, sees

__all__ = ["CASES"]

_TARGET, _PUT = "createUploadUrl", "putUpload"


def _is_upload(request: Request) -> bool:
    return request.method == "PUT" and request.path.startswith("/_uploads/")


def _created() -> Handler:
    """As nginx answers a PUT."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        return replace(answer, status=201) if _is_upload(request) and answer.status == 200 else answer

    return handler


def _measured() -> Handler:
    """A signed PUT to S3 needs a Content-Length."""
    body = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>MissingContentLength</Code></Error>'

    async def handler(request: Request, pass_on: Next) -> Answer:
        if _is_upload(request) and not request.header("content-length"):
            return Answer(411, ((b"content-type", b"application/xml"),), b"").with_body(body)
        return await pass_on(request)

    return handler


def _anything() -> Handler:
    """The storage takes every name, and looks at no signature."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if _is_upload(request) and answer.status == 404:
            return Answer(200, (), b"").with_body(b"")
        return answer

    return handler


def _inner_host(target: Any) -> Any:
    """The storage's name inside the cluster."""
    url = urlsplit(target["upload_url"])._replace(netloc="minio:9000").geturl()
    return {**target, "upload_url": url, "headers": {"Host": {"values": ["minio:9000"]}}}


def _escaped(target: Any) -> Any:
    """The URL went through a template of HTML."""
    return {**target, "upload_url": target["upload_url"].replace("&", "&amp;")}


def _go_headers(target: Any) -> Any:
    """Go's http.Header as it is."""
    return {**target, "headers": {name: entry["values"] for name, entry in target["headers"].items()}}


async def _in_pieces(client: AsyncClient) -> object:
    async def image() -> AsyncIterator[bytes]:
        yield b"\x89PNG"
        yield b"\r\n\x1a\n"

    target = await upload_url(client)
    return (await client.put(target["upload_url"], content=image())).status_code


async def _target(client: AsyncClient) -> object:
    return await upload_url(client)


CASES: list[Case] = [
    behaves("upload-answers-201", _PUT, _created, put(8)),
    behaves("uploads-need-their-length", _PUT, _measured, _in_pieces),
    behaves("anything-can-be-uploaded", _PUT, _anything, sees("PUT", f"/_uploads/{'0' * 32}.png", b"x")),
    behaves("upload-url-names-an-inner-host", _TARGET, changing("POST", UPLOAD_URL, _inner_host), _target),
    behaves("ampersands-are-escaped", _TARGET, changing("POST", UPLOAD_URL, _escaped), _target),
    behaves("headers-as-go-has-them", _TARGET, changing("POST", UPLOAD_URL, _go_headers), _target),
]
