"""What the proxy has seen so far, counted by operation; all of it is bounded, however long the run is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from loracle_contracts.oracle import Expectation
from loracle_mockserver.proxy.judgement import AnswerVerdict
from loracle_mockserver.proxy.latencies import Latencies

__all__ = ["OTHERS", "OperationTally", "Tally"]

# Names that a server makes up are counted one by one up to so many, and together from then on.
_MOST_NAMES = 100
OTHERS = "(others)"


@dataclass
class OperationTally:
    """The counts of one operation; of None what belongs to no operation of the contract.

    `client` counts the rules that requests broke, and for what no rule says, the reason of the refusal.
    `server` counts pairs of what was looked at and the rule, `undocumented` pairs of status and reason.
    """

    operation: str | None
    requests: int = 0
    invalid_requests: int = 0
    refused_requests: int = 0
    answers: int = 0
    invalid_answers: int = 0
    unjudged_answers: int = 0
    abandoned: int = 0
    client: Counter[str] = field(default_factory=Counter)
    server: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    undocumented: Counter[tuple[int, str | None]] = field(default_factory=Counter)
    unknown_members: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)

    @property
    def has_drift(self) -> bool:
        """Whether the contract was broken by either side, or the server does what it does not know."""
        return bool(self.client or self.server or self.undocumented or self.unknown_members)

    def request(self, expectation: Expectation) -> None:
        """Counts a request and the rules that it breaks."""
        self.requests += 1
        if expectation.refusal is None:
            return
        self.invalid_requests += 1
        rules = dict.fromkeys(violation.rule for violation in expectation.violations)
        self.client.update(list(rules) or [expectation.refusal.reason])

    def answer(self, status: int, verdict: AnswerVerdict, seconds: float) -> list[str]:
        """Counts an answer; gives the unknown members that are seen for the first time."""
        self.answers += 1
        self.statuses[status] += 1
        self.latencies.add(seconds)
        self.unjudged_answers += not verdict.is_judged
        self.invalid_answers += bool(verdict.mismatches)
        # A list repeats a mistake with each of its items; it counts once an answer.
        self.server.update(list(dict.fromkeys((one.check, one.rule) for one in verdict.mismatches)))
        if not verdict.is_documented:
            pair = (status, verdict.reason)
            room = len(self.undocumented) < _MOST_NAMES
            self.undocumented[pair if room or pair in self.undocumented else (status, OTHERS)] += 1
        return self._unknown(dict.fromkeys(verdict.unknown))

    def _unknown(self, pointers: Iterable[str]) -> list[str]:
        new = []
        for pointer in pointers:
            is_new = pointer not in self.unknown_members
            if is_new and len(self.unknown_members) >= _MOST_NAMES:
                self.unknown_members[OTHERS] += 1
                continue
            self.unknown_members[pointer] += 1
            if is_new:
                new.append(pointer)
        return new


class Tally:
    """The counts of all operations."""

    def __init__(self) -> None:
        self.operations: dict[str | None, OperationTally] = {}

    def of(self, operation: str | None) -> OperationTally:
        """The counts of one operation."""
        found = self.operations.get(operation)
        if found is None:
            found = self.operations[operation] = OperationTally(operation)
        return found

    @property
    def requests(self) -> int:
        """How many requests came."""
        return sum(counts.requests for counts in self.operations.values())

    @property
    def has_drift(self) -> bool:
        """Whether anything was not as the contract says."""
        return any(counts.has_drift for counts in self.operations.values())

    @property
    def has_failures(self) -> bool:
        """Whether some request got no whole answer, or one that could not be judged."""
        return any(counts.failures or counts.unjudged_answers for counts in self.operations.values())
