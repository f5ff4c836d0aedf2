"""Layer `table`: bodies that break one rule each, made from the schema; every rule, in different ways.

A conforming server starts nothing. What lenient refuses as well comes first, so that a server which follows
lenient starts at most one training before the layer backs off.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from loracle_contracts.fuzzing.bodies import Edit, edited, encoded
from loracle_contracts.fuzzing.candidates import BEHIND_MANY, candidates
from loracle_contracts.fuzzing.places import full_body, places
from loracle_contracts.fuzzing.probe import Probe
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, known_base_models, plain_body
from loracle_contracts.oracle import CREATES
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Profile

__all__ = ["Mutation", "chosen", "mutations", "run"]

LAYER = "table"
# Of the requests of a run: how many bodies each operation gets.
_SHARES = {"createSubjectTraining": 182, "createStyleTraining": 50, "createUploadUrl": 16}
# What readers that convert types take, in the languages that servers are written in, and what is off by one:
# of all that is wrong this is what a server most likely lets through.
_LIKELY = re.compile(
    r"its text for (?:integer|number|boolean)|an empty text for (?:integer|number|boolean)"
    r"|a fraction for integer|true for (?:integer|number|string)|one for boolean|null for "
    r"|a (?:whole number|list of it) for string|a list of it for (?:object|integer|number)"
    r"|an object with it for array|absent|an unknown member$|a known member in capitals|upper case"
    r"|a capital in|a blank behind"
    r"|an empty text$|one (?:below|above|item|character)|the exclusive minimum$|blanks alone|zero$"
)


class Mutation(NamedTuple):
    """A body that breaks one rule. `value` is what stands at the place, `kind` how it was changed."""

    operation: str
    rule: str
    kind: str
    title: str
    value: Any
    position: str
    body: bytes
    lenient_refuses: bool


async def run(session: Session) -> None:
    """Sends the chosen mutations; those that the budget forbids are noted in one line."""
    options = session.options
    left_out: dict[str, set[str]] = defaultdict(set)
    model, assets = options.base_model or known_base_models()[0], options.asset_ids or UNKNOWN_ASSETS
    for mutation in chosen(options.profile, options.seed, model, assets):
        request = session.request(mutation.operation, mutation.body)
        probe = Probe(LAYER, mutation.title, request, mutation.rule)
        why_not = session.budget.refuses(probe, session.oracle.expect(request))
        if why_not is None:
            await session.send(probe)
        else:
            left_out[why_not].add(mutation.rule)
    for why, rules in left_out.items():
        shown = ", ".join(sorted(rules)[:3]) + (", ..." if len(rules) > 3 else "")
        session.skip(LAYER, f"further bodies that break one of {len(rules)} rules ({shown})", why)


def chosen(
    profile: Profile,
    seed: int,
    base_model: str | None = None,
    asset_ids: tuple[str | int, ...] = UNKNOWN_ASSETS,
) -> list[Mutation]:
    """The bodies to send, in order: every rule once, then what servers most likely let through.

    `base_model` and `asset_ids` are what the bodies name, so that nothing else is wrong with them.
    """
    # Of the seed come no secrets.
    source = random.Random(seed)  # noqa: S311
    usage: Counter[Any] = Counter()
    picked: list[Mutation] = []
    for operation, share in _SHARES.items():
        fresh = mutations(operation, profile, base_model, asset_ids)
        picked += _spread(fresh, share, source, usage)
    # Stable: the operations stay in their order.
    return sorted(picked, key=lambda one: not one.lenient_refuses)


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
    for rounds, is_wanted in ((1, _is_any), (share, _is_likely), (share, _is_any)):
        for rule in rules * rounds:
            left = [one for one in by_rule[rule] if is_wanted(one)]
            if not left:
                continue
            if taken == share:
                return
            best = min(left, key=lambda one: _wear(one, usage))
            by_rule[rule].remove(best)
            usage.update(_traits(best))
            taken += 1
            yield best


def _is_any(one: Mutation) -> bool:
    del one
    return True


def _is_likely(one: Mutation) -> bool:
    return _LIKELY.match(one.kind) is not None


def _traits(one: Mutation) -> list[tuple[str, ...]]:
    return [
        ("rule", one.rule),
        ("kind in rule", one.rule, one.kind),
        ("kind", one.kind),
        ("position", one.rule.rpartition(".")[2], one.position),
    ]


def _wear(one: Mutation, usage: Counter[Any]) -> tuple[int, ...]:
    # Whether a long list is looked through to its end, a short one does not tell.
    return one.kind != BEHIND_MANY, not _is_likely(one), *(usage[trait] for trait in _traits(one)[1:])


@cache
def mutations(
    operation: str,
    profile: Profile,
    base_model: str | None = None,
    asset_ids: tuple[str | int, ...] = UNKNOWN_ASSETS,
) -> tuple[Mutation, ...]:
    """Every body that differs from a valid one at one place and breaks exactly one rule."""
    return tuple(_mutations(operation, profile, full_body(operation, base_model, asset_ids)))


def _mutations(operation: str, profile: Profile, full: Any) -> Iterator[Mutation]:
    seen = set()
    for place in places(operation, full):
        for n, candidate in enumerate(candidates(place)):
            host = (
                full if n % 2 or operation not in CREATES else _small_host(operation, candidate.edits, full)
            )
            body = encoded(edited(host, candidate.edits))
            verdict = validate(body, operation, profile)
            if len(verdict.violations) != 1 or body in seen:
                continue
            seen.add(body)
            yield Mutation(
                operation,
                verdict.violations[0].rule,
                candidate.kind,
                candidate.title,
                candidate.edits[-1].value,
                "/".join(str(step) for step in place.path if isinstance(step, int)),
                body,
                not validate(body, operation, "lenient").valid,
            )


def _small_host(operation: str, edits: Iterable[Edit], full: Any) -> Any:
    """The plain body where the edits have a place in it, else the full one."""
    assets = [item["assets_id"] for item in full["image_dataset_items"]]
    plain = plain_body(operation, full["name"], full["base_model"], assets)
    holder: Any
    for path, _ in edits:
        if path[:1] == ("components",) and len(path) > 1:
            return full
        holder = plain
        for step in path[:-1]:
            if isinstance(step, int) and step >= len(holder):
                return full
            holder = holder[step]
        if path and isinstance(path[-1], int) and path[-1] >= len(holder):
            return full
    return plain
