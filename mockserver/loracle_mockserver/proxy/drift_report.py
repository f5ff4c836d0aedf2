"""What a run of the proxy has found: text for people, JSON (version 1) for programs.

`drift-report-1.schema.json` beside this file describes the JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loracle_contracts.report.safe_text import printable
from loracle_mockserver.proxy.cassette_writer import CassetteWriter
from loracle_mockserver.proxy.settings import Settings
from loracle_mockserver.proxy.tally import OperationTally, Tally

__all__ = ["as_json", "as_text", "exit_code"]

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
_OUTSIDE = "outside the contract"


def exit_code(tally: Tally, cassette: CassetteWriter | None = None) -> int:
    """0 where all was as the contract says, 1 where it was not, 3 where not all was judged or recorded."""
    if tally.has_failures or (cassette is not None and cassette.error is not None):
        return 3
    return 1 if tally.has_drift else 0


def as_json(settings: Settings, tally: Tally, cassette: CassetteWriter | None = None) -> dict[str, Any]:
    """The report for programs."""
    return {
        "version": 1,
        "upstream": str(settings.upstream),
        "profile": settings.profile,
        "mode": settings.mode,
        "exit_code": exit_code(tally, cassette),
        "requests": tally.requests,
        "operations": [_operation(counts) for counts in _in_order(tally)],
        "recording": None
        if cassette is None
        else {"file": str(cassette.path), "recorded": cassette.recorded, "left_out": cassette.left_out},
    }


def _in_order(tally: Tally) -> list[OperationTally]:
    return sorted(tally.operations.values(), key=lambda counts: (counts.operation is None, counts.operation))


def _operation(counts: OperationTally) -> dict[str, Any]:
    latencies = counts.latencies
    seconds = None
    if counts.answers:
        seconds = {name: round(latencies.quantile(share), 6) for name, share in _QUANTILES.items()}
        seconds["max"] = round(latencies.longest, 6)
    return {
        "operation": counts.operation,
        "requests": counts.requests,
        "invalid_requests": counts.invalid_requests,
        "refused_requests": counts.refused_requests,
        "abandoned": counts.abandoned,
        "answers": counts.answers,
        "invalid_answers": counts.invalid_answers,
        "unjudged_answers": counts.unjudged_answers,
        "statuses": {str(status): count for status, count in sorted(counts.statuses.items())},
        "client": [{"rule": rule, "count": count} for rule, count in counts.client.most_common()],
        "server": [
            {"check": check, "rule": rule, "count": count}
            for (check, rule), count in counts.server.most_common()
        ],
        "undocumented": [
            {"status": status, "reason": reason, "count": count}
            for (status, reason), count in counts.undocumented.most_common()
        ],
        "unknown_members": [
            {"pointer": pointer, "count": count} for pointer, count in counts.unknown_members.most_common()
        ],
        "failures": dict(counts.failures),
        "seconds": seconds,
    }


def as_text(settings: Settings, tally: Tally, cassette: CassetteWriter | None = None) -> str:
    """The report for people, with a line's end behind each line."""
    return "".join(f"{printable(line)}\n" for line in _lines(settings, tally, cassette))


def _lines(settings: Settings, tally: Tally, cassette: CassetteWriter | None) -> Iterator[str]:
    requests = _counted(tally.requests, "request")
    yield f"{requests} to {settings.upstream}, held to the contract ({settings.profile}, {settings.mode})"
    for counts in _in_order(tally):
        yield ""
        yield f"{counts.operation or _OUTSIDE}: {_summary(counts)}"
        if counts.answers:
            yield f"  answered in {_durations(counts)}"
        for rule, count in counts.client.most_common():
            yield f"  client  {rule}: {_times(count)}"
        for (check, broken), count in counts.server.most_common():
            yield f"  server  {check}{f' [{broken}]' if broken else ''}: {_times(count)}"
        for (status, reason), count in counts.undocumented.most_common():
            yield f"  drift   {status} {reason or 'without a reason'} is not documented: {_times(count)}"
        for pointer, count in counts.unknown_members.most_common():
            yield f"  drift   the contract does not know {pointer}: {_times(count)}"
        for cause, count in counts.failures.most_common():
            yield f"  failure {cause}: {_times(count)}"
    yield ""
    if cassette is not None:
        left_out = f", {cassette.left_out} left out" if cassette.left_out else ""
        yield f"Recorded in {cassette.path}: {cassette.recorded}{left_out}."
    yield {
        0: "Nothing broke the contract." if tally.requests else "No request came, so nothing was judged.",
        1: "The contract was broken, or the server does what it does not know.",
        3: "Not all could be judged or recorded.",
    }[exit_code(tally, cassette)]


def _summary(counts: OperationTally) -> str:
    said = [_counted(counts.requests, "request")]
    for count, what in (
        (counts.invalid_requests, "invalid"),
        (counts.refused_requests, "refused by the proxy"),
        (counts.abandoned, "abandoned by the client"),
        (counts.invalid_answers, "with an answer that breaks the contract"),
        (counts.unjudged_answers, "with an answer that could not be read"),
    ):
        if count:
            said.append(f"{count} {what}")
    statuses = ", ".join(f"{status} x {count}" for status, count in sorted(counts.statuses.items()))
    return ", ".join(said) + (f"; {statuses}" if statuses else "")


def _durations(counts: OperationTally) -> str:
    shown = [f"{name} {counts.latencies.quantile(share) * 1000:.1f} ms" for name, share in _QUANTILES.items()]
    return ", ".join([*shown, f"max {counts.latencies.longest * 1000:.1f} ms"])


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
