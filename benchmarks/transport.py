"""What a call costs without a socket: TrainingTransport, httpx.ASGITransport and Starlette's TestClient.

    python benchmarks/transport.py [--calls N] [--rounds N]

Each client sends the same create to a mock of its own, in turns, so that a busy machine troubles all of
them alike. Shown is the CPU time of this process for one call, the client included: of each the best
round, and the ratios of those. Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import warnings
from collections.abc import Callable

import httpx

from loracle_contracts import spec
from loracle_mockserver import Engine, MockApp, TrainingTransport

with warnings.catch_warnings():
    # Starlette would rather have httpx2, and says so at import.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

BAR_MICROSECONDS = 250.0
BAR_RATIO = 5.0
PATH = "/v3/training/subject"
HEADERS = {"Authorization": "Bearer benchmark-key", "Content-Type": "application/json"}
BODY = spec.example("valid/createSubjectTraining/request/seed-page.json")

Round = Callable[[int], float]


def checked(status: int) -> None:
    if status != 200:
        raise RuntimeError(f"the create was answered with {status}")


def with_client(client: httpx.Client) -> Round:
    def calls(count: int) -> float:
        began = time.process_time()
        for _ in range(count):
            checked(client.post(PATH, content=BODY).status_code)
        return (time.process_time() - began) / count

    return calls


def with_async_client(transport: httpx.AsyncBaseTransport) -> Round:
    async def calls(count: int) -> float:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://mock.test", headers=HEADERS
        ) as client:
            began = time.process_time()
            for _ in range(count):
                checked((await client.post(PATH, content=BODY)).status_code)
            return (time.process_time() - began) / count

    return lambda count: asyncio.run(calls(count))


def with_test_client(count: int) -> float:
    with TestClient(MockApp(Engine()), headers=HEADERS) as client:
        # The first call builds what all later ones use.
        checked(client.post(PATH, content=BODY).status_code)
        began = time.process_time()
        for _ in range(count):
            checked(client.post(PATH, content=BODY).status_code)
        return (time.process_time() - began) / count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=1_000, help="calls of each client in a round")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    transport = TrainingTransport()
    with httpx.Client(transport=transport, base_url="http://mock.test", headers=HEADERS) as client:
        clients: dict[str, Round] = {
            "TrainingTransport, httpx.Client": with_client(client),
            "TrainingTransport, httpx.AsyncClient": with_async_client(TrainingTransport()),
            "httpx.ASGITransport": with_async_client(httpx.ASGITransport(app=MockApp(Engine()))),
            "starlette TestClient": with_test_client,
        }
        for calls in clients.values():
            calls(100)
        best = dict.fromkeys(clients, float("inf"))
        for _ in range(chosen.rounds):
            for name, calls in clients.items():
                best[name] = min(best[name], calls(chosen.calls))
    ours, theirs = best["TrainingTransport, httpx.Client"], best["starlette TestClient"]
    print(
        f"a create of {len(BODY)} bytes, CPU of one call, best of {chosen.rounds} rounds of {chosen.calls}:"
    )
    for name, seconds in best.items():
        print(f"  {name:<38} {seconds * 1e6:7.0f} us  {seconds / ours:5.1f}x")
    is_fast, is_faster = ours * 1e6 <= BAR_MICROSECONDS, theirs / ours >= BAR_RATIO
    print(
        f"at most {BAR_MICROSECONDS:.0f} us a call: {'reached' if is_fast else 'MISSED'}, {ours * 1e6:.0f} us"
    )
    print(
        f"at least {BAR_RATIO:.0f}x faster than TestClient: {'reached' if is_faster else 'MISSED'}, "
        f"{theirs / ours:.1f}x"
    )
    return 0 if is_fast and is_faster else 1


if __name__ == "__main__":
    sys.exit(main())
