"""The mock behind a layer that changes its answers, to break one relation between them."""

import copy
import itertools
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from loracle_mockserver.training_app import TrainingApp

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEY, OTHER_KEY = "test-key", "other-key"
CREATES = {"/v3/training/subject": "subject", "/v3/training/style": "style"}
LIST, MODELS, ASSETS = "/v3/training", "/v3/model", "/v3/assets/training_dataset"


class Call(NamedTuple):
    """One request, its query parsed; `body` is the value in it, None where it is no JSON."""

    method: str
    path: str
    query: dict[str, str]
    key: str
    raw: bytes

    @property
    def body(self) -> Any:
        try:
            return json.loads(self.raw)
        except ValueError:
            return None

    @property
    def is_create(self) -> bool:
        return self.method == "POST" and self.path in CREATES

    @property
    def is_state(self) -> bool:
        return self.method == "GET" and self.path in CREATES

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and self.path == LIST


class Reply(NamedTuple):
    status: int
    value: Any
    """The JSON of the body; bytes where it is none."""


class Broken:
    """An ASGI app: the mock, with every call given to `behave(app, call)`, which answers it."""

    def __init__(self, behave: Callable[["Broken", Call], Any], **options: Any) -> None:
        self.inner = TrainingApp(api_key=KEY, api_keys=[KEY, OTHER_KEY], **options)
        self.behave = behave
        self.headers: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raw, more = b"", True
        while more:
            message = await receive()
            raw += message.get("body", b"")
            more = message.get("more_body", False)
        self.scope = scope
        key = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        reply = await self.behave(self, Call(scope["method"], scope["path"], query, key, raw))
        body = reply.value if isinstance(reply.value, bytes) else json.dumps(reply.value).encode()
        headers = [] if not body else [(b"content-type", b"application/json")]
        kept = [pair for pair in self.headers if pair[0] in (b"allow", b"retry-after")]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers + kept})
        await send({"type": "http.response.body", "body": body})

    async def ask(self, call: Call) -> Reply:
        """The mock's own answer."""
        scope = {**self.scope, "method": call.method, "path": call.path, "raw_path": call.path.encode()}
        scope["query_string"] = urlencode(call.query).encode()
        scope["headers"] = [
            (name, f"Bearer {call.key}".encode() if name == b"authorization" else value)
            for name, value in self.scope["headers"]
            if name != b"content-length"
        ]
        if call.raw and b"content-type" not in dict(scope["headers"]):
            scope["headers"].append((b"content-type", b"application/json"))
        told: list[Any] = []
        sent = itertools.chain(
            [{"type": "http.request", "body": call.raw}], itertools.repeat({"type": "http.disconnect"})
        )

        async def receive() -> Any:
            return next(sent)

        async def send(message: Any) -> None:
            told.append(message)

        await self.inner(scope, receive, send)
        self.headers = told[0]["headers"]
        body = b"".join(message.get("body", b"") for message in told[1:])
        try:
            value = json.loads(body)
        except ValueError:
            value = body
        return Reply(told[0]["status"], value)


Change = Callable[[Call, Any], Any]


def answers(change: Change, *, which: Callable[[Call], bool]) -> Any:
    """A behaviour that changes the values of accepted answers."""

    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        if reply.status != 200 or not which(call):
            return reply
        value = copy.deepcopy(reply.value)
        changed = change(call, value)
        return Reply(200, value if changed is None else changed)

    return behave


def states(change: Callable[[dict[str, Any], int], None]) -> Any:
    """Changes the answers to state calls; `change` is told the how manieth of its task it is."""
    polls: dict[str, int] = {}

    def changed(_: Call, value: Any) -> None:
        polls[value["task_id"]] = polls.get(value["task_id"], 0) + 1
        change(value, polls[value["task_id"]])

    return answers(changed, which=lambda call: call.is_state)


def listed(change: Callable[[dict[str, Any]], None]) -> Any:
    """Changes every entry of every list."""

    def changed(_: Call, value: Any) -> None:
        for task in value["tasks"]:
            change(task)

    return answers(changed, which=lambda call: call.is_list)


def pages(change: Change) -> Any:
    return answers(change, which=lambda call: call.is_list)


def named(change: Callable[[str], str]) -> Any:
    return listed(lambda task: task.update(task_name=change(task["task_name"])))


class Defect(NamedTuple):
    """`subject` must be found; `besides` may be, because it follows."""

    name: str
    make: Callable[[], Any]
    subject: str
    besides: tuple[str, ...] = ()
