"""The report as annotations of GitHub Actions, and as a summary of the step.

GitHub shows the first ten errors and the first ten warnings of a step beside the code; every line stays in
the log. The violations therefore go before lints that count as errors, and the summary says how many
there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from loracle_contracts.report.counts import Counts, LintLevel
from loracle_contracts.report.locations import repository_root, within
from loracle_contracts.report.outcome import Checked, Outcome, Unreadable
from loracle_contracts.report.safe_text import printable
from loracle_contracts.report.sentences import closing, finding, source_name, truncation
from loracle_contracts.report.spool import Spool
from loracle_contracts.report.workflow_commands import markdown_text, workflow_command
from loracle_contracts.verdict import Violation

__all__ = ["GithubForm"]

_ROWS = 50


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
        self._stream.write(workflow_command("error", properties, _placed(unreadable, reason)))
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
                self._stream.write(workflow_command("warning", {}, f"The summary cannot be written: {error}"))

    def _command(self, name: str, checked: Checked, violation: Violation) -> str:
        properties = {"file": self._file(checked.source)}
        if violation.line:
            properties |= {"line": str(violation.line), "col": str(violation.column)}
        properties["title"] = printable(violation.rule)
        return workflow_command(name, properties, _placed(checked, finding(violation)))

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
        lines = ["### loracle validate", "", f"{markdown_text(closing(counts))}.", ""]
        lines += [
            f"- {markdown_text(str(subject))}: {payloads}" for subject, payloads in counts.subjects.items()
        ]
        if self._rows:
            lines += ["", "| where | what |", "|---|---|"]
            lines += [f"| {markdown_text(where)} | {markdown_text(text)} |" for where, text in self._rows]
            more = counts.violations + counts.unreadable - len(self._rows)
            if more:
                lines += ["", f"{more} more stand in the log of the step."]
        return "\n".join(lines) + "\n\n"


def _placed(outcome: Outcome, text: str) -> str:
    return f"{printable(outcome.place)}: {text}" if outcome.place else text
