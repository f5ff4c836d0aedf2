"""Bodies with many mistakes each, which together hold nearly every mistake that there is.

Each mistake within an item of a list has a copy of the item to itself, as far as the list has room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Literal, NamedTuple

from loracle_contracts.fuzzing.bodies import ABSENT, Edit, Path, Raw, edited, encoded
from loracle_contracts.fuzzing.places import full_body, places
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS
from loracle_contracts.fuzzing.wrong_bodies import Mutation, mutations
from loracle_contracts.parse import MAX_BODY
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Profile

__all__ = ["Survey", "surveys"]

# How many bodies an operation gets. What fits into later ones is too little for a request.
_BODIES = {"createSubjectTraining": 24, "createStyleTraining": 20}
# How many mistakes a body holds: servers may cut a long list.
_MISTAKES = 100
_Damage = Literal["members", "shape", "type", "value", "likely value"]


class Survey(NamedTuple):
    """A body with these mistakes, and as few others as can be.

    A mistake within an item of a list is made in a copy of the item, and its `pointer` leads there.
    """

    operation: str
    mistakes: tuple[Mutation, ...]
    body: bytes


@cache
def surveys(
    operation: str,
    profile: Profile,
    base_model: str | None = None,
    asset_ids: tuple[str | int, ...] = UNKNOWN_ASSETS,
) -> tuple[Survey, ...]:
    """The bodies that together hold the most mistakes, those with the most first."""
    return tuple(_surveys(operation, profile, base_model, asset_ids))


def _surveys(
    operation: str, profile: Profile, base_model: str | None, asset_ids: tuple[str | int, ...]
) -> Iterator[Survey]:
    full = full_body(operation, base_model, asset_ids)
    left = [one for one in mutations(operation, profile, base_model, asset_ids) if one.pointer]
    room = _room(operation, full)
    wide = {one.body: None if _is_of_an_item(one, room) else _wide(one, full) for one in left}
    roots: list[Any] = [None, *sorted({root for root in wide.values() if root is not None})]
    ranks = _ranks(left)
    made, turn = 0, 0
    while left and made < _BODIES[operation]:
        # What leaves no room in a list or object has its turn in one of them at a time.
        root = roots[turn % len(roots)]
        turn += 1
        left.sort(
            key=lambda one: (wide[one.body] not in (None, root), wide[one.body] is None, ranks[one.body])
        )
        pack = _packed(left, full, room)
        body = encoded(edited(full, [edit for one in pack for edit in one.edits]))
        verdict = validate(body, operation, profile, limit=None)
        told = {(violation.rule, violation.pointer) for violation in verdict.violations}
        # One mistake may hide another, as the name of a component does its arguments.
        shown = [one for one in pack if (one.rule, one.pointer) in told]
        if not shown:
            return
        done = {one.body for one in shown}
        left = [one for one in left if one.body not in done]
        if len(body) <= MAX_BODY and not validate(body, operation, "lenient").valid:
            made += 1
            yield Survey(operation, tuple(shown), body)


def _ranks(mistakes: Iterable[Mutation]) -> dict[bytes, tuple[bool, int]]:
    """The order of one place's mistakes, by their bodies: one of each type, what is likely, the others."""
    seen: Counter[tuple[Path, type]] = Counter()
    ranks = {}
    for one in sorted(mistakes, key=lambda one: not one.is_likely):
        trait = one.edits[-1].path, type(one.edits[-1].value)
        ranks[one.body] = bool(seen[trait]) and not one.is_likely, seen[trait]
        seen[trait] += 1
    return ranks


def _wide(one: Mutation, full: Any) -> str | None:
    """The member in which the mistake leaves no room in a list or object; None where it leaves some."""
    for edit in one.edits:
        value = full
        for step in _claimed(edit):
            is_there = (
                step in value if isinstance(value, dict) else isinstance(step, int) and step < len(value)
            )
            value = value[step] if is_there else None
            if value is None:
                break
        if isinstance(value, (list, dict)):
            return str(edit.path[0])
    return None


def _room(operation: str, full: Any) -> dict[str, int]:
    """How many items there may be in each list of a body."""
    return {
        str(place.path[0]): place.schema["maxItems"]
        for place in places(operation, full)
        if len(place.path) == 1 and "maxItems" in place.schema
    }


def _is_of_an_item(mistake: Mutation, room: dict[str, int]) -> bool:
    name, *inner = mistake.edits[0].path
    return name in room and bool(inner)


def _packed(mistakes: Iterable[Mutation], full: Any, room: dict[str, int]) -> list[Mutation]:
    """The mistakes, from the first on, of which none is made within what another one claims."""
    pack: list[Mutation] = []
    claimed: set[Path] = set()
    # The claimed places and all that lead to them: whoever claims one of these claims what is taken.
    leading: set[Path] = set()
    counts = {name: len(full[name]) for name in room}
    damages: dict[str, _Damage] = {}
    for mistake in mistakes:
        if len(pack) == _MISTAKES:
            break
        name = str(mistake.edits[0].path[0])
        is_of_an_item = _is_of_an_item(mistake, room)
        # A reader that meets what it cannot read at all may not go on to what it would mend.
        damage = _damage(mistake, full)
        is_inside = len(mistake.edits[0].path) > 1
        if is_inside and damages.get(name, damage) != damage:
            continue
        if is_of_an_item and counts[name] == room[name]:
            continue
        made = _moved(mistake, full, counts[name]) if is_of_an_item else mistake
        paths = [_claimed(edit) for edit in made.edits]
        upwards = [path[:depth] for path in paths for depth in range(len(path) + 1)]
        if leading.isdisjoint(paths) and claimed.isdisjoint(upwards):
            pack.append(made)
            claimed.update(paths)
            leading.update(upwards)
            if is_inside:
                damages[name] = damage
            if is_of_an_item:
                counts[name] += 1
    return pack


def _damage(mistake: Mutation, full: Any) -> _Damage:
    """What is wrong: which members there are, the shape of the body, a value's type, or only the value."""
    path, wrong = mistake.edits[-1]
    holder: Any = full
    for step in path[:-1]:
        holder = holder[step]
    is_there = path[-1] in holder if isinstance(holder, dict) else path[-1] in range(len(holder))
    right = holder[path[-1]] if is_there else None
    if not is_there or wrong is ABSENT:
        return "members"
    if isinstance(right, (dict, list)):
        return "shape"
    if not isinstance(wrong, Raw) and type(wrong) is not type(right):
        return "type"
    return "likely value" if mistake.is_likely else "value"


def _moved(mistake: Mutation, full: Any, index: int) -> Mutation:
    """The same mistake in a copy of its item, which has this index in the list."""
    name, before, *_ = mistake.edits[0].path
    edits = [Edit((name, index, *edit.path[2:]), edit.value) for edit in mistake.edits]
    prefix = f"/{name}/{before}"
    if not mistake.pointer.startswith(prefix):
        raise ValueError(f"{mistake.title} is told at {mistake.pointer}, not within {prefix}")
    return mistake._replace(
        edits=(Edit((name, index), full[name][before]), *edits),
        pointer=f"/{name}/{index}{mistake.pointer.removeprefix(prefix)}",
    )


def _claimed(edit: Edit) -> Path:
    """What an edit leaves no room in: an object whose name is wrong is not looked at further."""
    *outer, last = edit.path
    return tuple(outer) if last == "name" and outer else edit.path
