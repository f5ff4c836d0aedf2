"""Walks the contract as it is published (unions as oneOf), with a payload that holds all it allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from written_json import Path

from loracle_contracts import operations, spec

__all__ = [
    "Node",
    "full_payload",
    "item_schema",
    "json_type",
    "nodes",
    "request_operations",
    "required_rules",
    "rule_of",
]

_NOTE = ' 名前 é 😀 "\\/'


@dataclass(frozen=True)
class Node:
    """A value of a payload with the schema that judges it.

    `choices` are the values of an enum, a const or a tag; None where other values are free. `names`
    are the members that a closed object may have; None where it is open or no object.
    """

    path: Path
    value: Any
    schema: dict[str, Any]
    types: tuple[str, ...]
    choices: tuple[Any, ...] | None
    variants: tuple[dict[str, Any], ...]

    @property
    def names(self) -> tuple[str, ...] | None:
        return tuple(self.schema["properties"]) if self.schema.get("additionalProperties") is False else None


@cache
def _schemas() -> dict[str, Any]:
    return dict(json.loads(spec.read("openapi-strict.json"))["components"]["schemas"])


def request_operations() -> list[str]:
    """The operations that have a request body."""
    return [name for name, operation in operations().items() if operation.request]


def rule_of(schema: dict[str, Any], keyword: str) -> str:
    """The id of a rule as the contract writes it."""
    return str(schema["x-source"][keyword].get("rule", f"{schema['x-rule']}.{keyword}"))


def required_rules(schema: dict[str, Any]) -> dict[str, str]:
    """The rule of each member that an object must have."""
    return {
        name: rule_of(_resolved(schema["properties"][name])[0], "required")
        for name in schema.get("required", ())
    }


def item_schema(node: Node) -> dict[str, Any]:
    """The schema of the items of an array; of a union the first variant."""
    return _resolved(node.schema["items"])[0]


def full_payload(operation: str) -> Any:
    """A right payload with every member, every variant of every union, and text beyond ASCII."""
    return _full({"$ref": f"/{operations()[operation].request}"}, 0)


def nodes(operation: str, payload: Any) -> list[Node]:
    """Every value of a right payload, outermost first."""
    return list(_walk({"$ref": f"/{operations()[operation].request}"}, payload, (), ()))


def json_type(value: Any) -> str:
    """The JSON Schema type of a value; integer for whole numbers."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "integer" if value == int(value) else "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _resolved(schema: dict[str, Any]) -> tuple[dict[str, Any], tuple[dict[str, Any], ...], bool]:
    """The schema behind references, the variants where it is a union, and whether null is allowed."""
    if "$ref" in schema:
        return _resolved(_schemas()[schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        (inner, null) = schema["anyOf"]
        assert null == {"type": "null"}
        return (*_resolved(inner)[:2], True)
    if "oneOf" in schema:
        variants = tuple(_resolved(variant)[0] for variant in schema["oneOf"])
        return variants[0], variants, False
    return schema, (), False


def _full(schema: dict[str, Any], nth: int) -> Any:
    schema, variants, _ = _resolved(schema)
    if variants:
        schema = variants[nth % len(variants)]
    if "properties" in schema:
        return {name: _full(child, nth) for name, child in schema["properties"].items()}
    if "items" in schema:
        _, item_variants, _ = _resolved(schema["items"])
        return [_full(schema["items"], n) for n in range(2 * len(item_variants) or 2)]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][nth % len(schema["enum"])]
    examples = [example for example in schema.get("examples", ["text"]) if example is not None]
    chosen = examples[nth % len(examples)]
    is_free = isinstance(chosen, str) and "pattern" not in schema
    return chosen + _NOTE if is_free else chosen


def _walk(schema: dict[str, Any], value: Any, path: Path, tags: tuple[Any, ...]) -> Iterator[Node]:
    schema, variants, has_null = _resolved(schema)
    tag_name = None
    if variants:
        (tag_name,) = {
            name
            for name in variants[0]["properties"]
            if all("const" in v["properties"][name] for v in variants)
        }
        (schema,) = [v for v in variants if v["properties"][tag_name]["const"] == value[tag_name]]
    choices = tags or ((schema["const"],) if "const" in schema else tuple(schema.get("enum", ()))) or None
    said = schema.get("type", ())
    types = (said,) if isinstance(said, str) else tuple(said)
    if not types and choices:
        types = tuple({json_type(choice) for choice in choices})
    yield Node(path, value, schema, (*types, "null") if has_null else types, choices, variants)
    if isinstance(value, dict):
        for name, child in value.items():
            of_tag = tuple(v["properties"][name]["const"] for v in variants) if name == tag_name else ()
            yield from _walk(schema["properties"][name], child, (*path, name), of_tag)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _walk(schema["items"], child, (*path, index), ())
