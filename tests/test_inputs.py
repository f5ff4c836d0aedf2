"""Payloads in JSON and JSON Lines, alone and in folders: found, recognised, and pointed into exactly."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from checks import SEED_PAGE, at, checked, clean, outcomes, rules, run, seed_page, unreadable
from hypothesis import given
from hypothesis import strategies as st
from payloads import mutated_bodies

from loracle_contracts import spec, validate
from loracle_contracts.inputs import Judge

EXAMPLES = Path(__file__).parents[1] / "openapi" / "examples"
BODIES = mutated_bodies("createSubjectTraining")
AS_CREATE = Judge(operation="createSubjectTraining", with_lints=False)


def found(verdict: Any) -> list[tuple[str, str]]:
    return [(violation.rule, violation.pointer) for violation in verdict.violations]


# --- one payload in a file


def test_a_payload_is_judged_as_validate_judges_it() -> None:
    for example in sorted((EXAMPLES / "invalid" / "createSubjectTraining" / "request").glob("*.json")):
        (outcome,) = checked(example, judge=AS_CREATE)
        verdict = validate(example.read_bytes())
        assert outcome.verdict.violations == verdict.violations, example.name
        assert outcome.source == str(example)
        assert (outcome.place, outcome.first_line) == ("", 1)
        assert outcome.text == example.read_bytes().decode(errors="replace")


def test_what_is_right_carries_no_text(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(clean()))
    (outcome,) = checked(file, judge=Judge())
    assert outcome.verdict.valid
    assert outcome.verdict.lints == ()
    assert outcome.text == ""


@pytest.mark.parametrize("profile", spec.PROFILES)
def test_lints_come_with_the_places_in_the_file(tmp_path: Path, profile: Any) -> None:
    line = json.dumps(seed_page())
    file = tmp_path / "a.jsonl"
    file.write_text(f"\n{line}\n")
    (outcome,) = checked(file, judge=Judge(profile))
    expected = validate(line, profile=profile).lints
    assert [lint.rule for lint in outcome.verdict.lints] == [lint.rule for lint in expected] != []
    assert [(lint.line, lint.column) for lint in outcome.verdict.lints] == [
        (2, lint.column) for lint in expected
    ]
    assert outcome.text == line


@pytest.mark.parametrize("profile", ["lenient", "seed"])
def test_open_schemas_do_not_let_deep_payloads_pass(tmp_path: Path, profile: Any) -> None:
    payload = json.dumps(clean())[:-1] + ', "extra": ' + "[" * 64 + "]" * 64 + "}"
    file = tmp_path / "a.json"
    file.write_text(payload)
    (outcome,) = checked(file, judge=Judge(profile))
    assert "json.depth" in rules(outcome)


# --- what a payload is meant to be

_SHAPES = [
    ("createSubjectTraining", "request"),
    ("createUploadUrl", "request"),
    ("createUploadUrl", "response"),
    ("createSubjectTraining", "response"),
    ("createSubjectTraining", "error"),
    ("getSubjectTraining", "response"),
    ("listTrainings", "response"),
    ("listModels", "response"),
]


@pytest.mark.parametrize(("operation", "part"), _SHAPES)
def test_a_payload_is_recognised(operation: str, part: str) -> None:
    folder = EXAMPLES / "valid" / operation / part
    files = list(folder.glob("*.json"))
    assert files
    for file in files:
        (outcome,) = checked(file)
        assert (outcome.verdict.operation, outcome.verdict.part) == (operation, part), file.name
        assert outcome.is_recognised
        assert outcome.verdict.valid


def test_broken_payloads_are_recognised_too() -> None:
    for operation, part in _SHAPES:
        for file in (EXAMPLES / "invalid" / operation / part).glob("*.json"):
            if file.stem.endswith((".type", ".required")) or file.stem.startswith("json."):
                continue  # may be anything at all
            (outcome,) = checked(file)
            assert (outcome.verdict.operation, outcome.verdict.part) == (operation, part), file.name


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("createStyleTraining/a.json", "createStyleTraining"),
        ("style.json", "createStyleTraining"),
        ("my-style_1.json", "createStyleTraining"),
        ("lifestyle.json", "createSubjectTraining"),
        ("styles.json", "createSubjectTraining"),
        ("a.json", "createSubjectTraining"),
    ],
)
def test_the_requests_of_both_trainings_are_told_apart_by_their_files(
    tmp_path: Path, name: str, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(SEED_PAGE)
    (outcome,) = checked(name)
    assert outcome.verdict.operation == operation


@pytest.mark.parametrize(
    "text", ['{"name": "x", "base_model": "y" "width": 1}', '{"image_dataset_items": [,], "width": 1}']
)
def test_what_cannot_be_parsed_is_recognised_by_its_names(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    (tmp_path / "tsconfig.json").write_text('{"files": [1,], // a comment\n}')
    (outcome,) = checked(tmp_path)
    assert rules(outcome) == ["json.syntax"]


def test_an_operation_that_is_named_counts_for_all(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"anything": 1}')
    (outcome,) = checked(tmp_path, judge=Judge(operation="createUploadUrl"))
    assert (outcome.verdict.operation, outcome.is_recognised) == ("createUploadUrl", False)


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        ({"task_id": "fe84ac1b-5a01-487c-a56d-2c6c93b61f49"}, "response"),
        ({"code": 400, "reason": "INVALID_REQUEST_BODY", "message": "", "metadata": {}}, "error"),
        ({}, "response"),
        ([], "response"),
    ],
)
def test_an_answer_may_be_an_error(payload: Any, part: str) -> None:
    judge = Judge(operation="createSubjectTraining", is_answer=True)
    (outcome,) = checked("-", judge=judge, stdin=json.dumps(payload).encode())
    assert outcome.verdict.part == part
    assert not outcome.is_recognised


def test_the_payloads_of_a_get_are_answers() -> None:
    (outcome,) = checked("-", judge=Judge(operation="getStyleTraining"), stdin=b"{}")
    assert (outcome.verdict.operation, outcome.verdict.part) == ("getStyleTraining", "response")


def test_with_response_no_request_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(SEED_PAGE)
    (outcome,) = checked(tmp_path / "a.json", judge=Judge(is_answer=True))
    assert outcome.verdict.part == "response"


@pytest.mark.parametrize("operation", ["nothing", "putUpload"])
def test_an_operation_without_bodies_is_refused(operation: str) -> None:
    with pytest.raises(ValueError, match=operation):
        Judge(operation=operation)


# --- JSON Lines


@given(
    st.lists(st.one_of(BODIES, st.just(seed_page())), min_size=1, max_size=5),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_each_line_is_a_payload_with_its_own_places(bodies: list[Any], end: str) -> None:
    lines = [json.dumps(body, ensure_ascii=False) for body in bodies]
    # A member that no body has makes sure that this is taken for JSON Lines, also without a file name.
    text = end.join(['{"name": 1}', '{"name": 2}', *lines])
    results = checked("-", judge=AS_CREATE, stdin=text.encode())[2:]
    numbers = [n for n, line in enumerate(text.split("\n"), 1) if line.strip()][2:]
    assert [outcome.place for outcome in results] == [f"line {n}" for n in numbers]
    for outcome, line, number in zip(results, lines, numbers, strict=True):
        verdict = validate(line)
        assert found(outcome.verdict) == found(verdict)
        for violation, original in zip(outcome.verdict.violations, verdict.violations, strict=True):
            assert (violation.line, violation.column) == (number, original.column)


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "jsonl.gz"])
def test_lines_with_a_byte_order_mark_or_blank_lines(tmp_path: Path, suffix: str) -> None:
    data = b"\n\n" + json.dumps(clean()).encode() + b"\n \t\n" + b'{"base_model": 1, "name": "x"}'
    file = tmp_path / f"a.{suffix}"
    file.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    results = checked(file)
    assert [outcome.place for outcome in results] == ["line 3", "line 5"]
    assert [outcome.verdict.valid for outcome in results] == [True, False]


def test_lines_longer_than_a_chunk_and_at_its_edges(tmp_path: Path) -> None:
    chunk = 256 * 1024
    first = json.dumps(seed_page(name="x" * 200))
    file = tmp_path / "a.jsonl"
    for padding in range(chunk - len(first) - 3, chunk - len(first) + 3):
        file.write_text(first + " " * padding + "\n" + json.dumps(seed_page(width="512")) + "\n")
        results = checked(file)
        assert [rules(outcome) for outcome in results] == [[], ["width.type"]]
        assert results[1].verdict.violations[0].line == 2


# --- an array of payloads


@given(
    st.lists(BODIES.filter(lambda body: isinstance(body, dict)), min_size=2, max_size=4),
    st.sampled_from([None, 1]),
)
def test_an_array_holds_payloads(bodies: list[Any], indent: int | None) -> None:
    text = json.dumps(bodies, indent=indent, ensure_ascii=False)
    results = checked("-", judge=AS_CREATE, stdin=text.encode())
    assert [outcome.place for outcome in results] == [f"item {n + 1}" for n in range(len(bodies))]
    for outcome, body in zip(results, bodies, strict=True):
        part = json.dumps(body, indent=indent, ensure_ascii=False)
        verdict = validate(part)
        assert found(outcome.verdict) == found(verdict)
        for violation, original in zip(outcome.verdict.violations, verdict.violations, strict=True):
            here = at(text, violation.line or 0, violation.column or 0)
            there = at(part, original.line or 0, original.column or 0)
            assert here.split() != []
            assert "".join(here.split()).startswith("".join(there.split())[:20].rstrip("}"))
            shown = outcome.text.split("\n")[(violation.line or 0) - outcome.first_line]
            assert shown == text.split("\n")[(violation.line or 0) - 1]


@pytest.mark.parametrize("text", ["[]", "[1]", '[{"name": "x"}]', '[{"name": "x"}, 1]', "[[{}], {}]"])
def test_another_array_is_one_payload_of_the_wrong_type(text: str) -> None:
    (outcome,) = checked("-", stdin=text.encode())
    assert rules(outcome) == ["request.type"]


def test_an_array_that_breaks_off_is_told_where() -> None:
    text = '[{"name": "x"},\n {"name": }]'
    (outcome,) = checked("-", stdin=text.encode())
    assert outcome.verdict.violations == validate(text).violations
    assert rules(outcome) == ["json.syntax"]


def test_duplicate_keys_in_an_array_are_found() -> None:
    (first, second) = checked("-", stdin=b'[{"name": "x"}, {"name": "a", "base_model": "b", "name": "c"}]')
    assert "json.duplicate_key" not in rules(first)
    assert "json.duplicate_key" in rules(second)


# --- folders, globs, standard input


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.json",
        "a/c.json",
        "a.json",
        ".hidden.json",
        ".git/d.json",
        "node_modules/x/e.json",
        "env/lib/f.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(SEED_PAGE)
    (tmp_path / "env" / "pyvenv.cfg").write_text("home = nowhere")
    (tmp_path / "package.json").write_text('{"name": "x", "version": "1.0.0", "width": 3}')
    # With a name that payloads have, too.
    (tmp_path / "openapi.json").write_text('{"openapi": "3.1.0", "paths": {}, "components": {}}')
    (tmp_path / "tasks.json").write_text('{"version": "2.0.0", "tasks": []}')
    (tmp_path / "notes.txt").write_text("not looked at")
    return tmp_path


def test_a_folder_is_gone_through_in_order(folder: Path) -> None:
    told: list[str] = []
    names = [os.path.relpath(outcome.source, folder) for outcome in outcomes(folder, told=told)]
    assert names == ["a/c.json", "a.json", "b.json"]
    assert len(told) == 1
    assert all(name in told[0] for name in ("package.json", "openapi.json", "tasks.json"))


def test_globs_are_matched_where_the_shell_did_not(folder: Path) -> None:
    names = [os.path.relpath(outcome.source, folder) for outcome in checked(f"{folder}/*[ab].json")]
    assert names == ["a.json", "b.json"]
    names = [os.path.relpath(outcome.source, folder) for outcome in checked(f"{folder}/a/**/*.json")]
    assert names == ["a/c.json"]
    (outcome,) = unreadable(f"{folder}/*.nothing")
    assert outcome.source.endswith("*.nothing")


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "[a].json").write_bytes(SEED_PAGE)
    (tmp_path / "a.json").write_text("{}")
    (outcome,) = checked(tmp_path / "[a].json")
    assert outcome.verdict.valid


def test_links_to_folders_are_not_followed_and_links_to_files_are(folder: Path) -> None:
    (folder / "a" / "loop").symlink_to(folder)
    (folder / "a" / "loop.json").symlink_to(folder)
    (folder / "z.json").symlink_to(folder / "a.json")
    names = [os.path.relpath(outcome.source, folder) for outcome in checked(folder)]
    assert names == ["a/c.json", "a.json", "b.json", "z.json"]


@pytest.mark.parametrize("kind", ["pretty", "line", "lines", "gz", "yaml"])
def test_standard_input_is_taken_for_what_it_holds(kind: str) -> None:
    lines = b"".join(json.dumps(seed_page(width=n)).encode() + b"\n" for n in (0, 1))
    data = {
        "pretty": SEED_PAGE,
        "line": lines.split(b"\n")[1],
        "lines": lines,
        "gz": gzip.compress(lines),
        "yaml": b"name: x\nbase_model: y\n",
    }[kind]
    results = checked("-", stdin=data)
    assert [outcome.place for outcome in results] == (
        ["line 1", "line 2"] if kind in ("lines", "gz") else [""]
    )
    assert {outcome.source for outcome in results} == {"-"}


def test_a_file_without_a_telling_name_is_taken_for_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "payload").write_bytes(gzip.compress(SEED_PAGE))
    (tmp_path / "payload.txt").write_bytes(SEED_PAGE)
    assert [outcome.verdict.valid for outcome in checked(tmp_path / "payload", tmp_path / "payload.txt")] == [
        True
    ] * 2


def test_names_that_are_no_text_can_be_shown(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.json")
    Path(name).write_bytes(SEED_PAGE)
    (outcome,) = checked(tmp_path)
    assert outcome.source.endswith(r"caf\xe9.json")
    assert run(tmp_path).exit_code == 0
