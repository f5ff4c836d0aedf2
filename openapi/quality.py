"""Finds the defects of the contract document itself, which no payload would ever show.

    python openapi/quality.py

openapi-spec-validator judges the form of the document; the checks here see what it misses.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from bundle import bundle
from document_walk import (
    followed,
    nodes,
    operations_of,
    pointer_to,
    reached,
    references,
    resolve,
    schemas_of,
    without_schemas,
)
from openapi_spec_validator import OpenAPIV31SpecValidator
from schema_quality import refusal, schema_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = Any

_KINDS = ("stated", "observed", "inferred", "policy")


def problems(document: dict[str, Json]) -> list[str]:
    """Return every defect of a bundled OpenAPI 3.1 document, as `JSON pointer: what is wrong`."""
    broken = [
        f"{pointer}: the reference {target} leads nowhere"
        for pointer, target in references(document)
        if resolve(target, document) is None
    ]
    if broken:
        return broken  # the other checks follow references
    checks: tuple[Callable[[dict[str, Json]], Iterator[str]], ...] = (
        _specification, _operations, _paths, _security, _descriptions, _unused, _sources, _content,
    )  # fmt: skip
    found = [problem for check in checks for problem in check(document)]
    requested = _requested(document)
    for place in schemas_of(document):
        found += [f"{place.pointer}: {text}" for text in schema_problems(place, document)]
        if "default" in place.node and f"{place.pointer}/".startswith(requested):
            found.append(f"{place.pointer}: a request schema has a default")
    return found


def _requested(document: dict[str, Json]) -> tuple[str, ...]:
    """Where the schemas of requests stand: under an operation, or named and reached from there."""
    holders = {
        f"{pointer}/{part}": operation[part]
        for pointer, _, operation in operations_of(document)
        for part in ("parameters", "requestBody")
        if part in operation
    }
    targets = reached(list(holders.values()), document)
    return tuple(f"{pointer}/" for pointer in (*holders, *(t[1:] for t in targets)))


def _specification(document: dict[str, Json]) -> Iterator[str]:
    for error in OpenAPIV31SpecValidator(document).iter_errors():
        pointer = pointer_to(*error.absolute_path)
        # Inside a schema the library forgets where the schema stands; the checks below know.
        place = pointer if resolve(f"#{pointer}", document) is not None else ""
        yield f"{place or '/'}: {error.message[:200]}"


def _operations(document: dict[str, Json]) -> Iterator[str]:
    seen: dict[str, str] = {}
    tags = {tag["name"] for tag in document.get("tags", ())}
    for pointer, _, operation in operations_of(document):
        identity = operation.get("operationId")
        if identity is None:
            yield f"{pointer}: the operation has no operationId"
        elif identity in seen:
            yield f"{pointer}: the operationId {identity} is that of {seen[identity]} too"
        else:
            seen[identity] = pointer
        if not any(status.startswith("2") for status in operation.get("responses", ())):
            yield f"{pointer}: the operation has no 2xx response"
        for tag in operation.get("tags", ()):
            if tag not in tags:
                yield f"{pointer}: the tag {tag} is not declared"


def _paths(document: dict[str, Json]) -> Iterator[str]:
    for pointer, path, operation in operations_of(document):
        shared = document["paths"][path].get("parameters", [])
        parameters = [followed(p, document) for p in (*shared, *operation.get("parameters", []))]
        declared = {p["name"] for p in parameters if p["in"] == "path"}
        template = set(re.findall(r"{([^}]+)}", path))
        for name in sorted(template - declared):
            yield f"{pointer}: the path parameter {name} is not declared"
        for name in sorted(declared - template):
            yield f"{pointer}: the path parameter {name} is not in the path"


def _security(document: dict[str, Json]) -> Iterator[str]:
    schemes = document["components"].get("securitySchemes", {})
    for pointer, _, holder in [("", "", document), *operations_of(document)]:
        for requirement in holder.get("security", ()):
            for name in requirement:
                if name not in schemes:
                    yield f"{pointer}/security: the security scheme {name} is not declared"


def _descriptions(document: dict[str, Json]) -> Iterator[str]:
    holders = [(pointer_to("tags", i), tag) for i, tag in enumerate(document.get("tags", ()))]
    for pointer, _, operation in operations_of(document):
        holders.append((pointer, operation))
        parameters, responses = operation.get("parameters", ()), operation.get("responses", {})
        holders += [(f"{pointer}/parameters/{i}", p) for i, p in enumerate(parameters)]
        holders += [(f"{pointer}/responses/{status}", r) for status, r in responses.items()]
        if "requestBody" in operation:
            holders.append((f"{pointer}/requestBody", operation["requestBody"]))
    for section in ("responses", "parameters", "requestBodies", "headers", "securitySchemes"):
        for name, holder in document["components"].get(section, {}).items():
            holders.append((pointer_to("components", section, name), holder))
    for pointer, holder in holders:
        for name, header in holder.get("headers", {}).items():
            if not header.get("description"):
                yield f"{pointer}/headers/{name}: the description is missing"
        if "$ref" not in holder and not holder.get("description"):
            yield f"{pointer}: the description is missing"


def _unused(document: dict[str, Json]) -> Iterator[str]:
    used = reached([document["paths"]], document)
    for section in ("schemas", "responses", "parameters", "requestBodies", "headers", "examples"):
        for name in document["components"].get(section, ()):
            if f"#/components/{section}/{name}" not in used:
                yield f"/components/{section}/{name}: no operation uses it"


def _sources(document: dict[str, Json]) -> Iterator[str]:
    pages = document.get("x-pages", {})
    for rule, entry in document.get("x-rules", {}).items():
        if "x-source" not in entry:
            yield f"{pointer_to('x-rules', rule)}: the rule has no x-source"
    for pointer, node in nodes(document):
        for keyword, source in _source_entries(node.get("x-source", {})):
            if source.get("kind") not in _KINDS:
                yield f"{pointer}/x-source{keyword}: the kind {source.get('kind')} is not known"
            if source.get("page") not in pages:
                yield f"{pointer}/x-source{keyword}: the page {source.get('page')} is not in x-pages"


def _source_entries(sources: dict[str, Json]) -> list[tuple[str, dict[str, Json]]]:
    if "kind" in sources or "page" in sources:
        return [("", sources)]
    return [(f"/{keyword}", source) for keyword, source in sources.items()]


def _content(document: dict[str, Json]) -> Iterator[str]:
    for pointer, holder in nodes(without_schemas(document)):
        if "schema" not in holder:
            continue
        values = {f"examples/{k}": v for k, v in holder.get("examples", {}).items()}
        if "example" in holder:
            values["example"] = {"value": holder["example"]}
        for name, example in values.items():
            reason = refusal(holder["schema"], followed(example, document).get("value"), document)
            if reason:
                yield f"{pointer}/{name}: the example is refused by its schema: {reason}"


def main() -> int:
    """Print what is wrong with the contract; the exit code is 1 where there is something."""
    found = problems(bundle())
    print("\n".join(found) or "The contract has no known defect.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
