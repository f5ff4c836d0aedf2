"""The bundle says what the hand-written files say; judged by a resolver of its own."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin

import pytest
from bundle import HERE, bundle, load

from loracle_contracts.containment import equal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Json = Any

BUNDLE = bundle()
BASE = "https://loracle.invalid/contract/"
SOURCES = {
    source["$id"]: source
    for source in (load(f"schemas/{path.name}") for path in sorted((HERE / "schemas").glob("*.yaml")))
}
FILES = {
    f"{BASE}{name}": load(name) for name in ("openapi.yaml", "responses.yaml", "errors.yaml", "rules.yaml")
}
NAMED = sorted((name, identity) for identity, source in SOURCES.items() for name in source["$defs"])


def _inlined(node: Json, base: str, documents: dict[str, Json]) -> Json:
    """The node with every reference replaced by what it leads to, by the rules of RFC 3986."""
    if isinstance(node, list):
        return [_inlined(item, base, documents) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        assert set(node) == {"$ref"}
        return _followed(node["$ref"], base, documents)
    out = {}
    for key, value in node.items():
        if key == "mapping":
            out[key] = {tag: _followed(target, base, documents) for tag, target in value.items()}
        elif key == "externalValue":
            out["value"] = json.loads((HERE / value).read_text(encoding="utf-8"))
        else:
            out[key] = _inlined(value, base, documents)
    return out


def _followed(reference: str, base: str, documents: dict[str, Json]) -> Json:
    address, fragment = urldefrag(urljoin(base, reference))
    target = documents[address]
    for step in filter(None, fragment.split("/")):
        target = target[step]
    return _inlined(target, address, documents)


def _source(name: str, identity: str) -> Json:
    return _followed(f"{identity}#/$defs/{name}", BASE, SOURCES)


def _bundled(node: Json, document: Json) -> Json:
    return _inlined(node, BASE, {BASE: document})


def _altered(document: Json, name: str, change: Callable[[Json], None]) -> Json:
    out = json.loads(json.dumps(document))
    change(out["components"]["schemas"][name])
    return out


def test_every_source_schema_is_in_the_bundle_and_no_other() -> None:
    assert sorted(name for name, _ in NAMED) == sorted(BUNDLE["components"]["schemas"])


@pytest.mark.parametrize(("name", "identity"), NAMED)
def test_a_bundled_schema_equals_its_source(name: str, identity: str) -> None:
    source, bundled = _source(name, identity), _bundled(BUNDLE["components"]["schemas"][name], BUNDLE)
    # Annotations included: a lost x-source or description is a lost report.
    assert bundled == source
    assert equal(bundled, source)


def test_a_bundle_that_differs_from_its_source_is_caught() -> None:
    damaged = _altered(BUNDLE, "TaskName", lambda schema: schema.update(maxLength=254))
    name, identity = next(entry for entry in NAMED if entry[0] == "TaskName")
    bundled = _bundled(damaged["components"]["schemas"][name], damaged)
    assert bundled != _source(name, identity)
    assert not equal(bundled, _source(name, identity))


@pytest.mark.parametrize("part", ["paths", "security", "servers", "tags", "info", "x-pages", "x-rules"])
def test_a_bundled_part_equals_its_source(part: str) -> None:
    address = f"{BASE}openapi.yaml"
    source = _inlined(FILES[address][part], address, {**FILES, **SOURCES})
    assert _bundled(BUNDLE[part], BUNDLE) == source


def _contract_with(folder: Path, name: str, old: str, new: str) -> Path:
    shutil.copytree(HERE, folder / "openapi", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "openapi" / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    return folder / "openapi"


def test_two_schemas_of_one_name_are_refused(tmp_path: Path) -> None:
    root = _contract_with(tmp_path, "schemas/model.yaml", "  ModelList:\n", "  TaskList:\n")
    with pytest.raises(ValueError, match="two schemas are called TaskList"):
        bundle(root)


def test_a_reference_that_leaves_the_contract_is_refused(tmp_path: Path) -> None:
    old = "training-task.yaml#/$defs/Pagination"
    root = _contract_with(tmp_path, "schemas/model.yaml", old, "../../other.yaml#/$defs/Pagination")
    with pytest.raises(ValueError, match="leaves the contract"):
        bundle(root)
