"""For every rule of a request body one value that breaks it, made from the contract's schemas."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from contract_walk import Node, item_schema, json_type, nodes, required_rules, rule_of
from mistakes import with_value

from broken_servers.right_bodies import STYLE, SUBJECT, plain

__all__ = ["SchemaMistake", "mistakes_of"]


class SchemaMistake(NamedTuple):
    """A body that breaks just this rule; `kind` tells values of a wrong type apart, else it is empty."""

    rule: str
    kind: str
    body: Any


_TOO_DIFFERENT = {"null": None, "text": "7", "boolean": True, "number": 7, "array": []}


@cache
def mistakes_of(operation: str) -> tuple[SchemaMistake, ...]:
    """Each rule once (of wrong types: some of the ways), in the order of the schema."""
    body = plain(operation)
    found: dict[tuple[str, str], SchemaMistake] = {}
    for node in nodes(operation, body):
        for rule, kind, path, value in _mistakes(node):
            broken = value if path is None else with_value(body, path, value)
            found.setdefault((rule, kind), SchemaMistake(rule, kind, broken))
    chosen = tuple(found.values())
    return _unlike(chosen) if operation == STYLE else chosen


def _unlike(of_style: tuple[SchemaMistake, ...]) -> tuple[SchemaMistake, ...]:
    """What is there for style only, and the first mistake of each keyword: most schemas are shared."""
    of_subject = {(mistake.rule, mistake.kind) for mistake in mistakes_of(SUBJECT)}
    keywords: set[str] = set()
    chosen = []
    for mistake in of_style:
        keyword = mistake.rule.rpartition(".")[2]
        if (mistake.rule, mistake.kind) not in of_subject or keyword not in keywords:
            keywords.add(keyword)
            chosen.append(mistake)
    return tuple(chosen)


_Found = tuple[str, str, Any, Any]


def _mistakes(node: Node) -> Iterator[_Found]:
    for make in (_types, _bounds, _texts, _members, _arrays):
        yield from make(node)


def _types(node: Node) -> Iterator[_Found]:
    if "type" not in node.schema:
        if node.choices:
            keyword = "const" if "const" in node.schema else "enum"
            yield rule_of(node.schema, keyword), "", node.path, "other"
        return
    rule = rule_of(node.schema, "type")
    if "integer" in node.types:
        yield rule, "fraction", node.path, node.schema["minimum"] + 0.5
    # The nullable members take turns with the ways to be of a wrong type.
    wrong = [kind for kind, value in _TOO_DIFFERENT.items() if json_type(value) not in _widened(node.types)]
    kind = wrong[0] if wrong[0] == "null" else wrong[len(str(node.path)) % len(wrong)]
    yield rule, kind, node.path, _TOO_DIFFERENT[kind]


def _widened(types: tuple[str, ...]) -> tuple[str, ...]:
    return (*types, "integer") if "number" in types else types


def _bounds(node: Node) -> Iterator[_Found]:
    for keyword, step in (("minimum", -1), ("exclusiveMinimum", 0), ("maximum", 1)):
        if keyword in node.schema:
            yield rule_of(node.schema, keyword), "", node.path, node.schema[keyword] + step


def _texts(node: Node) -> Iterator[_Found]:
    schema = node.schema
    if "minLength" in schema:
        yield rule_of(schema, "minLength"), "", node.path, "x" * (schema["minLength"] - 1)
    if "maxLength" in schema:
        long = " " * schema["maxLength"] + str(node.value) if "pattern" in schema else "x"
        yield rule_of(schema, "maxLength"), "", node.path, long.ljust(schema["maxLength"] + 1, "x")
    if "pattern" in schema:
        yield rule_of(schema, "pattern"), "", node.path, " " if "integer" in node.types else "0"


def _members(node: Node) -> Iterator[_Found]:
    if not isinstance(node.value, dict):
        return
    for name, rule in required_rules(node.schema).items():
        without = {member: value for member, value in node.value.items() if member != name}
        yield rule, "", *_replaced(node, without)
    if node.names is not None:
        added = {**node.value, "unheard_of": 1}
        yield rule_of(node.schema, "additionalProperties"), "", *_replaced(node, added)
    if "then" in node.schema:
        (name,) = node.schema["then"]["required"]
        yield rule_of(node.schema, "then"), "", (*node.path, name), None


def _replaced(node: Node, value: Any) -> tuple[Any, Any]:
    return (node.path, value) if node.path else (None, value)


def _arrays(node: Node) -> Iterator[_Found]:
    if not isinstance(node.value, list):
        return
    yield rule_of(item_schema(node), "type"), "null", node.path, [*node.value, None]
    if "minItems" in node.schema:
        yield rule_of(node.schema, "minItems"), "", node.path, []
    most = node.schema["maxItems"]
    yield rule_of(node.schema, "maxItems"), "", node.path, (node.value * (most + 1))[: most + 1]
