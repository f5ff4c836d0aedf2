"""Walks an OpenAPI document: its nodes, operations, references and schemas, by JSON Pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = Any

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_SUBSCHEMA = (
    "items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else",
    "unevaluatedItems", "unevaluatedProperties", "contentSchema",
)  # fmt: skip
_SUBSCHEMA_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
_SUBSCHEMA_MAP = ("properties", "patternProperties", "dependentSchemas", "$defs")
CONDITIONS = ("if", "then", "else", "not")
# Below these a key is a name, so a property called `value` is not taken for a payload.
_NAMES = (
    "properties",
    "patternProperties",
    "$defs",
    "schemas",
    "examples",
    "headers",
    "responses",
    "content",
)
_PAYLOADS = ("value", "example", "default", "const", "enum")


class Place(NamedTuple):
    """A schema and where it stands."""

    pointer: str
    node: dict[str, Json]
    named: bool = False  # a schema with a name of its own, or a property
    condition: bool = False  # below if, then, else or not: part of its owner's rule
    ruled: bool = True  # a header or a path segment is judged by the route, not by a rule


def pointer_to(*steps: str | int) -> str:
    """Return the JSON Pointer of these steps."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def resolve(reference: str, document: dict[str, Json]) -> Json | None:
    """Return what a local reference points to, None where it leads nowhere."""
    if not reference.startswith("#"):
        return None
    target: Json = document
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(target, list) and name.isdecimal() and int(name) < len(target):
            target = target[int(name)]
        elif isinstance(target, dict) and name in target:
            target = target[name]
        else:
            return None
    return target


def followed(node: dict[str, Json], document: dict[str, Json]) -> dict[str, Json]:
    """Return the node itself, or what its reference points to."""
    return resolve(node["$ref"], document) or {} if "$ref" in node else node


def nodes(node: Json, pointer: str = "", *, names: bool = False) -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield every object of a document but those inside example payloads."""
    if isinstance(node, list):
        for i, child in enumerate(node):
            yield from nodes(child, f"{pointer}/{i}")
    if not isinstance(node, dict):
        return
    if not names:
        yield pointer, node
    for key, child in node.items():
        payload = key in _PAYLOADS or (key == "examples" and isinstance(child, list))
        if names or not payload:
            yield from nodes(child, pointer + pointer_to(key), names=not names and key in _NAMES)


def operations_of(document: dict[str, Json]) -> list[tuple[str, str, dict[str, Json]]]:
    """Return all operations as (pointer, path, operation), also those without an operationId."""
    return [
        (pointer_to("paths", path, method), path, item[method])
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]


def references(node: Json) -> Iterator[tuple[str, str]]:
    """Yield every reference below a node, those of discriminators too, as (pointer, target)."""
    for pointer, found in nodes(node):
        if isinstance(found.get("$ref"), str):
            yield pointer, found["$ref"]
        if isinstance(found.get("discriminator"), dict):
            for value, target in found["discriminator"].get("mapping", {}).items():
                yield f"{pointer}/discriminator/mapping/{value}", target


def reached(starts: list[Json], document: dict[str, Json]) -> set[str]:
    """Return the references that lead on from these nodes, over any number of steps."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        for _, target in references(waiting.pop()):
            if target not in found:
                found.add(target)
                waiting.append(resolve(target, document))
    return found


def without_schemas(document: dict[str, Json]) -> dict[str, Json]:
    """Return the document without its named schemas."""
    return {**document, "components": {**document["components"], "schemas": {}}}


def schemas_of(document: dict[str, Json]) -> Iterator[Place]:
    """Yield every schema of the document, with all schemas inside it."""
    for name, schema in document["components"]["schemas"].items():
        yield from _below(Place(pointer_to("components", "schemas", name), schema, named=True))
    for pointer, holder in nodes(without_schemas(document)):
        if isinstance(holder.get("schema"), dict):
            ruled = holder.get("in") == "query" or "/content/" in pointer
            yield from _below(Place(f"{pointer}/schema", holder["schema"], ruled=ruled))


def _below(place: Place) -> Iterator[Place]:
    yield place
    node = place.node
    children: list[tuple[tuple[str | int, ...], Json]] = [((k,), node.get(k)) for k in _SUBSCHEMA]
    children += [((k, i), child) for k in _SUBSCHEMA_LIST for i, child in enumerate(node.get(k, ()))]
    children += [((k, name), child) for k in _SUBSCHEMA_MAP for name, child in node.get(k, {}).items()]
    for steps, child in children:
        if isinstance(child, dict):
            condition = place.condition or steps[0] in CONDITIONS
            named = steps[0] == "properties" and not condition
            yield from _below(Place(place.pointer + pointer_to(*steps), child, named, condition, place.ruled))
