"""The contract in the forms that other tools read: OpenAPI 3.1 and 3.0, JSON Schema, TypeScript."""

from __future__ import annotations

import json
from typing import Any

from loracle_contracts import spec
from loracle_contracts.verdict import Profile

__all__ = ["FORMATS", "PARTS", "openapi", "schema", "typescript", "yaml_text"]

Json = Any
FORMATS = ("openapi-3.1", "openapi-3.0", "json-schema", "typescript")
PARTS = ("request", "query", "response", "error")
_SUFFIXES = {"openapi-3.1": "", "openapi-3.0": "-3.0"}


def openapi(profile: Profile, version: str, *, as_yaml: bool = False) -> str:
    """The OpenAPI document of a profile, `version` being one of the first two FORMATS."""
    name = f"openapi-{profile}{_SUFFIXES[version]}"
    if as_yaml and version == "openapi-3.1":
        return spec.read(f"{name}.yaml").decode()
    text = spec.read(f"{name}.json").decode()
    return yaml_text(json.loads(text)) if as_yaml else text


def schema(profile: Profile, operation: str | None = None, part: str | None = None) -> dict[str, Json]:
    """The JSON Schema of 2020-12 that judges one part of an operation, in the if/then form.

    `part` is one of PARTS; without it the request body, or where there is none the answer. Without an
    operation the document has a definition for each part of each operation, called
    `createSubjectTraining.request`, to refer to. The verdict is that of `validate`, but for what no
    schema can say: whether the text is strict JSON.

    Raises ValueError where the operation is not known or has no such part.
    """
    form: dict[str, Json] = _without_extensions(spec.document(profile))
    if operation is None:
        form["description"] = "Refer to a definition, such as #/$defs/createSubjectTraining.request."
        for name, known in _names().items():
            for one, of in known.items():
                form["$defs"].setdefault(f"{name}.{one}", {"$ref": f"#/$defs/{of}"})
        return form
    parts = _names().get(operation)
    if parts is None:
        raise ValueError(f"no operation {operation!r}; the contract has {', '.join(_names())}")
    if part is None:
        part = next(one for one in ("request", "response", "error") if one in parts)
    if part not in parts:
        raise ValueError(f"{operation} has no {part}; it has {', '.join(parts)}")
    needed = _reached(parts[part], form["$defs"])
    return {
        "$schema": form["$schema"],
        "title": f"{operation}, {part} ({profile})",
        "$ref": f"#/$defs/{parts[part]}",
        "$defs": {name: node for name, node in form["$defs"].items() if name in needed},
    }


def typescript(profile: Profile) -> str:
    """Declarations of the types in TypeScript, made of the OpenAPI 3.1 document."""
    return spec.read(f"openapi-{profile}.d.ts").decode()


def yaml_text(document: Json) -> str:
    """A document as YAML, in the order in which it is written."""
    import yaml  # noqa: PLC0415 - heavy

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100))


def _names() -> dict[str, dict[str, str]]:
    """The definition of each part of each operation."""
    found = {}
    for name, one in spec.operations().items():
        of = {"request": one.request, "query": one.query, "response": one.response, "error": "Error"}
        found[name] = {part: definition for part, definition in of.items() if definition is not None}
    return found


def _without_extensions(node: Json, *, names: bool = False) -> Json:
    """A copy without x- members, at which strict validators stop; `names` are no keywords."""
    if isinstance(node, list):
        return [_without_extensions(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_extensions(one, names=not names and key in ("$defs", "properties"))
        for key, one in node.items()
        if names or not key.startswith("x-")
    }


def _reached(start: str, definitions: dict[str, Json]) -> set[str]:
    found, waiting = {start}, [definitions[start]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).removeprefix("#/$defs/")
            if name and name not in found:
                found.add(name)
                waiting.append(definitions[name])
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return found
