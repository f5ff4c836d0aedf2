"""The hook for pre-commit and the action for GitHub: their files are sound, and what they run works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "openapi" / "examples"
BIN = Path(sys.executable).parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "LORACLE_"))}
    kept |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **environment}
    return subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True, check=False)


def keeps_schema(name: str, path: Path) -> bool:
    done = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", name, path, cwd=path.parent)
    return done.returncode == 0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a good and a broken payload."""
    payloads = tmp_path / "project" / "payloads"
    payloads.mkdir(parents=True)
    request = EXAMPLES / "valid" / "createSubjectTraining" / "request"
    shutil.copy(request / "seed-page.json", payloads / "good one.json")
    broken = EXAMPLES / "invalid" / "createSubjectTraining" / "request" / "width.type.json"
    shutil.copy(broken, payloads / "broken.json")
    return payloads.parent


# --- the action


def test_the_action_keeps_githubs_schema(tmp_path: Path) -> None:
    assert keeps_schema("vendor.github-actions", ROOT / "action.yml")
    broken = tmp_path / "action.yml"
    broken.write_text((ROOT / "action.yml").read_text().replace("using: composite", "using: bash"))
    assert not keeps_schema("vendor.github-actions", broken)


def step(name: str) -> dict[str, Any]:
    (found,) = [one for one in ACTION["runs"]["steps"] if one["name"] == name]
    return dict(found)


def test_no_input_becomes_text_of_a_script() -> None:
    assert all("${{" not in one["run"] for one in ACTION["runs"]["steps"])
    used = set(re.findall(r"inputs\.(\w+)", str(ACTION["runs"])))
    assert used == set(ACTION["inputs"])


def act(name: str, cwd: Path, **values: str) -> subprocess.CompletedProcess[str]:
    """Runs a step as GitHub does, with the defaults of the inputs that have no value here."""
    inputs = {key: values.get(key, entry.get("default")) for key, entry in ACTION["inputs"].items()}
    environment = {}
    for variable, expression in step(name)["env"].items():
        (key,) = re.findall(r"^\$\{\{ (?:inputs|github)\.(\w+) \}\}$", expression)
        environment[variable] = str(inputs.get(key, values.get(key)))
    temp = cwd / "temp"
    (temp / "loracle" / "bin").mkdir(parents=True, exist_ok=True)
    loracle = temp / "loracle" / "bin" / "loracle"
    if not loracle.exists():
        loracle.symlink_to(BIN / "loracle")
    script = cwd / "step.sh"
    script.write_text(step(name)["run"])
    return run(
        "bash", "--noprofile", "--norc", "-eo", "pipefail", script,
        cwd=cwd, RUNNER_TEMP=str(temp), GITHUB_WORKSPACE=str(cwd), **environment,
    )  # fmt: skip


def test_the_action_annotates_and_fails(project: Path) -> None:
    done = act("Validate", project, paths="payloads\n")
    assert done.returncode == 1
    assert done.stderr == ""
    (error,) = [line for line in done.stdout.splitlines() if line.startswith("::error")]
    assert error.startswith("::error file=payloads/broken.json,line=4,col=12,title=width.type::/width: ")


def test_the_action_passes_where_all_is_well(project: Path) -> None:
    done = act("Validate", project, paths="payloads/good one.json", operation="createSubjectTraining")
    assert (done.returncode, done.stderr) == (0, "")
    assert act("Validate", project, paths="payloads/good one.json", lints="error").returncode == 1


def test_the_action_writes_a_report_to_a_file(project: Path) -> None:
    done = act("Validate", project, paths="payloads", format="sarif", report="out file.sarif")
    assert (done.returncode, done.stdout) == (1, "")
    assert '"version":"2.1.0"' in (project / "out file.sarif").read_text()


