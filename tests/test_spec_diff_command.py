"""What `loracle spec diff` prints, and what its exit code says."""

from __future__ import annotations

import copy
import json
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from document_edits import CONTRACT, Edit
from spec_edits import EQUAL, FALSE_ALARMS, OPERATIONS, REQUESTS

from loracle_contracts.spec_diff import Document, compare, read_document, text_report
from loracle_mockserver.cli import main

Json = Any
ROOT = Path(__file__).parents[1]


def diff(folder: Path, edit: Edit, *arguments: str, code: int) -> Result:
    old, new = edit.documents()
    paths = []
    for document in (old, new):
        path = folder / f"{document.name}.json"
        path.write_text(json.dumps(document.root), encoding="utf-8")
        paths.append(str(path))
    result = CliRunner().invoke(main, ["spec", "diff", *paths, *arguments])
    assert result.exit_code == code, result.output
    return result


def _edit(name: str) -> Edit:
    return next(edit for edit in (*EQUAL, *FALSE_ALARMS, *REQUESTS, *OPERATIONS) if edit.name == name)


# --- the exit code


@pytest.mark.parametrize(
    ("name", "arguments", "verdict", "code"),
    [
        ("a description", [], "compatible", 0),
        ("a parameter tightened", [], "breaking", 1),
        ("a parameter tightened", ["--side", "clients"], "breaking", 1),
        ("a parameter tightened", ["--side", "servers"], "compatible", 0),
        ("a parameter tightened", ["--allow-unknown"], "breaking", 1),
        ("a parameter loosened", ["--side", "clients"], "compatible", 0),
        ("a parameter loosened", ["--side", "servers"], "breaking", 1),
        ("a pattern respelled", [], "maybe", 1),
        ("a pattern respelled", ["--allow-unknown"], "maybe", 0),
        ("a default replaced", ["--side", "clients"], "maybe", 1),
        ("a default replaced", ["--allow-unknown"], "maybe", 0),
        ("a server removed", [], "maybe", 1),
    ],
)
def test_the_exit_code_says_whether_something_breaks(
    tmp_path: Path, name: str, arguments: list[str], verdict: str, code: int
) -> None:
    printed = diff(tmp_path, _edit(name), *arguments, code=code).stdout
    assert printed.splitlines()[-1].startswith(f"{verdict}: of ")


def test_a_setting_of_the_environment_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORACLE_SPEC_DIFF_SIDE", "servers")
    monkeypatch.setenv("LORACLE_SPEC_DIFF_FORMAT", "json")
    printed = diff(tmp_path, _edit("maximum lowered"), code=0).stdout
    assert json.loads(printed)["operations"][0]["breaks"] == {"servers": "no"}


def test_an_interrupt_ends_it_at_once() -> None:
    command = [sys.executable, "-m", "loracle_mockserver", "spec", "diff", "-", "builtin:strict"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.stdin is not None
        run.stdin.write(b" " * 2**20)  # more than a pipe holds, so it is being read
        run.stdin.flush()
        run.send_signal(signal.SIGINT)
        printed, said = run.communicate()
    assert (run.returncode, printed) == (130, b"")
    assert said == b"Interrupted: the documents were not compared to the end.\n"


# --- the report


def test_a_breaking_change_is_shown_by_a_payload(tmp_path: Path) -> None:
    printed = diff(tmp_path, _edit("maximum lowered"), code=1).stdout.splitlines()
    at = printed.index("createSubjectTraining (POST /v3/training/subject)")
    assert printed[at + 1] == (
        "  breaks clients: request body, application/json: "
        "The new contract refuses a request that the old one accepts."
    )
    assert printed[at + 2] == "    /width: 4097 is greater than the maximum of 4096"
    witness = json.loads(printed[at + 3])
    assert witness["width"] == 4097
    assert printed[-1] == "breaking: of 8 operations 2 break clients and 0 may, 0 break servers and 0 may."


def test_the_json_report_says_the_same(tmp_path: Path) -> None:
    printed = diff(tmp_path, _edit("maximum lowered"), "--format", "json", code=1).stdout
    report = json.loads(printed)
    assert (report["version"], report["verdict"], report["not_checked"]) == (1, "breaking", [])
    assert (report["old"], report["new"]) == (str(tmp_path / "old.json"), str(tmp_path / "new.json"))
    by_name = {one["name"]: one for one in report["operations"]}
    assert len(by_name) == 8
    assert by_name["listModels"]["breaks"] == {"clients": "no", "servers": "no"}
    create = by_name["createSubjectTraining"]
    assert create["breaks"] == {"clients": "yes", "servers": "no"}
    (change,) = create["changes"]
    assert change.keys() == {"breaks", "certain", "part", "text", "witness"}
    assert change["certain"] is True
    assert (change["witness"]["pointer"], change["witness"]["value"]["width"]) == ("/width", 4097)


def test_each_member_that_became_required_has_a_witness() -> None:
    document = copy.deepcopy(CONTRACT)
    document["components"]["schemas"]["StyleExpertSetting"]["required"] = ["seed", "lora_r"]
    changes = compare(Document("old", CONTRACT), Document("new", document)).changes()
    reasons = [change.witness.reason for change in changes if change.witness]
    assert sorted(reasons) == ['"lora_r" is a required property', '"seed" is a required property']


def test_what_breaks_nobody_is_noted(tmp_path: Path) -> None:
    assert "note: The operationId createSubjectTraining became startTraining" in (
        diff(tmp_path, _edit("an operationId"), code=0).stdout
    )
    assert "note: parameter query pagination.limit: Where it is left out, 10 is now named" in (
        diff(tmp_path, _edit("a default named for the first time"), code=0).stdout
    )
    assert "note: The operation is now deprecated." in (
        diff(tmp_path, _edit("an operation deprecated"), code=0).stdout
    )


def test_what_is_not_compared_is_said() -> None:
    document = copy.deepcopy(CONTRACT)
    document["webhooks"] = {"done": {}}
    comparison = compare(Document("old", CONTRACT), Document("new", document))
    assert comparison.not_checked == ["webhooks"]
    assert "not checked: webhooks" in text_report(comparison)
    document["paths"]["/v3/training"]["get"]["callbacks"] = {"done": {"{$url}": {}}}
    assert compare(Document("old", CONTRACT), Document("new", document)).verdict() == "maybe"


def test_a_text_from_a_document_cannot_take_over_the_terminal() -> None:
    document = copy.deepcopy(CONTRACT)
    document["paths"]["/v3/\x1b[2Jtraining"] = document["paths"].pop("/v3/training")
    document["components"]["schemas"]["TaskStatus"]["enum"].append("\x1b[31m\n")
    printed = text_report(compare(Document("old", CONTRACT), Document("new", document)))
    assert "\\x1b[2J" in printed
    assert all(character.isprintable() or character == "\n" for character in printed)


# --- the last release


def test_a_release_is_not_broken_unannounced() -> None:
    """A contract that breaks clients of the last release needs another major version (0.x: minor)."""
    done = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("nothing is released yet")
    tag = done.stdout.strip()
    shown = subprocess.run(
        ["git", "show", f"{tag}:contracts/loracle_contracts/_spec/openapi-strict.json"],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    released, current = Document(tag, json.loads(shown.stdout)), read_document("builtin:strict")
    if _series(tag.removeprefix("v")) == _series(version("loracle")):
        comparison = compare(released, current)
        assert comparison.verdict(("clients",)) == "compatible", text_report(comparison, ("clients",))


def _series(release: str) -> list[str]:
    parts = release.split(".")
    return parts[:2] if parts[0] == "0" else parts[:1]
