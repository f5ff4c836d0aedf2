"""How a server comes to answer otherwise, and what a witness sees of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from broken_servers_second.bodies import start
from broken_servers_second.wire import TRAININGS, Answer, Handler, Next, Request
from broken_servers_unseen.defect import Witness
from httpx import AsyncClient, Response

__all__ = [
    "asked",
    "changing",
    "paged",
    "parameters",
    "polled",
    "reason",
    "refusing",
    "sees",
    "whole_list",
    "with_query",
]


def changing(method: str, path: str, change: Callable[[Any], Any]) -> Callable[[], Handler]:
    """A server that changes the parsed body of what it answers with 200."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to(method, path) and answer.status == 200:
            return answer.with_json(change(answer.json()))
        return answer

    return lambda: handler


def refusing(
    paths: tuple[str, ...], status: int, change: Callable[[Answer, dict[str, Any]], Answer]
) -> Callable[[], Handler]:
    """A server that words its refusals of a status otherwise; without paths, on all of them."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if answer.status != status or (paths and request.path not in paths):
            return answer
        return change(answer, answer.json())

    return lambda: handler


def parameters(request: Request) -> dict[str, str]:
    """The query; of a parameter that comes twice, the last."""
    return dict(parse_qsl(request.query, keep_blank_values=True, errors="replace"))


def with_query(request: Request, query: Mapping[str, str]) -> Request:
    """The same request with another query."""
    return replace(request, query=urlencode(query))


async def whole_list(request: Request, pass_on: Next) -> list[Any]:
    """Every training that the correct server has for the key and the kind of a request."""
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {**parameters(request), "pagination.limit": "100", "pagination.cursor": cursor}
        page = (await pass_on(with_query(request, query))).json()
        found += page["tasks"]
        cursor = page["pagination"]["next_cursor"] or None
    return found


def paged(request: Request, tasks: list[Any]) -> dict[str, Any]:
    """The page of these trainings that a request asks for."""
    query = parameters(request)
    first = int(query.get("pagination.cursor", "").strip()[2:] or 0)
    limit = int(query.get("pagination.limit", 10))
    following = f"c_{first + limit}" if len(tasks) > first + limit else ""
    return {"tasks": tasks[first : first + limit], "pagination": {"next_cursor": following}}


def reason(response: Response) -> tuple[int, Any]:
    """The status and the reason; None where there is no envelope."""
    try:
        return response.status_code, response.json().get("reason")
    except (ValueError, AttributeError):
        return response.status_code, None


def sees(method: str, path: str, body: Any = None, **headers: str) -> Witness:
    """A witness that sends one call, bytes as they are, and sees the whole answer but for the advice."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json"} if body is not None else {}
    sent.update({name.replace("_", "-"): value for name, value in headers.items()})

    async def witness(client: AsyncClient) -> object:
        request = client.build_request(method, path, content=content if body is not None else None)
        request.headers.update(sent)
        if sent.get("authorization") == "":
            del request.headers["authorization"]
        response = await client.send(request)
        return reason(response), response.headers.get("content-type"), response.content[:200]

    return witness


async def polled(client: AsyncClient, kind: str, task_id: str, times: int = 1) -> list[Any]:
    """The states of a training in so many polls."""
    polls = [await client.get(f"{TRAININGS}/{kind}", params={"task_id": task_id}) for _ in range(times)]
    return [poll.json() for poll in polls]


def asked(kind: str, times: int = 1, change: Callable[[str], str] = str) -> Witness:
    """A witness that starts a training, asks for it so many times by its changed id, and sees the answers."""

    async def witness(client: AsyncClient) -> object:
        task_id = change(await start(client, kind))
        polls = [await client.get(f"{TRAININGS}/{kind}", params={"task_id": task_id}) for _ in range(times)]
        return [(poll.status_code, poll.headers.get("content-type"), poll.content) for poll in polls]

    return witness
