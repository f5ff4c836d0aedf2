"""The guarded client: what it puts on the wire, and when it waits, asks again and stops."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest

from loracle_contracts.exchange import Answer, Request
from loracle_contracts.fuzzing.client import Client, HostNotAllowedError, StoppedError
from loracle_contracts.fuzzing.probe import Failure

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
READ = Request("GET", "/v3/training", (("Authorization", "Bearer key"),))


class Wire:
    """A server that keeps the bytes of each request and gives the answers in turn, the last one for ever."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head + await _body(reader, head.lower()))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if not answer:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass  # the client has gone
        finally:
            writer.close()


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    if b"transfer-encoding: chunked" in head:
        return await reader.readuntil(b"0\r\n\r\n")
    length = [line for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
    return await reader.readexactly(int(length[0].partition(b":")[2])) if length else b""


def on_wire(
    talk: Callable[[Client], Awaitable[Any]], answers: Sequence[bytes] = (OK,), **options: Any
) -> tuple[Any, list[bytes]]:
    """What `talk` gives, and the requests as they came over the wire."""

    async def run() -> tuple[Any, list[bytes]]:
        wire = Wire(answers)
        server = await asyncio.start_server(wire, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            path = options.pop("path", "")
            async with Client(f"http://127.0.0.1:{port}{path}", **options) as client:
                return await talk(client), wire.requests

    return asyncio.run(run())


def sent(request: Request, **options: Any) -> bytes:
    """One request as it comes over the wire."""
    _, requests = on_wire(lambda client: client.send(request), **options)
    return requests[0]


class Clock:
    """Time that only waiting moves on."""

    def __init__(self) -> None:
        self.moment = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.moment += seconds


def answering(
    *answers: tuple[int, dict[str, str]], **options: Any
) -> tuple[Client, Clock, list[httpx.Request]]:
    """A client of a server that gives the answers in turn, the last one for ever."""
    given, asked, clock = list(answers), [], Clock()

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        status, headers = given.pop(0) if len(given) > 1 else given[0]
        return httpx.Response(status, headers=headers, content=b"{}")

    transport = httpx.MockTransport(handle)
    client = Client("http://x", transport=transport, sleep=clock.sleep, now=clock.now, **options)
    return client, clock, asked


@pytest.mark.parametrize(
    "target",
    [
        "//v3/training",
        "/v3//training",
        "/v3/./training/../x",
        "/v3/traini%6eg",
        "/v3%2Ftraining%00",
        "/v3/training;a=1",
        "/v3/training?pagination[limit]=0&&=&a",
        "/v3/training?x=%zz&y=%ff&z=a+b'()*",
        "/v3/training?task_type=a&task_type=b",
        "/v3/training?",
    ],
)
def test_a_target_goes_as_it_is(target: str) -> None:
    assert sent(Request("GET", target)).startswith(f"GET {target} HTTP/1.1\r\n".encode())


def test_the_path_of_the_address_stands_before_the_target() -> None:
    line = sent(Request("GET", "//v3/training?a=1"), path="/base/").partition(b"\r\n")[0]
    assert line == b"GET /base//v3/training?a=1 HTTP/1.1"


@pytest.mark.parametrize("method", ["post", "Get", "LORACLE", "TRACE", "HEAD"])
def test_a_method_goes_as_it_is(method: str) -> None:
    # To HEAD there comes an answer without a body.
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    _, requests = on_wire(lambda client: client.send(Request(method, "/")), [answer])
    assert requests[0].startswith(method.encode() + b" / HTTP/1.1\r\n")


def test_headers_go_as_they_are_and_none_is_added() -> None:
    headers = (
        ("X-One", "1"),
        ("x-one", "2"),
        ("Content-Type", "text/plain"),
        ("Content-Type", "application/json"),
    )
    lines = sent(Request("POST", "/", (*headers, ("X-Blank", ""), ("X-Latin", "caf\xe9")), b"{}")).split(
        b"\r\n"
    )
    expected = [*(f"{name}: {value}".encode() for name, value in headers), b"X-Blank: ", b"X-Latin: caf\xe9"]
    assert [line for line in lines[1:-2] if not line.startswith((b"Host:", b"Content-Length:"))] == expected
    assert lines.count(b"Content-Length: 2") == 1


def test_a_chunked_body_goes_in_chunks() -> None:
    body = bytes(range(256)) * 3
    raw = sent(Request("POST", "/", (("Transfer-Encoding", "chunked"),), body))
    head, _, rest = raw.partition(b"\r\n\r\n")
    assert head.lower().count(b"transfer-encoding") == 1
    assert b"content-length" not in head.lower()
    pieces = []
    while rest != b"0\r\n\r\n":
        size, _, rest = rest.partition(b"\r\n")
        pieces.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    assert b"".join(pieces) == body
    assert len(pieces) > 1


@pytest.mark.parametrize(
    ("method", "has_length"), [("POST", True), ("PUT", True), ("GET", False), ("DELETE", False)]
)
def test_an_empty_body_is_announced_where_a_method_has_one(method: str, has_length: bool) -> None:
    assert (b"Content-Length: 0" in sent(Request(method, "/"))) == has_length


def test_a_read_may_have_a_body() -> None:
    assert sent(Request("GET", "/", (), b"{}")).endswith(b"\r\n\r\n{}")


def test_expect_is_sent_and_an_answer_in_between_is_passed_over() -> None:
    request = Request("POST", "/", (("Expect", "100-continue"),), b"{}")
    answer, requests = on_wire(lambda client: client.send(request), [b"HTTP/1.1 100 Continue\r\n\r\n" + OK])
    assert b"Expect: 100-continue\r\n" in requests[0]
    assert answer.status == 200


def test_a_coding_of_the_answer_is_undone() -> None:
    packed = gzip.compress(b'{"tasks": []}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    answer, _ = on_wire(lambda client: client.send(READ), [head + packed])
    assert answer.body == b'{"tasks": []}'
    outcome, _ = on_wire(lambda client: client.send(READ), [head + b"x" * len(packed)])
    assert isinstance(outcome, Failure)
    assert outcome.kind == "protocol"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(b"", "protocol"), (b"nonsense\r\n\r\n", "protocol"), (b"HTTP/1.1 200 OK\r\nContent-Le", "protocol")],
)
def test_what_is_no_answer_is_a_failure(answer: bytes, kind: str) -> None:
    class Broken(Wire):
        async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

    async def run() -> Any:
        async with await asyncio.start_server(Broken([OK]), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with Client(f"http://127.0.0.1:{port}") as client:
                return await client.send(READ)

    outcome = asyncio.run(run())
    assert isinstance(outcome, Failure)
    assert outcome.kind == kind


def test_nobody_listens() -> None:
    async def run() -> Any:
        server = await asyncio.start_server(Wire([OK]), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with Client(f"http://127.0.0.1:{port}") as client:
            outcomes = [await client.send(READ) for _ in range(4)]
            with pytest.raises(StoppedError, match="does not answer any more"):
                await client.send(READ)
            return outcomes

    assert [outcome.kind for outcome in asyncio.run(run())] == ["refused"] * 4


def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError(request)

    async def run() -> Any:
        async with Client("http://x", timeout=0.01, transport=httpx.MockTransport(hang)) as client:
            return await client.send(READ)

    outcome = asyncio.run(run())
    assert isinstance(outcome, Failure)
    assert outcome.kind == "timeout"


@pytest.mark.parametrize(
    ("headers", "waits"),
    [({"Retry-After": "7"}, [7.0, 7.0]), ({}, [1.0, 2.0]), ({"Retry-After": "soon"}, [1.0, 2.0])],
)
def test_too_many_requests_are_asked_again_after_what_retry_after_says(
    headers: dict[str, str], waits: list[float]
) -> None:
    client, clock, asked = answering((429, headers))
    outcome = asyncio.run(client.send(READ))
    assert isinstance(outcome, Answer)
    assert outcome.status == 429
    assert clock.waits == waits
    assert len(asked) == client.sent == 3


def test_an_answer_after_the_wait_counts() -> None:
    client, clock, _ = answering((503, {"Retry-After": "3"}), (200, {}))
    outcome = asyncio.run(client.send(READ))
    assert isinstance(outcome, Answer)
    assert outcome.status == 200
    assert clock.waits == [3.0]


def test_an_outage_without_retry_after_is_the_answer() -> None:
    client, clock, asked = answering((503, {}))
    assert isinstance(asyncio.run(client.send(READ)), Answer)
    assert (clock.waits, len(asked)) == ([], 1)


def test_waiting_has_a_bound_in_all() -> None:
    client, clock, _ = answering((429, {"Retry-After": "40"}), max_wait=60.0)
    asyncio.run(client.send(READ))
    asyncio.run(client.send(READ))
    assert clock.waits == [40.0]


@pytest.mark.parametrize(("status", "many"), [(429, 5), (502, 5), (503, 5), (504, 5), (500, 40)])
def test_bad_answers_in_a_row_end_the_run(status: int, many: int) -> None:
    client, _, _ = answering((status, {}), max_wait=0.0)

    async def run() -> None:
        for _ in range(many - 1):
            await client.send(READ)
        with pytest.raises(StoppedError, match=f"{many} requests in a row with {status}"):
            await client.send(READ)

    asyncio.run(run())


def test_a_good_answer_between_bad_ones_begins_anew() -> None:
    client, _, asked = answering(*[(503, {}), (503, {}), (503, {}), (503, {}), (200, {})] * 3, (200, {}))

    async def run() -> None:
        for _ in range(16):
            await client.send(READ)

    asyncio.run(run())
    assert len(asked) == 16


def test_no_more_requests_than_allowed() -> None:
    client, _, asked = answering((200, {}), max_requests=2)

    async def run() -> None:
        await client.send(READ)
        await client.send(READ)
        with pytest.raises(StoppedError, match="--max-requests"):
            await client.send(READ)

    asyncio.run(run())
    assert len(asked) == 2


def test_asking_again_counts_as_a_request() -> None:
    client, _, asked = answering((429, {"Retry-After": "1"}), max_requests=2)
    with pytest.raises(StoppedError):
        asyncio.run(client.send(READ))
    assert len(asked) == 2


def test_the_rate_is_kept_also_by_requests_at_once() -> None:
    client, clock, asked = answering((200, {}), rate=4.0)

    async def run() -> None:
        for _ in range(5):
            await client.send(READ)

    asyncio.run(run())
    assert clock.waits == [0.25] * 4
    assert len(asked) == 5
    client, clock, _ = answering((200, {}), rate=4.0)

    async def together() -> None:
        await asyncio.gather(*(client.send(READ) for _ in range(4)))

    asyncio.run(together())
    assert clock.moment >= 0.75


@pytest.mark.parametrize(
    "url",
    [
        "http://elsewhere/x",
        "https://server:8000/x",
        "http://server:8001/x",
        "http://server.elsewhere:8000/x",
        "http://server@elsewhere:8000/x",
        "http://[::1]:8000/x",
        "ftp://server:8000/x",
        "file:///etc/passwd",
    ],
)
def test_no_request_goes_to_another_host(url: str) -> None:
    client, _, asked = answering((200, {}))
    client.url = "http://server:8000"
    with pytest.raises(HostNotAllowedError):
        asyncio.run(client.send(Request("PUT", "/x"), url))
    assert asked == []
    assert client.sent == 0


def test_an_upload_goes_to_a_host_that_is_allowed() -> None:
    client, _, asked = answering((200, {}), hosts=("storage.example",))
    asyncio.run(client.send(Request("PUT", "/x"), "https://storage.example/x?sign=a%2Fb"))
    asyncio.run(client.send(Request("PUT", "/x"), "http://X:80/y"))
    assert [str(request.url) for request in asked] == ["https://storage.example/x?sign=a%2Fb", "http://x/y"]


def test_redirects_are_answers() -> None:
    client, _, asked = answering((307, {"Location": "http://elsewhere/"}))
    outcome = asyncio.run(client.send(READ))
    assert isinstance(outcome, Answer)
    assert outcome.status == 307
    assert len(asked) == 1