def test_the_action_takes_inputs_for_what_they_are(project: Path) -> None:
    done = act("Validate", project, paths="$(touch hacked)\n`touch hacked`\n--explain\n; touch hacked")
    assert done.returncode == 3
    assert not (project / "hacked").exists()
    assert act("Validate", project, paths="payloads", profile="$(touch hacked)").returncode == 2
    assert not (project / "hacked").exists()


def test_the_action_installs_itself_apart(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\necho "$@" >>"$RUNNER_TEMP/said"\nif [ "$2" = venv ]; then cp "$0" "$3/bin/python"; fi\n'
    )
    python.chmod(0o755)
    done = act("Install loracle", tmp_path, python=str(python), action_path="/the action")
    assert (done.returncode, done.stderr) == (0, "")
    environment = tmp_path / "temp" / "loracle"
    assert (tmp_path / "temp" / "said").read_text().splitlines() == [
        f"-m venv {environment}",
        "-m pip install --quiet /the action",
    ]


# --- the hooks


def test_the_hooks_keep_the_schema_of_pre_commit(tmp_path: Path) -> None:
    check = [sys.executable, "-m", "pre_commit", "validate-manifest"]
    assert run(*check, ROOT / ".pre-commit-hooks.yaml", cwd=tmp_path).returncode == 0
    broken = tmp_path / "hooks.yaml"
    broken.write_text("- id: x\n")
    assert run(*check, broken, cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("path", "is_taken"),
    [
        ("payloads/a.json", True),
        ("x/payloads/y/a.jsonl", True),
        ("payloads/a.ndjson.gz", True),
        ("payloads/a.yml", True),
        ("payloads/a.har", True),
        ("payloads/README.md", False),
        ("package.json", False),
        ("mypayloads/a.json", False),
    ],
)
def test_the_hook_looks_at_payloads_only(path: str, is_taken: bool) -> None:
    (hook,) = [one for one in HOOKS if one["id"] == "loracle-validate"]
    assert bool(re.search(hook["files"], path)) == is_taken


def with_hooks(project: Path) -> None:
    """Makes the project a repository that uses the hooks, without installing anything."""
    hooks = [{**hook, "language": "system"} for hook in HOOKS]
    config = {"repos": [{"repo": "local", "hooks": hooks}]}
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    for command in (["init", "-q"], ["add", "."]):
        assert run("git", *command, cwd=project).returncode == 0


def commit_check(project: Path, hook: str) -> subprocess.CompletedProcess[str]:
    return run(
        sys.executable, "-m", "pre_commit", "run", hook, "--all-files", "--color", "never",
        cwd=project, PRE_COMMIT_HOME=str(project.parent / "cache"),
    )  # fmt: skip


def test_the_hook_stops_a_broken_payload(project: Path) -> None:
    with_hooks(project)
    done = commit_check(project, "loracle-validate")
    assert done.returncode == 1, done.stderr
    assert "payloads/broken.json:4:12: /width: expected an integer" in done.stdout
    assert "2 payloads checked, 1 violation in 1 payload" in done.stdout
    (project / "payloads" / "broken.json").unlink()
    run("git", "add", "-A", cwd=project)
    done = commit_check(project, "loracle-validate")
    assert (done.returncode, "Passed" in done.stdout) == (0, True)


def test_the_hook_repairs_what_can_be_repaired(project: Path) -> None:
    with_hooks(project)
    done = commit_check(project, "loracle-fix")
    assert "files were modified by this hook" in done.stdout
    assert '"width": 512,' in (project / "payloads" / "broken.json").read_text()


@pytest.mark.long
def test_pre_commit_installs_the_hook(project: Path) -> None:
    with_hooks(project)
    done = run(
        sys.executable, "-m", "pre_commit", "try-repo", ROOT, "loracle-validate", "--all-files",
        cwd=project, PRE_COMMIT_HOME=str(project.parent / "cache"),
    )  # fmt: skip
    assert "1 violation in 1 payload" in done.stdout, done.stdout + done.stderr
