"""Finds defaults of requests that changed: the same request then means something else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loracle_contracts.spec_diff.document import Place
from loracle_contracts.spec_diff.schema_form import json_key

__all__ = ["ChangedDefault", "changed_defaults"]

Json = Any
_INSIDE = ("properties", "patternProperties")
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class ChangedDefault:
    """What changed; `is_replaced` where one default took the place of another."""

    text: str
    is_replaced: bool


def changed_defaults(old: Place | None, new: Place | None) -> list[ChangedDefault]:
    """The defaults that differ between two schemas of requests, member by member."""
    before = dict(_defaults(old, "", 0, frozenset())) if old is not None else {}
    after = dict(_defaults(new, "", 0, frozenset())) if new is not None else {}
    found = []
    for pointer in [*before, *(pointer for pointer in after if pointer not in before)]:
        one, other = before.get(pointer), after.get(pointer)
        if one == other:
            continue
        where = f"Where {pointer} is left out" if pointer else "Where it is left out"
        if other is None:
            text = f"{where}, no default is named any more; it was {one}."
        elif one is None:
            text = f"{where}, {other} is now named as the default."
        else:
            text = f"{where}, {other} is meant now; it was {one}."
        found.append(ChangedDefault(text, one is not None and other is not None))
    return found


def _defaults(place: Place, pointer: str, depth: int, inside: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Each default as JSON, by the pointer of the member that it is for."""
    if isinstance(place.value, dict) and "default" in place.value and not place.document.is_30:
        yield pointer, _shown(place.value["default"])
    place = place.followed()
    if not isinstance(place.value, dict) or place.pointer in inside or depth > _DEEPEST:
        return
    inside |= {place.pointer}
    if "default" in place.value:
        yield pointer, _shown(place.value["default"])
    for keyword in _INSIDE:
        members = place.value.get(keyword)
        for name, schema in members.items() if isinstance(members, dict) else ():
            child = place.child(keyword, members).child(name, schema)
            yield from _defaults(child, f"{pointer}/{name}", depth + 1, inside)
    if "items" in place.value:
        items = place.child("items", place.value["items"])
        yield from _defaults(items, f"{pointer}/0", depth + 1, inside)
    for keyword in ("allOf", "anyOf", "oneOf"):
        branches = place.value.get(keyword)
        for i, branch in enumerate(branches if isinstance(branches, list) else ()):
            child = place.child(keyword, branches).child(i, branch)
            yield from _defaults(child, pointer, depth + 1, inside)


def _shown(value: Json) -> str:
    return json.dumps(json.loads(json_key(value)), ensure_ascii=False)
