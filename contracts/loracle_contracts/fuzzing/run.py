"""Runs the layers in order, each until it is done or the budget is; the report says what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Literal

import httpx

from loracle_contracts.fuzzing.client import Client, SpentError, StoppedError
from loracle_contracts.fuzzing.findings import Finding, NotChecked
from loracle_contracts.fuzzing.options import LAYERS, FuzzOptions
from loracle_contracts.fuzzing.session import Session

__all__ = ["End", "FuzzReport", "client_for", "fuzz", "run_layer"]

End = Literal["done", "spent", "server", "interrupted"]

# Layer -> its module, loaded when it is used: generation takes a second to import.
_MODULES = {
    "examples": "examples_layer",
    "authentication": "authentication",
    "raw": "raw",
    "queries": "queries",
    "table": "table",
    "walk": "walk",
    "boundaries": "boundaries",
    "pairwise": "pairwise",
    "random": "random_cases",
}


@dataclass(frozen=True)
class FuzzReport:
    """What came of a run.

    `creates` are the trainings that were started or may have been, `mistakes` those of them that the
    server had to refuse. `stopped` says why the run ended early, or is None. `end` says how it ended: all
    layers were done, a bound of the options was spent, the server did not let it go on, or it was
    interrupted. `requests` counts by layer, `kinds` by layer and kind (session.KINDS); `answered` counts
    the requests that had an answer.
    """

    options: FuzzOptions
    findings: tuple[Finding, ...]
    not_checked: tuple[NotChecked, ...]
    requests: dict[str, int]
    total_requests: int
    creates: int
    mistakes: int
    seconds: float
    stopped: str | None = None
    end: End = "done"
    kinds: dict[tuple[str, str], int] = field(default_factory=dict)
    answered: int = 0
    signatures: tuple[str, ...] = field(default=(), repr=False)
    """What no report may show, beside the keys."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


async def fuzz(
    options: FuzzOptions,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    progress: Callable[[str, int], None] | None = None,
) -> FuzzReport:
    """Tests the server at `options.url` against the contract.

    `transport` replaces the network, `sleep` the waiting; `progress` is told the layer and the requests so
    far as each layer begins and with each request. Raises ValueError for a layer that there is not.

    Where the task is cancelled (as Ctrl-C does with the main task of asyncio.run), the run ends and what was
    found until then is returned.
    """
    unknown = [layer for layer in options.layers if layer not in LAYERS]
    if unknown:
        raise ValueError(f"no layer {unknown[0]!r}; there are {', '.join(LAYERS)}")
    began = time.perf_counter()
    client = client_for(options, transport, sleep)
    stopped: str | None = None
    end: End = "done"
    left = [layer for layer in LAYERS if layer in options.layers]
    async with client:
        session = Session(options, client)
        session.progress = progress
        try:
            while left:
                if progress is not None:
                    progress(left[0], client.sent)
                await run_layer(left[0], session)
                del left[0]
        except StoppedError as stop:
            stopped, end = str(stop), "spent" if isinstance(stop, SpentError) else "server"
        except asyncio.CancelledError:
            stopped, end = "interrupted", "interrupted"
        for layer in left:
            session.skip(layer, "what the layer had not sent yet", str(stopped))
    return FuzzReport(
        options=options,
        findings=tuple(session.findings),
        not_checked=tuple(session.not_checked),
        requests=dict(session.sent),
        total_requests=client.sent,
        creates=session.budget.spent,
        mistakes=session.budget.mistakes.total(),
        seconds=time.perf_counter() - began,
        stopped=stopped,
        end=end,
        kinds=dict(session.kinds),
        answered=session.answered,
        signatures=tuple(sorted(session.signatures)),
    )


async def run_layer(layer: str, session: Session) -> None:
    """Has a layer send what it has. Raises StoppedError where the run is over."""
    await import_module(f"loracle_contracts.fuzzing.{_MODULES[layer]}").run(session)


def client_for(
    options: FuzzOptions,
    transport: httpx.AsyncBaseTransport | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Client:
    """The way to the server that the options tell."""
    return Client(
        options.url,
        rate=options.rate,
        timeout=options.timeout,
        max_wait=options.max_wait,
        max_requests=options.max_requests,
        hosts=options.upload_hosts,
        transport=transport,
        sleep=sleep,
    )
