"""The TypeScript declarations are those of the contract, and a compiler finds mistakes with them.

The long lane makes them anew with openapi-typescript and asks the compiler; it needs npm's registry.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typescript
from bundle import PROFILES
from click.testing import CliRunner

from loracle_contracts import spec
from loracle_contracts.parse import parse_fast
from loracle_mockserver.cli import main

Json = Any


# --- what can be told without a compiler


@pytest.mark.parametrize("profile", PROFILES)
def test_the_declarations_are_of_the_document_as_it_is(profile: str) -> None:
    assert typescript.is_fresh(profile), "run python openapi/typescript.py"


def test_declarations_of_another_document_are_stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("openapi-strict.json", "openapi-strict.d.ts"):
        shutil.copy(typescript.SPEC / name, tmp_path)
    monkeypatch.setattr(typescript, "SPEC", tmp_path)
    assert typescript.is_fresh("strict")
    source = tmp_path / "openapi-strict.json"
    source.write_text(source.read_text("utf-8").replace('"file_extension"', '"extension"'), "utf-8")
    assert not typescript.is_fresh("strict")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_command_prints_them(profile: str) -> None:
    done = CliRunner().invoke(main, ["spec", "--format", "typescript", "--profile", profile])
    assert done.exit_code == 0
    assert done.stdout == typescript.path(profile).read_text(encoding="utf-8")
    assert "export type SubjectTrainingRequest = " in done.stdout


def test_the_declarations_are_small() -> None:
    assert max(typescript.path(profile).stat().st_size for profile in PROFILES) < 100_000


# --- with the compiler


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    typescript.install(folder)
    return folder


@pytest.mark.long
@pytest.mark.parametrize("profile", PROFILES)
def test_the_declarations_are_what_the_generator_writes(tools: Path, profile: str) -> None:
    assert typescript.derive(profile, tools) == typescript.path(profile).read_text(encoding="utf-8")


def _wrong_lines(tools: Path, lines: list[str]) -> dict[int, str]:
    """The lines, counted from 1, that `tsc --strict` refuses, each with the first reason."""
    shutil.copy(typescript.path("strict"), tools / "loracle.d.ts")
    (tools / "client.ts").write_text(
        "\n".join(["import type * as api from './loracle';", *lines, ""]), "utf-8"
    )
    try:
        printed = typescript.run("tsc", ["--strict", "--noEmit", "client.ts"], tools)
    except subprocess.CalledProcessError as error:
        printed = error.stdout
    found: dict[int, str] = {}
    for line in printed.splitlines():
        if not line.startswith(" "):
            place = re.match(r"client\.ts\((\d+),\d+\): error (.*)", line)
            assert place, line
            found.setdefault(int(place[1]) - 1, place[2])
    return found


# Rules that are no matter of types. Of numbers a type does not say that they are whole.
_UNSEEN = {
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
}
_WHOLE = {"assets_id.type", "height.type", "lora_alpha.type", "seed.type"}
_ACROSS_FIELDS = "class_prompt.with_prior_preservation"


def _requests(kind: str) -> Iterator[tuple[str, str]]:
    """The paths of the examples of requests that are JSON, each with a line that declares a constant."""
    for path in spec.examples():
        of, operation, part = path.split("/")[:3]
        if (of, part) == (kind, "request"):
            try:
                value: Json = parse_fast(spec.example(path))
            except ValueError:
                continue
            name = hashlib.sha256(path.encode()).hexdigest()[:12]
            declared = spec.operations()[operation].request
            yield path, f"export const x{name}: api.{declared} = {json.dumps(value)};"


@pytest.mark.long
def test_good_requests_compile(tools: Path) -> None:
    examples = dict(_requests("valid"))
    assert len(examples) > 100
    assert _wrong_lines(tools, list(examples.values())) == {}


@pytest.mark.long
def test_bad_requests_do_not_compile(tools: Path) -> None:
    examples = dict(_requests("invalid"))
    index = spec.examples()
    rules = spec.rules("strict")
    wrong = _wrong_lines(tools, list(examples.values()))
    seen = {index[path]["rule"] for line, path in enumerate(examples, 1) if line in wrong}
    unseen = {index[path]["rule"] for line, path in enumerate(examples, 1) if line not in wrong}
    assert {rule for rule in unseen if rules[rule].keyword not in _UNSEEN} == _WHOLE | {_ACROSS_FIELDS}
    assert {rules[rule].keyword for rule in seen} >= {"type", "required", "additionalProperties", "enum"}
    assert len(seen) > 40


READING = [
    "declare const task: api.TrainingTask;",
    "export const name: string | undefined = task.models[0]?.model_name;",
    "export const isDone: boolean = task.task_status === 'SUCCESS';",
    "export const percent: number = task.extra?.progress_percent ?? 0;",
    "type Poll = api.operations['getSubjectTraining'];",
    "export const query: Poll['parameters']['query'] = { task_id: 'b299b567-531a-4745-b600-eca9591aae24' };",
    "type Refused = Poll['responses'][429]['content']['application/json'];",
    "export const why = (error: Refused): string => `${error.code} ${error.reason}`;",
]


@pytest.mark.long
def test_reading_answers_compiles(tools: Path) -> None:
    assert _wrong_lines(tools, READING) == {}


@pytest.mark.long
@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("export const a: string = task.model[0].model_name;", "Property 'model' does not exist"),
        ("export const b: boolean = task.task_status === 'DONE';", "no overlap"),
        ("export const c: number = task.extra.progress_percent ?? 0;", "possibly 'undefined'"),
        ("export const d: string = task.task_id.length;", "Type 'number' is not assignable to type 'string'"),
        ("export const e: Poll['parameters']['query'] = { taskId: '1' };", "'taskId' does not exist"),
        ("export const f: Poll['parameters']['query'] = {};", "Property 'task_id' is missing"),
        ("type Gone = Poll['responses'][410];", "Property '410' does not exist"),
    ],
)
def test_wrong_reading_does_not_compile(tools: Path, line: str, why: str) -> None:
    wrong = _wrong_lines(tools, [*READING, line])
    assert list(wrong) == [len(READING) + 1]
    assert why in wrong[len(READING) + 1]
