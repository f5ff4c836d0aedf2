"""docs/ci.md: its commands are run, its snippets are read by what they are for."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_ci_files import ACTION, HOOKS, ROOT, keeps_schema, project, run

from loracle_contracts.report import FORMATS, LINT_LEVELS

__all__ = ["project"]  # a fixture

PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
EXIT_CODES = {
    "loracle validate payloads": 1,
    "loracle validate payloads/broken.json --lints error --profile lenient": 1,
    "loracle validate payloads --format json": 1,
    "loracle validate --explain width.type": 0,
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


def workflows() -> list[str]:
    return [block for block in blocks("yaml") if "jobs:" in block]


def test_each_command_is_run_here() -> None:
    assert [line for line in commands() if line.startswith("loracle ")] == list(EXIT_CODES)


@pytest.mark.parametrize("command", commands())
def test_the_commands_do_what_the_page_says(command: str, project: Path) -> None:
    done = run(*shlex.split(command), cwd=project)
    assert (done.returncode, done.stderr) == (EXIT_CODES.get(command, 0), "")
    if command.startswith("python"):
        schema = json.loads(Path(done.stdout.strip()).read_text())
        assert schema["title"] == "Report of loracle validate, version 1"


def test_the_json_is_what_is_written(project: Path) -> None:
    (shown,) = [block for block in blocks("json") if '"version"' in block]
    done = run("loracle", "validate", "payloads/broken.json", "--format", "json", cwd=project)
    assert done.stdout == shown


@pytest.mark.parametrize("text", workflows())
def test_the_workflows_keep_githubs_schema(text: str, tmp_path: Path) -> None:
    path = tmp_path / "workflow.yml"
    path.write_text(text)
    assert keeps_schema("vendor.github-workflows", path)
    steps = [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
    (ours,) = [step for step in steps if "/loracle@" in step["uses"]]
    required = {name for name, entry in ACTION["inputs"].items() if entry.get("required")}
    assert required <= set(ours["with"]) <= set(ACTION["inputs"])
    assert ours["with"].get("format", "github") in FORMATS


def test_both_workflows_are_looked_at() -> None:
    assert len(workflows()) == 2


def rows(heading: str) -> dict[str, list[str]]:
    """The table below a heading: its first column without backquotes, and the others."""
    table = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]
        for line in re.findall(r"^\| .*\|$", table, re.MULTILINE)
    ]
    return {first.strip("` "): rest for first, *rest in cells[1:]}


def test_the_tables_are_complete() -> None:
    assert tuple(rows("Formats")) == FORMATS
    described = rows("GitHub Actions")
    assert list(described) == list(ACTION["inputs"])
    for name, (default, _) in described.items():
        assert default.strip("`") == ACTION["inputs"][name].get("default", "")
    assert all(f"`--lints {level}`" in PAGE for level in LINT_LEVELS)


def test_the_pre_commit_configuration_is_one(tmp_path: Path) -> None:
    (text,) = [block for block in blocks("yaml") if "hooks:" in block]
    path = tmp_path / ".pre-commit-config.yaml"
    path.write_text(text)
    check = [sys.executable, "-m", "pre_commit", "validate-config", str(path)]
    assert subprocess.run(check, check=False, capture_output=True).returncode == 0
    (repository,) = yaml.safe_load(text)["repos"]
    assert {hook["id"] for hook in repository["hooks"]} == {hook["id"] for hook in HOOKS}


def test_the_gitlab_job_keeps_gitlabs_schema(tmp_path: Path) -> None:
    (text,) = [block for block in blocks("yaml") if "artifacts:" in block]
    path = tmp_path / ".gitlab-ci.yml"
    path.write_text(text)
    assert keeps_schema("vendor.gitlab-ci", path)


def test_the_editor_settings_name_schemas_that_are_there() -> None:
    (text,) = [block for block in blocks("json") if "json.schemas" in block]
    settings: dict[str, Any] = json.loads(text)
    named = [entry["url"] for entry in settings["json.schemas"]] + list(settings["yaml.schemas"])
    named += [f"./{path}" for path in re.findall(r"\$schema=\.\./(\S+)", PAGE)]
    assert len(named) == 3
    assert all((ROOT / name).is_file() for name in named)


def test_the_settings_of_a_project_are_used(project: Path) -> None:
    (text,) = blocks("toml")
    (project / "pyproject.toml").write_text(text)
    done = run("loracle", "validate", "payloads", cwd=project)
    # lenient takes the width as text; what is left are lints, which count here.
    assert "no violations" in done.stdout
    assert done.returncode == 1
    assert run("loracle", "validate", "payloads", "--lints", "warn", cwd=project).returncode == 0
