"""Values of query parameters just inside and just outside what the schema allows, made from the schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from loracle_contracts import spec
from loracle_contracts.validation import validate

__all__ = ["Value", "packed", "parameters", "values"]


class Value(NamedTuple):
    """A query, as text, and the rule that it is about."""

    rule: str
    text: str


def parameters(operation: str) -> dict[str, dict[str, Any]]:
    """The schemas of an operation's query parameters, by name."""
    definitions = spec.document("strict")["$defs"]
    properties = definitions[spec.operations()[operation].query]["properties"]
    return {name: definitions[schema["$ref"].rpartition("/")[2]] for name, schema in properties.items()}


def values(operation: str, name: str, *, is_brief: bool = False) -> Iterator[Value]:
    """Queries with this parameter alone; in brief those that tell most, where another operation has all."""
    schema = parameters(operation)[name]
    if "enum" in schema:
        texts = _enum(schema["enum"])
    elif schema["type"] == "integer":
        texts = _integer(schema["minimum"], schema["maximum"])
    elif "pattern" in schema:
        texts = _cursor()
    else:
        texts = []
    kept = [text for text, is_telling in texts if is_telling or not is_brief]
    yield from (Value(_rule(operation, name, text), f"{name}={text}") for text in kept)


def packed(operation: str) -> Iterator[dict[str, Value]]:
    """Queries that together hold every value of every enumeration: by name, one value of each."""
    enums = {name: schema["enum"] for name, schema in parameters(operation).items() if "enum" in schema}
    longest = max(len(allowed) for allowed in enums.values())
    for n in range(longest):
        chosen = {name: allowed[n % len(allowed)] for name, allowed in enums.items()}
        yield {name: Value(_rule(operation, name, text), f"{name}={text}") for name, text in chosen.items()}


def _rule(operation: str, name: str, text: str) -> str:
    """The rule that the value breaks, or else the parameter's own."""
    found = validate(f"{name}={text}", operation, "strict", "query").violations
    return found[0].rule if found else str(parameters(operation)[name]["x-rule"])


def _enum(allowed: Sequence[str]) -> list[tuple[str, bool]]:
    first = allowed[0]
    # What parsers of flags take besides.
    flags = [("1", True), ("True", True)] if set(allowed) == {"true", "false"} else []
    return [
        *flags,
        ("", True),
        (first.upper(), False),
        (first[:-1], False),
        (f"{first}+", False),
        (f"{first}%00", False),
    ]


def _integer(least: int, most: int) -> list[tuple[str, bool]]:
    edges = [(str(least), True), (str(most), True), (str(least - 1), True), (str(most + 1), True)]
    # Text that some parsers take for an integer, and that the contract does not.
    odd = [
        f"{least}.0",
        "-1",
        "1e1",
        f"%2B{least}",
        "0x10",
        "9" * 20,
        "%D9%A1%D9%A0",
        "ten",
    ]
    return [*edges, ("", True), *((text, text == f"{least}.0") for text in odd)]


def _cursor() -> list[tuple[str, bool]]:
    inside = ["", "c_0", "c_" + "9" * 15]
    outside = ["c_", "0", "c_-1", "C_0", "c_0x", "c_" + "9" * 16]
    return [(text, text == "c_0") for text in inside] + [(text, text in ("c_", "0")) for text in outside]
