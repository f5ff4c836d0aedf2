"""`loracle fuzz --replay FILE`: which findings of an earlier run are still there."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from loracle_contracts.fuzzing.options import FuzzOptions
from loracle_contracts.fuzzing.replay import Repeated, Replay
from loracle_contracts.fuzzing.report.sentences import cause, expected_got
from loracle_contracts.fuzzing.saved import MAX_FILE, Saved, SavedError, read_saved
from loracle_contracts.report.json_text import dumped
from loracle_contracts.report.safe_text import printable
from loracle_contracts.report.sentences import number
from loracle_mockserver.exit_codes import COULD_NOT_RUN, INTERRUPTED, CouldNotRunError, end
from loracle_mockserver.fuzz_command import options_of, wants_color, write_report
from loracle_mockserver.fuzz_target import agree, target_of

if TYPE_CHECKING:
    from loracle_mockserver.fuzz_target import Target

__all__ = ["replay"]

_VERSION = 1
_COLORS = {"still there": "31", "gone": "32", "could not be checked": "33"}
# How much a run may send and pay is said anew each time.
_NOT_OF_THE_FILE = ("max_creates", "rate", "max_findings", "layers")


def replay(context: click.Context, url: str | None, chosen: dict[str, Any]) -> None:
    """Repeats the findings of a file, prints what became of each, and ends with the exit code."""
    saved = _saved(chosen["replay"])
    if url is None and saved.url is None:
        raise click.UsageError(
            "the file is one finding; name the server as well: loracle fuzz URL --replay FILE"
        )
    target = target_of(url or str(saved.url))
    options = _options(context, target, chosen, saved)
    agree(options, target, is_agreed=chosen["is_agreed"], doing="repeats findings, and sends")
    work = Replay(saved, options)
    results: list[Repeated] = []
    code = None
    try:
        asyncio.run(_collect(work, results))
    except KeyboardInterrupt:
        code = INTERRUPTED
    text = _json(options, work, results) if chosen["format"] == "json" else _text(work, results, chosen)
    write_report(text, chosen["output"])
    end(context, _exit_code(results) if code is None else code)


async def _collect(work: Replay, results: list[Repeated]) -> None:
    async for result in work.results():
        results.append(result)  # noqa: PERF401 - one by one, so that those before Ctrl-C are kept


def _saved(path: Path) -> Saved:
    try:
        with path.open("rb") as file:
            return read_saved(file.read(MAX_FILE + 1))
    except OSError as error:
        raise CouldNotRunError(f"{path} cannot be read: {error.strerror or error}") from None
    except SavedError as error:
        raise CouldNotRunError(f"{path}: {printable(str(error))}") from None


def _options(context: click.Context, target: Target, chosen: dict[str, Any], saved: Saved) -> FuzzOptions:
    """The options of the run that found it, but for those that were given now."""
    merged = dict(chosen)
    known = {field.name for field in fields(FuzzOptions)} - set(_NOT_OF_THE_FILE)
    for name, value in (saved.options or {}).items():
        source = context.get_parameter_source(name)
        is_given = source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
        if name in known and name in chosen and not is_given and not name.endswith("api_key"):
            merged[name] = tuple(value) if isinstance(value, list) else value
    return options_of(context, target, {**merged, "layers": None})


def _text(work: Replay, results: list[Repeated], chosen: dict[str, Any]) -> str:
    color = chosen["output"] is None and wants_color()
    lines = []
    for result in results:
        state = f"\x1b[{_COLORS[result.state]}m{result.state}\x1b[0m" if color else result.state
        lines.append(f"{state}: {cause(result.finding)}: {expected_got(result.finding)}")
        if result.note:
            lines.append(f"   {printable(result.note)}")
    counts = Counter[str](result.state for result in results)
    said = ", ".join(f"{counts[state]} {state}" for state in _COLORS if counts[state]) or "no findings"
    lines.append(f"{said}; {number(work.requests, 'request')}, {number(work.creates, 'training')} started")
    return "".join(f"{line}\n" for line in lines)


def _json(options: FuzzOptions, work: Replay, results: list[Repeated]) -> str:
    told = [
        {
            "id": result.finding["id"],
            "check": result.finding["check"],
            "subject": result.finding["subject"],
            "state": result.state,
            "note": result.note,
        }
        for result in results
    ]
    counts = {"requests": work.requests, "creates": work.creates}
    document = {"version": _VERSION, "url": options.url, "results": told, "counts": counts}
    return dumped(document) + "\n"


def _exit_code(results: list[Repeated]) -> int:
    states = {result.state for result in results}
    if "still there" in states:
        return 1
    return COULD_NOT_RUN if "could not be checked" in states else 0
