"""Findings: what is wrong with the server, grouped by cause, each with the requests that show it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from loracle_contracts.fuzzing.probe import Exchange
from loracle_contracts.verdict import Source

__all__ = ["Finding", "Findings", "NotChecked"]

_SHOWN = 5


@dataclass
class Finding:
    """One cause. `check` says what was looked at, `subject` what it is about: a rule id, or a property.

    `expected` and `got` are texts. `exchanges` are the requests that show it, in order, the first case
    only; `occurrences` counts all cases, `operations` says where they were. `rule` is the contract's rule
    with its `source`, where there is one. `vanishes_under_lenient` says that the lenient profile allows it.
    `steps` are the requests to repeat, where the finding is about how several fit together.
    """

    check: str
    subject: str
    layer: str
    title: str
    expected: str
    got: str
    exchanges: tuple[Exchange, ...]
    operations: list[str]
    rule: str | None = None
    source: Source | None = None
    vanishes_under_lenient: bool = False
    is_relation: bool = False
    occurrences: int = 1

    @property
    def cause(self) -> tuple[str, str]:
        """What makes two findings one."""
        return self.check, self.subject


@dataclass(frozen=True)
class NotChecked:
    """Something that could not be checked, and why; `layer` is who would have."""

    layer: str
    what: str
    why: str


@dataclass
class Findings:
    """All findings of a run by their cause, in the order in which they were found."""

    _by_cause: dict[tuple[str, str], Finding] = field(default_factory=dict)

    def add(self, finding: Finding) -> bool:
        """Whether it is a new one; one more of a known cause is counted with the first."""
        known = self._by_cause.get(finding.cause)
        if known is None:
            self._by_cause[finding.cause] = finding
            return True
        known.occurrences += 1
        # It is only lenient's business where all cases are.
        known.vanishes_under_lenient = known.vanishes_under_lenient and finding.vanishes_under_lenient
        known.operations += [name for name in finding.operations if name not in known.operations]
        return False

    def remove(self, finding: Finding) -> None:
        """Takes a finding out."""
        del self._by_cause[finding.cause]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._by_cause.values())

    def __len__(self) -> int:
        return len(self._by_cause)
