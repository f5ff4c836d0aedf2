"""Reads what the mock's journal says of the requests it got: its JSON and its JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from loracle_contracts import spec
from loracle_contracts.inputs.json_documents import Text, elements
from loracle_contracts.inputs.unit import UnreadableError
from loracle_contracts.locate import locate
from loracle_contracts.report.outcome import Checked, Outcome, Unreadable
from loracle_contracts.verdict import Part, Profile, Source, Verdict, Violation

__all__ = ["Journal"]

_MEMBERS = ("n", "operation", "method", "strict", "lenient", "lints")
_TEXTS = ("in", "pointer", "rule", "expected", "got", "source", "advice")


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and all(name in value for name in _MEMBERS)


class Journal:
    """The mock's journal: what it noted of each request, under one profile.

    It holds no bodies, so what was found stands where the journal tells of it. `skipped` counts the
    requests that belong to no operation. Raises UnreadableError for a profile that it says nothing of.
    """

    def __init__(self, source: str, profile: Profile, operation: str | None, *, with_lints: bool) -> None:
        if profile not in ("strict", "lenient"):
            raise UnreadableError(f"The journal has verdicts for strict and lenient, not for {profile}.")
        self.skipped = 0
        self._source = source
        self._profile: Profile = profile
        self._operation = operation
        self._with_lints = with_lints

    def outcomes(self, data: bytes) -> Iterator[Outcome]:
        """What the journal says of each request. Raises UnreadableError where it ends too early."""
        document = Text(data)
        for number, element in enumerate(elements(document, "requests"), 1):
            text, line = document.around(element.start, element.end)
            entry = document.text[element.start : element.end]
            place = _place(element.value) or f"entry {number}"
            yield from self._entry(
                element.value,
                entry,
                place,
                text,
                line,
                lambda at, start=element.start: document.place(start + at),
            )

    def line(self, number: int, line: bytes) -> Iterator[Outcome]:
        """What a line of the journal says of a request."""
        if not line.strip():
            return
        try:
            text = line.decode()
            value = json.loads(text)
        except (ValueError, RecursionError):
            value, text = None, ""
        yield from self._entry(value, text, f"line {number}", text, number, lambda at: (number, at + 1))

    def _entry(
        self, value: Any, entry: str, place: str, text: str, first_line: int, placed: Any
    ) -> Iterator[Outcome]:
        if not _is_entry(value):
            yield Unreadable(self._source, place, "It is no entry of the mock's journal.")
            return
        operation = spec.operations().get(str(value["operation"]))
        if operation is None or self._operation not in (None, operation.id):
            self.skipped += 1
            return
        try:
            recorded: list[tuple[Any, tuple[str, ...]]] = [
                (value[self._profile]["violations"], (self._profile, "violations"))
            ]
            recorded += [(value["lints"], ("lints",))] if self._with_lints else []
            found = [
                [
                    _violation(noted, self._profile, *placed(_start(entry, (*path, index))))
                    for index, noted in enumerate(listed)
                ]
                for listed, path in recorded
            ]
        except (LookupError, TypeError):
            yield Unreadable(self._source, place, "It is no entry of the mock's journal.")
            return
        lints = tuple(found[1]) if self._with_lints else ()
        part: Part = "request" if operation.request else "query"
        verdict = Verdict(operation.id, self._profile, part, tuple(found[0]), find_lints=lambda: lints)
        shown = text if found[0] or lints else ""
        yield Checked(self._source, place, verdict, text=shown, first_line=first_line)


def _place(value: Any) -> str:
    number = value.get("n") if isinstance(value, dict) else None
    return f"request {number}" if isinstance(number, int) else ""


def _start(entry: str, path: tuple[str | int, ...]) -> int:
    return locate(entry, [path])[path].start


def _violation(noted: dict[str, Any], profile: Profile, line: int, column: int) -> Violation:
    """What the journal noted. Raises LookupError or TypeError where it is no violation."""
    if not all(isinstance(noted[name], str) for name in _TEXTS):
        raise TypeError
    known = spec.rules(profile).get(noted["rule"])
    kind, _, page = noted["source"].partition(": ")
    return Violation(
        in_=noted["in"],
        pointer=noted["pointer"],
        line=line,
        column=column,
        rule=noted["rule"],
        expected=noted["expected"],
        got=noted["got"],
        source=known.source if known and str(known.source) == noted["source"] else Source(kind, page),
        advice=noted["advice"],
    )
