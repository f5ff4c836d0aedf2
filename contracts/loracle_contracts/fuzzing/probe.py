"""A probe is one request with a purpose; an exchange is the probe with what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from loracle_contracts.answers import Mismatch, is_accepted
from loracle_contracts.exchange import Answer, Request
from loracle_contracts.oracle import Expectation

__all__ = ["NOT_ACCEPTED", "Exchange", "Failure", "Probe"]

NOT_ACCEPTED = ("refused", "no-answer")
"""The checks that fail where a valid request was not done."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One request that is sent to learn something.

    `layer` is who sends it, `title` says in one phrase what is tried. `subject` is what it is about, most
    often a rule id; findings about one subject are one finding. `demand` replaces, where there is one, the
    oracle's answer: what the contract wants depends on the server's state, and the layer knows it.
    """

    layer: str
    title: str
    request: Request
    subject: str
    demand: Expectation | None = None


class Failure(NamedTuple):
    """Why there is no answer: `kind` is timeout, reset, refused or protocol; `text` what the library said."""

    kind: str
    text: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """A probe that was sent: what was expected, what came, and what of it the contract does not allow.

    `url` is the whole address of an upload, or None where the request went to the server itself.
    """

    probe: Probe
    expectation: Expectation
    outcome: Answer | Failure
    mismatches: tuple[Mismatch, ...] = ()
    url: str | None = None

    @property
    def answer(self) -> Answer | None:
        """The answer, or None where there was none."""
        return self.outcome if isinstance(self.outcome, Answer) else None

    @property
    def is_accepted(self) -> bool:
        """Whether the server answered that it did what was asked."""
        return isinstance(self.outcome, Answer) and is_accepted(self.outcome)
