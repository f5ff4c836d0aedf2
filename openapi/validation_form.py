"""Spells a profile's schemas with if/then instead of unions.

A stock validator reports a failed union as one error at the union. With if/then on the tag it
descends into the one variant that was meant, and every error stands at the mistake. That both
spellings accept the same payloads is proven in the tests.
"""

from __future__ import annotations

from typing import Any

Json = Any
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def validation_form(document: dict[str, Json]) -> dict[str, Json]:
    """One JSON Schema document with a definition per schema and per set of query parameters."""
    schemas = document["components"]["schemas"]
    definitions = {name: _rewrite(schema, schemas) for name, schema in schemas.items()}
    for operation_id, _, _, operation in operations(document):
        parameters = _query_parameters(operation)
        if parameters:
            definitions[f"{operation_id}.query"] = {
                "title": f"Query of {operation_id}",
                "type": "object",
                "required": [p["name"] for p in parameters if p.get("required")],
                "properties": {p["name"]: _rewrite(p["schema"], schemas) for p in parameters},
            }
    unions = {
        name: {"anyOf": _rewrite(schema["oneOf"], schemas)}
        for name, schema in schemas.items()
        if "discriminator" in schema
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": document["info"]["title"],
        "$defs": definitions,
        # The unions nearly as the contract writes them: a verdict without its reasons is faster on these.
        # No value has two tags, so the first variant that fits is the only one.
        "x-unions": unions,
    }


def operations(document: dict[str, Json]) -> list[tuple[str, str, str, dict[str, Json]]]:
    """All operations of the document as (operationId, METHOD, path, operation)."""
    return [
        (operation["operationId"], method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in _METHODS
    ]


def operation_table(document: dict[str, Json]) -> dict[str, Json]:
    """What a server or a client needs to know of each operation, by operationId."""
    table = {}
    for operation_id, method, path, operation in operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        answer = operation["responses"]["200"].get("content", {}).get("application/json")
        table[operation_id] = {
            "method": method,
            "path": path,
            "authenticated": operation.get("security", document["security"]) != [],
            "request": _name(body["schema"]["$ref"]) if body else None,
            "query": f"{operation_id}.query" if _query_parameters(operation) else None,
            "integer_parameters": [
                p["name"]
                for p in _query_parameters(operation)
                if _target(p["schema"], document).get("type") == "integer"
            ],
            "response": _name(answer["schema"]["$ref"]) if answer else None,
            "errors": {
                status: list(_target(response, document)["content"]["application/json"]["examples"])
                for status, response in operation["responses"].items()
                if status != "200"
            },
        }
    return table


def _query_parameters(operation: dict[str, Json]) -> list[dict[str, Json]]:
    return [p for p in operation.get("parameters", []) if p["in"] == "query"]


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _target(node: dict[str, Json], document: dict[str, Json]) -> dict[str, Json]:
    if "$ref" not in node:
        return node
    target: Json = document
    for part in node["$ref"].split("/")[1:]:
        target = target[part]
    return dict(target)


def _rewrite(node: Json, schemas: dict[str, Json]) -> Json:
    if isinstance(node, list):
        return [_rewrite(item, schemas) for item in node]
    if not isinstance(node, dict):
        return node
    if "discriminator" in node:
        return _tagged_union(node, schemas)
    if "anyOf" in node and node["anyOf"][-1:] == [{"type": "null"}]:
        return _nullable(node, schemas)
    return {
        key: f"#/$defs/{_name(value)}" if key == "$ref" else _rewrite(value, schemas)
        for key, value in node.items()
    }


def _tagged_union(node: dict[str, Json], schemas: dict[str, Json]) -> dict[str, Json]:
    tag = node["discriminator"]["propertyName"]
    variants = [_name(variant["$ref"]) for variant in node["oneOf"]]
    first = schemas[variants[0]]
    first_tag = first["properties"][tag]
    sources = first_tag["x-source"]
    return {
        "title": node["title"],
        "description": node["description"],
        "type": "object",
        "x-rule": first["x-rule"],
        "x-source": {"type": first["x-source"]["type"]},
        "required": [tag],
        "properties": {
            tag: {
                "description": first_tag["description"],
                "enum": [schemas[variant]["properties"][tag]["const"] for variant in variants],
                "x-rule": first_tag["x-rule"],
                "x-source": {"enum": sources["const"], "required": sources["required"]},
            }
        },
        "allOf": [
            {
                "if": {
                    "type": "object",
                    "required": [tag],
                    "properties": {tag: {"const": schemas[variant]["properties"][tag]["const"]}},
                },
                "then": {"$ref": f"#/$defs/{variant}"},
            }
            for variant in variants
        ],
    }


def _nullable(node: dict[str, Json], schemas: dict[str, Json]) -> dict[str, Json]:
    (target, _) = node["anyOf"]
    inner = schemas[_name(target["$ref"])]
    return {
        "description": node["description"],
        "type": [inner["type"], "null"],
        "x-rule": inner["x-rule"],
        "x-source": {"type": inner["x-source"]["type"]},
        "if": {"type": inner["type"]},
        "then": _rewrite(target, schemas),
    }
