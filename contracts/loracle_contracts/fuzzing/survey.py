"""Asks about many mistakes at once: what a server names in its refusal, it knows.

A body with many mistakes is refused for any of them, so the status tells little; but many servers list what
is wrong. What is missing in the list is then tried alone, before all else. A server that breaks down over one
of the mistakes does so here, too.
"""

from __future__ import annotations

from typing import NamedTuple

from loracle_contracts.fuzzing.named import Named
from loracle_contracts.fuzzing.probe import Probe
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.survey_bodies import surveys
from loracle_contracts.oracle import CREATES

__all__ = ["SUBJECT", "Told", "survey"]

SUBJECT = "several rules at once"
# A server that names fewer of the mistakes than this share lists only the first ones, or none.
_LEAST_NAMED = 0.5


class Told(NamedTuple):
    """What refusals told: the bodies of the mistakes that they name, and of those that they do not."""

    named: frozenset[bytes] = frozenset()
    unnamed: frozenset[bytes] = frozenset()


async def survey(session: Session, layer: str, base_model: str, assets: tuple[str | int, ...]) -> Told:
    """Sends the bodies, as long as the server names most of the mistakes in them."""
    named: set[bytes] = set()
    unnamed: set[bytes] = set()
    for operation in CREATES:
        for one in surveys(operation, session.options.profile, base_model, assets):
            request = session.request(operation, one.body)
            probe = Probe(layer, f"{len(one.mistakes)} mistakes in one body", request, SUBJECT)
            if session.budget.refuses(probe, session.oracle.expect(request)) is not None:
                return Told(frozenset(named), frozenset(unnamed))
            exchange = await session.send(probe)
            if exchange is not None and exchange.is_accepted:
                unnamed |= {mistake.body for mistake in one.mistakes}
            answer = exchange.answer if exchange is not None else None
            if answer is None or not 400 <= answer.status < 500:
                continue
            told = Named(answer)
            missing = {mistake.body for mistake in one.mistakes if mistake.pointer not in told}
            if len(missing) > (1 - _LEAST_NAMED) * len(one.mistakes):
                break
            unnamed |= missing
            named |= {mistake.body for mistake in one.mistakes} - missing
    return Told(frozenset(named), frozenset(unnamed))
