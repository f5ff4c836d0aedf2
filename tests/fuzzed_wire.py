"""The mock behind a layer that changes requests or answers, as a broken server would."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httpx

from loracle_contracts.exchange import Answer, Request
from loracle_contracts.fuzzing import FuzzOptions, FuzzReport, fuzz
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, known_base_models, plain_body
from loracle_mockserver.training_app import TrainingApp

KEY = "the-right-key"
Ask = Callable[[Request], Answer]
Defect = Callable[[Request, Ask], Answer]


def correct(request: Request, ask: Ask) -> Answer:
    """No defect at all."""
    return ask(request)


class Broken:
    """An ASGI app over a mock: each request goes to `defect`, which may ask the mock, any number of times."""

    def __init__(self, mock: Any, defect: Defect = correct) -> None:
        self.mock = mock
        self.defect = defect
        self.requests: list[Request] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, has_more = b"", True
        while has_more:
            message = await receive()
            body += message.get("body", b"")
            has_more = message.get("more_body", False)
        query = scope["query_string"].decode("latin-1")
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        target = scope["raw_path"].partition(b"?")[0].decode("latin-1") + (f"?{query}" if query else "")
        request = Request(scope["method"], target, headers, body)
        self.requests.append(request)
        answer = self.defect(request, self.ask)
        fields = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in answer.headers
            if name.lower() != "content-length"
        ]
        fields.append((b"content-length", b"%d" % len(answer.body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": fields})
        await send({"type": "http.response.body", "body": answer.body})

    def ask(self, request: Request) -> Answer:
        """The mock's answer; it never waits, so that no loop is needed."""
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": request.body}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": request.method,
            "path": unquote(request.path),
            "query_string": request.query.encode("latin-1"),
            "headers": headers,
            "scheme": "http",
        }
        with contextlib.suppress(StopIteration):
            self.mock(scope, receive, send).send(None)
        fields = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]
        )
        return Answer(sent[0]["status"], fields, b"".join(message.get("body", b"") for message in sent[1:]))


def started(app: Broken, subjects: int = 4, styles: int = 3) -> None:
    """Starts trainings, one kind after the other in turn."""
    kinds = ["subject", "style"] * max(subjects, styles)
    left = {"subject": subjects, "style": styles}
    for n, kind in enumerate(kinds):
        if not left[kind]:
            continue
        left[kind] -= 1
        operation = "createSubjectTraining" if kind == "subject" else "createStyleTraining"
        body = plain_body(operation, f"task-{n}", known_base_models()[0], UNKNOWN_ASSETS)
        headers = (("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json"))
        path = f"/v3/training/{kind}"
        assert app.ask(Request("POST", path, headers, json.dumps(body).encode())).status == 200


def fuzzed(app: Any, *layers: str, **options: Any) -> FuzzReport:
    """What a run of the layers finds."""
    chosen = FuzzOptions("http://127.0.0.1", layers=layers, **{"api_key": KEY, **options})
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def sleep(seconds: float) -> None:
        assert seconds >= 0

    return asyncio.run(fuzz(chosen, transport, sleep=sleep))


def mock(**options: Any) -> TrainingApp:
    """A mock that knows the one key."""
    return TrainingApp(**{"api_key": KEY, "api_keys": [KEY], **options})


def changed(answer: Answer, change: Callable[[Any], Any]) -> Answer:
    """The answer with its JSON changed in place, or replaced by what `change` gives."""
    value = json.loads(answer.body)
    replaced = change(value)
    return answer._replace(body=json.dumps(value if replaced is None else replaced).encode())
