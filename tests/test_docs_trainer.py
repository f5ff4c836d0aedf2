"""docs/life-cycle.md tells every cap and every reason of a real training, and its commands start."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest
from live import running_mock

from loracle_mockserver.trainer import records
from loracle_mockserver.trainer.planned import Caps

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "life-cycle.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Trainings that really run")[2].partition("\n## ")[0]
TRAINER = ROOT / "mockserver" / "loracle_mockserver" / "trainer"
SOURCES = ("job", "runner", "one_at_a_time", "reference")


def test_every_reason_is_told() -> None:
    table = re.findall(r"^\| (`.*?) \|", SECTION, re.MULTILINE)
    told = {reason for row in table for reason in re.findall(r"`(\w+)`", row)}
    given: set[str] = set()
    for name in SOURCES:
        text = (TRAINER / f"{name}.py").read_text(encoding="utf-8")
        given |= set(re.findall(r'Failed\(\s*"(\w+)"', text))
        given |= set(re.findall(r'Record\(\s*"failed",\s*"(\w+)"', text))
        given |= set(re.findall(r'reason="(\w+)"', text))
    assert told == given


def test_every_cap_is_told() -> None:
    (sentence,) = re.findall(r"\*\*Caps\*\*(.*?)\n- ", SECTION, re.DOTALL)
    assert {cap.name for cap in fields(Caps)} <= set(re.findall(r"`([a-z_]+)`", sentence))


def test_how_many_images_are_kept_is_told() -> None:
    assert f"{records._MAX_UPLOADS:,} images" in SECTION.replace("\n  ", " ")
    assert f"{records._MAX_UPLOAD_BYTES // 1024**3} GiB" in SECTION


COMMANDS = re.findall(r"^loracle serve(.*?)(?:#.*)?$", SECTION, re.MULTILINE)


@pytest.mark.skipif(
    find_spec("safetensors") is None, reason="needs the extra: pip install 'loracle[trainer]'"
)
@pytest.mark.parametrize("options", COMMANDS)
def test_the_commands_start(options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with running_mock(*shlex.split(options)):
        pass
    assert len(COMMANDS) == 2
