"""The report for a person: each finding on a line, the lints after the violations, the counts at the end."""

from __future__ import annotations

import shutil
from tempfile import SpooledTemporaryFile
from typing import IO, TextIO

from loracle_contracts.report.counts import Counts, LintLevel, Subject
from loracle_contracts.report.outcome import Checked, Unreadable
from loracle_contracts.report.safe_text import printable
from loracle_contracts.verdict import Violation

__all__ = ["TextForm"]

_RED, _YELLOW, _GREEN, _BLUE, _BOLD, _DIM = "31", "33", "32", "34", "1", "2"
# Lints stand behind all violations; as many bytes of them are kept in memory, the others in a file.
_KEPT = 1 << 20


class TextForm:
    """Writes text; see `loracle_contracts.report.reporter` for the arguments."""

    def __init__(self, stream: TextIO, *, color: bool, width: int | None, lints: LintLevel) -> None:
        self._stream = stream
        self._color = color
        self._width = width
        self._lint_color = _RED if lints == "error" else _YELLOW
        self._lints: IO[str] | None = None
        self._last_source: str | None = None

    def checked(self, checked: Checked, lints: tuple[Violation, ...]) -> None:
        """Writes the violations and keeps the lints for later."""
        verdict = checked.verdict
        if lints:
            for lint in lints:
                self._finding(self._lint_section(), checked, lint, "lint: ", self._lint_color)
        if not verdict.violations:
            return
        subject = Subject(verdict.operation, verdict.part, checked.is_recognised)
        self._group(checked.source)
        self._stream.write(f"{self._style(_whole_place(checked), _BOLD)}: {subject}\n")
        for violation in verdict.violations:
            self._finding(self._stream, checked, violation, "", _RED)
        if verdict.truncated:
            listed = len(verdict.violations)
            self._stream.write(f"{_whole_place(checked)}: there are more; the first {listed} are listed\n")

    def unreadable(self, unreadable: Unreadable) -> None:
        """Writes what could not be checked, and why."""
        self._group(unreadable.source)
        said = self._style("could not be checked", _RED)
        self._stream.write(f"{_whole_place(unreadable)}: {said}: {printable(unreadable.reason)}\n")

    def finish(self, counts: Counts) -> None:
        """Writes the lints and the counts."""
        if self._last_source is not None:
            self._stream.write("\n")
        if self._lints is not None:
            with self._lints as section:
                section.seek(0)
                self._stream.write(f"{self._style('Lints', _BOLD)}: legal, but without effect or unwise\n")
                shutil.copyfileobj(section, self._stream)
                self._stream.write("\n")
        for subject, payloads in counts.subjects.items():
            self._stream.write(f"Checked as {subject}: {_number(payloads, 'payload')}\n")
        color = _RED if counts.errors or counts.unreadable else _GREEN
        self._stream.write(f"{self._style(_closing(counts), color)}\n")

    def _lint_section(self) -> IO[str]:
        if self._lints is None:
            self._lints = SpooledTemporaryFile(  # noqa: SIM115 - closed in finish
                _KEPT, "w+", encoding="utf-8", newline=""
            )
        return self._lints

    def _group(self, source: str) -> None:
        """An empty line between the findings of two files."""
        if self._last_source not in (None, source):
            self._stream.write("\n")
        self._last_source = source

    def _finding(
        self, section: IO[str], checked: Checked, violation: Violation, sort: str, color: str
    ) -> None:
        source = violation.source
        where = _name(checked.source)
        if violation.line:
            where += f":{violation.line}:{violation.column}"
        elif checked.place:
            where += f": {printable(checked.place)}"
        place = printable(violation.pointer) or f"the {violation.in_}"
        section.write(
            f"{self._style(where, _BOLD)}: {self._style(sort + place, color)}: "
            f"expected {printable(violation.expected)}, got {printable(violation.got)} "
            f"{self._style(f'[{violation.rule}, {source.kind}: {source.page}]', _DIM)}. "
            f"{printable(violation.advice)}\n"
        )
        if self._width is not None:
            self._excerpt(section, checked, violation, color)

    def _excerpt(self, section: IO[str], checked: Checked, violation: Violation, color: str) -> None:
        if violation.line is None or violation.column is None:
            return
        line = _line(checked.text, violation.line - checked.first_line)
        if line is None:
            return
        from loracle_contracts.report.excerpt import excerpt  # noqa: PLC0415 - only on a terminal

        number = str(violation.line)
        shown, caret = excerpt(line, violation.column, (self._width or 0) - len(number) - 4)
        bar = self._style("|", _BLUE)
        gutter = " " * (len(number) + 1)
        section.write(
            f" {self._style(number, _BLUE)} {bar} {shown}\n"
            f"{gutter} {bar} {' ' * caret}{self._style('^', color)}\n"
        )

    def _style(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text


def _name(source: str) -> str:
    """The source as it stands at the beginning of a line, where CI systems look for commands (::)."""
    shown = "standard input" if source == "-" else printable(source)
    return f"./{shown}" if shown.lstrip().startswith(":") else shown


def _whole_place(outcome: Checked | Unreadable) -> str:
    name = _name(outcome.source)
    return f"{name}: {printable(outcome.place)}" if outcome.place else name


def _line(text: str, index: int) -> str | None:
    """The line of this index, from 0, without its end; None where the text has none such."""
    if not text or index < 0:
        return None
    start = 0
    for _ in range(index):
        start = text.find("\n", start) + 1
        if not start:
            return None
    end = text.find("\n", start)
    return text[start : end if end >= 0 else len(text)].removesuffix("\r")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _closing(counts: Counts) -> str:
    parts = [
        f"{_number(counts.payloads, 'payload')} checked",
        f"{_number(counts.violations, 'violation')} in {_number(counts.invalid, 'payload')}"
        if counts.violations
        else "no violations",
    ]
    if counts.level != "off":
        parts.append(_number(counts.lints, "lint") if counts.lints else "no lints")
    if counts.unreadable:
        parts.append(f"{counts.unreadable} could not be checked")
    return ", ".join(parts)
