"""Writes a comparison of two documents: text for a person, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby

from loracle_contracts.spec_diff.change import Change, Comparison, OperationChanges, Party
from loracle_contracts.spec_diff.witness import MOST_WITNESSES

__all__ = ["json_report", "text_report"]

PARTIES: tuple[Party, ...] = ("clients", "servers")
_LONGEST_WITNESS = 2_000


def json_report(comparison: Comparison, parties: tuple[Party, ...] = PARTIES) -> str:
    """The comparison as JSON, version 1; docs/spec.md describes it."""
    document = {
        "version": 1,
        "old": comparison.old,
        "new": comparison.new,
        "verdict": comparison.verdict(parties),
        "operations": [
            {
                "name": one.name,
                "method": one.method,
                "path": one.path,
                "breaks": {party: _degree(one, party) for party in parties},
                "changes": [change.as_dict() for change in one.changes if change.breaks in parties],
                "notes": one.notes,
            }
            for one in comparison.operations
        ],
        "not_checked": comparison.not_checked,
    }
    return json.dumps(document, indent=1) + "\n"


def text_report(comparison: Comparison, parties: tuple[Party, ...] = PARTIES) -> str:
    """The comparison for a person; operations of which there is nothing to tell are only counted."""
    return "\n".join(_lines(comparison, parties)) + "\n"


def _lines(comparison: Comparison, parties: tuple[Party, ...]) -> Iterator[str]:
    for one in comparison.operations:
        changes = [change for change in one.changes if change.breaks in parties]
        if changes or one.notes:
            yield _printable(f"{one.name} ({one.method} {one.path})")
            for _, alike in groupby(changes, key=lambda change: (change.breaks, change.part, change.text)):
                yield from _change(list(alike))
            for note in one.notes:
                yield _printable(f"  note: {note}")
            yield ""
    for name in comparison.not_checked:
        yield _printable(f"not checked: {name}")
    yield _summary(comparison, parties)


def _change(alike: list[Change]) -> Iterator[str]:
    """One change, with all payloads that show it."""
    change = alike[0]
    verb = "breaks" if change.is_certain else "may break"
    yield _printable(f"  {verb} {change.breaks}: {change.part}: {change.text}")
    for witness in (one.witness for one in alike if one.witness is not None):
        yield _printable(f"    {witness.pointer or 'as a whole'}: {witness.reason}")
        value = _printable(json.dumps(witness.value, ensure_ascii=False))
        if len(value) > _LONGEST_WITNESS:
            value = f"{value[:_LONGEST_WITNESS]}... ({len(value)} characters; --format json has them all)"
        yield f"      {value}"
    if len(alike) >= MOST_WITNESSES:
        yield f"    There may be more; at most {MOST_WITNESSES} are shown."


def _summary(comparison: Comparison, parties: tuple[Party, ...]) -> str:
    counts = []
    for party in parties:
        degrees = [_degree(one, party) for one in comparison.operations]
        counts.append(f"{degrees.count('yes')} break {party} and {degrees.count('maybe')} may")
    total = len(comparison.operations)
    return f"{comparison.verdict(parties)}: of {total} operations {', '.join(counts)}."


def _degree(operation: OperationChanges, party: Party) -> str:
    found = [change.is_certain for change in operation.changes if change.breaks == party]
    return "yes" if any(found) else "maybe" if found else "no"


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)
