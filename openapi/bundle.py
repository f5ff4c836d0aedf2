"""Makes one OpenAPI document of the hand-written files, and a document for each profile."""

from __future__ import annotations

import copy
import json
import posixpath
from pathlib import Path
from typing import Any

import yaml
from oas_patch.overlay import apply_overlay

HERE = Path(__file__).parent
PROFILES = ("strict", "lenient", "seed")

Json = Any


def load(name: str, root: Path = HERE) -> Json:
    """The parsed YAML file of this name below `root`."""
    return yaml.safe_load((root / name).read_text(encoding="utf-8"))


def bundle(root: Path = HERE) -> dict[str, Json]:
    """The strict contract as one OpenAPI 3.1 document with local references only.

    Raises ValueError where a reference leaves the contract or two schemas have one name.
    """
    document: dict[str, Json] = _localise(load("openapi.yaml", root), "openapi.yaml", root)
    components = document["components"]
    components["schemas"] = schemas = {}
    for path in sorted((root / "schemas").glob("*.yaml")):
        for name, schema in load(f"schemas/{path.name}", root)["$defs"].items():
            if name in schemas:
                raise ValueError(f"two schemas are called {name}")
            schemas[name] = _localise(schema, f"schemas/{path.name}", root)
    components["responses"] = _localise(load("responses.yaml", root), "responses.yaml", root)
    components["examples"] = load("errors.yaml", root)
    return document


def profile(name: str, strict: dict[str, Json], root: Path = HERE) -> dict[str, Json]:
    """The strict document after the overlay of the named profile."""
    document = copy.deepcopy(strict)
    if name == "strict":
        return document
    overlay = load(f"profiles/{name}.yaml", root)
    changed: dict[str, Json] = apply_overlay(document, copy.deepcopy(overlay))
    return changed


def _localise(node: Json, file: str, root: Path) -> Json:
    """A copy of `node`, read from `file`, in which references point into the bundle."""
    if isinstance(node, list):
        return [_localise(item, file, root) for item in node]
    if not isinstance(node, dict):
        return node
    out: dict[str, Json] = {}
    for key, value in node.items():
        if key == "$ref" and isinstance(value, str):
            if "#" not in value:
                return load(posixpath.join(posixpath.dirname(file), value), root)
            out[key] = _local_reference(value, file)
        elif key == "mapping":
            out[key] = {tag: _local_reference(target, file) for tag, target in value.items()}
        elif key == "externalValue":
            out["value"] = json.loads((root / value).read_text(encoding="utf-8"))
        else:
            out[key] = _localise(value, file, root)
    return out


def _local_reference(reference: str, file: str) -> str:
    target, _, fragment = reference.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target)) if target else file
    name = fragment.rpartition("/")[2]
    if path.startswith("schemas/"):
        return f"#/components/schemas/{name}"
    if path == "responses.yaml":
        return f"#/components/responses/{name}"
    if path == "errors.yaml":
        return f"#/components/examples/{name}"
    raise ValueError(f"{file}: the reference {reference} leaves the contract")
