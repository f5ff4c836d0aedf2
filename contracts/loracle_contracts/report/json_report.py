"""The report for programs, version 1; report-1.schema.json beside this file describes it."""

from __future__ import annotations

from typing import Any, TextIO

from loracle_contracts.report.counts import Counts, LintLevel
from loracle_contracts.report.json_text import dumped
from loracle_contracts.report.outcome import Checked, Unreadable
from loracle_contracts.verdict import Profile, Violation

__all__ = ["JsonForm"]


class JsonForm:
    """Writes one JSON document, with each outcome on a line of its own."""

    def __init__(self, stream: TextIO, *, lints: LintLevel, profile: Profile) -> None:
        self._stream = stream
        self._separator = "\n"
        stream.write(f'{{"version":1,"profile":{dumped(profile)},"lint_level":{dumped(lints)},"outcomes":[')

    def checked(self, checked: Checked, lints: tuple[Violation, ...]) -> None:
        """Writes the outcome, valid ones too."""
        verdict = checked.verdict
        self._outcome(
            {
                "source": checked.source,
                "place": checked.place,
                "status": "valid" if verdict.valid else "invalid",
                "operation": verdict.operation,
                "part": verdict.part,
                "recognised": checked.is_recognised,
                "truncated": verdict.truncated,
                "violations": [violation.as_dict() for violation in verdict.violations],
                "lints": [lint.as_dict() for lint in lints],
            }
        )

    def unreadable(self, unreadable: Unreadable) -> None:
        """Writes the outcome with the reason."""
        self._outcome(
            {
                "source": unreadable.source,
                "place": unreadable.place,
                "status": "unreadable",
                "reason": unreadable.reason,
            }
        )

    def finish(self, counts: Counts) -> None:
        """Writes the counts."""
        total = {
            "payloads": counts.payloads,
            "invalid": counts.invalid,
            "violations": counts.violations,
            "lints": counts.lints,
            "errors": counts.errors,
            "unreadable": counts.unreadable,
            "checked_as": [
                {
                    "operation": subject.operation,
                    "part": subject.part,
                    "recognised": subject.is_recognised,
                    "payloads": payloads,
                }
                for subject, payloads in counts.subjects.items()
            ],
        }
        self._stream.write(f'\n],"counts":{dumped(total)}}}\n')

    def _outcome(self, outcome: dict[str, Any]) -> None:
        self._stream.write(self._separator + dumped(outcome))
        self._separator = ",\n"
