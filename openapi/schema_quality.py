"""Finds the defects of one schema of the contract, the rules of this house among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from document_walk import CONDITIONS, Place, followed, resolve
from jsonschema_rs import Draft202012Validator, ValidationError
from jsonschema_specifications import REGISTRY
from rule_table import ASSERTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = Any

_VOCABULARIES = (
    "core",
    "applicator",
    "unevaluated",
    "validation",
    "meta-data",
    "format-annotation",
    "content",
)
_KEYWORDS = {"discriminator"}.union(
    *(
        REGISTRY.contents(f"https://json-schema.org/draft/2020-12/meta/{name}")["properties"]
        for name in _VOCABULARIES
    )
)
# They assert, but the table of rules knows no id for them, so a violation could not be named.
_NAMELESS = (
    "multipleOf", "exclusiveMaximum", "uniqueItems", "minProperties", "maxProperties", "contains",
    "minContains", "maxContains", "propertyNames", "patternProperties", "dependentRequired",
    "dependentSchemas", "prefixItems", "else", "not", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_TOKEN = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|.", re.DOTALL)
# The dialects agree on these only: \d, \w, \s differ on Unicode, \A and \Z are Python's own.
_ESCAPE = re.compile(r"\\[^tnr.()\[\]{}*+?^$|/\\-]")
_FINAL_BLANKS = [r"[ \t\n\r]", "*", "$"]


def schema_problems(place: Place, document: dict[str, Json]) -> Iterator[str]:
    """Yield everything that is wrong with one schema, without those inside it."""
    node = place.node
    for keyword in node:
        if keyword not in _KEYWORDS and not keyword.startswith("x-"):
            yield f"the keyword {keyword} is none of JSON Schema 2020-12"
    if place.named and "$ref" not in node and not node.get("description"):
        yield "the description is missing"
    for example in node.get("examples", ()):
        reason = refusal(node, example, document)
        if reason:
            yield f"the example is refused by its schema: {reason}"
    if "default" in node and refusal(node, node["default"], document):
        yield "the default is refused by its schema"
    yield from _pattern_problems(node.get("pattern", ""))
    yield from _undeclared(place)
    yield from _union_problems(node, document)
    if not place.condition:
        yield from _unbounded(node)
        if place.ruled:
            yield from _unsourced(place, document)


def _pattern_problems(pattern: str) -> Iterator[str]:
    try:
        re.compile(pattern)
        Draft202012Validator({"pattern": pattern})
    except (re.error, ValidationError) as error:
        yield f"the regular expression {pattern} is bad: {str(error)[:100]}"
        return
    if _ESCAPE.search(pattern.replace(r"\\", "")):
        yield f"the regular expression {pattern} has an escape that dialects read differently"
    tokens = _TOKEN.findall(pattern)
    if "$" in (tokens[:-1] if tokens[-3:] == _FINAL_BLANKS else tokens):
        yield f"the regular expression {pattern} has a $ that lets a final newline slip"


def _undeclared(place: Place) -> Iterator[str]:
    node = place.node
    declared = node.get("properties", {})
    for member in node.get("required", ()):
        if member not in declared:
            yield f"the member {member} is required but not declared"
    for keyword in CONDITIONS if "properties" in node else ():
        for member in node.get(keyword, {}).get("properties", ()):
            if member not in declared:
                yield f"the member {member} of {keyword} is not declared"


def _union_problems(node: dict[str, Json], document: dict[str, Json]) -> Iterator[str]:
    if "discriminator" not in node:
        return
    tag = node["discriminator"]["propertyName"]
    mapping = node["discriminator"].get("mapping", {})
    variants = [variant.get("$ref") for variant in node.get("oneOf", ())]
    if sorted(mapping.values()) != sorted(map(str, variants)):
        yield "the mapping of the discriminator and the variants of oneOf differ"
    for value, reference in mapping.items():
        variant = resolve(reference, document) or {}
        name = reference.rpartition("/")[2]
        if tag not in variant.get("required", ()):
            yield f"the variant {name} does not require the tag {tag}"
        if variant.get("properties", {}).get(tag, {}).get("const") != value:
            yield f"the discriminator maps {value} to {name}, whose const {tag} differs"


def _unbounded(node: dict[str, Json]) -> Iterator[str]:
    types = node.get("type", ())
    if {"integer", "number"}.isdisjoint([types] if isinstance(types, str) else types):
        return
    if "minimum" not in node and "exclusiveMinimum" not in node:
        yield "the number has no lower bound"
    if "maximum" not in node and "exclusiveMaximum" not in node:
        yield "the number has no upper bound"


def _unsourced(place: Place, document: dict[str, Json]) -> Iterator[str]:
    node = place.node
    if node == {"type": "null"} and "/anyOf/" in place.pointer:
        return  # the null of a nullable reference; its rule is that of the other half
    asserted = [k for k in ASSERTIONS if k in node and (k != "additionalProperties" or node[k] is False)]
    for keyword in _NAMELESS:
        if keyword in node:
            yield f"the keyword {keyword} can have no rule id"
    if asserted and "x-rule" not in node:
        yield f"it asserts {', '.join(asserted)} but has no x-rule"
    for keyword in asserted:
        if keyword not in node.get("x-source", {}):
            yield f"the keyword {keyword} has no x-source"
    for member in node.get("required", ()):
        target = followed(node.get("properties", {}).get(member, {}), document)
        # A reference with company (anyOf) has no place for a source of `required`.
        if target and "required" not in target.get("x-source", {}):
            yield f"the member {member} is required but its schema has no x-source for required"


def refusal(schema: dict[str, Json], value: Json, document: dict[str, Json]) -> str | None:
    """Say why the schema refuses the value, None where it accepts."""
    whole = {**schema, "components": {"schemas": document["components"]["schemas"]}}
    try:
        validator = Draft202012Validator(whole, validate_formats=True)
    except ValidationError:
        return None  # a malformed schema; the other checks report it
    error = next(validator.iter_errors(value), None)
    return error.message[:200] if error else None
