"""The three ways into a mock from a test, each with a client that sends requests to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from loracle_mockserver import TrainingApp, TrainingMock, TrainingTransport, live_server

CREATE_PATH = "/v3/training/subject"
LIST_PATH = "/v3/training"
Send = Callable[..., httpx.Response]


def body(name: str = "a", **members: Any) -> dict[str, Any]:
    return {
        "name": name,
        "base_model": "b",
        "width": 512,
        "height": 512,
        "image_dataset_items": [{"assets_id": 26}],
        "components": [],
        **members,
    }


@contextlib.contextmanager
def opened(way: str, **options: Any) -> Iterator[tuple[TrainingMock, Send]]:
    """A handle, and a function that sends `method, path, **options of httpx` with its key."""
    if way == "live":
        with live_server(**options) as mock, httpx.Client(base_url=mock.url, headers=mock.headers) as client:
            yield mock, client.request
    elif way == "transport":
        transport = TrainingTransport(**options)
        with httpx.Client(transport=transport, base_url="http://any.test") as client:
            client.headers.update(transport.mock.headers)
            yield transport.mock, client.request
    else:
        app = TrainingApp(**options)

        async def send(method: str, path: str, **given: Any) -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app), base_url="http://any.test", headers=app.mock.headers
            ) as client:
                return await client.request(method, path, **given)

        yield app.mock, lambda *words, **given: asyncio.run(send(*words, **given))


def create(send: Send, name: str = "a", **members: Any) -> httpx.Response:
    return send("POST", CREATE_PATH, json=body(name, **members))


def poll(send: Send, task_id: str) -> str:
    return str(send("GET", CREATE_PATH, params={"task_id": task_id}).json()["task_status"])
