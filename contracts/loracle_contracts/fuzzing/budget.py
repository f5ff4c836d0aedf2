"""The budget of trainings: planned ones, and those that a broken server starts by mistake."""

from __future__ import annotations

from collections import Counter
from typing import Any

from loracle_contracts.answers import is_accepted
from loracle_contracts.exchange import Answer
from loracle_contracts.fuzzing.probe import Failure, Probe
from loracle_contracts.oracle import CREATES, Expectation

__all__ = ["Budget"]

# Of the budget, what one layer may lose by mistake before it backs off.
_SHARE_OF_MISTAKES = 10


class Budget:
    """Counts the trainings that were started, or may have been, against `max_creates`.

    A training that a server starts although it must refuse counts. It is nobody's plan, so it cannot be
    prevented; but the layer that met it sends no more of the kind: with no budget it stops at once, else
    after a tenth of the budget.
    """

    def __init__(self, max_creates: int) -> None:
        self.max_creates = max_creates
        self.planned = 0
        """Trainings that were to start, and did."""
        self.mistakes: Counter[str] = Counter()
        """Trainings that a broken server started, by layer."""
        self._open = 0
        self._accepted: set[tuple[str, str]] = set()

    @property
    def spent(self) -> int:
        """All trainings that were started, or may have been."""
        return self.planned + self.mistakes.total()

    @property
    def left(self) -> int:
        """How many trainings may still be started, those under way counted as started."""
        return max(self.max_creates - self.spent - self._open, 0)

    def refuses(self, probe: Probe, expectation: Expectation) -> str | None:
        """Why the probe must not be sent, or None."""
        if expectation.starts_job:
            if not self.max_creates:
                return "it starts a training; allow some by --max-creates"
            return None if self.left else f"all {self.max_creates} trainings of --max-creates are spent"
        if not _is_create(expectation):
            is_upload = expectation.is_valid and probe.request.method in ("POST", "PUT")
            why = "it makes an upload; uploads go with trainings, allow some by --max-creates"
            return why if is_upload and not self.max_creates else None
        if (probe.layer, probe.subject) in self._accepted:
            return "the server accepted what breaks this rule"
        mistakes = self.mistakes[probe.layer]
        if mistakes and (not self.left or mistakes > self.max_creates // _SHARE_OF_MISTAKES):
            return f"the server started {mistakes} training(s) that it had to refuse; the layer backed off"
        return None

    def open(self, expectation: Expectation) -> int:
        """Reserves what the request may cost; to be given to `close`."""
        ticket = int(expectation.starts_job)
        self._open += ticket
        return ticket

    def close(
        self, ticket: int, probe: Probe, expectation: Expectation, outcome: Answer | Failure | None
    ) -> None:
        """Counts what the request cost; None as the outcome where it was not sent."""
        self._open -= ticket
        # What was sent and not answered may have started a training.
        may_have_started = isinstance(outcome, Failure) and outcome.kind != "refused"
        has_started = isinstance(outcome, Answer) and is_accepted(outcome)
        if ticket:
            self.planned += int(has_started or may_have_started)
        elif has_started and _is_create(expectation):
            self.mistakes[probe.layer] += 1
            self._accepted.add((probe.layer, probe.subject))


def _is_create(expectation: Any) -> bool:
    return expectation.operation is not None and expectation.operation.id in CREATES
