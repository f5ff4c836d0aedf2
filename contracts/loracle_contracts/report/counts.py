"""What a report counted, the same in every format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from loracle_contracts.report.outcome import Checked
from loracle_contracts.verdict import Violation

__all__ = ["Counts", "LintLevel", "Subject"]

LintLevel = Literal["off", "warn", "error"]


class Subject(NamedTuple):
    """What payloads were checked as; `is_recognised`: the operation was found by their shape."""

    operation: str
    part: str
    is_recognised: bool

    def __str__(self) -> str:
        recognised = ", recognised by shape" if self.is_recognised else ""
        return f"{self.operation} {self.part}{recognised}"


@dataclass(slots=True)
class Counts:
    """How many payloads were checked, and what was found.

    `unreadable` counts the sources, and the parts of sources, that could not be checked. With lints
    "off", none are counted. `subjects` says how many payloads were checked as what.
    """

    level: LintLevel = "warn"
    payloads: int = 0
    invalid: int = 0
    violations: int = 0
    lints: int = 0
    unreadable: int = 0
    subjects: dict[Subject, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """How many findings break the contract: the violations and, with lints "error", the lints."""
        return self.violations + (self.lints if self.level == "error" else 0)

    def add(self, checked: Checked, lints: tuple[Violation, ...]) -> None:
        """Counts a payload that was checked, with those of its lints that are reported."""
        verdict = checked.verdict
        self.payloads += 1
        self.invalid += not verdict.valid
        self.violations += len(verdict.violations)
        self.lints += len(lints)
        subject = Subject(verdict.operation, verdict.part, checked.is_recognised)
        self.subjects[subject] = self.subjects.get(subject, 0) + 1
