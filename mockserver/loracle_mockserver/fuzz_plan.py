"""What a run of the fuzzer would send: found out by a run against a mock in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import httpx

from loracle_contracts.fuzzing import FuzzOptions, fuzz
from loracle_contracts.fuzzing.report.document import Document, document
from loracle_contracts.fuzzing.session import STAND_IN_KEY
from loracle_mockserver.training_app import IN_PROCESS_URL, TrainingApp

__all__ = ["rehearsed", "table"]

_COLUMNS = ("requests", "refused", "reads", "uploads", "creates")


def rehearsed(options: FuzzOptions) -> Document:
    """The report of the run as it is with a server that keeps the contract; nothing leaves this process."""
    key = options.api_key or STAND_IN_KEY
    keys = [one for one in (options.api_key, options.other_api_key) if one]
    app = TrainingApp(api_key=key, profile=options.profile, api_keys=keys if options.api_key else ())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    here = replace(options, url=IN_PROCESS_URL, rate=None)
    return document(asyncio.run(fuzz(here, transport)))


def table(told: Document, options: FuzzOptions) -> Iterator[str]:
    """The plan, line by line."""
    rows = [(entry["layer"], *(entry[name] for name in _COLUMNS)) for entry in told["layers"]]
    total = ("total", *(sum(row[at] for row in rows) for at in range(1, len(_COLUMNS) + 1)))
    yield f"{'layer':<14}" + "".join(f"{name:>10}" for name in _COLUMNS)
    for row in [*rows, total]:
        yield f"{row[0]:<14}" + "".join(f"{number:>10}" for number in row[1:])
    yield ""
    yield (
        "This is what a server that keeps the contract is sent. One that breaks it is sent more, where a "
        f"cause is narrowed down, but never more than {options.max_requests} requests and "
        f"{options.max_creates} trainings that were meant to start."
    )
