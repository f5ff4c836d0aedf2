"""Checks of a server in tests: `check_server` runs the fuzzer, and fails with all that was found."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import httpx

from loracle_contracts.fuzzing import LAYERS, Finding, FuzzOptions, FuzzReport, fuzz
from loracle_contracts.fuzzing.in_process import AppError, ASGIApp, InProcess
from loracle_contracts.fuzzing.report.document import document, secrets_of
from loracle_contracts.fuzzing.report.text import findings
from loracle_contracts.hosts import is_loopback
from loracle_contracts.verdict import Profile

__all__ = ["ServerBrokeContractError", "check_server", "check_server_async"]

_IN_PROCESS_URL = "http://127.0.0.1"
# In process nothing is paid; so many show nearly all that trainings can show.
_CREATES_IN_PROCESS = 70
_RATE_ELSEWHERE = 5.0
_SETTINGS = tuple(one.name for one in dataclasses.fields(FuzzOptions))


class ServerBrokeContractError(AssertionError):
    """The server does not keep the contract.

    `findings` say how, `report` is the whole run, `app_errors` what an app in process raised meanwhile; the
    text has all of it, with a request for each finding.
    """

    def __init__(self, report: FuzzReport, app_errors: Sequence[AppError] = ()) -> None:
        self.report = report
        self.findings: tuple[Finding, ...] = report.findings
        self.app_errors = tuple(app_errors)
        super().__init__(_text(report, self.app_errors))


def check_server(
    target: ASGIApp | str,
    *,
    api_key: str | None = None,
    profile: Profile = "strict",
    max_creates: int | None = None,
    layers: Collection[str] = LAYERS,
    seed: int = 0,
    **options: Any,
) -> FuzzReport:
    """Tests a server against the contract; the report of a clean run.

    `target` is an ASGI app, which is started and stopped by its lifespan, or the URL of a server. `api_key`
    is one that it knows. `max_creates` bounds the trainings that are started: 70 for an app in process, where
    nothing is paid, and 0 for a URL, so that no job starts which a conforming server must accept. Other
    options are those of `FuzzOptions`, such as `asset_ids`, `base_model`, `max_requests`, `rate` (5 requests
    a second where the URL is not of this machine).

    Raises ServerBrokeContractError (an AssertionError) with all findings; RuntimeError where an event loop
    runs in this thread (use `await check_server_async(...)`), or where the run ended before it was done
    (such as a server that cannot be reached); AppFailedError where the app does not start; TypeError and
    ValueError for options that cannot be.

    >>> def test_my_server():
    ...     check_server(my_app, api_key="test-key")
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError(
            "check_server() was called where an event loop runs, which it would block. "
            "Use `await check_server_async(...)`, with the same arguments."
        )
    return asyncio.run(
        check_server_async(
            target,
            api_key=api_key,
            profile=profile,
            max_creates=max_creates,
            layers=layers,
            seed=seed,
            **options,
        )
    )


async def check_server_async(
    target: ASGIApp | str,
    *,
    api_key: str | None = None,
    profile: Profile = "strict",
    max_creates: int | None = None,
    layers: Collection[str] = LAYERS,
    seed: int = 0,
    **options: Any,
) -> FuzzReport:
    """As `check_server`, for tests that run in an event loop."""
    unknown = [name for name in options if name not in _SETTINGS or name == "url"]
    if unknown:
        raise TypeError(f"check_server has no option {unknown[0]!r}; there are {', '.join(_SETTINGS[1:])}")
    if isinstance(target, str):
        options.setdefault("rate", None if is_loopback(target) else _RATE_ELSEWHERE)
    elif not callable(target):
        raise TypeError(f"the target is an ASGI app or a URL, not {type(target).__name__}")
    chosen = FuzzOptions(
        url=target if isinstance(target, str) else _IN_PROCESS_URL,
        api_key=api_key,
        profile=profile,
        max_creates=_creates(target) if max_creates is None else max_creates,
        layers=tuple(layers),
        seed=seed,
        **options,
    )
    if isinstance(target, str):
        return _judged(await fuzz(chosen), ())
    async with InProcess(target) as app:
        report = await fuzz(chosen, httpx.ASGITransport(app, raise_app_exceptions=False))
    return _judged(report, app.errors)


def _creates(target: ASGIApp | str) -> int:
    return 0 if isinstance(target, str) else _CREATES_IN_PROCESS


def _judged(report: FuzzReport, errors: Sequence[AppError]) -> FuzzReport:
    if report.end == "interrupted":
        raise asyncio.CancelledError  # fuzz() ends in order; who called is still to be stopped
    if report.findings and report.answered:
        raise ServerBrokeContractError(report, errors)
    if report.end == "server" or not report.answered:
        raise RuntimeError(f"the server was not checked to the end: {report.stopped or 'nothing was sent'}")
    return report


def _text(report: FuzzReport, errors: Sequence[AppError]) -> str:
    count = len(report.findings)
    run = f"profile {report.options.profile}, seed {report.options.seed}, {report.total_requests} requests"
    ways = "1 way" if count == 1 else f"{count} ways"
    lines = [f"the server breaks the contract in {ways} ({run}, {report.creates} trainings)", ""]
    lines.append(findings(document(report)).rstrip())
    if report.stopped is not None:
        lines += ["", f"The run ended early: {report.stopped}."]
    secrets = secrets_of(report.options, report.signatures)
    for error in errors:
        times = f"{error.count} times, first at" if error.count > 1 else "at"
        text = f"The app raised this {times} {error.request}:\n{error.text.rstrip()}"
        lines += ["", secrets.clean(text)]
    return "\n".join(lines)
