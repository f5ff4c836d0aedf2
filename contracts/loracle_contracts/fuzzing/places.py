"""Walks the schema of a request body along a body that holds all it allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from loracle_contracts import spec
from loracle_contracts.fuzzing.bodies import Path
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, known_base_models, plain_body
from loracle_contracts.unions import is_union
from loracle_contracts.verdict import Profile

__all__ = ["NAME", "Place", "full_body", "places", "rule_id"]

NAME = "loracle-fuzz"
"""The name in every full body, by which a training that was refused and started all the same is known."""
# So many items that there is a first one, a last one and one between.
_ITEMS = 3
_SPREAD = 2


@dataclass(frozen=True)
class Place:
    """A value of a full body with the schema that judges it.

    `schema` has its references and conditions resolved. `is_required` says that its object must have it.
    """

    path: Path
    value: Any
    schema: dict[str, Any]
    is_required: bool = True

    @property
    def types(self) -> tuple[str, ...]:
        """The JSON types that the schema allows."""
        said = self.schema.get("type")
        if said is None:
            values = self.schema["enum"] if "enum" in self.schema else [self.schema["const"]]
            return tuple(dict.fromkeys("null" if value is None else "string" for value in values))
        return (said,) if isinstance(said, str) else tuple(said)


def rule_id(schema: dict[str, Any], keyword: str) -> str:
    """The id of the rule that a keyword stands for; of a value's type where the keyword has none."""
    sources = schema.get("x-source", {})
    named = next((one for one in (keyword, "type", "enum", "const") if one in sources), None)
    if named is None:
        return f"{schema['x-rule']}.{keyword}"
    rule: str = sources[named].get("rule", f"{schema['x-rule']}.{named}")
    return rule


def full_body(
    operation: str, base_model: str | None = None, asset_ids: Sequence[str | int] = UNKNOWN_ASSETS
) -> Any:
    """A valid cheap body with every member, every variant and every named item that the schema knows."""
    schema = str(spec.operations()[operation].request)
    body = _sample({"$ref": f"#/$defs/{schema}"}, "strict")
    if "image_dataset_items" not in body:
        return body
    plain = plain_body(operation, NAME, base_model or known_base_models()[0], asset_ids, _ITEMS)
    setting = {**body["expert_setting"], **plain["expert_setting"]}
    return {**plain, "expert_setting": setting, "components": body["components"]}


def places(operation: str, body: Any, profile: Profile = "strict") -> list[Place]:
    """Every value of a body with its schema, outermost first."""
    schema = str(spec.operations()[operation].request)
    return list(_walk({"$ref": f"#/$defs/{schema}"}, body, (), profile, is_required=True))


def _walk(
    node: dict[str, Any], value: Any, path: Path, profile: Profile, *, is_required: bool
) -> Iterator[Place]:
    schema = _resolved(node, value, profile)
    yield Place(path, value, schema, is_required)
    if isinstance(value, dict):
        for name, item in value.items():
            required = name in schema.get("required", ())
            yield from _walk(schema["properties"][name], item, (*path, name), profile, is_required=required)
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from _walk(schema["items"], item, (*path, n), profile, is_required=True)


def _resolved(node: dict[str, Any], value: Any, profile: Profile) -> dict[str, Any]:
    """The schema of a value without references; of a union the variant that the value is."""
    if "$ref" in node:
        return _resolved(_definition(node, profile), value, profile)
    if is_union(node):
        (tag,) = node["properties"]
        for part in node["allOf"]:
            if part["if"]["properties"][tag]["const"] == value[tag]:
                variant = _resolved(part["then"], value, profile)
                # The tag may be that of any variant.
                properties = {**variant["properties"], tag: node["properties"][tag]}
                return {**variant, "properties": properties}
        raise LookupError(f"no variant is called {value[tag]!r}")
    if node.get("if") == {"type": "object"}:
        inner = _resolved(node["then"], value, profile)
        outer = {keyword: entry for keyword, entry in node.items() if keyword not in ("if", "then")}
        return {**inner, **outer, "x-source": {**inner["x-source"], **outer["x-source"]}}
    return node


def _definition(node: dict[str, Any], profile: Profile) -> dict[str, Any]:
    found: dict[str, Any] = spec.document(profile)["$defs"][node["$ref"].rpartition("/")[2]]
    return found


def _sample(node: dict[str, Any], profile: Profile) -> Any:
    """An ordinary value, away from the bounds where there is room."""
    if "$ref" in node:
        return _sample(_definition(node, profile), profile)
    if node.get("if") == {"type": "object"}:
        return _sample(node["then"], profile)
    shown = [value for value in node.get("examples", ()) if value not in (None, "")]
    choices = [value for value in (*shown, *node.get("enum", ())) if value is not None]
    if "const" in node or choices:
        return node.get("const", choices[0] if choices else None)
    types = node["type"]
    match types if isinstance(types, str) else types[0]:
        case "object":
            return {name: _sample(member, profile) for name, member in node["properties"].items()}
        case "array":
            return list(_items(node["items"], profile))
        case "boolean":
            return True
        case "integer" | "number":
            return min(node.get("minimum", 0) + _SPREAD, node.get("maximum", _SPREAD))
        case _:
            return "some text"


def _items(node: dict[str, Any], profile: Profile) -> Iterator[Any]:
    """One item of each variant, and of each name where items are told apart by a name."""
    if "$ref" in node:
        yield from _items(_definition(node, profile), profile)
    elif is_union(node):
        for part in node["allOf"]:
            yield from _items(part["then"], profile)
    else:
        names = node.get("properties", {}).get("name", {}).get("enum", ())
        sample = _sample(node, profile)
        yield from ({**sample, "name": name} for name in names) if names else (sample,)
