"""The report as JUnit XML: a file is a test suite, a payload a test case, what breaks the contract a failure.

The standard library writes it: junitparser, the library that is kept well, builds whole trees in
memory, writes characters that XML forbids, and serialises otherwise where lxml is installed. The tests
read it back with junitparser and hold it to Jenkins' schema, which allows no other attributes.
"""

from __future__ import annotations

from typing import TextIO

from loracle_contracts.report.counts import Counts, LintLevel, Subject
from loracle_contracts.report.outcome import Checked, Outcome, Unreadable
from loracle_contracts.report.safe_text import printable
from loracle_contracts.report.sentences import closing, finding, source_name, truncation
from loracle_contracts.report.spool import Spool
from loracle_contracts.report.xml_text import attribute, element
from loracle_contracts.verdict import Violation

__all__ = ["JunitForm"]


class JunitForm:
    """Writes JUnit XML; a suite is written when the next file begins, since its counts stand first."""

    def __init__(self, stream: TextIO, *, lints: LintLevel) -> None:
        self._stream = stream
        self._lints_fail = lints == "error"
        self._source: str | None = None
        self._cases = Spool()
        self._tests = self._failures = self._errors = 0
        stream.write('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="loracle validate">\n')

    def checked(self, checked: Checked, lints: tuple[Violation, ...]) -> None:
        """Writes a test case, with its lints as output where they are no failures."""
        verdict = checked.verdict
        subject = Subject(verdict.operation, verdict.part, checked.is_recognised)
        told = [*verdict.violations, *(lints if self._lints_fail else ())]
        parts = []
        if told:
            self._count(checked, failures=1)
            lines = [finding(violation) for violation in told]
            if verdict.truncated:
                lines.append(truncation(len(verdict.violations)))
            parts.append(element("failure", {"message": _summary(lines), "type": told[0].rule}, lines))
        else:
            self._count(checked)
        if lints and not self._lints_fail:
            parts.append(element("system-out", {}, [f"lint: {finding(lint)}" for lint in lints]))
        self._case(checked, str(subject), parts)

    def unreadable(self, unreadable: Unreadable) -> None:
        """Writes a test case with an error."""
        self._count(unreadable, errors=1)
        reason = printable(unreadable.reason)
        attributes = {"message": reason, "type": "could not be checked"}
        self._case(unreadable, "can be checked", [element("error", attributes, [reason])])

    def finish(self, counts: Counts) -> None:
        """Ends the document; the counts stand in a comment, since a schema has no place for them."""
        self._end_suite()
        # A comment must not hold two hyphens; the sentence has none.
        self._stream.write(f"<!-- {closing(counts)} -->\n</testsuites>\n")

    def _count(self, outcome: Outcome, *, failures: int = 0, errors: int = 0) -> None:
        if outcome.source != self._source:
            self._end_suite()
            self._source = outcome.source
        self._tests += 1
        self._failures += failures
        self._errors += errors

    def _case(self, outcome: Outcome, what: str, parts: list[str]) -> None:
        name = f"{printable(outcome.place)}: {what}" if outcome.place else what
        head = f"<testcase classname={attribute(source_name(outcome.source))} name={attribute(name)}"
        self._cases.write(f"{head}>{''.join(parts)}</testcase>\n" if parts else f"{head}/>\n")

    def _end_suite(self) -> None:
        if self._source is None:
            return
        self._stream.write(
            f"<testsuite name={attribute(source_name(self._source))} "
            f'tests="{self._tests}" failures="{self._failures}" errors="{self._errors}" skipped="0">\n'
        )
        self._cases.pour(self._stream)
        self._stream.write("</testsuite>\n")
        self._tests = self._failures = self._errors = 0


def _summary(lines: list[str]) -> str:
    return lines[0] if len(lines) == 1 else f"{lines[0]} (and {len(lines) - 1} more)"
