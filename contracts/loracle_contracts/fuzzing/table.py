"""Layer `table`: bodies that break one rule each, made from the schema; every rule, in different ways.

There are more such bodies than requests. A server that names what is wrong is asked by `survey` first; what
it does not name is sent alone before the rest.

A conforming server starts nothing. What lenient refuses as well comes first, so that a server which follows
lenient starts at most one training before the layer backs off.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from loracle_contracts.fuzzing.candidates import BEHIND_MANY
from loracle_contracts.fuzzing.effects import tell_started
from loracle_contracts.fuzzing.findings import Findings
from loracle_contracts.fuzzing.places import NAME
from loracle_contracts.fuzzing.probe import Exchange, Probe
from loracle_contracts.fuzzing.readings import readings
from loracle_contracts.fuzzing.reads import task_list
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.survey import SUBJECT, Told, survey
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, known_base_models
from loracle_contracts.fuzzing.wrong_bodies import Mutation, mutations
from loracle_contracts.oracle import CREATES
from loracle_contracts.verdict import Profile

__all__ = ["chosen", "run"]

LAYER = "table"
NOTHING_TOLD = Told()
# How many requests the layer gets of a run that has no more than _USUAL, of more also half of those beyond;
# and how many are enough where the server lists mistakes. The operations share what breaks one rule.
MOST = 205
_ENOUGH = 160
_USUAL = 700
# Of what the survey leaves over: what goes to mistakes that the server has named once.
_AGAIN = 0.5
_SHARES = {"createSubjectTraining": 0.68, "createStyleTraining": 0.22, "createUploadUrl": 0.1}
# Where the survey has asked about most of the others.
_SHARES_AFTER_A_SURVEY = {"createSubjectTraining": 0.45, "createStyleTraining": 0.3, "createUploadUrl": 0.25}


async def run(session: Session) -> None:
    """Sends the chosen mutations; those that the budget forbids are noted in one line."""
    before = await task_list(session, LAYER)
    sent = await _send(session)
    _leave_out_the_survey(session.findings)
    await tell_started(session, LAYER, NAME, before, sent)


async def _send(session: Session) -> list[Exchange]:
    options = session.options
    left_out: dict[str, set[str]] = defaultdict(set)
    sent: list[Exchange | None] = []
    model, assets = options.base_model or known_base_models()[0], options.asset_ids or UNKNOWN_ASSETS
    for operation in CREATES:
        for title, body in readings(operation, model, assets):
            probe = Probe(LAYER, title, session.request(operation, body), title)
            if session.budget.refuses(probe, session.oracle.expect(probe.request)) is None:
                sent.append(await session.send(probe))
    told = await survey(session, LAYER, model, assets)
    most = (_ENOUGH if told.named else MOST) + max(options.max_requests - _USUAL, 0) // 2
    left = max(most - session.sent[LAYER] - 1, 0)  # one to look at the list afterwards
    for mutation in chosen(options.profile, options.seed, model, assets, told=told, most=left):
        request = session.request(mutation.operation, mutation.body)
        probe = Probe(LAYER, mutation.title, request, mutation.rule)
        why_not = session.budget.refuses(probe, session.oracle.expect(request))
        if why_not is None:
            sent.append(await session.send(probe))
        else:
            left_out[why_not].add(mutation.rule)
    for why, rules in left_out.items():
        shown = ", ".join(sorted(rules)[:3]) + (", ..." if len(rules) > 3 else "")
        session.skip(LAYER, f"further bodies that break one of {len(rules)} rules ({shown})", why)
    return [exchange for exchange in sent if exchange is not None]


def _leave_out_the_survey(findings: Findings) -> None:
    """That many mistakes at once were accepted says nothing more, once one of them alone was."""
    accepted = [one for one in findings if one.check == "accepted" and one.layer == LAYER]
    for finding in accepted:
        if finding.subject == SUBJECT and len(accepted) > 1:
            findings.remove(finding)


def chosen(
    profile: Profile,
    seed: int,
    base_model: str | None = None,
    asset_ids: tuple[str | int, ...] = UNKNOWN_ASSETS,
    *,
    told: Told = NOTHING_TOLD,
    most: int = MOST,
) -> list[Mutation]:
    """The bodies to send, in order: every rule once, then what servers most likely let through.

    `base_model` and `asset_ids` are what the bodies name, so that nothing else is wrong with them. What the
    server did not name in the survey comes first, what it named last. There are at most `most`.
    """
    # Of the seed come no secrets.
    source = random.Random(seed)  # noqa: S311
    usage: Counter[Any] = Counter()
    picked: list[Mutation] = []
    every_one = {name: mutations(name, profile, base_model, asset_ids) for name in _SHARES}
    parts = _SHARES_AFTER_A_SURVEY if told.named else _SHARES
    for operation, share in _shares(most, parts, {name: len(every_one[name]) for name in parts}).items():
        every = every_one[operation]
        named = [one for one in every if one.body in told.named]
        unnamed = [one for one in every if one.body in told.unnamed]
        likely: list[Mutation] = []
        others: list[Mutation] = []
        for one in every:
            if one.body not in told.named and one.body not in told.unnamed:
                (likely if named and one.is_likely else others).append(one)
        first: list[Mutation] = []
        for group in (unnamed, likely):
            first += _spread(group, share - len(first), source, usage)
        left = share - len(first)
        # What a server names beside other mistakes it may yet take alone.
        again = list(_spread(named, max(round(left * _AGAIN), left - len(others)), source, usage))
        picked += [*first, *_spread(others, left - len(again), source, usage), *again]
    # Stable: the operations stay in their order.
    return sorted(picked, key=lambda one: not one.lenient_refuses)


def _shares(most: int, parts: Mapping[str, float], sizes: Mapping[str, int]) -> dict[str, int]:
    """How many of `most` each operation gets; none more than it has, as long as another one has room."""
    shares: dict[str, int] = {}
    left, weight = most, 1.0
    for name in sorted(parts, key=lambda name: sizes[name] / parts[name]):
        shares[name] = min(round(left * parts[name] / weight), sizes[name])
        left -= shares[name]
        weight -= parts[name]
    return {name: shares[name] for name in parts}


def _spread(
    fresh: Iterable[Mutation], share: int, source: random.Random, usage: Counter[Any]
) -> Iterator[Mutation]:
    """Takes turns over the rules; each time the mutation whose kind and place were tried least so far."""
    by_rule: dict[str, list[Mutation]] = defaultdict(list)
    for mutation in fresh:
        by_rule[mutation.rule].append(mutation)
    # What no operation before has tried comes first.
    rules = sorted(by_rule, key=lambda rule: (usage["rule", rule], source.random()))
    for rule in rules:
        source.shuffle(by_rule[rule])
    taken = 0
    for rounds, only_likely in ((1, False), (share, True), (share, False)):
        for rule in rules * rounds:
            left = [one for one in by_rule[rule] if one.is_likely or not only_likely]
            if not left:
                continue
            if taken == share:
                return
            best = min(left, key=lambda one: _wear(one, usage))
            by_rule[rule].remove(best)
            usage.update(_traits(best))
            taken += 1
            yield best


def _traits(one: Mutation) -> list[tuple[str, ...]]:
    return [
        ("rule", one.rule),
        ("kind in rule", one.rule, one.kind),
        ("kind", one.kind),
        ("position", one.rule.rpartition(".")[2], one.position),
    ]


def _wear(one: Mutation, usage: Counter[Any]) -> tuple[int, ...]:
    # Whether a long list is looked through to its end, a short one does not tell.
    return one.kind != BEHIND_MANY, not one.is_likely, *(usage[trait] for trait in _traits(one)[1:])
