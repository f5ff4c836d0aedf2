"""Servers that judge keys, routes and methods wrongly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from broken_servers_second.bodies import start, subject
from broken_servers_second.editing import behaves
from broken_servers_second.wire import (
    MODELS,
    STYLE,
    SUBJECT,
    TRAININGS,
    UPLOAD_URL,
    Answer,
    Handler,
    Next,
    Request,
    envelope,
)
from broken_servers_unseen.defect import Case
from httpx import AsyncClient

from broken_servers_third.answering import reason, refusing, sees

__all__ = ["CASES"]

_PATHS = (SUBJECT, STYLE, TRAININGS, UPLOAD_URL, MODELS)
_BCRYPT = 72


def _unauthorised(answer: Answer, error: dict[str, Any]) -> Answer:
    if error["reason"] != "MISSING_API_KEY":
        return answer
    challenge = ((b"www-authenticate", b"Bearer"),)
    return envelope(401, "UNAUTHORIZED", "Authentication is required.", challenge)


def _one_case() -> Handler:
    """`startsWith("Bearer ")`."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        if request.is_authorised and not request.header("authorization").startswith("Bearer "):
            return envelope(403, "INVALID_API_KEY", "The key is not valid.")
        return await pass_on(request)

    return handler


def _empty_key() -> Handler:
    """What stands behind the word is looked up, and nothing finds the first row."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        if request.header("authorization").strip().lower() == "bearer":
            request = request.with_header("authorization", "Bearer first-row")
        return await pass_on(request)

    return handler


def _cut_key() -> Handler:
    """Keys are kept as bcrypt hashes, which end at 72 bytes."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        if request.is_authorised:
            scheme, _, key = request.header("authorization").strip().partition(" ")
            request = request.with_header("authorization", f"{scheme} {key.strip()[:_BCRYPT]}")
        return await pass_on(request)

    return handler


def _preflight() -> Handler:
    """A middleware for other origins, in front of everything."""
    headers = (
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", b"GET,HEAD,PUT,PATCH,POST,DELETE"),
    )

    async def handler(request: Request, pass_on: Next) -> Answer:
        return Answer(204, headers, b"") if request.method == "OPTIONS" else await pass_on(request)

    return handler


def _head() -> Handler:
    """Express and Go answer HEAD wherever they answer GET."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        if request.is_to("HEAD", TRAININGS):
            return replace(await pass_on(replace(request, method="GET")), body=b"")
        return await pass_on(request)

    return handler


def _methods_first() -> Handler:
    """The router refuses a method before any guard of a route runs."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if answer.status in (400, 403) and request.path in _PATHS and not request.is_authorised:
            allowed = ("POST",) if request.path == UPLOAD_URL else ("GET",)
            allowed = ("POST", "GET") if request.path in (SUBJECT, STYLE) else allowed
            if request.method not in allowed:
                headers = ((b"allow", ", ".join(allowed).encode()),)
                return envelope(405, "METHOD_NOT_ALLOWED", "The route has no such method.", headers)
        return answer

    return handler


def _type_first() -> Handler:
    """What a route consumes is part of how it is found, as in Spring."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        media_type = request.header("content-type").partition(";")[0].strip().lower()
        if request.is_to("POST", SUBJECT) and media_type != "application/json":
            return envelope(415, "UNSUPPORTED_MEDIA_TYPE", "The body is not JSON.")
        return await pass_on(request)

    return handler


def _no_prefix() -> Handler:
    """The gateway takes the version off where there is one."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        if f"/v3{request.path}" in _PATHS:
            request = replace(request, path=f"/v3{request.path}")
        return await pass_on(request)

    return handler


def _page() -> Handler:
    """What is not found is left to the console's own router."""
    body = b'<!doctype html><html><head><title>Console</title></head><body><div id="app"></div></body></html>'

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.method == "GET" and answer.status == 404 and b'"API_NOT_FOUND"' in answer.body:
            return Answer(200, ((b"content-type", b"text/html"),), b"").with_body(body)
        return answer

    return handler


async def _almost_the_key(client: AsyncClient) -> object:
    keys = [f"Bearer {'k' * _BCRYPT}{end}" for end in ("a", "b")]
    client.headers["authorization"] = keys[0]
    task = await start(client)
    client.headers["authorization"] = keys[1]
    return reason(await client.get(SUBJECT, params={"task_id": task}))


CASES: list[Case] = [
    behaves(
        "missing-key-is-401", "", refusing((), 400, _unauthorised), sees("GET", MODELS, authorization="")
    ),
    behaves("bearer-in-one-case", "", _one_case, sees("GET", MODELS, authorization="bearer key-one")),
    behaves("empty-key-is-a-key", "", _empty_key, sees("GET", MODELS, authorization="Bearer ")),
    behaves("keys-end-at-72-bytes", "", _cut_key, _almost_the_key, needs_create=True),
    behaves("preflights-are-answered", "", _preflight, sees("OPTIONS", SUBJECT)),
    behaves("head-is-answered", "listTrainings", _head, sees("HEAD", TRAININGS)),
    behaves("methods-before-keys", "", _methods_first, sees("DELETE", STYLE, authorization="")),
    behaves(
        "type-before-key",
        "createSubjectTraining",
        _type_first,
        sees("POST", SUBJECT, subject(), authorization="", content_type="text/plain"),
    ),
    behaves("version-is-optional", "", _no_prefix, sees("GET", "/training")),
    behaves("unknown-routes-get-a-page", "", _page, sees("GET", "/v3/trainings")),
]
