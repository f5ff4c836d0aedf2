"""The derived OpenAPI 3.0 documents are valid 3.0 and accept what the contract accepts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from bundle import HERE, PROFILES, bundle, profile
from compat30 import compat30
from document_walk import schemas_of
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator
from validation_form import operation_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Json = Any

STRICT = bundle()
TABLE = operation_table(STRICT)
# Folders of bodies; the others hold headers, queries and answers.
EXAMPLES = sorted(
    path.relative_to(HERE / "examples" / "valid")
    for operation in TABLE
    for path in (HERE / "examples" / "valid" / operation / "request").glob("*.json")
)
TOO_NEW = ("const", "exclusiveMinimum", "exclusiveMaximum", "if", "then", "else", "examples")


@pytest.fixture(scope="module", params=PROFILES)
def document(request: pytest.FixtureRequest) -> Json:
    return compat30(profile(request.param, STRICT))


def _refusals(document: Json, name: str, payload: Json) -> list[str]:
    schemas = {"components": {"schemas": document["components"]["schemas"]}}
    validator = OAS30Validator({"allOf": [{"$ref": f"#/components/schemas/{name}"}], **schemas})
    errors = validator.iter_errors(payload)
    return [f"/{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


def _whole(text: str) -> int | float:
    # 512.0 is an integer in JSON Schema 2020-12 and not in the older draft under 3.0; that is
    # nothing that a 3.0 document could say, so such numbers are judged as integers here.
    number = float(text)
    return int(number) if number.is_integer() else number


def _read(path: Path) -> Json:
    return json.loads(path.read_text(encoding="utf-8"), parse_float=_whole)


def _seed_page() -> Json:
    (path,) = (HERE / "examples" / "valid").rglob("seed-page.json")
    return _read(path)


def test_it_is_valid_openapi_30(document: Json) -> None:
    assert document["openapi"] == "3.0.3"
    assert [error.message for error in OpenAPIV30SpecValidator(document).iter_errors()] == []


def test_its_schemas_hold_no_keyword_of_31(document: Json) -> None:
    places = list(schemas_of(document))
    assert len(places) > 100
    for place in places:
        assert not set(TOO_NEW) & set(place.node), place.pointer
        assert isinstance(place.node.get("type", ""), str), place.pointer
        assert place.node.get("type") != "null", place.pointer


def test_nullable_stands_where_it_acts(document: Json) -> None:
    """3.0.3 reads it beside a type only; beside a union or a reference it lets no null through."""
    nullable = [place for place in schemas_of(document) if "nullable" in place.node]
    assert nullable
    for place in nullable:
        assert place.node["nullable"] is True
        # With nothing else beside it the schema takes any value, null too.
        assert "type" in place.node or not {"allOf", "anyOf", "oneOf", "enum"} & set(place.node), (
            place.pointer
        )


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
@pytest.mark.parametrize("name", ["strict", "lenient"])
def test_a_valid_request_is_accepted(name: str, example: Path) -> None:
    schema = TABLE[example.parts[0]]["request"]
    payload = _read(HERE / "examples" / "valid" / example)
    assert _refusals(compat30(profile(name, STRICT)), schema, payload) == []


def test_the_seed_page_is_accepted(document: Json) -> None:
    assert _refusals(document, "SubjectTrainingRequest", _seed_page()) == []


def _without_name(payload: Json) -> None:
    del payload["name"]


def _no_width(payload: Json) -> None:
    payload["width"] = 0


def _no_learning_rate(payload: Json) -> None:
    payload["expert_setting"]["learning_rate"] = 0


def _unknown_component(payload: Json) -> None:
    payload["components"].append({"name": "blur", "args": []})


def _foreign_argument(payload: Json) -> None:
    payload["components"][1]["args"].append({"name": "ratio", "value": "1.0"})


def _unknown_argument(payload: Json) -> None:
    payload["components"][0]["args"][0]["name"] = "scale"


def _low_rank(payload: Json) -> None:
    payload["expert_setting"]["lora_r"] = 3


def _null_name(payload: Json) -> None:
    payload["name"] = None


@pytest.mark.parametrize(
    "damage",
    [
        _without_name, _no_width, _no_learning_rate, _unknown_component, _foreign_argument,
        _unknown_argument, _low_rank, _null_name,
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["strict", "lenient"])
def test_a_broken_request_is_refused(name: str, damage: Callable[[Json], None]) -> None:
    document = compat30(profile(name, STRICT))
    payload = _seed_page()
    # Nothing but the damage may be what is refused.
    payload["expert_setting"] = {k: v for k, v in payload["expert_setting"].items() if v is not None}
    assert _refusals(document, "SubjectTrainingRequest", payload) == []
    damage(payload)
    assert _refusals(document, "SubjectTrainingRequest", payload) != []


def test_an_object_that_may_be_null_in_one_place_is_referred_to_from_no_other() -> None:
    for name in PROFILES:
        strict = profile(name, STRICT)
        nullable = {
            f"#/components/schemas/{schema}"
            for schema, node in compat30(strict)["components"]["schemas"].items()
            if node.get("nullable") and node.get("type") == "object"
        }
        assert nullable
        for place, target in _references(strict["components"]["schemas"], ""):
            assert target not in nullable or place.endswith("/anyOf/0"), place


def _references(node: Json, place: str) -> Iterator[tuple[str, str]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        if key == "$ref":
            yield place, child
        yield from _references(child, f"{place}/{key}")
