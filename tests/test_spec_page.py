"""docs/spec.md: its commands run, and its output is what is printed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from loracle_mockserver.cli import main

PAGE = (Path(__file__).parents[1] / "docs" / "spec.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) >= 8
    codes = {}
    for command in COMMANDS:
        program, *arguments = shlex.split(command)
        assert program == "loracle"
        done = CliRunner().invoke(main, arguments)
        assert done.stderr == "", command
        codes[command] = done.exit_code
    assert [command for command, code in codes.items() if code] == [
        command for command in COMMANDS if command.startswith("loracle spec diff builtin")
    ]
    assert set(codes.values()) == {0, 1}
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"lenient.yaml", "request.schema.json", "loracle.d.ts"}


def test_the_output_is_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (shown,) = re.findall(r"<!-- output: diff -->\n```text\n(.*?)```", PAGE, re.DOTALL)
    old = yaml.safe_load(CliRunner().invoke(main, ["spec"]).stdout)
    Path("old.yaml").write_text(yaml.safe_dump(old, sort_keys=False), encoding="utf-8")
    old["components"]["schemas"]["LimitParameter"]["maximum"] = 50
    old["components"]["schemas"]["TaskStatus"]["enum"].append("PAUSED")
    Path("new.yaml").write_text(yaml.safe_dump(old, sort_keys=False), encoding="utf-8")
    assert CliRunner().invoke(main, ["spec", "diff", "old.yaml", "new.yaml"]).stdout == shown


def test_the_members_of_the_report_are_described() -> None:
    done = CliRunner().invoke(main, ["spec", "diff", "builtin:lenient", "builtin:strict", "--format", "json"])
    report = json.loads(done.stdout)
    table = PAGE.partition("has everything:")[2].partition("\n\n")[2].partition("\n\n")[0]
    named = set(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))
    assert {name for cell in named for name in re.findall(r"`(\w+)(?:\[\])?`", cell)} == {
        *report, "changes", "notes",
    }  # fmt: skip
    described = set(re.findall(r"`(\w+)(?:\[\])?`", table))
    operation = next(one for one in report["operations"] if one["changes"])
    change = operation["changes"][0]
    assert {*operation, *operation["breaks"].values(), *change, *change["witness"]} <= described
