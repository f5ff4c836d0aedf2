"""`loracle spec` prints valid documents that judge as the contract does."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
import yaml
from click.testing import CliRunner, Result
from jsonschema_specifications import REGISTRY
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from loracle_contracts import spec, validate
from loracle_mockserver.cli import main

Json = Any
OPENAPI = ("openapi-3.1", "openapi-3.0")
# Every part of an operation that has a schema of its own.
JUDGED = [
    (name, part)
    for name, one in spec.operations().items()
    for part, definition in (
        ("request", one.request),
        ("query", one.query),
        ("response", one.response),
        ("error", "Error"),
    )
    if definition is not None
]


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["spec", *arguments])
    assert result.exit_code == code, result.output
    return result


@cache
def printed(*arguments: str) -> str:
    return run(*arguments).stdout


# --- documents of their kind


@pytest.mark.parametrize("profile", spec.PROFILES)
@pytest.mark.parametrize("form", OPENAPI)
def test_the_openapi_documents_are_valid(profile: str, form: str) -> None:
    text = printed("--profile", profile, "--format", form)
    document = json.loads(text)
    assert document["openapi"] == {"openapi-3.1": "3.1.1", "openapi-3.0": "3.0.3"}[form]
    validator = OpenAPIV31SpecValidator if form == "openapi-3.1" else OpenAPIV30SpecValidator
    assert [error.message for error in validator(document).iter_errors()] == []
    # As YAML it is the same document.
    assert yaml.safe_load(printed("--profile", profile, "--format", form, "--yaml")) == document


@pytest.mark.parametrize("profile", spec.PROFILES)
def test_the_json_schemas_are_valid(profile: str) -> None:
    whole = json.loads(printed("--profile", profile, "--format", "json-schema"))
    jsonschema.Draft202012Validator.check_schema(whole)
    for name, part in JUDGED:
        document = _schema(profile, name, part)
        jsonschema.Draft202012Validator.check_schema(document)
        assert document["title"] == f"{name}, {part} ({profile})"
        # The whole document says the same of this part, under a name that is easy to guess.
        by_name = f"#/$defs/{name}.{part}"
        assert document["$ref"] in (by_name, whole["$defs"][f"{name}.{part}"].get("$ref"))
        assert {inner: whole["$defs"][inner] for inner in document["$defs"]} == document["$defs"]


def _schema(profile: str, operation: str, part: str) -> Json:
    of = ("--operation", operation, "--part", part)
    return json.loads(printed("--profile", profile, "--format", "json-schema", *of))


def test_a_json_schema_has_no_keyword_that_a_strict_validator_stops_at() -> None:
    known = set()
    for vocabulary in ("core", "applicator", "validation", "meta-data", "format-annotation"):
        known |= set(_vocabulary(vocabulary)["properties"])
    for profile in spec.PROFILES:
        document = json.loads(printed("--profile", profile, "--format", "json-schema"))
        assert set(_keywords(document)) <= known


def _vocabulary(name: str) -> Json:
    uri = f"https://json-schema.org/draft/2020-12/meta/{name}"
    return REGISTRY.contents(uri)


def _keywords(node: Json) -> list[str]:
    found = list(node)
    for keyword in ("$defs", "properties"):
        found += [inner for one in node.get(keyword, {}).values() for inner in _keywords(one)]
    for keyword in ("allOf", "anyOf", "oneOf"):
        found += [inner for one in node.get(keyword, ()) for inner in _keywords(one)]
    for keyword in ("items", "if", "then", "additionalProperties"):
        if isinstance(node.get(keyword), dict):
            found += _keywords(node[keyword])
    return found


# --- which judge as the contract does


def _payloads(operation: str, part: str, profile: str) -> dict[str, tuple[Json, bool]]:
    """The shipped examples of which a schema can judge, with what `validate` says of them."""
    found = {}
    for path in spec.examples():
        if path.split("/")[1:3] == [operation, part]:
            data = spec.example(path)
            if part == "query":
                data = data.strip()
            verdict = validate(data, operation, profile, part)  # type: ignore[arg-type]
            rules = spec.rules(profile)  # type: ignore[arg-type]
            if all(rules[violation.rule].keyword is not None for violation in verdict.violations):
                value = verdict.value if part == "query" else json.loads(data)
                found[path] = value, verdict.valid
    return found


@pytest.mark.parametrize("profile", spec.PROFILES)
def test_the_forms_judge_as_validate_does(profile: str) -> None:
    judged = {True: 0, False: 0}
    for name, part in JUDGED:
        judges = [jsonschema_rs.Draft202012Validator(_schema(profile, name, part), validate_formats=True)]
        if part in ("request", "response"):
            judges.append(_by_openapi(profile, name, part))
        for path, (value, is_valid) in _payloads(name, part, profile).items():
            assert [judge.is_valid(value) for judge in judges] == [is_valid] * len(judges), path
            judged[is_valid] += 1
    assert min(judged.values()) > 60


def _by_openapi(profile: str, name: str, part: str) -> Any:
    document = json.loads(printed("--profile", profile))
    one = spec.operations()[name]
    schema = one.request if part == "request" else one.response
    root = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(root, validate_formats=True)


def test_a_json_schema_locates_the_mistake_and_not_the_union() -> None:
    payload = json.loads(spec.example("valid/createSubjectTraining/request/seed-page.json"))
    payload["components"][1]["args"][0]["value"] = 512
    validator = jsonschema.Draft202012Validator(_schema("strict", "createSubjectTraining", "request"))
    assert [list(error.absolute_path) for error in validator.iter_errors(payload)] == [
        ["components", 1, "args", 0, "value"]
    ]


def test_without_a_part_the_body_is_meant() -> None:
    of = ("--format", "json-schema", "--operation")
    assert json.loads(printed(*of, "createUploadUrl")) == _schema("strict", "createUploadUrl", "request")
    assert json.loads(printed(*of, "listModels")) == _schema("strict", "listModels", "response")
    assert json.loads(printed(*of, "putUpload")) == _schema("strict", "putUpload", "error")


# --- files, the environment, and wrong usage


@pytest.mark.parametrize("suffix", ["json", "yaml", "yml"])
@pytest.mark.parametrize("form", [*OPENAPI, "json-schema"])
def test_the_suffix_of_the_output_decides(tmp_path: Path, suffix: str, form: str) -> None:
    path = tmp_path / f"contract.{suffix}"
    path.write_text("old", encoding="utf-8")
    assert run("--format", form, "--output", str(path)).stdout == ""
    text = path.read_text(encoding="utf-8")
    assert text.startswith("{") is (suffix == "json")
    read = json.loads if suffix == "json" else yaml.safe_load
    assert read(text) == json.loads(printed("--format", form))
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_file_that_cannot_be_written_is_left(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "contract.json"
    result = run("--output", str(path), code=3)
    assert "contract.json cannot be written: No such file or directory" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORACLE_PROFILE", "lenient")
    monkeypatch.setenv("LORACLE_SPEC_FORMAT", "openapi-3.0")
    assert run().stdout == spec.read("openapi-lenient-3.0.json").decode()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "openapi-2"], "openapi-2"),
        (["--profile", "loose"], "loose"),
        (["--operation", "createUploadUrl"], "--operation needs --format json-schema"),
        (["--format", "json-schema", "--part", "query"], "--part needs --operation"),
        (["--format", "json-schema", "--operation", "fly"], "no operation 'fly'; the contract has createS"),
        (
            ["--format", "json-schema", "--operation", "createUploadUrl", "--part", "query"],
            "createUploadUrl has no query; it has request, response, error",
        ),
        (["--format", "typescript", "--yaml"], "--yaml does not go with --format typescript"),
        (["--format", "openapi-3.0", "diff", "a", "b"], "diff does not take it"),
        (["diff", "-", "-"], "only one"),
        (["diff", "builtin:strict"], "NEW"),
        (["copy"], "copy"),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], said: str) -> None:
    assert said in run(*arguments, code=2).stderr
