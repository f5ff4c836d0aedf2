"""Takes a schema apart into the parts that all have to hold."""

from __future__ import annotations

from typing import Any

from loracle_contracts import containment
from loracle_contracts.spec_diff.schema_form import Schema, definition

__all__ = ["NUMBERS_AND_TEXTS", "TYPES", "Parts", "of_one_type", "parts", "possible_types", "resolved"]

Json = Any
Parts = list[dict[str, Json]]

TYPES: tuple[str, ...] = ("null", "boolean", "number", "string", "array", "object")
NUMBERS_AND_TEXTS = (
    "type", "enum", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
    "minLength", "pattern", "format",
)  # fmt: skip


def resolved(node: Json, side: Schema) -> Json:
    """The schema itself, or what it refers to."""
    while isinstance(node, dict) and "$ref" in node:
        node = side.definitions[definition(node["$ref"])]
    return node


def parts(node: dict[str, Json], side: Schema) -> Parts:
    """Schemas without allOf that all have to hold, the schema's own keywords first."""
    found = [{keyword: value for keyword, value in node.items() if keyword != "allOf"}]
    for one in node.get("allOf", ()):
        inner = resolved(one, side)
        if inner is False:
            found.append({"not": {}})
        else:
            found.extend(parts(inner, side))
    return found


def possible_types(known: Parts) -> set[str]:
    """The types that a value may have; integers are numbers."""
    types = set(TYPES)
    for one in known:
        if "type" in one:
            types &= {"number" if kind == "integer" else kind for kind in one["type"]}
        if "enum" in one:
            types &= {_type(value) for value in one["enum"]}
    return types


def of_one_type(node: Json, side: Schema, kind: str) -> Json:
    """The schema for values of this type only, without what does not concern them."""
    only = {"type": [kind]}
    node = resolved(node, side)
    if node is False:
        return False
    kept: dict[str, Json] = {}
    also: list[Json] = []
    for keyword, value in node.items():
        if keyword in ("if", "then", "else"):
            continue
        if keyword == "type":
            wanted = {kind, "integer"} if kind == "number" else {kind}
            if not wanted & set(value):
                return False
            kept["type"] = sorted(wanted & set(value))
        elif keyword in ("anyOf", "oneOf"):
            branches = [of_one_type(branch, side, kind) for branch in value]
            branches = [branch for branch in branches if branch is not False]
            if not branches:
                return False
            if len(branches) == 1:
                also.append(branches[0])
            else:
                kept[keyword] = branches
        elif keyword == "allOf":
            also.extend(of_one_type(one, side, kind) for one in value)
        else:
            kept[keyword] = value
    if "if" in node:
        condition = side.root(node["if"])
        if containment.containment(condition, only) == "yes":
            also.append(of_one_type(node.get("then", {}), side, kind))
        elif containment.disjoint(condition, only):
            also.append(of_one_type(node.get("else", {}), side, kind))
        else:
            kept |= {keyword: node[keyword] for keyword in ("if", "then", "else") if keyword in node}
    if False in also:
        return False
    return {**only, **kept, **({"allOf": also} if also else {})}


def _type(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
