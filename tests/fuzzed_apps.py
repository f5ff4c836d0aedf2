"""Servers for tests of the fuzzer: the mock in process, and the mock with a habit or a defect."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx

from loracle_contracts.fuzzing.client import Client
from loracle_contracts.fuzzing.options import FuzzOptions
from loracle_contracts.fuzzing.session import Session
from loracle_mockserver.training_app import TrainingApp

KEY = "test-key"
CREATES = ("/v3/training/subject", "/v3/training/style")
Answer = tuple[int, Any]


class Altered:
    """An ASGI app that answers creates itself where `alter` gives status and body for the parsed body.

    `creates` counts the trainings that were started.
    """

    def __init__(self, app: Any, alter: Callable[[Any], Answer | None] | None = None) -> None:
        self.app = app
        self.alter = alter
        self.creates = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_create = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in CREATES
        if not is_create:
            await self.app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        altered = self.alter(_parsed(body)) if self.alter is not None else None
        if altered is not None:
            status, value = altered
            self.creates += status == 200
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": json.dumps(value).encode()})
            return
        sent = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Any:
            return next(sent, {"type": "http.disconnect"})

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.creates += message["status"] == 200
            await send(message)

        await self.app(scope, again, counted)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def refusal(reason: str, status: int = 400) -> Answer:
    """A refusal in the contract's envelope."""
    return status, {"code": status, "reason": reason, "message": "No.", "metadata": {}}


def mock(alter: Callable[[Any], Answer | None] | None = None, **options: Any) -> Altered:
    return Altered(TrainingApp(api_key=KEY, **options), alter)


def session_with(
    app: Any, use: Callable[[Session], Any], url: str = "http://127.0.0.1", **options: Any
) -> Session:
    """The session after `use`, a coroutine function, has worked with it."""

    async def work() -> Session:
        chosen = FuzzOptions(url, api_key=KEY, **options)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = Client(chosen.url, transport=transport, max_requests=chosen.max_requests, sleep=_no_sleep)
        async with client:
            session = Session(chosen, client)
            await use(session)
        return session

    return asyncio.run(work())


async def _no_sleep(_: float) -> None:
    return None
