"""Brings the schemas of OpenAPI 3.0 and 3.1 into one form of JSON Schema 2020-12 that can be compared.

Only what decides about payloads is kept; examples stay beside it, as values to try. Lists whose order
means nothing are sorted, and keywords that say nothing are left out. A format or an encoding that no
validator knows is kept as a format: containment is then unknown unless both sides say the same.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from loracle_contracts.spec_diff.document import Document, Place

__all__ = [
    "IN_PLACE",
    "IN_PLACE_LISTS",
    "Direction",
    "Schema",
    "SchemaForm",
    "definition",
    "json_key",
    "subschemas",
]

Json = Any
Direction = Literal["request", "answer"]

# Keywords whose schemas judge the same value, and not a part of it.
IN_PLACE = ("not", "if", "then", "else")
IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_INSIDE = ("items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems",
           "unevaluatedProperties")  # fmt: skip
_SCHEMAS = (*IN_PLACE, *_INSIDE)
_SCHEMA_LISTS = (*IN_PLACE_LISTS, "prefixItems")
_SCHEMA_MAPS = ("properties", "patternProperties", "dependentSchemas")
_PLAIN = (
    "type", "enum", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
    "minLength", "pattern", "format", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains",
    "maxProperties", "minProperties", "required", "dependentRequired",
)  # fmt: skip
_UNSUPPORTED = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor")
_NOTHING: dict[str, tuple[Json, ...]] = {
    "minLength": (0,), "minItems": (0,), "minProperties": (0,), "uniqueItems": (False,), "required": ([],),
    "properties": ({},), "patternProperties": ({},), "dependentRequired": ({},), "dependentSchemas": ({},),
    "additionalProperties": ({},), "items": ({},), "propertyNames": ({},), "allOf": ([],),
    "prefixItems": ([],), "unevaluatedItems": ({},), "unevaluatedProperties": ({},),
}  # fmt: skip
# Formats of the OpenAPI registry that are bounds, and those that say nothing of which values are valid.
_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
_SAYS_NOTHING = ("double", "password")
_LEAST = math.nextafter(0.0, 1.0)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, eq=False)
class Schema:
    """A schema in the common form: an object, or False for the one that accepts nothing.

    References in it are `#/$defs/NAME`, and `definitions` holds what they name.
    """

    node: Json
    definitions: Mapping[str, Json] = field(repr=False)

    def root(self, node: Json = None) -> dict[str, Json]:
        """The schema, or another that uses the same definitions, as a JSON Schema of its own."""
        node = self.node if node is None else node
        needed: dict[str, Json] = {}
        waiting = list(references(node))
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed[name] = self.definitions[name]
                waiting.extend(references(needed[name]))
        head: dict[str, Json] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        return {**head, "$defs": needed, **(node if isinstance(node, dict) else {"not": {}})}


def definition(reference: str) -> str:
    """The name of the definition that a reference in the common form points to."""
    return reference.removeprefix("#/$defs/")


def references(node: Json) -> Iterator[str]:
    """The names of the definitions that a schema in the common form refers to."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield definition(node["$ref"])
        for _, child in subschemas(node):
            yield from references(child)


