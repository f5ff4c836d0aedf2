"""The guarded client: what it puts on the wire, and what it makes of what comes back."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest

from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing.client import Client, StoppedError
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
