"""Servers that do not answer, clients that go away, and how the proxy ends: nothing hangs, all is told."""

from __future__ import annotations

import re
import signal
import socket
import threading
from collections.abc import Callable

import orjson
import pytest
from live import PATIENCE, Conversation, exchange, parse_answer, raw_request, running_mock
from raw_upstream import OK, RawUpstream, Received, Wire, answering, raw_upstream
from running_proxy import RunningProxy, running_proxy

from loracle_contracts import validate

AUTHORIZATION = ("Authorization", "Bearer any-key")
LIST = raw_request("GET", "/v3/training", AUTHORIZATION)
CREATE = raw_request(
    "POST", "/v3/training/subject", AUTHORIZATION, ("Content-Type", "application/json"), body=b"{}"
)


def check_own_failure(raw: bytes, status: int, reason: str, cause: str) -> None:
    answer = parse_answer(raw)
    assert (answer.status, answer.json["code"], answer.json["reason"]) == (status, status, reason)
    assert answer.json["metadata"] == {"by": "loracle proxy", "cause": cause}
    assert validate(answer.body, part="error").valid
    assert str(answer.header("x-loracle-verdict")).endswith("; answer=none; from=proxy")


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_server_that_is_not_there_is_a_502_and_an_exit_code_3() -> None:
    with running_proxy(f"http://127.0.0.1:{closed_port()}", "--format", "json") as proxy:
        check_own_failure(exchange(proxy.port, LIST), 502, "SERVICE_UNAVAILABLE", "unreachable")
        ended = proxy.stop()
    assert ended.code == 3
    assert ended.operation("listTrainings")["failures"] == {"unreachable": 1}
    assert "loracle: GET /v3/training: no answer: http://127.0.0.1" in ended.said


def test_a_host_without_a_name_is_unreachable() -> None:
    with running_proxy("http://no-such-host.invalid") as proxy:
        check_own_failure(exchange(proxy.port, LIST), 502, "SERVICE_UNAVAILABLE", "unreachable")


def silent(wire: Wire) -> None:
    wire.read_head()
    wire.is_over()


def slow(start: bytes) -> Callable[[Wire], None]:
    def behave(wire: Wire) -> None:
        wire.read_head()
        wire.socket.sendall(start)
        wire.is_over()

    return behave


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
    ],
)
def test_a_server_that_goes_silent_is_a_504(start: bytes) -> None:
    with raw_upstream() as upstream, running_proxy(upstream.url, "--timeout", "0.2") as proxy:
        upstream.behave = slow(start)
        check_own_failure(exchange(proxy.port, LIST), 504, "GATEWAY_TIMEOUT", "timeout")
        assert proxy.stop().code == 3


def reset_after(start: bytes) -> Callable[[Wire], None]:
    def behave(wire: Wire) -> None:
        wire.read_head()
        if start:
            wire.socket.sendall(start)
        wire.reset()

    return behave


def close_after(start: bytes) -> Callable[[Wire], None]:
    def behave(wire: Wire) -> None:
        wire.read_head()
        wire.socket.sendall(start)

    return behave


