"""Large bodies go through the proxy without being held; small ones are judged whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from live import Conversation, exchange, parse_answer, raw_request
from raw_upstream import Received, Wire, answering, raw_upstream
from running_proxy import RunningProxy, running_proxy

MEBIBYTE = 2**20
SIZE = 20 * MEBIBYTE
PIECE = os.urandom(64 * 1024)
AUTHORIZATION = ("Authorization", "Bearer any-key")
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def peak(proxy: RunningProxy) -> int:
    """The most memory that the process has held so far, in bytes."""
    status = Path(f"/proc/{proxy.process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def hashing(digests: list[str]) -> Callable[[Wire], Received | None]:
    """Reads a body piece by piece, so that the test itself holds no more than that."""

    def behave(wire: Wire) -> Received | None:
        found = wire.read_head()
        if found is None:
            return None
        length = next((int(value) for name, value in found[1] if name.lower() == b"content-length"), None)
        digest, left = hashlib.sha256(), length
        while left or left is None:
            if left is None:
                size = int(wire._until(b"\r\n"), 16)
                if not size:
                    wire._until(b"\r\n")
                    break
                digest.update(wire._exactly(size))
                wire._exactly(2)
            else:
                piece = wire._exactly(min(left, len(PIECE)))
                digest.update(piece)
                left -= len(piece)
        digests.append(digest.hexdigest())
        wire.socket.sendall(EMPTY)
        return Received(*found, b"")

    return behave


def send_large(proxy: RunningProxy, size: int, *, is_chunked: bool, path: str = "/_uploads/x.png") -> bytes:
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {size}"
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: p\r\nAuthorization: Bearer k\r\nConnection: close\r\n{framing}\r\n\r\n"
    )
    with Conversation(proxy.port) as conversation:
        conversation.send(head.encode())
        for _ in range(size // len(PIECE)):
            conversation.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if is_chunked else PIECE)
        if is_chunked:
            conversation.send(b"0\r\n\r\n")
        return conversation.read_rest()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_upload_is_not_held_in_memory(is_chunked: bool) -> None:
    digests: list[str] = []
    with raw_upstream() as upstream, running_proxy(upstream.url, "--format", "json") as proxy:
        upstream.behave = hashing(digests)
        send_large(proxy, MEBIBYTE, is_chunked=is_chunked)
        before = peak(proxy)
        raw = send_large(proxy, SIZE, is_chunked=is_chunked)
        assert peak(proxy) - before < 5 * MEBIBYTE
        ended = proxy.stop()
    assert parse_answer(raw).header("x-loracle-verdict") == "request=valid; answer=valid; from=server"
    assert digests[1] == hashlib.sha256(PIECE * (SIZE // len(PIECE))).hexdigest()
    assert ended.code == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_large_answer_is_not_held_in_memory(is_chunked: bool) -> None:
    def behave(wire: Wire) -> Received | None:
        found = wire.read_head()
        if found is None:
            return None
        framing = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % SIZE
        wire.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + framing + b"\r\n\r\n")
        for _ in range(SIZE // len(PIECE)):
            wire.socket.sendall(b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if is_chunked else PIECE)
        if is_chunked:
            wire.socket.sendall(b"0\r\n\r\n")
        return Received(*found, b"")

    with raw_upstream() as upstream, running_proxy(upstream.url, "--format", "json") as proxy:
        exchange(proxy.port, raw_request("GET", "/v3/model", AUTHORIZATION))
        before = peak(proxy)
        upstream.behave = behave
        raw = exchange(proxy.port, raw_request("GET", "/v3/model", AUTHORIZATION))
        assert peak(proxy) - before < 5 * MEBIBYTE
        ended = proxy.stop()
    assert b"x-loracle-verdict: request=valid; answer=body; from=server" in raw.partition(b"\r\n\r\n")[0]
    assert len(raw) > SIZE
    [finding] = [one for one in ended.operation("listModels")["server"] if one["rule"] == "json.size"]
    assert finding["check"] == "body"


@pytest.mark.parametrize("size", [MEBIBYTE, 2 * MEBIBYTE])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_is_judged_up_to_a_mebibyte_and_streamed_beyond(size: int, is_chunked: bool) -> None:
    digests: list[str] = []
    with raw_upstream() as upstream, running_proxy(upstream.url) as proxy:
        upstream.behave = hashing(digests)
        raw = send_large(proxy, size, is_chunked=is_chunked, path="/v3/training/subject")
    reason = "METHOD_NOT_ALLOWED" if size == MEBIBYTE else "REQUEST_TOO_LARGE"
    assert str(parse_answer(raw).header("x-loracle-verdict")).startswith(f"request={reason}; ")
    assert digests == [hashlib.sha256(PIECE * (size // len(PIECE))).hexdigest()]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_upload_over_the_limit_is_refused_where_the_contract_is_enforced(is_chunked: bool) -> None:
    size = 31 * MEBIBYTE
    digests: list[str] = []
    head = (
        b"PUT /_uploads/x.png HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    with raw_upstream() as upstream, running_proxy(upstream.url, "--enforce", "--format", "json") as proxy:
        upstream.behave = hashing(digests)
        if is_chunked:
            with Conversation(proxy.port) as conversation:
                conversation.send(head)
                for _ in range(30 * MEBIBYTE // len(PIECE)):
                    conversation.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
                conversation.send(b"1\r\nx\r\n")
                answer = conversation.read_answer()
        else:
            announced = raw_request("PUT", "/_uploads/x.png", ("Content-Length", str(size)))
            answer = parse_answer(exchange(proxy.port, announced, may_reset=True))
        ended = proxy.stop()
    assert (answer.status, answer.json["reason"]) == (413, "REQUEST_TOO_LARGE")
    assert answer.header("x-loracle-verdict") == "request=REQUEST_TOO_LARGE; answer=none; from=proxy"
    assert digests == []
    assert ended.operation("putUpload")["refused_requests"] == 1


def test_an_answer_that_comes_before_the_upload_is_over_ends_it() -> None:
    def behave(wire: Wire) -> None:
        wire.read_head()
        body = b'{"code":413,"reason":"REQUEST_TOO_LARGE","message":"m","metadata":{}}'
        head = b"HTTP/1.1 413 X\r\nContent-Type: application/json\r\n"
        wire.socket.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        while wire.has_more():
            wire._left = b""

    head = (
        b"PUT /_uploads/x.png HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    with raw_upstream() as upstream, running_proxy(upstream.url) as proxy:
        upstream.behave = behave
        with Conversation(proxy.port) as conversation:
            conversation.send(head + b"1\r\nx\r\n")
            # It never ends its upload.
            answer = conversation.read_answer()
        upstream.behave = answering(EMPTY)
        assert parse_answer(exchange(proxy.port, raw_request("GET", "/v3/x", AUTHORIZATION))).status == 200
        assert upstream.connections == 2, "nothing can follow half an upload"
    assert (answer.status, answer.json["reason"]) == (413, "REQUEST_TOO_LARGE")
    assert answer.header("x-loracle-verdict") == "request=valid; answer=refused; from=server"


def test_an_answer_that_breaks_off_beyond_what_is_held_does_not_look_whole() -> None:
    def behave(wire: Wire) -> None:
        wire.read_head()
        wire.socket.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(40):
            wire.socket.sendall(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))

    with raw_upstream() as upstream, running_proxy(upstream.url, "--format", "json") as proxy:
        upstream.behave = behave
        raw = exchange(proxy.port, raw_request("GET", "/v3/model", AUTHORIZATION), may_reset=True)
        upstream.behave = answering(EMPTY)
        assert parse_answer(exchange(proxy.port, raw_request("GET", "/v3/x", AUTHORIZATION))).status == 200
        ended = proxy.stop()
    assert not raw.endswith(b"0\r\n\r\n")
    assert "ERROR" not in ended.said
    assert ended.operation("listModels")["failures"] == {"reset": 1}
    assert "Traceback" not in ended.said
