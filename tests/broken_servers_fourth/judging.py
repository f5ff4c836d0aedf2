"""Servers that judge a request in another order, or refuse it in another form."""

from __future__ import annotations

from dataclasses import replace

import httpx
from broken_servers_second.bodies import subject
from broken_servers_second.editing import behaves
from broken_servers_second.wire import (
    STYLE,
    SUBJECT,
    TRAININGS,
    UPLOAD_URL,
    Answer,
    Next,
    Request,
    envelope,
    read_strictly,
)
from broken_servers_unseen.client import outcome
from broken_servers_unseen.defect import Case

from broken_servers_fourth.forms import plain

__all__ = ["CASES"]

_JSON = {"content-type": "application/json"}
_CREATES = (SUBJECT, STYLE, UPLOAD_URL)
_NO_KEY = {**_JSON, "authorization": ""}
_PAGE = (
    b"<html>\r\n<head><title>400 Request Header Or Cookie Too Large</title></head>\r\n<body>\r\n"
    b"<center><h1>400 Bad Request</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


def _media_type(request: Request) -> str:
    return request.header("content-type").partition(";")[0].strip().lower()


async def _parsed_first(request: Request, pass_on: Next) -> Answer:
    """Express: `app.use(express.json())` stands above the middleware that looks at the key."""
    answer = await pass_on(request)
    is_read = _media_type(request) == "application/json" and 0 < len(request.body) <= 2**20
    if request.is_to("POST", *_CREATES) and is_read and not request.is_authorised:
        try:
            read_strictly(request.body)
        except ValueError:
            return envelope(400, "INVALID_REQUEST_BODY", "The body is no JSON.")
    return answer


async def _key_first(request: Request, pass_on: Next) -> Answer:
    """The size is looked at by what reads the body, and that runs after the key was looked at."""
    answer = await pass_on(request)
    if request.is_to("POST", *_CREATES) and answer.status == 413 and not request.is_authorised:
        return await pass_on(request.with_body(b""))
    return answer


async def _constant_allow(request: Request, pass_on: Next) -> Answer:
    """One list of methods for all routes, as it is given to the CORS middleware."""
    answer = await pass_on(request)
    if answer.status != 405:
        return answer
    kept = tuple(pair for pair in answer.headers if pair[0] != b"allow")
    return replace(answer, headers=(*kept, (b"allow", b"GET, POST, PUT, PATCH, DELETE, OPTIONS")))


async def _read_as_nothing(request: Request, pass_on: Next) -> Answer:
    """`express.json()` passes other types by, so that the body is `{}` for whoever judges it."""
    answer = await pass_on(request)
    if not request.is_to("POST", UPLOAD_URL) or answer.status != 415:
        return answer
    if _media_type(request) == "application/json":
        return answer
    return await pass_on(request.with_header("content-type", "application/json").with_body(b"{}"))


async def _large_headers(request: Request, pass_on: Next) -> Answer:
    """nginx before the server: `large_client_header_buffers` is exceeded."""
    answer = await pass_on(request)
    if answer.status != 431:
        return answer
    return Answer(400, ((b"content-type", b"text/html"),), b"").with_body(_PAGE)


async def _broken_without_a_key(client: httpx.AsyncClient) -> object:
    return outcome(await client.post(SUBJECT, content=b'{"name": ', headers=_NO_KEY))


async def _large_without_a_key(client: httpx.AsyncClient) -> object:
    body = subject(name="a" * 2**20)
    return outcome(await client.post(SUBJECT, json=body, headers=_NO_KEY))


async def _another_method(client: httpx.AsyncClient) -> object:
    answer = await client.delete(TRAININGS)
    return outcome(answer), answer.headers["allow"]


async def _form(client: httpx.AsyncClient) -> object:
    return outcome(await client.post(UPLOAD_URL, data={"file_extension": "png"}))


async def _many_headers(client: httpx.AsyncClient) -> object:
    return outcome(await client.get(TRAININGS, headers={"x-trace": "a" * 40_000}))


CASES: list[Case] = [
    behaves("parse-before-the-key", "", plain(_parsed_first), _broken_without_a_key),
    behaves("key-before-the-size", "", plain(_key_first), _large_without_a_key),
    behaves("allow-is-a-constant", "", plain(_constant_allow), _another_method),
    behaves("other-types-are-read-as-nothing", "createUploadUrl", plain(_read_as_nothing), _form),
    behaves("large-headers-get-the-proxys-page", "", plain(_large_headers), _many_headers),
]
