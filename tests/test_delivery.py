"""How answers go out that are late or that the network spoils: on sockets, and without any."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Iterator
from typing import Any

import httpx
import orjson
import pytest
from live import PATIENCE, Conversation, parse_answer, parse_answers, raw_request
from served_app import Ending, ServedApp, read_ending, served
from wire_cases import JSON, SUBJECT, create_body

from loracle_contracts import task_id
from loracle_mockserver.asgi import MockApp
from loracle_mockserver.delivery import CONNECTION, NetworkFaultError
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_catalogue import CATALOGUE
from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.store import MemoryStore, StoreError
from loracle_mockserver.tls import self_signed

FAULTS = [kind.name for kind in CATALOGUE.values() if kind.family == "network"]
LONG = 300  # seconds: far more than a test waits
CREATE = "createSubjectTraining"
LIST = "/v3/training"


def key(name: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {name}")


def rule(fault: str, seconds: float, **match: Any) -> dict[str, Any]:
    lasts = {"seconds": seconds} if fault in ("hang", "slow-drip") else {}
    return {"fault": fault, **lasts, **match}


def app_with(*rules: dict[str, Any], store: MemoryStore | None = None) -> MockApp:
    return MockApp(Engine(plan=FaultPlan.parse({"faults": list(rules)}), store=store or MemoryStore()))


def create(who: str, *, close: bool = True, name: str = "a") -> bytes:
    return raw_request("POST", SUBJECT, key(who), JSON, body=create_body(name=json.dumps(name)), close=close)


def exchange(app: ServedApp, raw: bytes) -> Ending:
    with app.connect() as connection:
        connection.sendall(raw)
        return read_ending(connection)


def listed(app: ServedApp, who: str) -> list[str]:
    answer = parse_answer(exchange(app, raw_request("GET", LIST, key(who))).raw)
    return [task["task_name"] for task in answer.json["tasks"]]


def check_fault(fault: str, ending: Ending, body: bytes) -> None:
    """What came is what the fault leaves of an answer with this body."""
    if fault == "slow-drip":
        assert ending.is_orderly
        assert parse_answer(ending.raw).body == body
        return
    assert ending.is_orderly is (fault == "truncated")
    if fault in ("truncated", "reset-after-headers"):
        head, blank, came = ending.raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert blank
        assert came == body[: len(came)]
        length = re.search(rb"\r\ncontent-length: ([0-9]+)", head)
        if length is None:
            assert not body
            assert b"\r\ntransfer-encoding: chunked" in head
            assert came == b""
        else:
            assert int(length[1]) == len(body) > len(came) > 0
    else:
        assert ending.raw == b""


@pytest.fixture(scope="module", params=["uvloop", "asyncio", "uvloop with TLS", "asyncio with TLS"])
def faulty(request: pytest.FixtureRequest) -> Iterator[ServedApp]:
    """A key of the name of a fault has that fault in its creates and uploads."""
    app = app_with(*(rule(f, 0.15, operation=o, api_key=f) for f in FAULTS for o in (CREATE, "putUpload")))
    loop, _, has_tls = request.param.partition(" ")
    if not has_tls:
        with served(app, loop) as running:
            yield running
        return
    with self_signed("localhost") as files, served(app, loop, files) as running:
        yield running


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_real(fault: str, faulty: ServedApp) -> None:
    earlier = len(listed(faulty, fault))
    ending = exchange(faulty, create(fault))
    check_fault(fault, ending, orjson.dumps({"task_id": task_id(0, CREATE, "a", earlier)}))
    assert len(listed(faulty, fault)) - earlier == (fault != "reset-on-arrival")


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_without_a_body_suffers_too(fault: str, faulty: ServedApp) -> None:
    asked = raw_request(
        "POST", "/v3/assets/training_dataset", key(fault), JSON, body=b'{"file_extension": "png"}'
    )
    url = httpx.URL(parse_answer(exchange(faulty, asked).raw).json["upload_url"])
    check_fault(fault, exchange(faulty, raw_request("PUT", url.raw_path.decode(), body=b"png")), b"")


def test_a_connection_lives_on_after_a_slow_drip(faulty: ServedApp) -> None:
    with faulty.connect() as connection:
        for n in range(2):
            connection.sendall(create("slow-drip", close=n == 1))
        answers = parse_answers(read_ending(connection).raw)
    assert [answer.status for answer in answers] == [200, 200]


def test_pipelined_requests_keep_their_order(faulty: ServedApp) -> None:
    names = [create("slow-drip", close=False, name=name) for name in "xyz"]
    ending = exchange(faulty, b"".join(names) + raw_request("GET", LIST, key("slow-drip")))
    assert ending.is_orderly
    *created, last = parse_answers(ending.raw)
    ids = [answer.json["task_id"] for answer in created]
    assert ids == [task["task_id"] for task in last.json["tasks"] if task["task_name"] in "xyz"][::-1]


@pytest.mark.parametrize("fault", ["reset-before-headers", "hang"])
def test_a_reset_comes_behind_earlier_answers(
    fault: str, faulty: ServedApp, caplog: pytest.LogCaptureFixture
) -> None:
    whole = raw_request("GET", LIST, key("other"), close=False)
    ending = exchange(faulty, whole + create(fault, close=False) + whole)
    assert not ending.is_orderly
    assert parse_answer(ending.raw).json["tasks"] == []
    assert not caplog.records


class Watched:
    """An app that tells when it waits for its client, and when it has ended."""

    def __init__(self, app: MockApp) -> None:
        self._app = app
        self.waits, self.ended = threading.Event(), threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def watched() -> Any:
            # A GET has no body, so only what waits for the client receives.
            self.waits.set()
            return await receive()

        await self._app(scope, watched, send)
        if scope["query_string"] == b"last":
            return
        self.ended.set()


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("behind", [b"", raw_request("GET", f"{LIST}?last", key("k"))])
@pytest.mark.parametrize(
    "planned", [{"delay": LONG}, rule("hang", LONG), rule("slow-drip", LONG)], ids=["delay", "hang", "drip"]
)
def test_nothing_waits_for_a_client_that_has_left(
    planned: dict[str, Any], behind: bytes, loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Watched(app_with(planned))
    with served(app, loop) as running:
        with running.connect() as connection:
            connection.sendall(raw_request("GET", LIST, key("k"), close=False) + behind)
            assert app.waits.wait(PATIENCE)
        assert app.ended.wait(PATIENCE)
    assert not caplog.records


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("planned", [{"delay": LONG}, rule("hang", LONG), rule("slow-drip", LONG)])
def test_nothing_waits_where_the_server_ends(
    planned: dict[str, Any], loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Watched(app_with(planned))
    with served(app, loop) as running, Conversation(running.port) as conversation:
        conversation.send(raw_request("GET", LIST, key("k"), close=False))
        assert app.waits.wait(PATIENCE)
    assert app.ended.is_set()
    assert not caplog.records


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_answers_are_not_held_back_for_an_acknowledgement(loop: str) -> None:
    """TCP_NODELAY: without it every answer on a connection that is kept open waits 40 ms."""
    options: list[int] = []
    app = app_with()

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            accepted = scope["state"][CONNECTION].transport.get_extra_info("socket")
            options.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await app(scope, receive, send)

    with served(noting, loop) as running:
        exchange(running, raw_request("GET", LIST, key("k")))
    assert options
    assert all(options)


def test_half_a_request_does_not_keep_the_server(caplog: pytest.LogCaptureFixture) -> None:
    app = Watched(app_with())
    with served(app) as running, Conversation(running.port) as conversation:
        conversation.send(create("k")[:-5])
        assert app.waits.wait(PATIENCE)
    assert not caplog.records


# --- without a socket


def ask_in_process(app: MockApp, method: str = "GET", path: str = LIST) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://mock.test") as client:
            return await client.request(method, path, headers=dict([key("k")]))

    return asyncio.run(ask())


@pytest.mark.parametrize("fault", FAULTS)
def test_without_a_connection_there_is_no_proper_answer(fault: str) -> None:
    app = app_with(rule(fault, 0.1))
    if fault == "slow-drip":
        assert ask_in_process(app).json()["tasks"] == []
        return
    with pytest.raises(ConnectionResetError, match=fault) as raised:
        ask_in_process(app)
    assert isinstance(raised.value, NetworkFaultError)
    assert raised.value.fault == fault


def test_a_receiver_that_never_waits_does_not_stop_the_clock() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": LIST, "query_string": b"", "headers": []}
    scope["headers"] = [(b"authorization", b"Bearer k")]
    asyncio.run(app_with({"delay": 0.1})(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


class SlowStore(MemoryStore):
    """Says that it is durable when it is told to; where `lost`, that it never will be."""

    def __init__(self, lost: str | None = None) -> None:
        super().__init__()
        self.is_durable, self.is_asked = asyncio.Event(), asyncio.Event()
        self._lost = lost

    def flushed(self) -> Awaitable[None]:  # type: ignore[override]
        async def wait() -> None:
            self.is_asked.set()
            if self._lost is not None:
                raise StoreError(self._lost)
            await self.is_durable.wait()

        return wait()


@pytest.mark.parametrize("rules", [[], [rule("reset-before-headers", 0)]])
@pytest.mark.parametrize("path", [LIST, "/nowhere"])
def test_nothing_is_said_before_it_is_durable(rules: list[Any], path: str) -> None:
    async def check() -> None:
        store, said = SlowStore(), []
        app = app_with(*rules, store=store)

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)

        scope = {"type": "http", "method": "GET", "path": path, "query_string": b""}
        asked = asyncio.ensure_future(
            app({**scope, "headers": [(b"authorization", b"Bearer k")]}, receive, send)
        )
        await asyncio.wait_for(store.is_asked.wait(), PATIENCE)
        assert not said
        assert not asked.done()
        store.is_durable.set()
        if rules and path == LIST:
            with pytest.raises(NetworkFaultError):
                await asked
        else:
            await asked
            assert said

    asyncio.run(check())


class BrokenStore(MemoryStore):
    """Works for the start, and then cannot note anything."""

    def append(self, _: Any) -> None:
        raise StoreError("the disk is full")


@pytest.mark.parametrize("store", [SlowStore("the disk is full"), BrokenStore()])
@pytest.mark.parametrize(
    "raw",
    [
        raw_request("GET", LIST, key("k")),
        raw_request("POST", SUBJECT, key("k"), ("Content-Length", "50000000")),
        raw_request("GET", LIST, ("X-Long", "x" * 40_000)),
    ],
    ids=["handled", "body too large", "headers too large"],
)
def test_a_store_that_does_not_work_is_told(raw: bytes, store: MemoryStore) -> None:
    with served(app_with(store=store)) as running:
        answer = parse_answer(exchange(running, raw).raw)
    assert (answer.status, answer.json["reason"]) == (503, "SERVICE_UNAVAILABLE")
    assert "the disk is full" in answer.json["message"]


def test_health_needs_no_fastapi() -> None:
    program = """
import asyncio, sys
from loracle_mockserver.asgi import MockApp
from loracle_mockserver.engine import Engine

said = []

async def send(message):
    said.append(message)

scope = {"type": "http", "method": "GET", "path": "/_mock/health", "query_string": b"", "headers": []}
asyncio.run(MockApp(Engine())(scope, None, send))
print(said[0]["status"], said[1]["body"].decode(), "fastapi" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    status, body, has_fastapi = ran.stdout.split()
    assert (status, json.loads(body)["status"], has_fastapi) == ("200", "ready", "False")
