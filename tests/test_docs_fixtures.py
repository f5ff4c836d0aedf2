"""The page on fixtures is a test project: every block is run, and what fails prints what the page shows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from inspect import getmembers, signature
from pathlib import Path

import pytest
from inner_runs import shown

from loracle_mockserver import TrainingMock
from loracle_mockserver.engine_options import option_names
from loracle_mockserver.training_mock import MockClock, MockTask

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "fixtures.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Block:
    """A fenced block; `ends` are the tests that it says do not pass, and how they end."""

    language: str
    text: str
    ends: tuple[tuple[str, str], ...] = ()

    @property
    def file(self) -> str:
        return self.text.partition("\n")[0].removeprefix("# ")


def blocks(page: str) -> list[Block]:
    found = re.findall(r"((?:<!-- \w+: \w+ -->\n)*)```(\w+)\n(.*?)```", page, re.DOTALL)
    return [
        Block(language, text, tuple(re.findall(r"<!-- (\w+): (\w+) -->", ends)))
        for ends, language, text in found
    ]


BLOCKS = blocks(PAGE)
FILES = [block for block in BLOCKS if block.language != "text"]
SAID_BY_THE_SCRIPT = BLOCKS[1 + [block.file for block in BLOCKS].index("script.py")]


def write(folder: Path, files: Iterable[Block]) -> None:
    for block in files:
        (folder / block.file).write_text(block.text, encoding="utf-8")


def outcomes(result: pytest.RunResult) -> dict[str, str]:
    """How each test ended that did not pass."""
    lines = re.findall(r"^(FAILED|ERROR) \S+::(\w+)", shown(result), re.MULTILINE)
    return {name: {"FAILED": "fails", "ERROR": "errors"}[ended] for ended, name in lines}


def count_of_tests() -> int:
    """Without parameters each `def test_` is a test; the parameters of the page make more."""
    names = [
        node.name
        for block in FILES
        if block.language == "python"
        for node in ast.walk(ast.parse(block.text))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert len(set(names)) == len(names)
    return len(names)


def test_every_block_is_of_a_kind_that_is_run() -> None:
    assert {block.language for block in BLOCKS} == {"python", "toml", "text"}
    assert len({block.file for block in FILES}) == len(FILES)
    for block in FILES:
        assert re.fullmatch(r"(test_\w+|my_app|conftest|script)\.py|pyproject\.toml", block.file)


def test_the_page_is_a_project_whose_tests_end_as_it_says(pytester: pytest.Pytester) -> None:
    write(pytester.path, FILES)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:randomly")
    # How wide a heading is depends on the terminal.
    printed = re.sub(r"^_+( .* )_+$", r"____\1____", shown(result), flags=re.MULTILINE)
    expected = {name: ends for block in FILES for ends, name in block.ends}
    assert len(expected) == 3
    assert outcomes(result) == expected, printed
    passed = result.parseoutcomes()["passed"]
    # A test that errors at its teardown has passed before.
    assert passed >= count_of_tests() - list(expected.values()).count("fails")
    for block in BLOCKS:
        if block.language == "text" and block != SAID_BY_THE_SCRIPT:
            assert block.text in printed


def test_the_script_prints_what_the_page_says(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    ran = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert ran.stdout == SAID_BY_THE_SCRIPT.text


def test_the_test_case_runs_without_pytest(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    command = [sys.executable, "-m", "unittest", "test_case"]
    ran = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (ran.returncode, "Ran 1 test" in ran.stderr) == (0, True), ran.stderr


@pytest.mark.parametrize("page", ["README.md", "docs/faults.md", "docs/life-cycle.md"])
def test_the_tests_on_other_pages_pass(page: str, pytester: pytest.Pytester) -> None:
    found = blocks((ROOT / page).read_text(encoding="utf-8"))
    [example] = [block for block in found if "(training_mock)" in block.text]
    write(pytester.path, [block for block in FILES if block.file == "my_app.py"])
    pytester.makepyfile(example.text)
    pytester.runpytest_inprocess("-p", "no:randomly").assert_outcomes(passed=1)


def test_everything_that_a_handle_can_is_explained() -> None:
    handle = PAGE.partition("## The handle")[2].partition("\n## ")[0]
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]*)`", handle))))
    for kind in (TrainingMock, MockClock):
        assert {name for name, _ in getmembers(kind) if not name.startswith("_")} <= named
    attributes = {"id", "name", "type", "created_at"}
    assert {name for name, _ in getmembers(MockTask) if not name.startswith("_")} | attributes <= named
    assert {name for name in signature(TrainingMock.fail).parameters if name != "self"} <= named


def test_every_option_of_a_mark_is_explained() -> None:
    marks = PAGE.partition("## Marks")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\|(.*?)\|", marks, re.MULTILINE))))
    assert named == {"allow_violations", *option_names()} - {"api_keys", "store"}
