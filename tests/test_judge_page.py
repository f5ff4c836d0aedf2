"""docs/judge.md says what is: its findings, its options, its examples, the report of the vendor's SDK."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from judged import judge

from loracle_mockserver.judge_command import judge as command
from loracle_mockserver.judging import judged_scenarios
from loracle_mockserver.judging.finding import CATALOGUE

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "judge.md").read_text(encoding="utf-8")
GOOD = ROOT / "examples" / "good_client.py"
SDK = ROOT / "examples" / "judge" / "vendor_sdk.py"


def test_every_finding_stands_on_the_page_with_its_advice() -> None:
    table = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert table == CATALOGUE


def test_the_options_on_the_page_are_options() -> None:
    known = {name for parameter in command.params for name in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) - {"--faults"} <= known


def test_the_python_on_the_page_is_python() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        ast.parse(block)


def test_the_number_of_scenarios_is_the_readmes() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"under {len(judged_scenarios())} scenarios" in readme
    rows = re.findall(r"^(?:ok  |FAIL|--  ) ([a-z-]+) ", PAGE, re.MULTILINE)
    assert rows == [scenario.name for scenario in judged_scenarios()]


@pytest.mark.long
def test_the_good_client_bears_every_scenario_that_it_meets() -> None:
    done = judge("--jobs", "8", command=[sys.executable, str(GOOD)])
    assert done.code == 0
    assert re.findall(r"^-- +([a-z-]+)", done.output, re.MULTILINE) == [
        "many-tasks", "upload-refused", "slow-upload",
    ]  # fmt: skip
    assert "28 passed, 3 not exercised; 0 findings" in done.output


@pytest.mark.long
def test_the_report_of_the_vendors_sdk_is_true(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "sdk"], check=True)
    python = tmp_path / "sdk" / "bin" / "python"
    packages = ["novita-client==0.7.1", "dataclass-wizard<1"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    shutil.copy(SDK, tmp_path)
    done = judge("--jobs", "4", "--timeout", "40", command=[str(python), str(tmp_path / SDK.name)])
    told = re.findall(
        r"^(ok  |FAIL|--  ) ([a-z-]+) +\d+ calls  (?:exit code \d|out of time) *(.*)$", PAGE, re.MULTILINE
    )
    now = re.findall(
        r"^(ok  |FAIL|--  ) ([a-z-]+) +\d+ calls  (?:exit code \d|out of time) *(.*)$",
        done.output,
        re.MULTILINE,
    )
    assert len(told) == len(judged_scenarios())
    assert now == told