BROKEN = {
    "a reset": (reset_after(b""), "reset"),
    "an end": (close_after(b""), "reset"),
    "an end in the headers": (close_after(b"HTTP/1.1 200 OK\r\nA: b"), "reset"),
    "an end in the body": (close_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), "reset"),
    "an end in the chunks": (
        close_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        "reset",
    ),
    "no HTTP": (close_after(b"SSH-2.0-OpenSSH_9.6\r\n"), "malformed"),
    "two framings": (
        close_after(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        "malformed",
    ),
    "another coding": (
        close_after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        "malformed",
    ),
    "a length that is none": (close_after(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), "malformed"),
    "another protocol": (
        close_after(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"),
        "malformed",
    ),
    "a status that is none": (close_after(b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"), "malformed"),
    "endless headers": (close_after(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 300_000), "malformed"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_is_a_502(name: str) -> None:
    behave, cause = BROKEN[name]
    with raw_upstream() as upstream, running_proxy(upstream.url, "--format", "json") as proxy:
        upstream.behave = behave
        check_own_failure(exchange(proxy.port, CREATE), 502, "SERVICE_UNAVAILABLE", cause)
        upstream.behave = answering(OK)
        assert parse_answer(exchange(proxy.port, LIST)).status == 200, "the next one is not affected"
        ended = proxy.stop()
    assert ended.code == 3
    assert ended.operation("createSubjectTraining")["failures"] == {cause: 1}
    assert "Traceback" not in ended.said


def answered_then_closed(upstream: RawUpstream) -> Callable[[Wire], None]:
    """Keeps the connection as far as HTTP says, and closes it when the next request has come."""

    def behave(wire: Wire) -> None:
        upstream.received.put(answering(OK)(wire) or Received(b"", [], b""))
        wire.read_head()
        upstream.received.put(Received(b"dropped", [], b""))
        upstream.behave = answering(OK)

    return behave


@pytest.mark.parametrize(("raw", "status"), [(LIST, 200), (CREATE, 502)])
def test_only_what_may_come_twice_is_sent_again(raw: bytes, status: int) -> None:
    with raw_upstream() as upstream, running_proxy(upstream.url) as proxy:
        upstream.behave = answered_then_closed(upstream)
        assert parse_answer(exchange(proxy.port, LIST)).status == 200
        upstream.next()
        assert parse_answer(exchange(proxy.port, raw)).status == status
        assert upstream.next().line == b"dropped"
        assert upstream.received.qsize() == (1 if status == 200 else 0)


# --- clients


def test_the_servers_call_ends_when_the_client_goes_away() -> None:
    gone = threading.Event()
    arrived = threading.Event()

    def behave(wire: Wire) -> None:
        wire.read_head()
        arrived.set()
        if wire.is_over():
            gone.set()

    with raw_upstream() as upstream, running_proxy(upstream.url, "--format", "json") as proxy:
        upstream.behave = behave
        with Conversation(proxy.port) as conversation:
            conversation.send(LIST)
            assert arrived.wait(PATIENCE)
        assert gone.wait(PATIENCE)
        ended = proxy.stop()
    assert ended.operation("listTrainings")["abandoned"] == 1
    assert ended.code == 0
    assert "Traceback" not in ended.said


def test_an_upload_that_breaks_off_does_not_look_whole_to_the_server() -> None:
    broken = threading.Event()

    def behave(wire: Wire) -> None:
        found = wire.read_head()
        assert found is not None
        try:
            wire.read_body(found[1])
        except ConnectionError:
            broken.set()

    head = b"PUT /_uploads/x.png HTTP/1.1\r\nHost: p\r\nContent-Length: 1000000\r\n\r\n"
    with raw_upstream() as upstream, running_proxy(upstream.url) as proxy:
        upstream.behave = behave
        with Conversation(proxy.port) as conversation:
            conversation.send(head + b"x" * 100_000)
        assert broken.wait(PATIENCE)


# --- the end


def held(proxy: RunningProxy, upstream: RawUpstream, number: signal.Signals) -> tuple[int, bytes]:
    """Ends the proxy while a request is under way; its exit code, and what the client got."""
    arrived = threading.Event()

    def behave(wire: Wire) -> None:
        wire.read_head()
        arrived.set()
        wire.is_over()

    upstream.behave = behave
    with Conversation(proxy.port) as conversation:
        conversation.send(LIST)
        assert arrived.wait(PATIENCE)
        ended = proxy.stop(number)
        return ended.code, conversation.read_rest()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_end_waits_for_nobody_and_reports(number: signal.Signals) -> None:
    with raw_upstream() as upstream, running_proxy(upstream.url, "--format", "json") as proxy:
        code, raw = held(proxy, upstream, number)
    answer = parse_answer(raw)
    assert (answer.status, answer.json["reason"]) == (503, "SERVICE_UNAVAILABLE")
    assert proxy.ended is not None
    assert (code, proxy.ended.operation("listTrainings")["abandoned"]) == (0, 1)
    assert "Traceback" not in proxy.ended.said
    assert "ERROR" not in proxy.ended.said


@pytest.mark.parametrize(("raw", "code"), [(LIST, 0), (CREATE, 1)])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_exit_code_is_the_verdict(raw: bytes, code: int, number: signal.Signals) -> None:
    with running_mock() as mock, running_proxy(mock.url) as proxy:
        exchange(proxy.port, raw)
        ended = proxy.stop(number)
    assert ended.code == code
    assert ("Nothing broke the contract." in ended.report) is (code == 0)


def test_without_a_request_nothing_was_judged() -> None:
    with running_proxy(f"http://127.0.0.1:{closed_port()}") as proxy:
        ended = proxy.stop()
    assert ended.code == 0
    assert "No request came, so nothing was judged." in ended.report


def test_a_signal_asks_for_a_report_meanwhile() -> None:
    with raw_upstream() as upstream, running_proxy(upstream.url) as proxy:
        exchange(proxy.port, CREATE)
        proxy.process.send_signal(signal.SIGUSR1)
        exchange(proxy.port, LIST)  # may overtake the signal
        ended = proxy.stop()
    assert re.search(r"^loracle: so far:\n[12] requests? to http", ended.said, re.MULTILINE)
    assert "2 requests to" in ended.report


def test_tls_is_spoken_to_the_server_and_its_certificate_checked() -> None:
    with running_mock("--tls", "self-signed") as mock:
        [authority] = [
            line.removeprefix("ca: ") for line in mock.printed.splitlines() if line.startswith("ca: ")
        ]
        with running_proxy(mock.url) as proxy:
            raw = exchange(proxy.port, LIST)
            assert b"certificate" in raw
            check_own_failure(raw, 502, "SERVICE_UNAVAILABLE", "unreachable")
        with running_proxy(mock.url, environment={"SSL_CERT_FILE": authority}) as proxy:
            answer = parse_answer(exchange(proxy.port, LIST))
    assert answer.status == 200
    assert orjson.loads(answer.body)["tasks"] == []
