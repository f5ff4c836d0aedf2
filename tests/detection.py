"""What the fuzzer finds: runs it on one server in process, and counts what it cost."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import httpx
from broken_servers.correct import KEY, OTHER_KEY, correct_app

from loracle_contracts.fuzzing import FuzzOptions, FuzzReport, fuzz
from loracle_contracts.fuzzing.in_process import InProcess
from loracle_contracts.oracle import CREATES
from loracle_contracts.spec import operations

App = Callable[..., Any]
# Seconds; a right server in process takes thousandths, the slow ones of the corpora 1.5.
MAX_LATENCY = 1.0
_PAID = {operations()[name].path for name in CREATES}


class Run(NamedTuple):
    """What one run on one server came to; `creates` are as the server counts them, `cpu` in seconds."""

    causes: frozenset[tuple[str, str]]
    requests: int
    creates: int
    cpu: float
    report: FuzzReport | None = None


class Counted:
    """An app that counts the requests to another one, and the trainings that it started."""

    def __init__(self, app: App) -> None:
        self.app, self.requests, self.creates = app, 0, 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.requests += 1
        is_create = scope["method"] == "POST" and scope["path"] in _PAID

        async def counting(message: Any) -> None:
            if is_create and message["type"] == "http.response.start":
                self.creates += 200 <= message["status"] < 300
            await send(message)

        await self.app(scope, receive, counting)


class Clock:
    """Stands in for the module `time` of a server in process: who sleeps on it skips the time."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __getattr__(self, name: str) -> Callable[[], float]:
        return lambda: getattr(time, name)() + self.skipped

    async def sleep(self, seconds: float) -> None:
        self.skipped += seconds
        await asyncio.sleep(0)


def loracle(app: App, clock: Clock | None = None, **options: Any) -> Run:
    """A run of our fuzzer, which waits on the clock; the options are those of `FuzzOptions`."""
    counted = Counted(app)
    given = {"other_api_key": OTHER_KEY, "max_latency": MAX_LATENCY, **options}
    chosen = FuzzOptions("http://127.0.0.1", api_key=KEY, **given)

    async def run() -> FuzzReport:
        async with InProcess(counted) as served:
            transport = httpx.ASGITransport(served, raise_app_exceptions=False)
            return await fuzz(chosen, transport, sleep=(clock or Clock()).sleep)

    began = time.process_time()
    report = asyncio.run(run())
    spent = time.process_time() - began
    causes = frozenset(finding.cause for finding in report.findings)
    return Run(causes, counted.requests, counted.creates, spent, report)


def right_app() -> App:
    return correct_app()


def broken_app(defect: Any) -> App:
    """The mock with one defect."""
    app: App = defect.plant(right_app())
    return app


def sampled(defects: Sequence[Any], count: int) -> list[Any]:
    """So many of the defects, picked by the hashes of their names."""
    return sorted(defects, key=lambda one: hashlib.sha256(one.name.encode()).hexdigest())[:count]


def shares(found: Iterable[tuple[Any, bool]]) -> Iterator[str]:
    """A line for each family of defects, with how many were found."""
    by_family: dict[str, list[bool]] = {}
    for defect, is_found in found:
        by_family.setdefault(defect.family, []).append(is_found)
    for family, results in sorted(by_family.items()):
        yield f"{family}: {sum(results)} of {len(results)}"
