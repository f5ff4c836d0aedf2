"""Tells whether two schemas in the common form are the same text, whatever their parts are called."""

from __future__ import annotations

from typing import Any

from loracle_contracts.spec_diff.schema_form import Schema, definition, json_key

__all__ = ["same"]

Json = Any


def same(a: Json, a_side: Schema, b: Json, b_side: Schema) -> bool:
    """Tell whether both say the same of all values, for the reason that they are written alike.

    References are followed, so names do not matter; examples are left out. `a_side` and `b_side` have
    the definitions.
    """
    return _Comparison(a_side, b_side).same(a, b)


class _Comparison:
    def __init__(self, a_side: Schema, b_side: Schema) -> None:
        self._a_side = a_side
        self._b_side = b_side
        # Pairs of definitions that were compared, or are being compared further out.
        self._seen: set[tuple[str, str]] = set()

    def same(self, a: Json, b: Json) -> bool:
        a_name, b_name = _name(a), _name(b)
        if a_name is not None and b_name is not None:
            if (a_name, b_name) in self._seen:
                return True
            self._seen.add((a_name, b_name))
        if a_name is not None or b_name is not None:
            return self.same(
                a if a_name is None else self._a_side.definitions[a_name],
                b if b_name is None else self._b_side.definitions[b_name],
            )
        if isinstance(a, dict) and isinstance(b, dict):
            a_keys, b_keys = a.keys() - {"examples"}, b.keys() - {"examples"}
            return a_keys == b_keys and all(self._same_value(key, a[key], b[key]) for key in a_keys)
        return type(a) is type(b) and bool(a == b)

    def _same_value(self, keyword: str, a: Json, b: Json) -> bool:
        if keyword == "enum":
            return json_key(a) == json_key(b)
        if keyword in ("required", "type", "dependentRequired"):
            return bool(a == b)
        if keyword in ("properties", "patternProperties", "dependentSchemas"):
            return a.keys() == b.keys() and all(self.same(a[name], b[name]) for name in a)
        if isinstance(a, list) and isinstance(b, list):
            return len(a) == len(b) and all(map(self.same, a, b))
        if isinstance(a, dict) or isinstance(b, dict):
            return self.same(a, b)
        return bool(a == b)


def _name(node: Json) -> str | None:
    return definition(node["$ref"]) if isinstance(node, dict) and "$ref" in node else None
