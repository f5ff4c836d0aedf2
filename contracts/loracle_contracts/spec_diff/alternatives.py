"""The ways in which a schema can be met, each as a conjunction of plain schemas."""

from __future__ import annotations

import re
from typing import Any

from loracle_contracts.spec_diff.conjunction import resolved
from loracle_contracts.spec_diff.schema_form import IN_PLACE, IN_PLACE_LISTS, Schema

__all__ = ["View", "alternatives", "flat", "item_views", "member_views"]

Json = Any
# Schemas that bear on one place of a payload, each with the side that has its definitions.
View = list[tuple[Json, Schema]]

_MOST = 24


def flat(view: View) -> View:
    """Every schema that may say something of the same value, whether or not it has to hold."""
    found: View = []
    waiting = list(reversed(view))
    while waiting:
        node, side = waiting.pop()
        node = resolved(node, side)
        if not isinstance(node, dict):
            continue
        found.append((node, side))
        inner = [node[keyword] for keyword in IN_PLACE if keyword in node]
        inner += [one for keyword in IN_PLACE_LISTS for one in node.get(keyword, ())]
        inner += list(node.get("dependentSchemas", {}).values())
        waiting.extend((one, side) for one in reversed(inner))
    return found


def alternatives(view: View) -> list[View]:
    """Conjunctions of plain schemas: whatever meets all of one meets all of `view`, but for `not`.

    Of schemas with many choices the choices are varied one at a time, so that the list stays short.
    """
    found: list[View] = [[]]
    for node, side in view:
        found = _combined(found, _of_node(node, side))
    return found


def _of_node(node: Json, side: Schema) -> list[View]:
    node = resolved(node, side)
    if not isinstance(node, dict):
        return []
    found: list[View] = [[(node, side)]]
    for one in node.get("allOf", ()):
        found = _combined(found, _of_node(one, side))
    for keyword in ("anyOf", "oneOf"):
        if keyword in node:
            found = _combined(found, [one for branch in node[keyword] for one in _of_node(branch, side)])
    if "if" in node:
        unmet = _of_node(node.get("else", {}), side)
        met = _combined(_of_node(node["if"], side), _of_node(node.get("then", {}), side))
        found = _combined(found, unmet + met)
    return found


def _combined(some: list[View], others: list[View]) -> list[View]:
    if not some or not others:
        return []
    first = [[*some[0], *other] for other in others]
    return (first + [[*one, *others[0]] for one in some[1:]])[:_MOST]


def member_views(view: View, name: str) -> View:
    """What the schemas of a view say of the member of this name."""
    found: View = []
    for node, side in view:
        said = [node["properties"][name]] if name in node.get("properties", {}) else []
        said += [one for p, one in node.get("patternProperties", {}).items() if _matches(p, name)]
        if not said and "additionalProperties" in node:
            said = [node["additionalProperties"]]
        found.extend((one, side) for one in said)
    return found


def item_views(view: View, index: int) -> View:
    """What the schemas of a view say of the item at this index."""
    found: View = []
    for node, side in view:
        first = node.get("prefixItems", [])
        if index < len(first):
            found.append((first[index], side))
        elif "items" in node:
            found.append((node["items"], side))
        if "contains" in node:
            found.append((node["contains"], side))
    return found


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except (re.error, RecursionError, OverflowError):
        return False  # an expression of another dialect
