"""The sentences that several formats share; all of them are safe to show and stand on one line."""

from __future__ import annotations

from loracle_contracts.report.counts import Counts
from loracle_contracts.report.safe_text import printable
from loracle_contracts.verdict import Violation

__all__ = ["closing", "finding", "number", "place", "source_name", "truncation"]


def source_name(source: str) -> str:
    """The source as it may stand at the beginning of a line, where CI systems look for commands (::)."""
    if source == "-":
        return "standard input"
    shown = printable(source)
    return f"./{shown}" if shown.lstrip().startswith(":") else shown


def place(violation: Violation) -> str:
    """Where in the payload it is: the pointer, or what the whole is called."""
    return printable(violation.pointer) or f"the {printable(violation.in_)}"


def finding(violation: Violation) -> str:
    """A violation or lint with all that is known of it but its line and column."""
    source = violation.source
    return (
        f"{place(violation)}: expected {printable(violation.expected)}, got {printable(violation.got)} "
        f"[{printable(violation.rule)}, {printable(source.kind)}: {printable(source.page)}]. "
        f"{printable(violation.advice)}"
    )


def truncation(listed: int) -> str:
    """What stands behind the violations of a payload that has more than are listed."""
    return f"there are more; the first {listed} are listed"


def closing(counts: Counts) -> str:
    """The counts in one sentence without a full stop."""
    parts = [f"{number(counts.payloads, 'payload')} checked"]
    if counts.violations:
        parts.append(f"{number(counts.violations, 'violation')} in {number(counts.invalid, 'payload')}")
    else:
        parts.append("no violations")
    if counts.level != "off":
        parts.append(number(counts.lints, "lint") if counts.lints else "no lints")
    if counts.unreadable:
        parts.append(f"{counts.unreadable} could not be checked")
    return ", ".join(parts)


def number(count: int, noun: str) -> str:
    """The count with its noun: 1 payload, 2 payloads."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
