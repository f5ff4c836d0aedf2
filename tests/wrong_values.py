"""Single mistakes in the values of a right payload, made from the schema of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from contract_walk import Node, item_schema, rule_of
from mistakes import Edit, Target, with_value, wrong_value
from typos import typos
from written_json import Literal, Path

__all__ = ["wrong_values"]


def wrong_values(node: Node, payload: Any) -> Iterator[Edit]:
    """Every way in which the value of one node may be wrong."""
    for make in (_types, _bounds, _texts, _choices, _lengths, _items, _tokens):
        yield from make(node, payload)


# Of each type some values; of numbers with a bound, one within it is taken instead.
_OF_TYPE: dict[str, tuple[Any, ...]] = {
    "null": (None,),
    "boolean": (True, False),
    "integer": (7, -7, 7.0),
    "number": (7.25, -0.5),
    "string": ("text", "512", ""),
    "array": ([], [1]),
    "object": ({}, {"a": 1}),
}


def _types(node: Node, payload: Any) -> Iterator[Edit]:
    keyword = "type" if "type" in node.schema else "const" if "const" in node.schema else "enum"
    for name, values in _OF_TYPE.items():
        if name in node.types or (name == "integer" and "number" in node.types):
            continue
        is_bounded = name == "number" and "minimum" in node.schema
        for value in (node.schema["minimum"] + 0.5,) if is_bounded else values:
            kind = f"{name} for {' or '.join(node.types)}"
            yield wrong_value(kind, node.path, payload, value, rule_of(node.schema, keyword))


def _bounds(node: Node, payload: Any) -> Iterator[Edit]:
    beyond = {
        "minimum": lambda m: (m - 1, m - 1000, -(2**63)),
        "exclusiveMinimum": lambda m: (m, m - 1, -1e-300),
        "maximum": lambda m: (m + 1, m + 1000, 2**64, 1e300),
    }
    for keyword, outside in beyond.items():
        if keyword in node.schema:
            for value in outside(node.schema[keyword]):
                yield wrong_value(keyword, node.path, payload, value, rule_of(node.schema, keyword))
    if node.schema.get("maximum") == 1:
        yield wrong_value("maximum", node.path, payload, 1.0000001, rule_of(node.schema, "maximum"))


_TEXTS = ("", " ", "\n", "0", "00", "-1", "+1", "1e3", "1.", ".5", "0x10", "1,5", "one", "٣", "5 12", "1.0.0")


def _texts(node: Node, payload: Any) -> Iterator[Edit]:
    schema = node.schema
    if "minLength" in schema:
        for short in {"x" * (schema["minLength"] - 1), ""}:
            yield wrong_value("minLength", node.path, payload, short, rule_of(schema, "minLength"))
    if "maxLength" in schema and "pattern" not in schema:
        for letter in ("x", "é", "😀"):
            long = letter * (schema["maxLength"] + 1)
            yield wrong_value("maxLength", node.path, payload, long, rule_of(schema, "maxLength"))
    if "maxLength" in schema and "pattern" in schema:
        long = " " * schema["maxLength"] + str(schema["examples"][0])
        yield wrong_value("maxLength", node.path, payload, long, rule_of(schema, "maxLength"))
    if "pattern" in schema:
        own = str(node.value)
        for text in (*_TEXTS, own + "x", "x" + own, own.replace(".", "x"), own[:-1] + "é"):
            if not re.search(schema["pattern"], text):
                yield wrong_value("pattern", node.path, payload, text, rule_of(schema, "pattern"))


def _choices(node: Node, payload: Any) -> Iterator[Edit]:
    """A word that is not among the allowed ones, misspelt or another; also a tag of another variant."""
    words = [choice for choice in node.choices or () if isinstance(choice, str)]
    keyword = "const" if "const" in node.schema else "enum"
    for text in ("", " ", "other", "名前", "x" * 300):
        if words:
            yield wrong_value(f"other {keyword}", node.path, payload, text, rule_of(node.schema, keyword))
    # A tag must stay near to what the rest of the value is.
    for word in [node.value] if keyword == "const" else words:
        for typo in typos(word, len(node.path)):
            if typo not in words:
                yield wrong_value(
                    f"misspelt {keyword}", node.path, payload, typo, rule_of(node.schema, keyword)
                )
    if len(node.variants) > 1:
        yield from _other_tags(node, payload)


def _other_tags(node: Node, payload: Any) -> Iterator[Edit]:
    own = {name: schema.get("const") for name, schema in node.schema["properties"].items()}
    (tag,) = [name for name, const in own.items() if const is not None]
    for variant in node.variants:
        other = variant["properties"][tag]["const"]
        if other != own[tag]:
            changed = with_value(payload, (*node.path, tag), other)
            # Either the tag is wrong, or all that it makes wrong.
            inner = [p for p in _paths(node.value, node.path) if p != (*node.path, tag)]
            targets: list[Target] = [((*node.path, tag), "value", frozenset())]
            targets += [(path, "value", frozenset()) for path in inner]
            yield Edit("tag of another variant", changed, tuple(targets))


def _paths(value: Any, path: Path) -> Iterator[Path]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for step, child in children:
        yield (*path, step)
        yield from _paths(child, (*path, step))


def _lengths(node: Node, payload: Any) -> Iterator[Edit]:
    if "minItems" in node.schema:
        yield wrong_value("minItems", node.path, payload, [], rule_of(node.schema, "minItems"))
    if "maxItems" in node.schema:
        most = node.schema["maxItems"]
        for count in (most + 1, most + 10):
            many = (node.value * count)[:count]
            yield wrong_value("maxItems", node.path, payload, many, rule_of(node.schema, "maxItems"))


def _items(node: Node, payload: Any) -> Iterator[Edit]:
    """One item more, which is none."""
    if not isinstance(node.value, list):
        return
    assert len(node.value) < node.schema["maxItems"]
    rule = rule_of(item_schema(node), "type")
    for value in (None, 5, "x", [], True):
        for at in (0, len(node.value)):
            more = [*node.value[:at], value, *node.value[at:]]
            target = ((*node.path, at), "value", frozenset({rule}))
            yield Edit("wrong item", with_value(payload, node.path, more), (target,))


def _tokens(node: Node, payload: Any) -> Iterator[Edit]:
    """What only JSON itself forbids."""
    if not isinstance(node.value, (dict, list)):
        for token in ("NaN", "Infinity", "-Infinity", "1e400", "-1e999", "9" * 400):
            target = (node.path, "value", frozenset({"json.number"}))
            yield Edit("no number", with_value(payload, node.path, Literal(token)), (target,), is_json=False)
    if isinstance(node.value, str):
        for text in ("\ud800" + node.value, node.value + "\udfff"):
            target = (node.path, "value", frozenset({"json.surrogate"}))
            yield Edit("lone surrogate", with_value(payload, node.path, text), (target,), is_json=False)
