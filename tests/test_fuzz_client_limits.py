"""The guarded client: when it waits, asks again and stops, and where it sends nothing to."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import httpx
import pytest

from loracle_contracts.exchange import Answer, Request
from loracle_contracts.fuzzing.client import Client, HostNotAllowedError, StoppedError

READ = Request("GET", "/v3/training", (("Authorization", "Bearer key"),))


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


def test_an_answer_between_failures_begins_anew() -> None:
    turns = itertools.count()

    def handle(request: httpx.Request) -> httpx.Response:
        if next(turns) % 5 < 4:
            raise httpx.ConnectError("nobody listens", request=request)
        return httpx.Response(200)

    async def run() -> list[str]:
        async with Client("http://x", transport=httpx.MockTransport(handle)) as client:
            return [type(await client.send(READ)).__name__ for _ in range(15)]

    assert asyncio.run(run()) == (["Failure"] * 4 + ["Answer"]) * 3


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
