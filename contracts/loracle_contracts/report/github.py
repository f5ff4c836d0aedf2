"""The report as annotations of GitHub Actions, and as a summary of the step.

GitHub shows the first ten errors and the first ten warnings of a step beside the code; every line stays in
the log. The violations therefore go before lints that count as errors, and the summary says how many
there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from loracle_contracts.report.counts import Counts, LintLevel
from loracle_contracts.report.locations import repository_root, within
from loracle_contracts.report.outcome import Checked, Outcome, Unreadable
from loracle_contracts.report.safe_text import printable
from loracle_contracts.report.sentences import closing, finding, source_name, truncation
from loracle_contracts.report.spool import Spool
from loracle_contracts.verdict import Violation

__all__ = ["GithubForm"]

_ROWS = 50
_LONGEST = 300  # characters of a cell; a summary may have 1 MiB
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


class GithubForm:
    """Writes workflow commands, one on a line."""

    def __init__(self, stream: TextIO, *, lints: LintLevel, environment: Mapping[str, str]) -> None:
        self._stream = stream
        self._lint_command = "error" if lints == "error" else "warning"
        self._lints = Spool()
        self._root = repository_root(environment)
        self._summary = environment.get("GITHUB_STEP_SUMMARY")
        self._rows: list[tuple[str, str]] = []

    def checked(self, checked: Checked, lints: tuple[Violation, ...]) -> None:
        """Writes an error for each violation and keeps a warning for each lint."""
        violations = checked.verdict.violations
        for violation in violations:
            self._stream.write(self._command("error", checked, violation))
            self._row(checked, violation.line, finding(violation))
        if checked.verdict.truncated:
            self._stream.write(f"{source_name(checked.source)}: {truncation(len(violations))}\n")
        for lint in lints:
            self._lints.write(self._command(self._lint_command, checked, lint))

    def unreadable(self, unreadable: Unreadable) -> None:
        """Writes an error."""
        reason = f"could not be checked: {printable(unreadable.reason)}"
        properties = {"file": self._file(unreadable.source), "title": "could not be checked"}
        self._stream.write(_workflow_command("error", properties, _placed(unreadable, reason)))
        self._row(unreadable, None, reason)

    def finish(self, counts: Counts) -> None:
        """Writes the annotations of the lints, the counts and, where there is a file for it, the summary."""
        self._lints.pour(self._stream)
        self._stream.write(f"{closing(counts)}\n")
        if self._summary:
            try:
                with Path(self._summary).open("a", encoding="utf-8") as file:
                    file.write(self._summary_text(counts))
            except OSError as error:
                self._stream.write(
                    _workflow_command("warning", {}, f"The summary cannot be written: {error}")
                )

    def _command(self, name: str, checked: Checked, violation: Violation) -> str:
        properties = {"file": self._file(checked.source)}
        if violation.line:
            properties |= {"line": str(violation.line), "col": str(violation.column)}
        properties["title"] = printable(violation.rule)
        return _workflow_command(name, properties, _placed(checked, finding(violation)))

    def _file(self, source: str) -> str:
        if source == "-":
            return ""
        inside = within(source, self._root)
        return printable(source if inside is None else inside)

    def _row(self, outcome: Outcome, line: int | None, text: str) -> None:
        if self._summary and len(self._rows) < _ROWS:
            where = f"{source_name(outcome.source)}:{line}" if line else source_name(outcome.source)
            self._rows.append((where, _placed(outcome, text)))

    def _summary_text(self, counts: Counts) -> str:
        lines = ["### loracle validate", "", f"{_plain(closing(counts))}.", ""]
        lines += [f"- {_plain(str(subject))}: {payloads}" for subject, payloads in counts.subjects.items()]
        if self._rows:
            lines += ["", "| where | what |", "|---|---|"]
            lines += [f"| {_plain(where)} | {_plain(text)} |" for where, text in self._rows]
            more = counts.violations + counts.unreadable - len(self._rows)
            if more:
                lines += ["", f"{more} more stand in the log of the step."]
        return "\n".join(lines) + "\n\n"


def _placed(outcome: Outcome, text: str) -> str:
    return f"{printable(outcome.place)}: {text}" if outcome.place else text


def _workflow_command(name: str, properties: Mapping[str, str], message: str) -> str:
    """A line that the runner reads as a command; see github.com/actions/toolkit, command.ts."""
    told = ",".join(f"{key}={_escaped_property(value)}" for key, value in properties.items() if value)
    return f"::{name} {told}::{_escaped(message)}\n" if told else f"::{name}::{_escaped(message)}\n"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: no link, no image, no mention, no HTML comes of a payload."""
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return _PUNCTUATION.sub(lambda found: f"&#{ord(found[0])};", cut)
