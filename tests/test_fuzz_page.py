"""What docs/fuzz.md says is so: its commands are run, its tables are the program's, its finding is one."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzz_calls import run, serving, takes_text_as_width

import loracle_contracts
from loracle_contracts.fuzzing import LAYERS, FuzzOptions
from loracle_contracts.fuzzing.report import FORMATS
from loracle_mockserver.fuzz_command import fuzz

PAGE = (Path(__file__).parents[1] / "docs" / "fuzz.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("  #")[0]
    for block in re.findall(r"<!-- run -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
_FUZZING = Path(loracle_contracts.__file__).parent
CODE = "".join(
    path.read_text(encoding="utf-8")
    for path in (_FUZZING / "answers.py", _FUZZING / "fuzzing" / "session.py")
)
OPTIONS = {parameter.opts[0]: parameter for parameter in fuzz.params}


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_column(title: str) -> list[str]:
    rows = re.findall(r"^\| (`.*?) \|", section(title), re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_the_commands_are_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one layer, unless the page names others: the layers have tests of their own."""
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) == 8
    with serving() as server:
        for command in COMMANDS:
            words = shlex.split(command.replace("http://127.0.0.1:8000", server.url))
            result = run(*words[2:], env={"LORACLE_LAYERS": "examples"})
            assert words[:2] == ["loracle", "fuzz"]
            assert result.exit_code == 0, (command, result.output)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fuzz.json", "report.html"]


def test_the_finding_on_the_page_is_one() -> None:
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    with serving(takes_text_as_width) as server:
        lines = run(
            server.url, "--layers", "examples", env={"LORACLE_API_KEY": "any-key"}
        ).stdout.splitlines()
    for line in shown.splitlines():
        assert any(found.startswith(line.removesuffix(" ...")) for found in lines), line


def test_every_option_is_on_the_page() -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE))
    assert set(OPTIONS) - {"url", "--help", "--api-key", "--seed", "--profile"} <= named
    assert named - set(OPTIONS) == {"--explain"}


def test_the_defaults_are_those_of_the_options() -> None:
    rows: list[tuple[str, str]] = re.findall(
        r"^\| `(--[\w-]+)` \| (.*?) \|", section("What it may cost"), re.MULTILINE
    )
    assert len(rows) == 6
    for name, told in rows:
        default: Any = OPTIONS[name].default
        assert told.strip() == (f"{default:g}" if isinstance(default, (int, float)) else told.strip())


def test_the_layers_formats_and_checks_are_all_there_are() -> None:
    assert tuple(first_column("Layers")) == LAYERS == FuzzOptions("http://a").layers
    assert tuple(first_column("Formats")) == ("--format", *FORMATS)
    told = first_column("Reading a finding")
    made = {
        *re.findall(r'Mismatch\(\s*"([a-z-]+)"', CODE),
        *re.findall(r'check(?:, verdict)? = "([a-z-]+)"', CODE),
    }
    assert made >= {"head", "envelope", "no-answer"}, "the pattern finds them"
    assert made | {"relation", "refused"} == set(told)


def test_the_example_for_ci_is_a_workflow_and_the_python_is_python() -> None:
    (workflow,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    steps = yaml.safe_load(workflow)["jobs"]["fuzz"]["steps"]
    (command,) = [step["run"] for step in steps if "loracle fuzz" in step.get("run", "")]
    assert set(re.findall(r"--[a-z-]+", command)) <= set(OPTIONS)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    ast.parse(block)
