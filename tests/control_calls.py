"""Calls of the mock's app without a socket: the control API, and the contract's operations beside it."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from live import Answer

from loracle_contracts import spec
from loracle_mockserver.asgi import MockApp
from loracle_mockserver.control_guard import ControlGuard
from loracle_mockserver.engine import Engine

JSON = ("Content-Type", "application/json")
YAML = ("Content-Type", "application/yaml")
SUBJECT = "/v3/training/subject"
LIST = "/v3/training"


class App:
    """An app over an engine of its own, and what can be asked of it."""

    def __init__(
        self, engine: Engine | None = None, guard: ControlGuard | None = None, scheme: str = "http"
    ) -> None:
        self.scheme = scheme
        self.engine = Engine() if engine is None else engine
        self.app = MockApp(self.engine, guard)

    def ask(
        self,
        method: str,
        target: str,
        *headers: tuple[str, str],
        body: bytes = b"",
        json: Any = None,
        key: str = "",
        host: str = "127.0.0.1",
    ) -> Answer:
        """The answer to one request; `target` is path and query, not encoded any further."""
        path, _, query = target.partition("?")
        sent = [("Host", host), *headers, *([("Authorization", f"Bearer {key}")] if key else [])]
        if json is not None:
            body, sent = orjson.dumps(json), [*sent, JSON]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode("utf-8", "surrogatepass"),
            "query_string": query.encode("utf-8", "surrogatepass"),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent],
            "scheme": self.scheme,
            "client": ("127.0.0.1", 50_000),
        }
        return asyncio.run(_answer(self.app, scope, body))

    def control(self, method: str, page: str, json: Any = None, *headers: tuple[str, str]) -> Any:
        """What a page below /_mock/ answers, which has to be 200."""
        answer = self.ask(method, f"/_mock/{page}", *headers, json=json)
        assert answer.status == 200, answer.body
        return answer.json

    def create(self, key: str = "k", name: str = "a", **members: Any) -> Answer:
        body = {
            "name": name,
            "base_model": "b",
            "width": 512,
            "height": 512,
            "image_dataset_items": [{"assets_id": 26}],
            "components": [],
            **members,
        }
        return self.ask("POST", SUBJECT, key=key, json=body)

    def poll(self, task: str, key: str = "k") -> Answer:
        return self.ask("GET", f"{SUBJECT}?task_id={task}", key=key)

    def list(self, key: str = "k", *headers: tuple[str, str]) -> Answer:
        return self.ask("GET", LIST, *headers, key=key)


async def _answer(app: MockApp, scope: dict[str, Any], body: bytes) -> Answer:
    is_read, sent = False, []

    async def receive() -> dict[str, Any]:
        nonlocal is_read
        if is_read:
            await asyncio.Event().wait()  # the client stays until it has its answer
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *bodies = sent
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start["headers"]]
    return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in bodies))


def check_refusal(answer: Answer, status: int, reason: str, *parts: str) -> dict[str, Any]:
    """The envelope of a refusal, found to be as the contract says and to hold these parts of a text."""
    envelope = dict(answer.json)
    assert (answer.status, envelope["code"], envelope["reason"]) == (status, status, reason), envelope
    assert set(envelope) == {"code", "reason", "message", "metadata"}
    for part in parts:
        assert part in envelope["message"], envelope["message"]
    assert reason not in spec.errors() or spec.errors()[reason]["code"] == status
    return envelope