def subschemas(node: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    """The schemas that stand in a schema, each with its keyword."""
    for keyword in _SCHEMAS:
        if keyword in node:
            yield keyword, node[keyword]
    for keyword in _SCHEMA_LISTS:
        for child in node.get(keyword, ()):
            yield keyword, child
    for keyword in _SCHEMA_MAPS:
        for child in node.get(keyword, {}).values():
            yield keyword, child


class SchemaForm:
    """The schemas of one document in the common form, as they judge requests or answers."""

    def __init__(self, document: Document, direction: Direction) -> None:
        self._document = document
        self._direction = direction
        self._definitions: dict[str, Json] = {}
        self._names: dict[str, str] = {}
        self._found: dict[str, Schema] = {}
        self._checked: set[str | None] = set()

    def schema(self, place: Place) -> Schema:
        """The schema that stands here; raises DocumentError where it is none."""
        if place.pointer not in self._found:
            new = len(self._definitions)
            node = self._converted(place)
            for name in list(self._definitions)[new:]:
                self._check_loops(name, place)
            self._found[place.pointer] = Schema(node, self._definitions)
            self._check(self._found[place.pointer], place)
        return self._found[place.pointer]

    def _check(self, schema: Schema, place: Place) -> None:
        """Finds out whether a validator can be made of the schema, once for each definition."""
        from jsonschema_rs import Draft202012Validator  # noqa: PLC0415

        name = schema.node.get("$ref") if isinstance(schema.node, dict) else None
        if name is None or name not in self._checked:
            try:
                Draft202012Validator(schema.root(), validate_formats=True)
            except ValueError as error:
                first = str(error).partition("\n")[0]
                raise place.error(f"this is no JSON Schema: {first}") from None
            self._checked.add(name)

    def _converted(self, place: Place) -> Json:
        value = place.value
        if value is True:
            return {}
        if value is False:
            return False
        if not isinstance(value, dict):
            raise place.error("a schema is wanted here, which is an object, true or false")
        for keyword in _UNSUPPORTED:
            if keyword in value:
                raise place.error(f"{keyword} is not supported here; use references from the root instead")
        if "$ref" not in value:
            return self._plain(place)
        reference = {"$ref": self._define(place.target(value["$ref"]))}
        # In 3.0 whatever stands beside a reference is ignored.
        siblings = {} if self._document.is_30 else {k: v for k, v in value.items() if k != "$ref"}
        beside = self._plain(Place(self._document, place.pointer, siblings))
        return {"allOf": [reference, beside]} if beside.keys() - {"examples"} else reference

    def _define(self, target: Place) -> str:
        name = self._names.get(target.pointer)
        if name is None:
            last = target.pointer.removeprefix("#/components/schemas/")
            # Other names would have to be escaped, twice over.
            name = last if _PLAIN_NAME.fullmatch(last) else f"schema.{len(self._names)}"
            self._names[target.pointer] = name
            self._definitions[name] = {}  # so that a schema may contain itself
            self._definitions[name] = self._converted(target)
        return "#/$defs/" + name

    def _plain(self, place: Place) -> dict[str, Json]:
        value = place.value
        node = {keyword: value[keyword] for keyword in _PLAIN if keyword in value}
        for keyword in _SCHEMAS:
            if keyword in value:
                node[keyword] = self._converted(place.child(keyword, value[keyword]))
        for keyword in _SCHEMA_LISTS:
            if keyword in value:
                list_ = place.child(keyword, value[keyword])
                node[keyword] = [self._converted(item) for item in list_.items()]
        for keyword in _SCHEMA_MAPS:
            if keyword in value:
                map_ = place.child(keyword, value[keyword])
                node[keyword] = {name: self._converted(child) for name, child in map_.members().items()}
        if self._document.is_30:
            _from_30(node, value)
        _check_keywords(node, place)
        if self._document.is_30:
            self._leave_out_one_way_members(node, place)
        if "const" in value:
            # An enum may stand beside it, and then both count.
            given = node.get("enum", [value["const"]])
            node["enum"] = [one for one in given if json_key(one) == json_key(value["const"])]
        _formats(node, value)
        _tidy(node)
        examples = [value[k] for k in ("example", "default") if k in value]
        examples += value["examples"] if isinstance(value.get("examples"), list) else []
        return {**node, "examples": examples} if examples else node

    def _leave_out_one_way_members(self, node: dict[str, Json], place: Place) -> None:
        """In 3.0 a member that is only read is required in answers alone, one only written in requests."""
        marker = "readOnly" if self._direction == "request" else "writeOnly"
        properties = place.get("properties")
        if "required" in node and properties is not None:
            marked = {n for n, p in properties.members().items() if _is_marked(p, marker)}
            node["required"] = [name for name in node["required"] if name not in marked]

    def _check_loops(self, name: str, place: Place) -> None:
        """Refuses a schema that judges a value by judging the same value by itself."""
        waiting, seen = [name], set()
        while waiting:
            for inner in _in_place_references(self._definitions[waiting.pop()]):
                if inner == name:
                    raise place.error(f"the schema {name} refers to itself without end")
                if inner not in seen:
                    seen.add(inner)
                    waiting.append(inner)


def _check_keywords(node: dict[str, Json], place: Place) -> None:
    """Refuses keywords with values of a wrong type, so that all that follows can rely on them."""
    from jsonschema_rs import ValidationError, meta  # noqa: PLC0415

    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    try:
        meta.validate({**head, **{keyword: node[keyword] for keyword in _PLAIN if keyword in node}})
    except ValidationError as error:
        first = str(error).partition("\n")[0]
        for step in error.instance_path[:1]:
            place = place.child(step, None)
        raise place.error(f"this is no JSON Schema: {first}") from None


def _is_marked(place: Place, marker: str) -> bool:
    found = place.followed().value
    return isinstance(found, dict) and found.get(marker) is True


def _in_place_references(node: Json) -> Iterator[str]:
    if not isinstance(node, dict):
        return
    if "$ref" in node:
        yield definition(node["$ref"])
    for keyword, child in subschemas(node):
        if keyword in IN_PLACE or keyword in IN_PLACE_LISTS or keyword == "dependentSchemas":
            yield from _in_place_references(child)


def _from_30(node: dict[str, Json], value: dict[str, Json]) -> None:
    """Spells what OpenAPI 3.0 says of nulls and bounds as JSON Schema does."""
    if value.get("nullable") is True and isinstance(node.get("type"), str):
        node["type"] = [node["type"], "null"]
    for bound in ("minimum", "maximum"):
        exclusive = "exclusive" + bound.capitalize()
        is_exclusive = node.pop(exclusive, False)
        if is_exclusive is True and bound in node:
            node[exclusive] = node.pop(bound)
        elif not isinstance(is_exclusive, bool):
            node[exclusive] = is_exclusive


def _formats(node: dict[str, Json], value: dict[str, Json]) -> None:
    name = node.get("format")
    if name in _SAYS_NOTHING:
        del node["format"]
    elif name in _BOUNDS:
        del node["format"]
        lowest, highest = _BOUNDS[name]
        node["minimum"] = max(node.get("minimum", lowest), lowest)
        node["maximum"] = min(node.get("maximum", highest), highest)
    for keyword in ("contentEncoding", "contentMediaType", "contentSchema"):
        if keyword in value:
            text = f"{keyword}: {json.dumps(value[keyword], sort_keys=True)}"
            node["allOf"] = [*node.get("allOf", ()), {"format": text}]


def _tidy(node: dict[str, Json]) -> None:
    for bound, least in (("minimum", _LEAST), ("maximum", -_LEAST)):
        # Tools disagree on exclusive bounds, so documents write "more than 0" with the least double.
        if node.get(bound) == least:
            del node[bound]
            node["exclusive" + bound.capitalize()] = 0
    if isinstance(node.get("type"), str):
        node["type"] = [node["type"]]
    if "type" in node:
        types = set(node["type"])
        node["type"] = sorted(types - {"integer"} if "number" in types else types)
    if "enum" in node:
        node["enum"] = sorted(node["enum"], key=json_key)
    if "required" in node:
        node["required"] = sorted(set(node["required"]))
    if "if" not in node:
        node.pop("then", None)
        node.pop("else", None)
    elif "then" not in node and "else" not in node:
        del node["if"]
    for keyword, values in _NOTHING.items():
        if keyword in node and json_key(node[keyword]) in map(json_key, values):
            del node[keyword]
    if list(node) == ["allOf"] and len(node["allOf"]) == 1 and isinstance(node["allOf"][0], dict):
        node |= node.pop("allOf")[0]


def json_key(value: Json) -> str:
    """A text that two JSON values share if they are equal: 1 and 1.0 are, 1 and true are not."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Json) -> Json:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(child) for name, child in value.items()}
    return [_whole(child) for child in value] if isinstance(value, list) else value
