"""Turns the failures of a validator into violations that teach."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loracle_contracts import spec
from loracle_contracts.failures import Failure, at, find_failures
from loracle_contracts.locate import Lines, Place, locate, pointer
from loracle_contracts.parse import ParseFault
from loracle_contracts.quote import LONGEST, excerpt
from loracle_contracts.texts import advice_text, expected_text, misspelling_text, syntax_texts
from loracle_contracts.verdict import Profile, Violation

__all__ = ["LIMIT", "excerpt", "explain"]

LIMIT = 1000
_LARGE_TEXT = 16 * 1024


def explain(
    profile: Profile,
    schema: str,
    value: Any,
    *,
    text: str | None = None,
    faults: Sequence[ParseFault] = (),
    complete: bool = True,
    in_: str = "body",
    limit: int | None = None,
    positions: bool = True,
) -> list[Violation]:
    """All violations of a value, in the order of the text; at most `limit` + 1 of each sort.

    `text` is the source of `value`; with `positions` False it is quoted from but not pointed into.
    `faults` are those of the text as JSON; where it is not `complete` there is no value to judge.
    """
    lines = Lines(text) if text is not None and positions else None
    found = [_of_fault(fault, text or "", profile, lines) for fault in faults]
    if complete:
        is_small = text is not None and len(text) < _LARGE_TEXT
        unread = {fault.path for fault in faults}
        failures = find_failures(profile, schema, value, unread, limit, is_small=is_small)
        places = locate(text, [failure.path for failure in failures]) if text is not None else {}
        source = _Source(value, text, places, lines)
        found.extend(_of_failure(failure, source, in_) for failure in failures)
    return sorted(found, key=lambda violation: (violation.line or 0, violation.column or 0))


@dataclass(frozen=True, slots=True)
class _Source:
    """The judged value, and where its parts stand in the text it came from."""

    value: Any
    text: str | None
    places: dict[tuple[str | int, ...], Place]
    lines: Lines | None

    def position(self, path: tuple[str | int, ...], *, of_key: bool) -> tuple[int | None, int | None]:
        place = self.places.get(path)
        if self.lines is None or place is None:
            return None, None
        return self.lines.place(place.key if of_key else place.start)

    def quote(self, path: tuple[str | int, ...]) -> str:
        place = self.places.get(path)
        if self.text is None or place is None:
            return excerpt(json.dumps(at(self.value, path), ensure_ascii=False))
        return excerpt(self.text[place.start : min(place.end, place.start + 2 * LONGEST)])


def _of_failure(failure: Failure, source: _Source, in_: str) -> Violation:
    # The node's own entry: one rule may stand in several places, with a source for each.
    entry = failure.node["x-source"][failure.keyword]
    is_unknown = failure.keyword == "additionalProperties"
    missing = failure.member is not None and not is_unknown
    path = failure.path[:-1] if missing else failure.path
    operand = failure.member if failure.keyword == "required" else failure.node.get(failure.keyword)
    line, column = source.position(path, of_key=is_unknown)
    member = _member_text(failure.path)
    # A query has no JSON numbers to advise.
    keyword = "format" if in_ == "query" and failure.keyword == "type" else failure.keyword
    expected = entry.get("expected") or expected_text(failure.keyword, operand)
    got = "nothing" if missing else _got(failure, source)
    advice = entry.get("advice") or advice_text(keyword, operand, member, expected, got)
    if failure.meant:
        beside = at(source.value, failure.path[:-1]) if is_unknown else failure.node
        is_missing = failure.meant not in beside and failure.meant in failure.node.get("required", ())
        advice = misspelling_text(failure.meant, failure.member if missing else None, is_missing=is_missing)
    return Violation(
        in_=in_,
        pointer=pointer(failure.path),
        line=line,
        column=column,
        rule=failure.rule,
        expected=expected,
        got=got,
        source=spec.source_of(entry),
        advice=advice,
    )


def _member_text(path: tuple[str | int, ...]) -> str:
    if not path:
        return "the body"
    if isinstance(path[-1], int):
        return f"item {path[-1]} of {_member_text(path[:-1])}"
    return excerpt(path[-1]) or "the member without a name"


def _got(failure: Failure, source: _Source) -> str:
    found = at(source.value, failure.path)
    if failure.keyword in ("minItems", "maxItems"):
        return f"{len(found)} items"
    quoted = source.quote(failure.path)
    return f"{quoted} ({len(found)} characters)" if failure.keyword == "maxLength" else quoted


def _of_fault(fault: ParseFault, text: str, profile: Profile, lines: Lines | None) -> Violation:
    line, column = lines.place(fault.start) if lines is not None else (None, None)
    quoted = excerpt(fault.got or text[fault.start : min(fault.end, fault.start + 2 * LONGEST)])
    rule = spec.rules(profile)[fault.rule]
    violation = rule.violation("body", pointer(fault.path), quoted or "nothing", line, column)
    if not fault.reason:
        return violation
    expected, advice = syntax_texts(fault.reason, fault.got)
    return violation._replace(expected=expected, advice=advice)
