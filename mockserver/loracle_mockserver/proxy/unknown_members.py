"""Members of an answer that the contract does not know: no violation, but a sign that the API moves on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from loracle_contracts import spec
from loracle_contracts.verdict import Profile

__all__ = ["unknown_members"]


class _Shape(NamedTuple):
    """What may stand below a value: members, items; None where anything may."""

    members: dict[str, _Shape | None] | None
    items: _Shape | None


def unknown_members(value: Any, schema: str, profile: Profile) -> Iterator[str]:
    """JSON Pointers of the members that a schema does not name, with `*` for the index of an item."""
    shape = _shape_of(schema, profile)
    if shape is not None:
        yield from _walk(value, shape, "")


def _walk(value: Any, shape: _Shape, pointer: str) -> Iterator[str]:
    if type(value) is dict and shape.members is not None:
        for name, member in value.items():
            if name not in shape.members:
                yield f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            elif (below := shape.members[name]) is not None:
                yield from _walk(member, below, f"{pointer}/{name}")
    elif type(value) is list and shape.items is not None:
        for item in value:
            yield from _walk(item, shape.items, f"{pointer}/*")


@cache
def _shape_of(schema: str, profile: Profile) -> _Shape | None:
    definitions = spec.document(profile)["$defs"]
    return _shape(definitions[schema], definitions)


def _shape(node: Any, definitions: dict[str, Any]) -> _Shape | None:
    if not isinstance(node, dict):
        return None
    if "$ref" in node:
        return _shape(definitions[node["$ref"].rpartition("/")[2]], definitions)
    # Details of an error and maps are open on purpose.
    is_map = isinstance(node.get("additionalProperties"), dict) or node.get("title") == "ErrorMetadata"
    members = None
    if "properties" in node and not is_map:
        members = {name: _shape(member, definitions) for name, member in node["properties"].items()}
    items = _shape(node.get("items"), definitions)
    return _Shape(members, items) if members is not None or items is not None else None
