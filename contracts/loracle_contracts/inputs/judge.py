"""Judges payloads one after the other: finds out what each is meant to be, and what the contract says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from loracle_contracts import spec
from loracle_contracts.inputs.shapes import Shape, is_error, names_style, recognise, recognise_text
from loracle_contracts.inputs.unit import Position, Unit
from loracle_contracts.proof import MAX_BODY, is_shallow, parse_any_depth
from loracle_contracts.report.outcome import Checked
from loracle_contracts.verdict import Part, Profile, Verdict, Violation

if TYPE_CHECKING:
    from loracle_contracts.lints import Finding

__all__ = ["Judge", "moved"]

_HEAD = 64 * 1024  # bytes of what cannot be parsed that are looked through for names


class _Gate:
    """The fast answer for one sort of payload, and the verdict on all that pass without a lint."""

    __slots__ = ("has_lints", "is_closed", "is_valid", "verdict")

    def __init__(
        self, is_valid: Callable[[Any], bool], verdict: Verdict, *, is_closed: bool, has_lints: bool
    ) -> None:
        self.is_valid = is_valid
        self.verdict = verdict
        self.is_closed = is_closed
        self.has_lints = has_lints


class Judge:
    """Judges payloads against one profile.

    Without an `operation` each payload is judged as what its members say it is. `is_answer` says that
    the payloads are answers; those of an operation without a request body are so anyway. Lints are
    looked for where they are wanted. Verdicts hold no parsed value.

    Raises ValueError for an unknown operation or profile, and for an operation without such bodies.
    """

    def __init__(
        self,
        profile: Profile = "strict",
        operation: str | None = None,
        *,
        is_answer: bool = False,
        with_lints: bool = True,
    ) -> None:
        self.profile: Profile = profile
        self.with_lints = with_lints
        self.operation = operation
        self.is_answer = is_answer
        self._gates: dict[tuple[str, Part], _Gate] = {}
        if operation is not None:
            known = spec.operations().get(operation)
            if known is None:
                raise ValueError(f"no operation {operation!r}; there are {', '.join(spec.operations())}")
            self.is_answer = is_answer or known.request is None
            if (known.response if self.is_answer else known.request) is None:
                raise ValueError(f"{operation} has no JSON body to judge")

    def check(self, unit: Unit, *, is_named: bool) -> Checked | None:
        """What the contract says of a payload; None where nobody named it and it resembles none."""
        data = unit.data
        if len(data) > MAX_BODY:
            return self._check_slowly(unit, is_named=is_named)
        try:
            value = parse_any_depth(data)
        except ValueError:
            return self._check_slowly(unit, is_named=is_named)
        shape = self.shape(value, unit.source)
        if not (is_named or shape.is_certain):
            return None
        gate = self._gates.get(shape[:2]) or self._gate(shape)
        if not gate.is_valid(value) or not (gate.is_closed or is_shallow(data, value)):
            return self._explained(unit, shape)
        if gate.has_lints:
            from loracle_contracts.lints import find  # noqa: PLC0415 - answers have none

            found = find(value, shape.operation)
            if found:
                return self._linted(unit, shape, value, found)
        return Checked(unit.source, unit.place, gate.verdict, self.operation is None, "", unit.first_line)

    def shape(self, value: Any, source: str) -> Shape:
        """What a parsed payload is judged as; `source` is the name of its file."""
        if self.operation is not None:
            return self._named(self.operation, is_an_error=self.is_answer and is_error(value))
        return self._in_file(recognise(value, is_answer=self.is_answer), source)

    def _in_file(self, shape: Shape, source: str) -> Shape:
        # The requests of both trainings have the same members; only their files can tell them apart.
        if shape.operation == "createSubjectTraining" and shape.part == "request" and names_style(source):
            return shape._replace(operation="createStyleTraining")
        return shape

    def judged(self, data: bytes, shape: Shape) -> Verdict:
        """All that the contract says of one body, with positions in the body's own text."""
        from loracle_contracts.validation import validate  # noqa: PLC0415 - not for what is valid

        return validate(data, shape.operation, self.profile, shape.part)

    def _check_slowly(self, unit: Unit, *, is_named: bool) -> Checked | None:
        """Judges what is not proven to be strict JSON."""
        shape = None
        if len(unit.data) <= MAX_BODY:
            from loracle_contracts.parse import parse  # noqa: PLC0415 - not for what is valid

            parsed = parse(unit.data)
            shape = self.shape(parsed.value, unit.source) if parsed.complete else None
        if shape is None:
            head = unit.data[:_HEAD].decode(errors="replace")
            if self.operation is None:
                shape = self._in_file(recognise_text(head, is_answer=self.is_answer), unit.source)
            else:
                found = recognise_text(head, is_answer=True)
                shape = self._named(self.operation, is_an_error=self.is_answer and found.part == "error")
        return self._explained(unit, shape) if is_named or shape.is_certain else None

    def _named(self, operation: str, *, is_an_error: bool) -> Shape:
        part: Part = "error" if is_an_error else "response" if self.is_answer else "request"
        return Shape(operation, part, True)

    def _explained(self, unit: Unit, shape: Shape) -> Checked:
        verdict = moved(self.judged(unit.data, shape), unit)
        has_findings = not verdict.valid or (self.with_lints and verdict.lints)
        text = ""
        if has_findings:
            text = unit.data.decode(errors="replace") if unit.text is None else unit.text
        return Checked(unit.source, unit.place, verdict, self.operation is None, text, unit.first_line)

    def _linted(self, unit: Unit, shape: Shape, value: Any, found: list[Finding]) -> Checked:
        from loracle_contracts.lints import lints  # noqa: PLC0415 - as above

        told = lints(
            value,
            text=unit.data.decode(),
            operation=shape.operation,
            profile=self.profile,
            found=found,
            position=unit.position or below(unit.first_line - 1),
        )
        verdict = Verdict(shape.operation, self.profile, shape.part, (), find_lints=lambda: told)
        text = unit.data.decode() if unit.text is None else unit.text
        return Checked(unit.source, unit.place, verdict, self.operation is None, text, unit.first_line)

    def _gate(self, shape: Shape) -> _Gate:
        known = spec.operations()[shape.operation]
        schema = {"request": known.request, "response": known.response}.get(shape.part, "Error")
        gate = _Gate(
            spec.validator(self.profile, str(schema)).is_valid,
            Verdict(shape.operation, self.profile, shape.part, ()),
            # What closed schemas accept is not deep.
            is_closed=self.profile == "strict" and shape.part == "request",
            has_lints=self.with_lints and shape.part == "request",
        )
        self._gates[shape[:2]] = gate
        return gate


def moved(verdict: Verdict, unit: Unit) -> Verdict:
    """The verdict with its positions in the source instead of in the payload's own text."""
    from dataclasses import replace  # noqa: PLC0415 - what is valid stays where it is

    position = unit.position
    if position is None:
        if unit.first_line == 1:
            return verdict
        position = below(unit.first_line - 1)
    lints = tuple(_at(lint, position) for lint in verdict.lints)
    # What YAML merges may stand in another order there.
    violations = tuple(sorted((_at(one, position) for one in verdict.violations), key=_place))
    return replace(verdict, violations=violations, value=None, find_lints=lambda: lints)


def _at(violation: Violation, position: Position) -> Violation:
    if violation.line is None or violation.column is None:
        return violation
    line, column = position(violation.line, violation.column)
    return violation._replace(line=line, column=column)


def _place(violation: Violation) -> tuple[int, int]:
    return violation.line or 0, violation.column or 0


def below(lines: int) -> Position:
    """Leads from a place in a text to where it stands as many lines further down."""
    return lambda line, column: (line + lines, column)
