"""What is called proven holds: no payload contradicts it, whatever the schemas are."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema_rs
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from loracle_contracts.spec_diff.document import Document, DocumentError
from loracle_contracts.spec_diff.proof import is_contained
from loracle_contracts.spec_diff.schema_form import Schema, SchemaForm
from loracle_contracts.spec_diff.witness import witnesses

Json = Any

NAMES = st.sampled_from(["a", "b", "c", "xa"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 6), st.sampled_from([0.5, 2.5]), st.text("ab1", max_size=3)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
SMALL = st.integers(0, 3)
TYPES = st.lists(
    st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"]),
    min_size=1,
    max_size=3,
    unique=True,
)


def _some(members: dict[str, st.SearchStrategy[Json]], most: int = 4) -> st.SearchStrategy[Json]:
    chosen = st.lists(st.sampled_from(sorted(members)), max_size=most, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: members[name] for name in names}))


LEAVES = _some(
    {
        "type": TYPES,
        "enum": st.lists(SCALARS, min_size=1, max_size=3),
        "const": SCALARS,
        "minimum": st.integers(-2, 4),
        "exclusiveMaximum": st.integers(0, 5),
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": SMALL,
        "maxLength": SMALL,
        "pattern": st.sampled_from(["^a", "b$", "^[ab]*$", "1"]),
    },
    most=3,
)


def _schemas(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    some = st.lists(inner, min_size=1, max_size=3)
    maps = st.dictionaries(NAMES, inner, max_size=2)
    return _some(
        {
            "type": TYPES,
            "properties": maps,
            "patternProperties": st.dictionaries(st.sampled_from(["^x", "a"]), inner, max_size=2),
            "additionalProperties": inner,
            "required": st.lists(NAMES, max_size=2, unique=True),
            "minProperties": SMALL,
            "maxProperties": SMALL,
            "propertyNames": st.sampled_from([{"maxLength": 1}, {"pattern": "^x"}, {"enum": ["a", "b"]}]),
            "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=1),
            "dependentSchemas": st.dictionaries(NAMES, inner, max_size=1),
            "items": inner,
            "prefixItems": some,
            "minItems": SMALL,
            "maxItems": SMALL,
            "uniqueItems": st.booleans(),
            "contains": inner,
            "minContains": st.integers(0, 2),
            "allOf": some,
            "anyOf": some,
            "oneOf": some,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "unevaluatedProperties": st.booleans(),
            "$ref": st.just("#/components/schemas/Tree"),
        }
    )


SCHEMAS = st.recursive(st.one_of(LEAVES, st.booleans()), _schemas, max_leaves=6)
TREES = st.sampled_from(
    [
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/components/schemas/Tree"}, "b": {"type": "integer"}},
        },
        {"properties": {"a": {"$ref": "#/components/schemas/Tree"}, "b": {"type": "integer", "minimum": 1}}},
        {"type": ["object", "array"], "items": {"$ref": "#/components/schemas/Tree"}},
    ]
)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Json, Json, Json, Json]:
    """Two schemas, of which the second is often the first with something changed, and their trees."""
    one, tree = draw(SCHEMAS), draw(TREES)
    if draw(st.booleans()) or not isinstance(one, dict):
        return one, draw(SCHEMAS), tree, draw(TREES)
    other = copy.deepcopy(one)
    for _ in range(draw(st.integers(1, 2))):
        node = other
        while isinstance(node, dict) and node:
            key = draw(st.sampled_from(sorted(node)))
            child = node[key]
            if isinstance(child, dict) and child and draw(st.booleans()):
                node = child
                continue
            if isinstance(child, list) and child and isinstance(child[0], dict) and draw(st.booleans()):
                node = child[0]
                continue
            change = draw(st.sampled_from(["cut", "put", "wrap"]))
            if change == "cut":
                del node[key]
            elif change == "put":
                node.update(draw(LEAVES))
            else:
                copied = dict(node)
                node.clear()
                node[draw(st.sampled_from(["allOf", "anyOf", "oneOf"]))] = [copied]
            break
    return one, other, tree, draw(TREES)


def _schema(node: Json, tree: Json) -> Schema:
    document = Document(
        "drawn", {"openapi": "3.1.0", "schema": node, "components": {"schemas": {"Tree": tree}}}
    )
    place = document.top().get("schema")
    assert place is not None
    return SchemaForm(document, "request").schema(place)


def _validator(schema: Schema) -> Any:
    return jsonschema_rs.Draft202012Validator(schema.root(), validate_formats=True)


@given(pairs(), st.lists(VALUES, min_size=5, max_size=25))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_payload_contradicts_a_proof(drawn: tuple[Json, Json, Json, Json], values: list[Json]) -> None:
    one, other, tree, other_tree = drawn
    try:
        narrow, wide = _schema(one, tree), _schema(other, other_tree)
    except DocumentError:
        return  # an enum that is empty, a schema that refers to itself
    accepts, refuses = _validator(narrow), _validator(wide)
    if is_contained(narrow, wide):
        note(json.dumps([narrow.root(), wide.root()]))
        assert [value for value in values if accepts.is_valid(value) and not refuses.is_valid(value)] == []
        assert witnesses(narrow, wide, values, most=300) == []
    # The common form accepts what the schema as it was written accepts.
    written = jsonschema_rs.Draft202012Validator(
        {"allOf": [one], "components": {"schemas": {"Tree": tree}}}, validate_formats=True
    )
    assert [value for value in values if written.is_valid(value) is not accepts.is_valid(value)] == []
