"""What goes through the proxy arrives as it was sent, but for what docs/proxy.md lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from live import Conversation, exchange, parse_answer
from raw_upstream import RawUpstream, answering, raw_upstream
from running_proxy import RunningProxy, running_proxy


@dataclass
class Way:
    upstream: RawUpstream
    proxy: RunningProxy


@pytest.fixture(scope="module")
def way() -> Iterator[Way]:
    with raw_upstream() as upstream, running_proxy(upstream.url) as proxy:
        yield Way(upstream, proxy)


TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=12)
# What the proxy deals with itself, and what decides on how a message is framed.
HOP_BY_HOP = re.compile(
    "connection|keep-alive|proxy-(authenticate|authorization|connection)|te|trailer|transfer-encoding|upgrade"
    "|host|content-length|expect|via|x-loracle-verdict"
)
VALUE_BYTES = st.sampled_from([9, *range(32, 127), *range(128, 256)])
VALUES = st.lists(VALUE_BYTES, max_size=24).map(lambda found: bytes(found).strip(b" \t"))
HEADERS = st.lists(
    st.tuples(TOKEN.filter(lambda name: not HOP_BY_HOP.fullmatch(name.lower())).map(str.encode), VALUES),
    max_size=8,
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
SEGMENT = "abcXYZ019-._~!$&'()*+,;=:@%/"
QUERIES = st.none() | st.text(SEGMENT + '?[]{}|\\^"<>`', max_size=30)
STATUSES = st.integers(200, 599).filter(lambda status: status not in (204, 304))


@dataclass
class Message:
    headers: list[tuple[bytes, bytes]]
    piece: bytes
    is_chunked: bool
    times: int = 1

    @property
    def body(self) -> bytes:
        return self.piece * self.times

    def framed(self, first_line: bytes, *more: bytes) -> bytes:
        lines = [first_line, *more, *(name + b": " + value for name, value in self.headers)]
        if self.is_chunked:
            half = len(self.body) // 2
            pieces = [piece for piece in (self.body[:half], self.body[half:]) if piece]
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
            return b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", b""]) + chunks
        return b"\r\n".join([*lines, b"Content-Length: %d" % len(self.body), b"", b""]) + self.body


MESSAGES = st.builds(Message, HEADERS, st.binary(max_size=100), st.booleans(), st.sampled_from([1, 5_000]))


@given(METHODS, st.text(SEGMENT, max_size=30), QUERIES, MESSAGES, STATUSES, MESSAGES)
@example("POST", "v3/training/subject", "", Message([], b"", False), 200, Message([], b"", False))
@example(
    "GET",
    "%2e%2e/%61?",
    None,
    Message([(b"a", b""), (b"A", b"\xff")], b"", False),
    599,
    Message([], b"x", True),
)
def test_all_arrives_as_it_was_sent(
    way: Way, method: str, path: str, query: str | None, sent: Message, status: int, returned: Message
) -> None:
    way.upstream.behave = answering(returned.framed(b"HTTP/1.1 %d Whatever" % status))
    target = f"/{path}".replace("//", "/") + ("" if query is None else f"?{query}")
    line = f"{method} {target} HTTP/1.1".encode()
    raw = exchange(way.proxy.port, sent.framed(line, b"Host: proxy.test", b"Connection: close"))
    arrived = way.upstream.next()
    assert arrived.line == line
    assert arrived.body == sent.body
    headers = [(name.lower(), value) for name, value in sent.headers]
    framing = [one for one in arrived.headers if one[0] in (b"content-length", b"transfer-encoding")]
    rest = [one for one in arrived.headers if one not in framing]
    host = f"127.0.0.1:{way.upstream.port}".encode()
    assert rest == [(b"host", host), *headers, (b"via", b"1.1 loracle")]
    assert framing in ([(b"content-length", b"%d" % len(sent.body))], [])
    answer = parse_answer(raw)
    assert answer.status == status
    assert answer.body == returned.body
    lines = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    back = [(line.partition(b": ")[0], line.partition(b": ")[2]) for line in lines]
    own = (b"content-length", b"x-loracle-verdict", b"connection")
    assert [one for one in back if one[0] not in own] == [
        (name.lower(), value) for name, value in returned.headers
    ]
    assert answer.header("x-loracle-verdict")


@pytest.mark.parametrize("name", ["Keep-Alive", "Proxy-Authorization", "TE", "Trailer", "X-Mine", "Upgrade"])
def test_what_is_for_one_hop_goes_no_further(way: Way, name: str) -> None:
    way.upstream.behave = answering(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
        b"Connection: X-Theirs\r\nX-Theirs: 1\r\nKeep-Alive: timeout=9\r\n\r\n"
    )
    raw = exchange(
        way.proxy.port,
        f"GET / HTTP/1.1\r\nHost: p\r\n{name}: 1\r\nConnection: close, X-Mine, Upgrade\r\n\r\n".encode(),
    )
    sent = {known.lower() for known, _ in way.upstream.next().headers}
    assert sent == {b"host", b"via"}
    assert {known for known, _ in parse_answer(raw).headers} == {
        "content-length",
        "connection",
        "x-loracle-verdict",
    }


def test_connections_are_kept_on_both_sides(way: Way) -> None:
    way.upstream.behave = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    before = way.upstream.connections
    with Conversation(way.proxy.port) as conversation:
        for _ in range(5):
            conversation.send(b"GET /v3/training HTTP/1.1\r\nHost: p\r\n\r\n")
            assert conversation.read_answer().status == 200
            way.upstream.next()
    assert way.upstream.connections <= before + 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_passed_on_and_not_followed(way: Way, status: int) -> None:
    location = f"{way.upstream.url}/elsewhere".encode()
    way.upstream.behave = answering(
        b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, location)
    )
    raw = exchange(way.proxy.port, b"GET /a HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n")
    answer = parse_answer(raw)
    assert (answer.status, answer.header("location")) == (status, location.decode())
    assert way.upstream.next().line == b"GET /a HTTP/1.1"
    assert way.upstream.received.empty()


@pytest.mark.parametrize("length", [b"Content-Length: 17\r\n", b"Transfer-Encoding: chunked\r\n", b""])
def test_the_answer_to_head_has_no_body(way: Way, length: bytes) -> None:
    way.upstream.behave = answering(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
    head = b"HEAD /v3/training HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n"
    answer = parse_answer(exchange(way.proxy.port, head), bodiless=True)
    assert answer.status == 200
    assert answer.header("content-length") == ("17" if b"17" in length else None)
    way.upstream.next()


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_that_has_no_body_by_its_status_has_none(way: Way, status: bytes) -> None:
    way.upstream.behave = answering(b"HTTP/1.1 " + status + b"\r\nETag: x\r\n\r\n")
    with Conversation(way.proxy.port) as conversation:
        for _ in range(2):
            conversation.send(b"GET /a HTTP/1.1\r\nHost: p\r\n\r\n")
            head = conversation.read_until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 " + status[:3])
            assert b"transfer-encoding" not in head
            way.upstream.next()


def test_a_client_that_expects_it_is_told_to_continue(way: Way) -> None:
    way.upstream.behave = answering(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    )
    with Conversation(way.proxy.port) as conversation:
        conversation.send(b"POST /a HTTP/1.1\r\nHost: p\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert conversation.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        conversation.send(b"{}")
        assert conversation.read_answer().status == 200
    arrived = way.upstream.next()
    assert arrived.body == b"{}"
    assert arrived.values(b"expect") == []


def test_an_answer_that_ends_with_the_connection_is_whole(way: Way) -> None:
    def behave(wire: object) -> None:
        found = answering(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")(wire)  # type: ignore[arg-type]
        if found is not None:
            way.upstream.received.put(found)

    way.upstream.behave = behave
    raw = exchange(way.proxy.port, b"GET /a HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n")
    assert parse_answer(raw).body == b"until the end"
    way.upstream.next()


def test_x_forwarded_headers_are_told_only_where_asked_for() -> None:
    raw = b"GET /a HTTP/1.1\r\nHost: front.test\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n"
    with raw_upstream() as upstream:
        with running_proxy(upstream.url) as proxy:
            exchange(proxy.port, raw)
            assert upstream.next().values(b"x-forwarded-for") == [b"192.0.2.1"]
        with running_proxy(upstream.url, "--forwarded") as proxy:
            exchange(proxy.port, raw)
            arrived = upstream.next()
    assert arrived.values(b"x-forwarded-for") == [b"192.0.2.1, 127.0.0.1"]
    assert arrived.values(b"x-forwarded-host") == [b"front.test"]
    assert arrived.values(b"x-forwarded-proto") == [b"http"]
