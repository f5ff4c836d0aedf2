"""How a document is edited, what an edit means, and the documents that are edited."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from loracle_contracts import spec
from loracle_contracts.spec_diff import Document

Json = Any
Change = Callable[[Json], None]

CONTRACT: Json = json.loads(spec.read("openapi-strict.json"))
# What the contract has no use for, but documents have.
SHOP: Json = {
    "openapi": "3.0.3",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "https://shop.example"}],
    "paths": {
        "/orders/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "put": {
                "operationId": "putOrder",
                "parameters": [
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string", "maxLength": 8}},
                    {"name": "tags", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "size", "in": "query", "schema": {"type": "integer", "default": 10}},
                ],
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Order"}},
                        "image/*": {},
                    }
                },
                "responses": {
                    "200": {
                        "description": "Stored",
                        "headers": {"X-Rate": {"required": True, "schema": {"type": "integer"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
                    },
                    "4XX": {"description": "Refused"},
                    "default": {"description": "Failed"},
                },
                "security": [{"key": []}, {"login": ["write", "read"]}],
            },
        }
    },
    "components": {
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "login": {"type": "openIdConnect", "openIdConnectUrl": "https://login.example"},
        },
        "schemas": {
            "Order": {
                "type": "object",
                "required": ["id", "lines", "stored", "pin"],
                "properties": {
                    "id": {"type": "string", "minLength": 1},
                    "stored": {"type": "string", "readOnly": True},
                    "pin": {"type": "string", "writeOnly": True},
                    "note": {"type": "string", "nullable": True},
                    "price": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "multipleOf": 0.5},
                    "count": {"type": "integer", "format": "int32"},
                    "lines": {
                        "type": "array",
                        "uniqueItems": True,
                        "items": {"$ref": "#/components/schemas/Line"},
                    },
                },
            },
            "Line": {
                "type": "object",
                "minProperties": 1,
                "properties": {"name": {"type": "string"}, "parts": {"$ref": "#/components/schemas/Parts"}},
                "additionalProperties": {"type": "integer"},
            },
            "Parts": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
        },
    },
}


@dataclass(frozen=True)
class Edit:
    """One edit of a document. `clients` and `servers` say whom it breaks.

    `is_of_payloads` says that a payload can show it.
    """

    name: str
    change: Change
    clients: bool = False
    servers: bool = False
    is_of_payloads: bool = False
    base: Json = None

    def documents(self) -> tuple[Document, Document]:
        """The document before and after."""
        before = self.base if self.base is not None else CONTRACT
        after = copy.deepcopy(before)
        self.change(after)
        assert after != before, self.name
        return Document("old", before), Document("new", after)


def _place(document: Json, path: str) -> tuple[Json, str]:
    """The object that holds what a path leads to, and its last step; "=" is a slash inside a step."""
    node: Json = document if path.startswith("/") else document["components"]["schemas"]
    *steps, last = (step.replace("=", "/") for step in path.removeprefix("/").split("/"))
    for step in steps:
        node = node[int(step)] if isinstance(node, list) else node[step]
    return node, last


def put(path: str, value: Json) -> Change:
    """Sets or adds a member."""

    def change(document: Json) -> None:
        holder, name = _place(document, path)
        if isinstance(holder, list):
            holder[int(name)] = value
        else:
            holder[name] = value

    return change


def cut(path: str) -> Change:
    """Removes a member or an item."""

    def change(document: Json) -> None:
        holder, name = _place(document, path)
        del holder[int(name) if isinstance(holder, list) else name]

    return change


def add(path: str, value: Json) -> Change:
    """Appends to an array."""

    def change(document: Json) -> None:
        holder, name = _place(document, path)
        holder[name].append(value)

    return change


def take(path: str, value: Json) -> Change:
    """Removes a value from an array."""

    def change(document: Json) -> None:
        holder, name = _place(document, path)
        holder[name].remove(value)

    return change


def both(*changes: Change) -> Change:
    """Several changes as one."""

    def change(document: Json) -> None:
        for one in changes:
            one(document)

    return change
