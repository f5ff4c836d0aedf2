"""Single edits of a payload, guided by the schemas on both sides: the neighbours among which a witness is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loracle_contracts.spec_diff.alternatives import View, flat, item_views, member_views
from loracle_contracts.spec_diff.structure import same
from loracle_contracts.spec_diff.values import candidates, distinct, other_names

__all__ = ["edited"]

Json = Any
_MOST_ITEMS = 1_100


def edited(value: Json, old: View, new: View, *, everywhere: bool) -> Iterator[Json]:
    """The value with one edit, for each edit that may tell the two views apart.

    With `everywhere` also at places of which both say the same, because a condition may depend on them.
    The value is not changed.
    """
    old, new = flat(old), flat(new)
    if not everywhere and _alike(old, new):
        return
    both = old + new
    yield from distinct(candidates(both))
    if isinstance(value, dict):
        yield from _members(value, old, new, everywhere=everywhere)
    elif isinstance(value, list):
        yield from _items(value, old, new, everywhere=everywhere)


def _members(value: dict[str, Json], old: View, new: View, *, everywhere: bool) -> Iterator[Json]:
    both = old + new
    for name in value:
        yield {key: one for key, one in value.items() if key != name}
    named = dict.fromkeys(
        name for node, _ in both for name in (*node.get("properties", {}), *node.get("required", ()))
    )
    for name in [*named, *other_names(both)]:
        if name not in value:
            for one in distinct(candidates(member_views(both, name))):
                yield {**value, name: one}
    bounds = [
        node[keyword] for node, _ in both for keyword in ("minProperties", "maxProperties") if keyword in node
    ]
    for count in sorted({int(bound) + d for bound in bounds for d in (-1, 0, 1)}):
        if len(value) < count <= _MOST_ITEMS:
            yield value | {f"member{i}": 1 for i in range(count - len(value))}
    for name, one in value.items():
        for other in edited(one, member_views(old, name), member_views(new, name), everywhere=everywhere):
            yield {**value, name: other}


def _items(value: list[Json], old: View, new: View, *, everywhere: bool) -> Iterator[Json]:
    both = old + new
    for i in range(len(value)):
        yield value[:i] + value[i + 1 :]
    for one in distinct(candidates(item_views(both, len(value)))):
        yield [*value, one]
    if value:
        yield [*value, value[-1]]
        bounds = [
            node[keyword] for node, _ in both for keyword in ("minItems", "maxItems") if keyword in node
        ]
        for length in sorted({int(bound) + d for bound in bounds for d in (-1, 0, 1)}):
            if 0 <= length <= _MOST_ITEMS:
                yield (value * (length // len(value) + 1))[:length]
    for i, item in enumerate(value[:3]):
        for other in edited(item, item_views(old, i), item_views(new, i), everywhere=everywhere):
            yield [*value[:i], other, *value[i + 1 :]]


def _alike(old: View, new: View) -> bool:
    return len(old) == len(new) and all(
        same(one, one_side, other, other_side)
        for (one, one_side), (other, other_side) in zip(old, new, strict=True)
    )
