"""docs/stores.md says what is: its limits are the code's, its commands start."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from live import running_mock
from redis_server import private_redis

from loracle_mockserver.store import limits

PAGE = (Path(__file__).parents[1] / "docs" / "stores.md").read_text(encoding="utf-8")
MEBIBYTE = 1024 * 1024

LIMITS = {
    "keeps trainings": (limits.MAX_TASKS, limits.MAX_TASK_BYTES // MEBIBYTE),
    "keeps API keys": (limits.MAX_NAMESPACES,),
    "keeps uploads, of each key": (limits.MAX_UPLOADS,),
    "keeps journal entries": (limits.MAX_ENTRIES, limits.MAX_ENTRY_BYTES // MEBIBYTE),
}


@pytest.mark.parametrize(("row", "numbers"), LIMITS.items())
def test_the_limits_are_the_codes(row: str, numbers: tuple[int, ...]) -> None:
    (memory,) = re.findall(rf"^\| {re.escape(row)} \| ([^|]*) \|", PAGE, re.MULTILINE)
    assert [int(number.replace(",", "")) for number in re.findall(r"[0-9][0-9,]*", memory)] == list(numbers)


COMMANDS = re.findall(r"^loracle serve(.*?)(?:#.*)?$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("options", COMMANDS)
def test_the_commands_start(options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(options)
    if "redis" not in options:
        with running_mock(*words):
            return
    with private_redis() as server:
        words = [re.sub(r"redis://127\.0\.0\.1:6379/\d+", server.url(), word) for word in words]
        with running_mock(*words):
            return


def test_every_store_has_a_command() -> None:
    assert len(COMMANDS) == 4
