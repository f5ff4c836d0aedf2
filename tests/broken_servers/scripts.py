"""What witnesses are written with: short calls of a server, and what to compare of its answers."""

from __future__ import annotations

import json
from typing import Any

import httpx

from broken_servers.defect import Witness
from broken_servers.right_bodies import STYLE, SUBJECT, plain
from loracle_contracts import operations

__all__ = [
    "LIST",
    "NOBODY",
    "create",
    "created",
    "id_of",
    "listed",
    "posted",
    "queried",
    "seen",
    "sent",
    "state",
    "walked",
]

LIST = "/v3/training"
NOBODY = "00000000-0000-4000-8000-000000000000"


def seen(response: httpx.Response) -> Any:
    """All of an answer that a client can act on."""
    headers = {name: response.headers.get(name) for name in ("content-type", "allow", "location")}
    return response.status_code, headers, response.content


def posted(operation: str, body: Any) -> Witness:
    """The witness that sends one body: bytes as they are, all else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=True).encode()

    async def witness(client: httpx.AsyncClient) -> Any:
        return seen(
            await client.post(
                operations()[operation].path, content=data, headers={"content-type": "application/json"}
            )
        )

    return witness


def queried(operation: str, query: str) -> Witness:
    """The witness that sends one query."""
    return sent("GET", f"{operations()[operation].path}?{query}")


def sent(method: str, path: str, body: Any = None, **headers: str) -> Witness:
    """The witness that sends one request; an underscore in a header's name stands for a hyphen."""

    async def witness(client: httpx.AsyncClient) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named.setdefault("content-type", "application/json")
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        raw = [(name.encode(), value.encode("latin-1")) for name, value in named.items()]
        request = client.build_request(method, path, content=data, headers=raw)
        for name, value in named.items():
            if not value:
                del request.headers[name]
        return seen(await client.send(request))

    return witness


async def create(
    client: httpx.AsyncClient, name: str = "plain", operation: str = SUBJECT, **changes: Any
) -> httpx.Response:
    """A right create, with some members changed."""
    return await client.post(operations()[operation].path, json={**plain(operation, name), **changes})


async def state(client: httpx.AsyncClient, task: str, kind: str = "subject") -> httpx.Response:
    """The status of a task."""
    return await client.get(f"/v3/training/{kind}", params={"task_id": task})


def id_of(response: httpx.Response) -> str:
    try:
        value = response.json()
    except ValueError:
        return ""
    return str(value.get("task_id", "")) if isinstance(value, dict) else ""


async def created(client: httpx.AsyncClient, polls: int = 1) -> Any:
    """One create of each kind, the states of both, and the list."""
    outcome = []
    for operation, kind in ((SUBJECT, "subject"), (STYLE, "style")):
        response = await create(client, f"a {kind}", operation)
        outcome.append(seen(response))
        outcome += [seen(await state(client, id_of(response), kind)) for _ in range(polls)]
    return [*outcome, seen(await client.get(LIST)), seen(await client.get(LIST))]


async def walked(client: httpx.AsyncClient) -> Any:
    """The whole life of two trainings."""
    outcome = await created(client, polls=8)
    return [*outcome, seen(await client.get("/v3/model"))]


async def listed(client: httpx.AsyncClient) -> Any:
    """Five tasks of two kinds, listed in several ways."""
    for number in range(5):
        await create(client, f"task {number}", STYLE if number % 2 else SUBJECT)
    queries = [
        "",
        "?pagination.limit=2",
        "?pagination.limit=2&pagination.cursor=c_2",
        "?pagination.limit=2&pagination.cursor=c_4",
        "?pagination.limit=1",
        "?pagination.limit=5",
        "?pagination.cursor=c_5",
        "?pagination.cursor=c_900",
        "?task_type=style",
        "?task_type=subject",
        "?task_type=subject&pagination.limit=2&pagination.cursor=c_2",
    ]
    return [seen(await client.get(LIST + query)) for query in queries]
