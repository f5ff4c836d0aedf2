"""TrainingTransport answers as the server does over a socket, without one and without waiting."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payloads import mutated_bodies
from training_clients import CREATE_PATH, LIST_PATH, body

from loracle_contracts import spec
from loracle_mockserver import Engine, TrainingMock, TrainingTransport, live_server
from loracle_mockserver.fault_catalogue import CATALOGUE
from loracle_mockserver.store import open_store

OVER_THE_LIMIT = 2 * 1024 * 1024
_PATHS = sorted({operation.path.replace("{file}", "x.png") for operation in spec.operations().values()})
# What a server adds or leaves out by itself.
_FRAMING = {"connection", "content-length", "transfer-encoding"}


@pytest.fixture(scope="module")
def live() -> Iterator[TrainingMock]:
    with live_server() as mock:
        yield mock


def outcome(client: httpx.Client, *, streamed: bool, **asked: Any) -> Any:
    """What a caller sees: the error, or status, headers and body; streamed: the status before an error."""
    status = None
    try:
        if streamed:
            with client.stream(**asked) as response:
                status = response.status_code
                response.read()
        else:
            response = client.request(**asked)
    except httpx.TransportError as error:
        return status, type(error), error.request.url.path
    headers = sorted((name, value) for name, value in response.headers.items() if name not in _FRAMING)
    return response.status_code, headers, response.content


def both(live: TrainingMock, transport: TrainingTransport, *, streamed: bool = False, **asked: Any) -> Any:
    """The outcome, found to be the same over the socket and without."""
    timeout = asked.pop("timeout", 30.0)
    # The upload URLs name the host.
    headers = {"Host": "mock.test", **live.headers, **asked.pop("headers", {})}
    with httpx.Client(base_url=live.url, timeout=timeout, verify=False) as client:
        real = outcome(client, streamed=streamed, headers=headers, **asked)
    with httpx.Client(base_url=live.url, timeout=timeout, transport=transport, verify=False) as client:
        ours = outcome(client, streamed=streamed, headers=headers, **asked)
    assert ours == real
    return ours


# --- as the server


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("fault", [*(name for name in CATALOGUE if name != "hang"), "SERVICE_UNAVAILABLE"])
def test_a_fault_looks_as_over_a_socket(live: TrainingMock, fault: str, *, streamed: bool) -> None:
    live.reset()
    transport = TrainingTransport(api_key=live.api_key)
    rule = {"fault": fault, "first": 1, **({"seconds": 0.1} if fault == "slow-drip" else {})}
    for mock in (live, transport.mock):
        mock.add_faults(rule)
    both(live, transport, streamed=streamed, method="POST", url=CREATE_PATH, json=body())
    both(live, transport, method="GET", url=LIST_PATH)
    assert len(live.tasks) == len(transport.mock.tasks)


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        ({"fault": "hang", "seconds": 0.2}, httpx.ReadError),
        ({"fault": "hang"}, httpx.ReadTimeout),
        ({"delay": 100}, httpx.ReadTimeout),
        ({"fault": "reset-before-headers", "delay": 100}, httpx.ReadTimeout),
        ({"fault": "SERVICE_UNAVAILABLE", "delay": 100}, httpx.ReadTimeout),
        ({"fault": "truncated"}, httpx.RemoteProtocolError),
        ({"fault": "reset-after-headers"}, httpx.ReadError),
    ],
)
def test_what_is_awaited_ends_at_the_read_timeout(
    live: TrainingMock, rule: dict[str, Any], seen: type[Exception]
) -> None:
    live.reset()
    transport = TrainingTransport(api_key=live.api_key)
    for mock in (live, transport.mock):
        mock.add_faults(rule)
    timeout = httpx.Timeout(30.0, read=10.0 if seen is httpx.ReadError else 0.2)
    answer = both(live, transport, timeout=timeout, method="POST", url=CREATE_PATH, json=body())
    assert answer[1] is seen


_TARGETS = st.one_of(
    st.sampled_from([*_PATHS, "/v3/training/", "//v3/training", "/v3/%74raining", "/", "/_uploads/a/b"]),
    st.text(st.characters(exclude_categories=["C"]), max_size=10).map(lambda text: f"/v3/{text}"),
)
_QUERIES = st.dictionaries(
    st.one_of(
        st.sampled_from(["task_id", "task_type", "pagination.limit", "filter.source"]), st.text(max_size=3)
    ),
    st.one_of(st.sampled_from(["", "0", "5", "subject", "training", "none"]), st.text(max_size=5)),
    max_size=3,
)
_BODIES = st.one_of(
    st.binary(max_size=40),
    mutated_bodies("createSubjectTraining").map(lambda value: json.dumps(value).encode()),
    st.just(json.dumps(body()).encode()),
    st.just(b'{"file_extension":"png"}'),
)


@settings(max_examples=300)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]),
    url=_TARGETS,
    query=_QUERIES,
    content=_BODIES,
    headers=st.dictionaries(
        st.sampled_from(["Content-Type", "Authorization", "Content-Encoding", "X-Loracle-Fault", "Prefer"]),
        st.sampled_from(
            ["application/json", "text/plain", "Bearer k", "k", "gzip", "wrapped", "code=429", ""]
        ),
    ),
)
def test_any_request_is_answered_as_over_a_socket(live: TrainingMock, **asked: Any) -> None:
    headers = {"Content-Type": "application/json", **asked.pop("headers")}
    # Both mocks begin anew, so that a failure does not hang on what came before it.
    live._control.reset()  # of all keys
    transport = TrainingTransport(api_key=live.api_key)
    both(live, transport, params=asked.pop("query"), headers=headers, **asked)
    # The journals are the same as well.
    left, right = live._entries(with_strays=True), transport.mock._entries(with_strays=True)
    assert [entry[:1] + entry[1:5] + entry[6:9] for _, entry in left] == [
        entry[:1] + entry[1:5] + entry[6:9] for _, entry in right
    ]


# --- bodies


def test_a_body_may_come_in_pieces_but_not_be_too_large(live: TrainingMock) -> None:
    transport = TrainingTransport(api_key=live.api_key)
    with httpx.Client(transport=transport, base_url="http://any.test", headers=live.headers) as client:
        pieces = (bytes([byte]) for byte in json.dumps(body()).encode())
        json_type = {"Content-Type": "application/json"}
        assert client.post(CREATE_PATH, content=pieces, headers=json_type).status_code == 200
        pieces = (b" " * 65536 for _ in range(OVER_THE_LIMIT // 65536))
        refused = client.post(CREATE_PATH, content=pieces, headers=json_type)
        assert (refused.status_code, refused.json()["reason"]) == (413, "REQUEST_TOO_LARGE")


def test_a_body_that_is_announced_too_large_is_not_read() -> None:
    def unread() -> Iterator[bytes]:
        pytest.fail("it was read")
        yield b""

    with httpx.Client(transport=TrainingTransport(), base_url="http://any.test") as client:
        announced = {"Content-Length": str(OVER_THE_LIMIT)}
        assert client.post(CREATE_PATH, content=unread(), headers=announced).status_code == 413


# --- asynchronous clients


@pytest.mark.parametrize("fault", [None, "hang", "truncated", "reset-after-headers", "reset-on-arrival"])
def test_an_async_client_sees_the_same(fault: str | None) -> None:
    transports = [TrainingTransport(), TrainingTransport()]
    for transport in transports:
        if fault:
            transport.mock.fail(fault)
    asked: dict[str, Any] = {"url": f"http://any.test{CREATE_PATH}", "headers": transports[0].mock.headers}

    async def pieces() -> AsyncIterator[bytes]:
        yield json.dumps(body()).encode()

    async def ask() -> Any:
        headers = {**asked["headers"], "Content-Type": "application/json"}
        async with httpx.AsyncClient(transport=transports[1], timeout=1.0) as client:
            try:
                response = await client.post(asked["url"], headers=headers, content=pieces())
            except httpx.TransportError as error:
                return None, type(error), error.request.url.path
            kept = [(name, value) for name, value in response.headers.items() if name not in _FRAMING]
            return response.status_code, sorted(kept), response.content

    with httpx.Client(transport=transports[0], timeout=1.0) as client:
        expected = outcome(client, streamed=False, method="POST", json=body(), **asked)
    assert asyncio.run(ask()) == expected


# --- around it


def test_nothing_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    transport = TrainingTransport(faults=[{"delay": 300}, {"fault": "slow-drip", "seconds": 300}])
    with httpx.Client(transport=transport, base_url="http://any.test", timeout=None) as client:
        assert client.get(LIST_PATH, headers=transport.mock.headers).status_code == 200
    assert slept == []


@pytest.mark.parametrize("is_async", [False, True])
def test_what_was_answered_is_stored(tmp_path: Path, *, is_async: bool) -> None:
    url = f"sqlite:{tmp_path / 'mock.db'}"
    transport = TrainingTransport(store=url)
    asked: dict[str, Any] = {
        "url": f"http://any.test{CREATE_PATH}",
        "json": body(),
        "headers": transport.mock.headers,
    }

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport) as client:
            answer = await client.post(**asked)
        # Before the loop is left, which would end every transaction.
        check()
        return answer

    def check() -> None:
        other = open_store(url, seed=0)
        assert other.statistics().tasks == 1
        other.close()

    if is_async:
        answer = asyncio.run(ask())
    else:
        with httpx.Client(transport=transport) as client:
            answer = client.post(**asked)
        check()
    assert answer.status_code == 200
    transport.engine.store.close()


def test_an_engine_can_be_given() -> None:
    engine = Engine(seed=7)
    transport = TrainingTransport(engine)
    with httpx.Client(transport=transport) as client:
        client.post(f"http://any.test{CREATE_PATH}", json=body(), headers=transport.mock.headers)
    assert engine.store.statistics().tasks == 1
    with pytest.raises(TypeError, match="an engine or options, not both: seed"):
        TrainingTransport(engine, seed=1)


def test_without_httpx_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['httpx'] = None\nfrom loracle_mockserver import TrainingTransport"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ImportError: TrainingTransport needs httpx: pip install httpx"
