"""One report: outcomes in, in file order; text of some format out, and the counts."""

from __future__ import annotations

from typing import Protocol

from loracle_contracts.report.counts import Counts, LintLevel
from loracle_contracts.report.outcome import Checked, Outcome, Unreadable
from loracle_contracts.verdict import Violation

__all__ = ["Form", "Reporter"]


class Form(Protocol):
    """How a report is written; what is counted and which lints are told is none of its business."""

    def checked(self, checked: Checked, lints: tuple[Violation, ...]) -> None:
        """Writes a payload that was checked; `lints` are those that are to be told."""

    def unreadable(self, unreadable: Unreadable) -> None:
        """Writes a source that could not be checked."""

    def finish(self, counts: Counts) -> None:
        """Writes what stands at the end. Nothing is added after it."""


class Reporter:
    """A report that is under way.

    Every outcome is written as it comes, so memory does not grow with their number. A run that ends
    early is told like any source that could not be checked: add an `Unreadable` that says so.
    """

    def __init__(self, form: Form, lints: LintLevel) -> None:
        self.counts = Counts(lints)
        self._form = form
        self._with_lints = lints != "off"
        self._is_closed = False

    def add(self, outcome: Outcome) -> None:
        """Adds what came of one payload or source."""
        if isinstance(outcome, Unreadable):
            self.counts.unreadable += 1
            self._form.unreadable(outcome)
            return
        lints = outcome.verdict.lints if self._with_lints else ()
        self.counts.add(outcome, lints)
        self._form.checked(outcome, lints)

    def close(self) -> None:
        """Ends the report, once; leaves the stream open."""
        if not self._is_closed:
            self._is_closed = True
            self._form.finish(self.counts)
