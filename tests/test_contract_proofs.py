"""What the forms of the contract claim of each other is proven, and the proofs can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bundle import PROFILES, bundle, profile
from validation_form import operation_table, validation_form

from loracle_contracts.containment import UndecidedError, covers, equal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = Any

STRICT = bundle()
TABLE = operation_table(STRICT)
REQUESTS = sorted(
    {entry[part] for entry in TABLE.values() for part in ("request", "query") if entry[part] is not None}
)


def test_covers_tells_yes_from_no() -> None:
    assert covers({"type": "string"}, {"type": "string", "minLength": 2})
    assert not covers({"type": "string", "minLength": 2}, {"type": "string"})


def test_covers_takes_no_unknown_for_a_proof() -> None:
    with pytest.raises(UndecidedError):
        covers({"type": "string", "pattern": "^a+b"}, {"type": "string", "pattern": "^aa*b"})


# --- lenient accepts what strict accepts


def _form(name: str, document: Json) -> Json:
    return {**validation_form(document), "$ref": f"#/$defs/{name}"}


def test_every_body_and_query_is_proven() -> None:
    assert REQUESTS == [
        "StyleTrainingRequest",
        "SubjectTrainingRequest",
        "UploadRequest",
        "getStyleTraining.query",
        "getSubjectTraining.query",
        "listModels.query",
        "listTrainings.query",
    ]


@pytest.mark.parametrize("name", REQUESTS)
def test_lenient_covers_strict(name: str) -> None:
    assert covers(_form(name, profile("lenient", STRICT)), _form(name, STRICT))


@pytest.mark.parametrize("name", sorted(STRICT["components"]["schemas"]))
def test_lenient_covers_strict_schema_by_schema(name: str) -> None:
    reference = {"$ref": f"#/components/schemas/{name}"}
    lenient = profile("lenient", STRICT)
    assert covers(
        {**reference, "components": lenient["components"]}, {**reference, "components": STRICT["components"]}
    )


def test_strict_does_not_cover_lenient() -> None:
    name = "UploadRequest"
    assert not covers(_form(name, STRICT), _form(name, profile("lenient", STRICT)))


def _tighten_width(schemas: Json) -> None:
    schemas["Width"]["maximum"] = 4096


def _forbid_members(schemas: Json) -> None:
    schemas["ImageDatasetItem"]["properties"].pop("caption")
    schemas["ImageDatasetItem"]["additionalProperties"] = False


def _require_a_member(schemas: Json) -> None:
    schemas["SubjectTrainingRequest"]["required"].append("expert_setting")


def _respell_a_pattern(schemas: Json) -> None:
    schemas["RatioArgument"]["properties"]["value"]["pattern"] = r"^[0-9.]+[ \t\n\r]*$"


@pytest.mark.parametrize("tighten", [_tighten_width, _forbid_members, _require_a_member, _respell_a_pattern])
def test_a_tightened_lenient_is_caught(tighten: Callable[[Json], None]) -> None:
    lenient = profile("lenient", STRICT)
    tighten(lenient["components"]["schemas"])
    assert not _proven(
        lambda: covers(_form("SubjectTrainingRequest", lenient), _form("SubjectTrainingRequest", STRICT))
    )


def test_a_tightened_schema_is_disproved() -> None:
    lenient = profile("lenient", STRICT)
    _tighten_width(lenient["components"]["schemas"])
    assert not covers(_form("Width", lenient), _form("Width", STRICT))


def _proven(claim: Callable[[], bool]) -> bool:
    try:
        return claim()
    except UndecidedError:
        return False


# --- the validation form accepts exactly what the unions accept


def _prove_form(document: Json, validation: Json) -> list[str]:
    """Proves a validation form equal to its document and answers the rewritten places.

    On the strict SubjectTrainingRequest as a whole the library answers UNKNOWN. So each rewritten
    node is proven equal to the node it stands for, under the same definitions; everything else is
    the same text. References lead down only (no schema contains itself), so by induction from the
    innermost schemas outwards both forms accept the same.
    """
    places = []
    for name, schema in document["components"]["schemas"].items():
        assert not _contains_itself(name, document)
        for place, original, rewritten in _differences(_renamed(schema), validation["$defs"][name], name):
            definitions = {"$defs": validation["$defs"]}
            if "discriminator" in original:
                assert equal({**original, **definitions}, {**rewritten, **definitions}), place
            else:
                _prove_nullable(original, rewritten, definitions, place)
            places.append(place)
    return places


def _prove_nullable(original: Json, rewritten: Json, definitions: Json, place: str) -> None:
    # The whole is UNKNOWN where the inner object has an if of its own: the library does not
    # distribute it over the union. Both sides hold nothing but nulls and objects, and it can
    # decide each of these two alone; together they are the whole.
    for side in (original, rewritten):
        assert covers({"type": ["null", "object"]}, {**side, **definitions}), place
    for kind in ("null", "object"):
        one, other = ({"allOf": [{"type": kind}, side], **definitions} for side in (original, rewritten))
        assert equal(one, other), f"{place} ({kind})"


def _differences(original: Json, form: Json, place: str) -> Iterator[tuple[str, Json, Json]]:
    """The nodes that are spelled anew; everything else must be the same text."""
    if original == form:
        return
    assert type(original) is type(form), place
    if isinstance(original, list):
        assert len(original) == len(form), place
        for i, (one, other) in enumerate(zip(original, form, strict=True)):
            yield from _differences(one, other, f"{place}/{i}")
        return
    assert isinstance(original, dict), f"{place}: {original} is not {form}"
    if "discriminator" in original or original.get("anyOf", [])[-1:] == [{"type": "null"}]:
        yield place, original, form
        return
    assert original.keys() == form.keys(), place
    for key in original:
        yield from _differences(original[key], form[key], f"{place}/{key}")


def _renamed(node: Json) -> Json:
    if isinstance(node, list):
        return [_renamed(item) for item in node]
    if isinstance(node, dict):
        return {key: _renamed(value) for key, value in node.items()}
    return node.replace("#/components/schemas/", "#/$defs/") if isinstance(node, str) else node


def _contains_itself(name: str, document: Json) -> bool:
    inside: set[str] = set()
    waiting = [document["components"]["schemas"][name]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict) and "$ref" in node:
            target = node["$ref"].removeprefix("#/components/schemas/")
            if target not in inside:
                inside.add(target)
                waiting.append(document["components"]["schemas"][target])
        elif isinstance(node, dict | list):
            waiting.extend(node.values() if isinstance(node, dict) else node)
    return name in inside


@pytest.mark.parametrize("name", PROFILES)
def test_the_validation_form_equals_the_unions(name: str) -> None:
    document = profile(name, STRICT)
    places = _prove_form(document, validation_form(document))
    expected = ["Component", "FaceRestoreArgument", "StyleTrainingRequest/properties/expert_setting"]
    if name != "seed":
        expected.append("SubjectTrainingRequest/properties/expert_setting")
    assert sorted(places) == expected


@pytest.mark.parametrize("name", PROFILES)
def test_the_validation_form_has_the_query_parameters(name: str) -> None:
    document = profile(name, STRICT)
    definitions = validation_form(document)["$defs"]
    for entry in TABLE.values():
        operation = document["paths"][entry["path"]][entry["method"].lower()]
        parameters = [p for p in operation.get("parameters", ()) if p["in"] == "query"]
        if parameters:
            query = definitions[entry["query"]]
            assert query["properties"] == {p["name"]: _renamed(p["schema"]) for p in parameters}
            assert query["required"] == [p["name"] for p in parameters if p.get("required", False)]


def _drop_a_variant(definitions: Json) -> None:
    definitions["Component"]["allOf"].pop()


def _leave_the_tag_optional(definitions: Json) -> None:
    definitions["FaceRestoreArgument"]["required"] = []


def _swap_a_variant(definitions: Json) -> None:
    definitions["Component"]["allOf"][0]["then"] = {"$ref": "#/$defs/Resize"}


def _allow_another_tag(definitions: Json) -> None:
    definitions["Component"]["properties"]["name"]["enum"].append("blur")


def _refuse_null(definitions: Json) -> None:
    definitions["SubjectTrainingRequest"]["properties"]["expert_setting"]["type"] = ["object"]


def _allow_text(definitions: Json) -> None:
    definitions["SubjectTrainingRequest"]["properties"]["expert_setting"]["type"] += ["string"]


def _forget_the_object(definitions: Json) -> None:
    del definitions["SubjectTrainingRequest"]["properties"]["expert_setting"]["then"]


def _lower_a_maximum(definitions: Json) -> None:
    definitions["Width"]["maximum"] = 4096


def _forget_the_condition(definitions: Json) -> None:
    del definitions["SubjectExpertSetting"]["then"]


@pytest.mark.parametrize(
    "damage",
    [
        _drop_a_variant, _leave_the_tag_optional, _swap_a_variant, _allow_another_tag, _refuse_null,
        _allow_text, _forget_the_object, _lower_a_maximum, _forget_the_condition,
    ],
)  # fmt: skip
def test_a_damaged_validation_form_is_caught(damage: Callable[[Json], None]) -> None:
    validation = validation_form(STRICT)
    damage(validation["$defs"])
    with pytest.raises((AssertionError, UndecidedError)):
        _prove_form(STRICT, validation)


@pytest.mark.parametrize("name", PROFILES)
def test_the_verdict_is_passed_on_the_unions_as_the_contract_writes_them(name: str) -> None:
    document = profile(name, STRICT)
    schemas = document["components"]["schemas"]
    written = {
        schema: [variant["$ref"].rpartition("/")[2] for variant in node["oneOf"]]
        for schema, node in schemas.items()
        if "oneOf" in node
    }
    assert len(written) == 2
    for schema, variants in written.items():
        # One of them and any of them are the same, because each demands a tag of its own.
        tag = schemas[schema]["discriminator"]["propertyName"]
        assert all(tag in schemas[variant]["required"] for variant in variants)
        assert len({schemas[v]["properties"][tag]["const"] for v in variants}) == len(variants)
    judged = {
        schema: [variant["$ref"].rpartition("/")[2] for variant in node["anyOf"]]
        for schema, node in validation_form(document)["x-unions"].items()
    }
    assert judged == written
