"""One request as a JSON Schema of its own that editors understand.

Editors implement draft 7 best, and the contract's if/then form uses nothing that draft 7 lacks; only the
definitions have another name there. In this form an error stands at the mistake, not at a union.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loracle_contracts import spec
from loracle_contracts.verdict import Profile

__all__ = ["editor_schema", "standalone"]

Json = Any
_OURS = ("x-rule", "x-source")


def editor_schema(operation: str, profile: Profile = "strict") -> dict[str, Json]:
    """The schema of an operation's request body. Raises KeyError where it has none or is unknown."""
    name = spec.operations()[operation].request
    if name is None:
        raise KeyError(f"{operation} has no request body")
    return standalone(spec.document(profile), name)


def standalone(document: dict[str, Json], name: str) -> dict[str, Json]:
    """A definition of a validation document as a schema of draft 7, with all that it refers to.

    Rules and sources are left out; where a pattern has words, editors show these (patternErrorMessage).
    """
    definitions = document["$defs"]
    needed: dict[str, Json] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in needed:
            needed[one] = _plain(definitions[one])
            waiting.extend(_references(definitions[one]))
    root = needed.pop(name)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **root,
        "definitions": {one: needed[one] for one in definitions if one in needed},
    }


def _plain(node: Json) -> Json:
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {
        key: f"#/definitions/{_target(value)}" if key == "$ref" else _plain(value)
        for key, value in node.items()
        if key not in _OURS
    }
    words = node.get("x-source", {}).get("pattern", {}) if "pattern" in node else {}
    if "expected" in words:
        plain["patternErrorMessage"] = f"Expected {words['expected']}."
    return plain


def _references(node: Json) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield _target(node["$ref"])
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def _target(reference: str) -> str:
    return reference.rpartition("/")[2]
