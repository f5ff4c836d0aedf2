"""The README shows what really is answered."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from loracle_mockserver.engine import Engine
from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.message import Reply, Request
from loracle_mockserver.serve_command import serve

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(marker: str) -> list[str]:
    """The two fenced blocks after a comment: the command and its answer."""
    return re.findall(r"```\w+\n(.*?)```", README.partition(f"<!-- request: {marker} -->")[2], re.DOTALL)[:2]


def send(engine: Engine, command: str) -> Reply:
    words = shlex.split(command)
    pairs = [words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H"]
    headers = [(name.lower().encode(), value.encode()) for name, value in pairs]
    data = words[words.index("-d") + 1]
    # curl drops line feeds from a file that -d reads.
    body = (ROOT / data[1:]).read_text().replace("\n", "") if data.startswith("@") else data
    path = words[2].removeprefix("http://127.0.0.1:8000")
    return engine.handle(Request("POST", path, b"", headers, body.encode()))


@pytest.mark.parametrize("marker", ["good", "bad"])
def test_the_examples_are_answered_as_shown(marker: str) -> None:
    command, answer = blocks(marker)
    assert json.loads(send(Engine(), command).body) == json.loads(answer)


def test_the_second_task_has_the_id_that_is_named() -> None:
    engine = Engine()
    command, _ = blocks("good")
    send(engine, command)
    assert json.loads(send(engine, command).body)["task_id"] in README


def test_the_plan_is_one() -> None:
    text = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    plans: list[Any] = [yaml.safe_load(block) for block in text]
    assert [len(FaultPlan.parse(plan).rules) for plan in plans] == [2]


def test_every_extra_and_every_option_is_named() -> None:
    named = set(re.findall(r"[\w-]+", " ".join(re.findall(r"^\|(.*?)\|", README, re.MULTILINE))))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["optional-dependencies"]) <= named
    options = {option for parameter in serve.params for option in parameter.opts}
    assert options - {"--help", "-h"} <= named
