"""The schema files for editors judge as the contract does, as far as a schema can."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft7Validator
from jsonschema_rs import Draft7Validator as FastDraft7Validator
from payloads import CREATES, mutated_bodies

from loracle_contracts import operations, spec, validate
from loracle_contracts.editor_schema import editor_schema

SCHEMAS = Path(__file__).parents[1] / "schemas"
# What draft 7 has for a schema to say; editors pass over other keywords or get them wrong.
KEYWORDS = set(Draft7Validator.VALIDATORS) | {
    "$schema", "title", "description", "examples", "definitions", "then", "else", "patternErrorMessage",
}  # fmt: skip


@cache
def schema(operation: str) -> Any:
    return json.loads((SCHEMAS / f"{operation}.schema.json").read_text(encoding="utf-8"))


def test_each_request_body_has_a_schema() -> None:
    with_body = {name for name, operation in operations().items() if operation.request}
    assert {path.name.removesuffix(".schema.json") for path in SCHEMAS.iterdir()} == with_body
    assert with_body == set(CREATES)


@pytest.mark.parametrize("operation", CREATES)
def test_the_files_are_what_the_package_makes(operation: str) -> None:
    assert schema(operation) == editor_schema(operation)


@pytest.mark.parametrize("operation", CREATES)
def test_they_are_schemas_of_draft_7_and_nothing_more(operation: str) -> None:
    Draft7Validator.check_schema(schema(operation))
    used = set()

    def walk(node: Any, *, is_schema: bool) -> None:
        if isinstance(node, dict):
            if is_schema:
                used.update(node)
                # Draft 7 reads nothing beside a reference.
                assert "$ref" not in node or set(node) == {"$ref"}
            for key, value in node.items():
                if key not in ("examples", "enum", "const"):
                    walk(value, is_schema=not is_schema or key not in ("properties", "definitions"))
        elif isinstance(node, list):
            for item in node:
                walk(item, is_schema=is_schema)

    walk(schema(operation), is_schema=True)
    assert used <= KEYWORDS


@pytest.mark.parametrize("profile", spec.PROFILES)
@pytest.mark.parametrize("operation", CREATES)
def test_examples_are_judged_as_by_the_contract(operation: str, profile: Any) -> None:
    one = FastDraft7Validator(editor_schema(operation, profile), validate_formats=True)
    judged = 0
    for path in spec.examples():
        _, of, part, _ = path.split("/")
        if of == operation and part == "request":
            try:
                value = json.loads(spec.example(path))
            except ValueError:
                continue
            verdict = validate(value, operation, profile)
            if not any(violation.rule.startswith("json.") for violation in verdict.violations):
                assert one.is_valid(value) == verdict.valid, path
                judged += 1
    assert judged >= 8


@given(mutated_bodies("createSubjectTraining"))
def test_any_body_is_judged_as_by_the_contract(body: Any) -> None:
    verdict = validate(body)
    if not any(violation.rule.startswith("json.") for violation in verdict.violations):
        assert FastDraft7Validator(schema("createSubjectTraining")).is_valid(body) == verdict.valid


def test_errors_stand_at_the_mistake() -> None:
    body = json.loads(spec.example("valid/createSubjectTraining/request/seed-page.json"))
    body["components"][1]["args"][0]["value"] = "wide"
    (error,) = Draft7Validator(schema("createSubjectTraining")).iter_errors(body)
    assert list(error.absolute_path) == ["components", 1, "args", 0, "value"]


def test_patterns_have_words() -> None:
    argument = schema("createSubjectTraining")["definitions"]["ResizeArgument"]["properties"]["value"]
    assert argument["patternErrorMessage"] == "Expected a positive integer as text."


def test_an_operation_without_a_body_has_no_schema() -> None:
    with pytest.raises(KeyError, match="has no request body"):
        editor_schema("listModels")
