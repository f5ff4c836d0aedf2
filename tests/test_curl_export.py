"""Each command of the curl export is run by a shell against the mock, and repeats the request."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
from engine_calls import BODIES, CREATE
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from live import PATIENCE, exchange

from loracle_mockserver import TrainingMock, live_server
from loracle_mockserver.journal import MAX_BODY_KEPT, Entry

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

KEY = "sk-of-the-curl-tests"
SUBJECT, LIST = b"/v3/training/subject", b"/v3/training"
JSON = (b"Content-Type", b"application/json")
# What curl says by itself, or what belongs to one connection.
NOT_COMPARED = (b"host", b"user-agent", b"accept", b"content-length", b"connection")


def raw(method: str, target: bytes, *headers: tuple[bytes, bytes], body: bytes = b"") -> bytes:
    """A request with the key; its length is said where there is a body."""
    sent = [(b"Host", b"mock.test:81"), (b"Authorization", b"Bearer " + KEY.encode()), *headers]
    if body:
        sent.append((b"Content-Length", b"%d" % len(body)))
    head = b"".join(b"%b: %b\r\n" % header for header in [*sent, (b"Connection", b"close")])
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method.encode(), target, head, body)


def create(*headers: tuple[bytes, bytes], **members: Any) -> bytes:
    return raw("POST", SUBJECT, JSON, *headers, body=orjson.dumps({**BODIES[CREATE], **members}))


def entries_of(mock: TrainingMock) -> list[Entry]:
    return [entry for _, entry in mock._entries(with_strays=True)]


def commands_of(mock: TrainingMock) -> list[str]:
    port = int(mock.url.rpartition(":")[2])
    answer = exchange(port, b"GET /_mock/requests?format=curl&limit=1000 HTTP/1.0\r\n\r\n")
    head, _, text = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head
    return text.decode().splitlines()


def run(commands: list[str], mock: TrainingMock, folder: Path) -> bytes:
    """What the commands print, in a POSIX shell that knows the key; every host name means the mock."""
    port = mock.url.rpartition(":")[2]
    (folder / ".curlrc").write_text(f'connect-to = "::127.0.0.1:{port}"\nnoproxy = "*"\n', encoding="utf-8")
    (folder / "script").write_text("\n".join(commands) + "\n", encoding="utf-8")
    environment = {**os.environ, "CURL_HOME": str(folder), "HOME": str(folder), "LORACLE_API_KEY": KEY}
    ended = subprocess.run(
        ["sh", "script"], cwd=folder, env=environment, capture_output=True, timeout=PATIENCE, check=False
    )
    assert ended.stderr == b""
    return ended.stdout


def asked(entry: Entry) -> tuple[Any, ...]:
    """The request, as far as a client decides on it."""
    headers = sorted(header for header in entry.headers if header[0] not in NOT_COMPARED)
    return entry.method, entry.path, entry.query, headers, entry.body, entry.body_length


def answered(entry: Entry) -> tuple[Any, ...]:
    return entry.status, entry.reply_body, entry.operation, entry.namespace, entry.fault, entry.rules


def check_repeats(requests: list[bytes], folder: Path, **options: Any) -> list[str]:
    """Sends the requests, runs their commands against the mock at its start, and compares all."""
    with live_server(api_keys=[KEY], **options) as mock:
        port = int(mock.url.rpartition(":")[2])
        for request in requests:
            exchange(port, request, may_reset=True)
        before, commands = entries_of(mock), commands_of(mock)
        assert len(before) == len(commands) == len(requests)
        assert not any(KEY in command for command in commands)
        mock._host.call(mock._control.reset)
        printed = run(commands, mock, folder)
        after = entries_of(mock)
    assert [asked(entry) for entry in after] == [asked(entry) for entry in before]
    assert [answered(entry) for entry in after] == [answered(entry) for entry in before]
    for entry in after:
        if entry.method != "HEAD":
            assert entry.reply_body in printed
    return commands


def test_each_kind_of_request_is_repeated(tmp_path: Path) -> None:
    fault = (b"X-Loracle-Fault", b"LIST_TASK_FAILED")
    requests = [
        create(),
        create(name='it\'s "quoted" $HOME `id` \\n %s %% ! é😀', caption="\u0000\n\t"),
        create(base_model="a" * 20_000),
        raw("POST", SUBJECT, JSON, body=b'{"a": "\xc3\xa9"}'),
        raw("POST", SUBJECT, JSON, body=b"\x00\xff\x80'\"\\%d%%\\0\\x41\r\n"),
        raw("POST", SUBJECT, JSON, body=b"-n\x00"),
        raw("POST", SUBJECT, JSON, body=b"@/etc/hostname"),
        raw("POST", SUBJECT, JSON, body=b"@\x00"),
        raw("POST", SUBJECT, body=b"{}"),
        raw("POST", SUBJECT, (b"Content-Type", b""), body=b"{}"),
        raw("POST", SUBJECT, (b"Content-Type", b"text/plain; charset=x"), body=b"{}"),
        raw("POST", SUBJECT, JSON),
        raw("POST", SUBJECT, JSON, body=b"x" * MAX_BODY_KEPT),
        raw("POST", SUBJECT, JSON, body=b"'" * MAX_BODY_KEPT),
        raw("GET", LIST + b"?a=[1]{2}&b=%20+%41&c=\"'`$&&=&task_type=subject"),
        raw("GET", LIST + b"?pagination.limit=5&x=%00%ff"),
        raw("GET", LIST, fault),
        raw("GET", LIST, (b"Prefer", b'code=429, wait="1"')),
        raw("GET", LIST, (b"X-Loracle-Fault", b"\xe9\xff")),
        raw(
            "GET", LIST, (b"X-Odd", b"a;b: 'c' \"d\" $e \\ `f` \xc3\xa9"), (b"X-Empty", b""), (b"X-Odd", b"2")
        ),
        raw("GET", LIST, (b"X-!#$%&'*+.^_`|~", b"1")),
        raw("GET", LIST, (b"X-At", b"@file")),
        raw("GET", LIST + b"/"),
        raw("GET", b"//v3/training/../x/./%2e%2e/%2F%25%3F%23%20'$a;b"),
        raw("GET", b"/%00%C3%A9%F0%9F%98%80"),
        raw("HEAD", LIST),
        raw("DELETE", LIST),
        raw("OPTIONS", LIST),
        raw("OPTIONS", b"*"),
        raw("PATCH", LIST, body=b"x"),
        raw("PUT", b"/_uploads/x?X-Amz-Credential=y", body=b"\x89PNG\r\n\x1a\n"),
    ]
    commands = check_repeats(requests, tmp_path)
    assert all(re.match(r"(printf '.*' \| )?curl ", command) for command in commands)


def test_a_key_that_was_sent_in_another_way_is_sent_so_again(tmp_path: Path) -> None:
    def keyed(*values: bytes) -> bytes:
        headers = b"".join(b"Authorization: %b\r\n" % value for value in values)
        return b"GET /v3/training HTTP/1.1\r\nHost: x\r\n%bConnection: close\r\n\r\n" % headers

    key = KEY.encode()
    requests = [
        keyed(b"bearer " + key),
        keyed(b"Token " + key),
        keyed(key),
        keyed(),
        keyed(b"Bearer"),
        keyed(b""),
    ]
    requests.append(keyed(b"Bearer " + key, b"Bearer " + key))
    assert check_repeats(requests, tmp_path, profile="lenient")


def test_what_cannot_be_repeated_is_a_comment(tmp_path: Path) -> None:
    with live_server(api_keys=[KEY]) as mock:
        port = int(mock.url.rpartition(":")[2])
        exchange(port, raw("POST", SUBJECT, JSON, body=b"x" * (MAX_BODY_KEPT + 1)))
        exchange(port, raw("POST", SUBJECT, (b"Content-Length", b"99999999")), may_reset=True)
        commands = commands_of(mock)
        mock._host.call(mock._control.reset)
        assert run(commands, mock, tmp_path) == b""
        assert entries_of(mock) == []
    assert commands == [
        "# #1 POST /v3/training/subject -> 400: the journal kept 65536 of 65537 bytes of body",
        "# #2 POST /v3/training/subject -> 413: the journal kept 0 of 99999999 bytes of body",
    ]


VALUES = st.binary(max_size=12).map(lambda value: re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", value).strip())
NAMES = st.text("abcXYZ019!#$%&'*+.^_`|~-", min_size=1, max_size=6).map(lambda name: f"X-{name}".encode())
TARGETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=15
).map(lambda text: b"/" + text.encode())
REQUESTS = st.one_of(
    st.builds(lambda headers: create(*headers), st.lists(st.tuples(NAMES, VALUES), max_size=3)),
    st.builds(
        raw,
        st.sampled_from(["GET", "DELETE", "OPTIONS"]),
        TARGETS | st.sampled_from([LIST + b"?" + part for part in (b"", b"?", b"a=%", b"%zz", b"+")]),
    ),
    st.builds(
        lambda body, kind: raw("POST", SUBJECT, (b"Content-Type", kind), body=body),
        st.binary(min_size=1, max_size=40)
        | st.text(min_size=1).map(lambda text: text.encode("utf-8", "replace")),
        st.sampled_from([b"application/json", b"text/plain", b"a; b='c'"]),
    ),
)


@given(requests=st.lists(REQUESTS, min_size=8, max_size=8))
@example(requests=[raw("POST", SUBJECT, body=bytes(range(at, at + 32))) for at in range(0, 256, 32)])
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_was_asked_is_repeated(requests: list[bytes], tmp_path: Path) -> None:
    check_repeats(requests, tmp_path)
