"""The pages under docs/ say what is: plans are plans, commands are answered, nothing is left out."""

from __future__ import annotations

import importlib.util
import re
import shlex
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from live import ask, running_mock

from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.fault_rules import FaultRule
from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.life_cycle import STATES

DOCS = Path(__file__).parents[1] / "docs"
FAULTS = (DOCS / "faults.md").read_text(encoding="utf-8")
LIFE_CYCLE = (DOCS / "life-cycle.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    found = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_tables_are_fresh(generator: ModuleType) -> None:
    assert generator.page(FAULTS) == FAULTS


@pytest.mark.parametrize(
    "name", ["network", "body", "task", "scenarios", "conditions", "operations", "errors"]
)
def test_an_edited_table_is_written_anew(generator: ModuleType, name: str) -> None:
    begin = f"<!-- derived: {name} -->\n"
    assert begin in FAULTS
    assert generator.page(FAULTS.replace(begin, begin + "by hand\n")) == FAULTS
    with pytest.raises(ValueError, match=name):
        generator.page(FAULTS.replace(begin, ""))


PLANS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", FAULTS, re.DOTALL)]


@pytest.mark.parametrize("plan", PLANS)
def test_the_plans_are_plans(plan: Any) -> None:
    assert len(FaultPlan.parse(plan).rules) == len(plan["faults"]) > 0


def test_every_member_of_a_rule_is_explained() -> None:
    table = FAULTS.partition("## A rule")[2].partition("\n## ")[0]
    explained = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", table, re.MULTILINE))))
    assert explained == {field.name for field in fields(FaultRule)} - {"id", "lot"} | {"api_key"}


def test_every_setting_and_every_state_is_named() -> None:
    assert all(f"`{name}`" in FAULTS for name in Behaviour.names())
    forcing = LIFE_CYCLE.partition("## Forcing a state")[2].partition("\n## ")[0]
    assert all(re.search(rf"\b{state}\b", forcing) for state in STATES)


CURLS = [
    line.partition("  #")[0]
    for page in (FAULTS, LIFE_CYCLE)
    for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("curl")
]


def test_the_commands_are_answered() -> None:
    assert len(CURLS) >= 9
    with running_mock() as mock:
        for command in CURLS:
            words = shlex.split(command)
            given = {word: words[at + 1] for at, word in enumerate(words) if word in ("-X", "-d")}
            headers = [tuple(words[at + 1].split(": ", 1)) for at, word in enumerate(words) if word == "-H"]
            target = next(word for word in words if word.startswith("http")).partition(":8000")[2]
            answer = ask(
                mock.port,
                given.get("-X", "GET"),
                target,
                *((name, value) for name, value in headers),
                body=given.get("-d", "").encode(),
            )
            wanted = {"Prefer: code=429": 429, "X-Loracle-Fault: LIST_TASK_FAILED": 500}
            expected = next((status for header, status in wanted.items() if header in words), 200)
            assert answer.status == expected, (command, answer.body)
