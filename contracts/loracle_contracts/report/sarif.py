"""The report as SARIF 2.1.0, for code scanning and editors.

The libraries for SARIF do not fit: sarif-om is not maintained, sarif-pydantic brings pydantic, whose
import takes longer than a check, and each of them builds the whole log in memory. The tests hold what
is written here to the official schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from loracle_contracts.report.counts import Counts, LintLevel
from loracle_contracts.report.json_text import dumped
from loracle_contracts.report.locations import repository_root, within
from loracle_contracts.report.outcome import Checked, Outcome, Unreadable
from loracle_contracts.report.sarif_texts import SARIF_SCHEMA, descriptor, digest, rule_descriptor, unlinked
from loracle_contracts.report.sentences import place, truncation
from loracle_contracts.report.spool import Spool
from loracle_contracts.verdict import Profile, Violation

__all__ = ["SarifForm"]

# What a run can have to say of itself; GitHub wants all three texts.
_NOTIFICATIONS = {
    "could-not-be-checked": (
        "A source could not be checked.",
        "A file, or a part of one, could not be read or is not of a kind that holds payloads.",
        "Look at the reason; the other sources were checked all the same.",
    ),
    "truncated": (
        "Not all violations are listed.",
        "A payload breaks more rules than are listed of one payload.",
        "Mend what is listed and check again.",
    ),
}
_ROOT = "%SRCROOT%"  # the name that GitHub gives the root of the repository


class SarifForm:
    """Writes a log of one run; the results as they come, the rules that they name at the end."""

    def __init__(
        self, stream: TextIO, *, lints: LintLevel, profile: Profile, environment: Mapping[str, str]
    ) -> None:
        self._stream = stream
        self._lint_level = "error" if lints == "error" else "warning"
        self._profile: Profile = profile
        self._root = repository_root(environment)
        self._rules: dict[str, int] = {}
        self._notifications = Spool()
        self._separator = "\n"
        stream.write(f'{{"$schema":{dumped(SARIF_SCHEMA)},"version":"2.1.0","runs":[{{"results":[')

    def checked(self, checked: Checked, lints: tuple[Violation, ...]) -> None:
        """Writes a result for each violation and lint."""
        for violation in checked.verdict.violations:
            self._result(checked, violation, "error")
        for lint in lints:
            self._result(checked, lint, self._lint_level)
        if checked.verdict.truncated:
            self._notify("warning", "truncated", truncation(len(checked.verdict.violations)), checked)

    def unreadable(self, unreadable: Unreadable) -> None:
        """Keeps a notification."""
        self._notify("error", "could-not-be-checked", unreadable.reason, unreadable)

    def finish(self, counts: Counts) -> None:
        """Writes what SARIF wants to know of the run."""
        driver = {
            "name": "loracle",
            "version": version("loracle"),
            "rules": [rule_descriptor(rule, self._profile, self._lint_level) for rule in self._rules],
            "notifications": [descriptor(name, *texts) for name, texts in _NOTIFICATIONS.items()],
        }
        run = {
            "tool": {"driver": driver},
            "automationDetails": {"id": f"loracle/{self._profile}/"},
            "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
            "columnKind": "unicodeCodePoints",
            "properties": {"profile": self._profile, "payloads": counts.payloads},
        }
        success = "false" if counts.unreadable else "true"
        self._stream.write(f'\n],"invocations":[{{"executionSuccessful":{success}')
        if self._notifications:
            self._stream.write(',"toolExecutionNotifications":[\n')
            self._notifications.pour(self._stream)
            self._stream.write("\n]")
        # What begins with a brace follows here without it.
        self._stream.write(f"}}],{dumped(run)[1:]}]}}\n")

    def _result(self, checked: Checked, violation: Violation, level: str) -> None:
        index = self._rules.setdefault(violation.rule, len(self._rules))
        location = self._location(checked, violation)
        fingerprint = [checked.source, checked.place, violation.rule, violation.pointer, violation.got]
        result: dict[str, Any] = {
            "ruleId": violation.rule,
            "ruleIndex": index,
            "level": level,
            "message": {"text": _message(violation)},
            "locations": [location],
            "partialFingerprints": {"loracle/v1": digest(fingerprint)},
            "properties": {
                "operation": checked.verdict.operation,
                "part": checked.verdict.part,
                "recognised": checked.is_recognised,
                "place": checked.place,
                "source": str(violation.source),
            },
        }
        self._stream.write(self._separator + dumped(result))
        self._separator = ",\n"

    def _location(self, checked: Checked, violation: Violation) -> dict[str, Any]:
        # Where the line of a finding is not known, the payload's first line is.
        region = {"startLine": violation.line or checked.first_line}
        if violation.line and violation.column:
            region["startColumn"] = violation.column
        logical = {"fullyQualifiedName": place(violation)}
        if violation.in_ == "body":
            logical["kind"] = "value"
        return {
            "physicalLocation": {"artifactLocation": self._artifact(checked.source), "region": region},
            "logicalLocations": [logical],
        }

    def _notify(self, level: str, name: str, text: str, outcome: Outcome) -> None:
        location = {"physicalLocation": {"artifactLocation": self._artifact(outcome.source)}}
        notification = {
            "descriptor": {"id": name},
            "level": level,
            "message": {"text": unlinked(f"{outcome.place}: {text}" if outcome.place else text)},
            "locations": [location],
        }
        self._notifications.write((",\n" if self._notifications else "") + dumped(notification))

    def _artifact(self, source: str) -> dict[str, Any]:
        if source == "-":
            return {"uri": "stdin", "description": {"text": "standard input"}}
        inside = within(source, self._root)
        if inside is not None:
            return {"uri": _percent_encoded(inside), "uriBaseId": _ROOT}
        return {"uri": f"file://{_percent_encoded(Path(source).absolute().as_posix())}"}


def _message(violation: Violation) -> str:
    return unlinked(
        f"{place(violation)}: expected {violation.expected}, got {violation.got}. {violation.advice}"
    )


def _percent_encoded(path: str) -> str:
    try:
        data = path.encode("utf-8", "surrogateescape")  # the bytes of the name, where they are no UTF-8
    except UnicodeEncodeError:
        data = path.encode("utf-8", "backslashreplace")
    return quote(data, safe="/")
