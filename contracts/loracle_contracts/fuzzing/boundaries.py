"""Layer `boundaries`: valid values at the edges of every rule, many to a body.

A body that is refused is taken apart until the value is known that is to blame.
"""

from __future__ import annotations

from loracle_contracts.fuzzing.baseline import baseline
from loracle_contracts.fuzzing.edge_values import EdgeValue, edge_values
from loracle_contracts.fuzzing.packing import Pack, packed, written
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.trials import Trials, trials_of
from loracle_contracts.oracle import CREATES

__all__ = ["plan", "run"]

LAYER = "boundaries"
_BODIES = 28
# Of what is left of the budget, where pairs of values are to be tried as well.
_SHARE = 0.57
_SHARE_OF_STYLE = 0.4


async def run(session: Session) -> None:
    """Sends the bodies, the cheap ones first, and says which values the budget did not reach."""
    known = await baseline(session)
    if known.problem is not None:
        session.skip(LAYER, "valid values at the edges of the rules", known.problem)
        return
    left = session.budget.left
    if not left:
        why = "the budget of trainings did not reach them"
        session.skip(LAYER, "valid values at the edges of the rules", why)
        return
    trials = {operation: trials_of(session, operation, known) for operation in CREATES}
    bodies = round(left * _SHARE) if "pairwise" in session.options.layers else left
    packs = plan(trials, max(min(bodies, _BODIES), 1))
    for pack in packs:
        for group in _apart(pack, trials):
            if not await trials[pack.operation].check(LAYER, group):
                break
    for operation, one in trials.items():
        why = one.stopped or "the budget of trainings did not reach it"
        one.skips(LAYER, _of_interest(operation, one), why)


def plan(trials: dict[str, Trials], bodies: int) -> list[Pack]:
    """So many bodies at most, over all operations; those with a long training come last."""
    subject, style = CREATES
    of_style = round(bodies * _SHARE_OF_STYLE)
    packs = []
    for operation, number in ((subject, bodies - of_style), (style, of_style)):
        one = trials[operation]
        usable = [value for value in _of_interest(operation, one) if one.is_usable(value)]
        packs += packed(operation, usable, number, one.known)[0]
    return sorted(packs, key=lambda pack: pack.is_costly)


def _of_interest(operation: str, trials: Trials) -> list[EdgeValue]:
    """The values that change the body; the others were accepted with the baseline."""
    values = edge_values(operation, trials.session.options.seed)
    plain = written(operation, [], trials.known, "")
    return [value for value in values if written(operation, [value], trials.known, "") != plain]


def _apart(pack: Pack, trials: dict[str, Trials]) -> list[list[EdgeValue]]:
    """The values of a pack; one that another operation refuses goes alone: that is free."""
    bad = {value.title for one in trials.values() for value in one.refused}
    alone = [[value] for value in pack.values if value.title in bad]
    rest = [value for value in pack.values if value.title not in bad]
    return [*alone, rest] if rest else alone
