"""The sentences that several formats of the fuzzer's report share; all are safe to show, on one line each."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from loracle_contracts.report.safe_text import printable
from loracle_contracts.report.sentences import number

__all__ = [
    "Group",
    "answered",
    "cause",
    "closing",
    "creates",
    "expected_got",
    "not_checked",
    "replay_line",
    "request_title",
    "rule",
    "stopped",
    "where",
]

_ENDS = {
    "spent": "The run ended early: {}.",
    "server": "The run ended early, since {}.",
    "interrupted": "The run was interrupted.",
}
Finding = Mapping[str, Any]


class Group(NamedTuple):
    """What a layer could not check for one reason: how many times, and the first of it."""

    layer: str
    why: str
    times: int
    first: str


def cause(finding: Finding) -> str:
    """What the finding is, as accepted: width.minimum."""
    return printable(f"{finding['check']}: {finding['subject']}")


def expected_got(finding: Finding) -> str:
    """What the contract wants and what came, as one clause."""
    return printable(f"expected {finding['expected']}, got {finding['got']}")


def rule(finding: Finding) -> str:
    """The rule with its source, or nothing where there is no rule."""
    if finding["rule"] is None:
        return ""
    source = finding["source"]
    return printable(finding["rule"] + (f" ({source['kind']}: {source['page']})" if source else ""))


def where(finding: Finding) -> str:
    """Operations, how often, and whether lenient allows it."""
    said = [", ".join(finding["operations"]) or "no operation", number(finding["occurrences"], "time")]
    if finding["vanishes_under_lenient"]:
        said.append("vanishes under lenient")
    return printable("; ".join(said))


def request_title(exchange: Mapping[str, Any]) -> str:
    """Method, path and what was tried."""
    request = exchange["request"]
    return printable(f"{request['method']} {exchange['url'] or request['target']}: {exchange['title']}")


def answered(exchange: Mapping[str, Any], longest: int) -> str:
    """The answer on one line, its body cut; or why there is none."""
    failure = exchange.get("failure")
    if failure is not None:
        return printable(f"none ({failure['kind']}: {failure['text']})")
    answer = exchange["answer"]
    body = printable(answer["body"][:longest].strip())
    is_cut = answer["cut"] or len(answer["body"]) > longest
    more = f"... ({answer['length']} bytes)" if is_cut else ""
    return f"{answer['status']} {body or 'without a body'}{more}"


def creates(document: Mapping[str, Any]) -> str:
    """What the run cost."""
    counts = document["counts"]
    total = number(counts["creates"], "training")
    if not counts["creates"]:
        return f"{total} started"
    return f"{total} started ({counts['creates_planned']} planned, {counts['creates_by_mistake']} by mistake)"


def closing(document: Mapping[str, Any]) -> str:
    """The counts in one sentence without a full stop."""
    counts = document["counts"]
    found = number(counts["findings"], "finding") if counts["findings"] else "no findings"
    requests = number(counts["requests"], "request")
    return f"{found}; {requests}, {creates(document)}, {document['seconds']:.1f} seconds"


def stopped(document: Mapping[str, Any]) -> str:
    """Why the run ended early, or nothing."""
    return printable(_ENDS.get(document["end"], "").format(document["stopped"]))


def not_checked(document: Mapping[str, Any]) -> list[Group]:
    """What could not be checked, grouped by layer and reason, in the order in which it was met."""
    groups: dict[tuple[str, str], Group] = {}
    for one in document["not_checked"]:
        known = groups.get((one["layer"], one["why"]))
        count = known.times + 1 if known else 1
        first = known.first if known else printable(one["what"])
        groups[one["layer"], one["why"]] = Group(one["layer"], printable(one["why"]), count, first)
    return list(groups.values())


def replay_line(document: Mapping[str, Any], saved_as: str | None) -> str:
    """The command that repeats the findings, and what it may cost."""
    of_requests = [one["replay_creates"] for one in document["findings"] if one["replay"] == "request"]
    layers = {one["layer"] for one in document["findings"] if one["replay"] == "layer"}
    most = sum(of_requests)
    if layers and document["options"]["max_creates"]:
        # Each runs within the bound that it had; what one spends must not be missing for the next.
        most += document["options"]["max_creates"]
        most += sum(one["creates"] for one in document["layers"] if one["layer"] in layers)
    line = f"loracle fuzz --replay {shlex.quote(saved_as or 'FILE')}"
    return printable(f"{line} --max-creates {most}" if most else line)
