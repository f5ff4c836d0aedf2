"""The report for a person: each finding on a line, the lints after the violations, the counts at the end."""

from __future__ import annotations

from typing import TextIO

from loracle_contracts.report.counts import Counts, LintLevel, Subject
from loracle_contracts.report.outcome import Checked, Outcome, Unreadable
from loracle_contracts.report.safe_text import printable
from loracle_contracts.report.sentences import closing, number, place, source_name, truncation
from loracle_contracts.report.spool import Spool
from loracle_contracts.verdict import Violation

__all__ = ["TextForm"]

_RED, _YELLOW, _GREEN, _BLUE, _BOLD, _DIM = "31", "33", "32", "34", "1", "2"


class TextForm:
    """Writes text; see `loracle_contracts.report.reporter` for the arguments."""

    def __init__(self, stream: TextIO, *, color: bool, width: int | None, lints: LintLevel) -> None:
        self._stream = stream
        self._color = color
        self._width = width
        self._lint_color = _RED if lints == "error" else _YELLOW
        self._lints = Spool()
        self._last_source: str | None = None
        self._lines: tuple[Checked | None, list[str]] = (None, [])

    def checked(self, checked: Checked, lints: tuple[Violation, ...]) -> None:
        """Writes the violations and keeps the lints for later."""
        for lint in lints:
            self._finding(self._lints, checked, lint, "lint: ", self._lint_color)
        verdict = checked.verdict
        if not verdict.violations:
            return
        self._group(checked.source)
        where = _whole_place(checked)
        subject = Subject(verdict.operation, verdict.part, checked.is_recognised)
        self._stream.write(f"{self._style(where, _BOLD)}: {subject}\n")
        for violation in verdict.violations:
            self._finding(self._stream, checked, violation, "", _RED)
        if verdict.truncated:
            self._stream.write(f"{where}: {truncation(len(verdict.violations))}\n")

    def unreadable(self, unreadable: Unreadable) -> None:
        """Writes what could not be checked, and why."""
        self._group(unreadable.source)
        said = self._style("could not be checked", _RED)
        where = self._style(_whole_place(unreadable), _BOLD)
        self._stream.write(f"{where}: {said}: {printable(unreadable.reason)}\n")

    def finish(self, counts: Counts) -> None:
        """Writes the lints and the counts."""
        if self._last_source is not None:
            self._stream.write("\n")
        if self._lints:
            self._stream.write(f"{self._style('Lints', _BOLD)}: legal, but without effect or unwise\n")
            self._lints.pour(self._stream)
            self._stream.write("\n")
        for subject, payloads in counts.subjects.items():
            self._stream.write(f"Checked as {subject}: {number(payloads, 'payload')}\n")
        color = _RED if counts.errors or counts.unreadable else _GREEN
        self._stream.write(f"{self._style(closing(counts), color)}\n")

    def _group(self, source: str) -> None:
        """An empty line between the findings of two files."""
        if self._last_source not in (None, source):
            self._stream.write("\n")
        self._last_source = source

    def _finding(
        self, section: TextIO | Spool, checked: Checked, violation: Violation, sort: str, color: str
    ) -> None:
        where = _whole_place(checked)
        if violation.line:
            where = f"{source_name(checked.source)}:{violation.line}:{violation.column}"
        source = violation.source
        rule = printable(f"[{violation.rule}, {source.kind}: {source.page}]")
        section.write(
            f"{self._style(where, _BOLD)}: {self._style(sort + place(violation), color)}: "
            f"expected {printable(violation.expected)}, got {printable(violation.got)} "
            f"{self._style(rule, _DIM)}. {printable(violation.advice)}\n"
        )
        if self._width is not None:
            section.write(self._excerpt(checked, violation, self._width, color))

    def _excerpt(self, checked: Checked, violation: Violation, width: int, color: str) -> str:
        """The line of the source with a caret below; empty where there is no such line."""
        if violation.line is None or violation.column is None:
            return ""
        if self._lines[0] is not checked:
            self._lines = checked, checked.text.split("\n") if checked.text else []
        index, lines = violation.line - checked.first_line, self._lines[1]
        if not 0 <= index < len(lines):
            return ""
        from loracle_contracts.report.excerpt import excerpt  # noqa: PLC0415 - only on a terminal

        gutter = f" {violation.line} "
        bar = self._style("|", _BLUE)
        shown, caret = excerpt(lines[index].removesuffix("\r"), violation.column, width - len(gutter) - 2)
        return (
            f"{self._style(gutter, _BLUE)}{bar} {shown}\n"
            f"{' ' * len(gutter)}{bar} {' ' * caret}{self._style('^', color)}\n"
        )

    def _style(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text


def _whole_place(outcome: Outcome) -> str:
    name = source_name(outcome.source)
    return f"{name}: {printable(outcome.place)}" if outcome.place else name
