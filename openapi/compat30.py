"""Derives an OpenAPI 3.0 document that stock 3.0 tools can read.

3.0 has no const, no type lists and no if/then, and tools disagree on exclusive bounds. The one
cross-field rule is spelled with `not`, which generators of code leave alone.
"""

from __future__ import annotations

import math
from typing import Any

Json = Any
_TEXT_FACETS = ("minLength", "maxLength", "pattern", "format")
_NUMBER_FACETS = ("minimum", "maximum")


def compat30(document: dict[str, Json]) -> dict[str, Json]:
    """The 3.0.3 form of a bundled 3.1 document."""
    out = {key: value for key, value in document.items() if key not in ("x-rules", "x-pages")}
    out["openapi"] = "3.0.3"
    out["info"] = {k: v for k, v in document["info"].items() if k != "summary"}
    out["info"]["license"] = {"name": document["info"]["license"]["name"]}
    schemas = document["components"]["schemas"]
    # A schema that may be null in one place is nowhere else, which the tests hold it to.
    nullable = {
        member["anyOf"][0]["$ref"].rpartition("/")[2]
        for node in schemas.values()
        for member in node.get("properties", {}).values()
        if "anyOf" in member
    }
    out["paths"] = _with_schemas(document["paths"])
    out["components"] = {
        **_with_schemas({k: v for k, v in document["components"].items() if k != "schemas"}),
        "schemas": {
            name: _schema(node) | ({"nullable": True} if name in nullable else {})
            for name, node in schemas.items()
        },
    }
    return out


def _with_schemas(node: Json) -> Json:
    if isinstance(node, list):
        return [_with_schemas(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {k: _schema(v) if k == "schema" else _with_schemas(v) for k, v in node.items()}


def _schema(node: dict[str, Json]) -> dict[str, Json]:
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    out = {k: v for k, v in node.items() if k not in ("if", "then", "const", "type", "examples", "anyOf")}
    out.pop("x-source", None)
    if node.get("examples"):
        out["example"] = next((e for e in node["examples"] if e is not None), None)
    if "const" in node:
        out["enum"] = [node["const"]]
    if "anyOf" in node:
        # nullable acts beside a type only, so the schema that is referred to carries it (compat30).
        return {"$ref": node["anyOf"][0]["$ref"]}
    if "exclusiveMinimum" in out:
        # The smallest double above the bound, so that no exclusive bound is needed.
        out["minimum"] = math.nextafter(out.pop("exclusiveMinimum"), math.inf)
    if "if" in node:
        # Not both: the condition, and what breaks its consequence.
        out["not"] = {"allOf": [_schema(node["if"]), {"not": _schema(node["then"])}]}
    if "properties" in out:
        out["properties"] = {k: _schema(v) for k, v in out["properties"].items()}
    if isinstance(out.get("additionalProperties"), dict):
        out["additionalProperties"] = _schema(out["additionalProperties"])
    if "items" in out:
        out["items"] = _schema(out["items"])
    return _single_type(out, node)


def _single_type(out: dict[str, Json], node: dict[str, Json]) -> dict[str, Json]:
    types = node.get("type")
    types = [types] if isinstance(types, str) else list(types or [])
    nullable = {"nullable": True} if "null" in types or None in out.get("enum", []) else {}
    types = [t for t in types if t != "null"]
    if "enum" in out and not types:
        types = ["boolean" if out["enum"] == [True] else "string"]
    if len(types) == 1:
        out |= {"type": types[0], **nullable}
    elif types:
        facets = {k: out.pop(k) for k in (*_TEXT_FACETS, *_NUMBER_FACETS) if k in out}
        out["anyOf"] = [
            {
                "type": t,
                **nullable,
                **{k: v for k, v in facets.items() if (k in _TEXT_FACETS) == (t == "string")},
            }
            for t in types
        ]
    elif nullable:
        # A null and nothing else; the type is there because nullable needs one.
        out |= {"type": "string", "enum": [None], **nullable}
    return out
