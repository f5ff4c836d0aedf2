"""Runs the layers in order, each until it is done or the budget is; the report says what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module

import httpx

from loracle_contracts.fuzzing.client import Client, StoppedError
from loracle_contracts.fuzzing.findings import Finding, NotChecked
from loracle_contracts.fuzzing.options import LAYERS, FuzzOptions
from loracle_contracts.fuzzing.session import Session

__all__ = ["FuzzReport", "fuzz"]

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
    server had to refuse. `stopped` says why the run ended early, or is None. `requests` counts by layer.
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
    far as each layer begins. Raises ValueError for a layer that there is not.
    """
    unknown = [layer for layer in options.layers if layer not in LAYERS]
    if unknown:
        raise ValueError(f"no layer {unknown[0]!r}; there are {', '.join(LAYERS)}")
    began = time.perf_counter()
    client = Client(
        options.url,
        rate=options.rate,
        timeout=options.timeout,
        max_wait=options.max_wait,
        max_requests=options.max_requests,
        hosts=options.upload_hosts,
        transport=transport,
        sleep=sleep,
    )
    stopped = None
    async with client:
        session = Session(options, client)
        try:
            for layer in LAYERS:
                if layer in options.layers:
                    if progress is not None:
                        progress(layer, client.sent)
                    await import_module(f"loracle_contracts.fuzzing.{_MODULES[layer]}").run(session)
        except StoppedError as stop:
            stopped = str(stop)
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
    )
