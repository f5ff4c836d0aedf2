"""Bodies that are right, and what a witness sends and sees."""

from __future__ import annotations

import copy
import json
from typing import Any

import httpx
from broken_servers_unseen.defect import Witness

from broken_servers_second.wire import STYLE, SUBJECT, UPLOAD_URL

__all__ = ["expert", "get", "images", "listed", "post", "put", "start", "style", "subject", "upload_url"]

_BODY: dict[str, Any] = {
    "name": "avatar",
    "base_model": "v1-5-pruned-emaonly",
    "width": 512,
    "height": 512,
    "image_dataset_items": [{"assets_id": 26, "caption": "a woman in a red coat"}],
    "expert_setting": {"instance_prompt": "Xstyle, of a young woman"},
    "components": [{"name": "resize", "args": [{"name": "width", "value": "512"}]}],
}


def subject(**changes: Any) -> dict[str, Any]:
    """A body of a subject training; the changes are members of it."""
    return {**copy.deepcopy(_BODY), **changes}


def style(**changes: Any) -> dict[str, Any]:
    """A body of a style training; the changes are members of it."""
    return {**copy.deepcopy(_BODY), "name": "watercolours", "expert_setting": {"seed": 7}, **changes}


def expert(**changes: Any) -> dict[str, Any]:
    """A body of a subject training; the changes are expert settings."""
    body = subject()
    body["expert_setting"].update(changes)
    return body


def images(count: int) -> list[dict[str, Any]]:
    """So many images, without captions."""
    return [{"assets_id": number} for number in range(count)]


def post(path: str, body: Any, **headers: str | None) -> Witness:
    """A witness that posts a body, bytes as they are, and sees the status."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json"}
    for name, value in headers.items():
        if value is None:
            sent.pop(name.replace("_", "-"), None)
        else:
            sent[name.replace("_", "-")] = value

    async def witness(client: httpx.AsyncClient) -> object:
        return (await client.post(path, content=content, headers=sent)).status_code

    return witness


def get(path: str, **parts: Any) -> Witness:
    """A witness that gets a path, and sees the status."""

    async def witness(client: httpx.AsyncClient) -> object:
        return (await client.request("GET", path, **parts)).status_code

    return witness


def put(size: int, **headers: str) -> Witness:
    """A witness that uploads so many bytes, and sees the status and the body."""

    async def witness(client: httpx.AsyncClient) -> object:
        target = await upload_url(client)
        async with httpx.AsyncClient(transport=client._transport, trust_env=False) as anybody:
            answer = await anybody.put(target["upload_url"], content=b"x" * size, headers=headers)
        return answer.status_code

    return witness


async def upload_url(client: httpx.AsyncClient, kind: str = "png") -> dict[str, Any]:
    """What the server answers who asks for an upload URL."""
    answer = await client.post(UPLOAD_URL, json={"file_extension": kind})
    target: dict[str, Any] = answer.json()
    return target


async def start(client: httpx.AsyncClient, kind: str = "subject", **changes: Any) -> str:
    """Starts a training; answers its id."""
    path, body = (SUBJECT, subject(**changes)) if kind == "subject" else (STYLE, style(**changes))
    answer = await client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
    task: str = answer.json()["task_id"]
    return task


async def listed(client: httpx.AsyncClient, query: str = "") -> Any:
    """What the list of trainings answers."""
    return (await client.get(f"/v3/training{query}")).json()
