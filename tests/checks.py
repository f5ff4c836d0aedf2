"""Runs of `loracle validate` in this process, and what comes of payloads in files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from loracle_contracts import spec
from loracle_contracts.fixes import Fixer
from loracle_contracts.inputs import Check, Judge, Source
from loracle_contracts.report import Checked, Unreadable
from loracle_mockserver.cli import main

SEED_PAGE = spec.example("valid/createSubjectTraining/request/seed-page.json")


def seed_page(**changes: Any) -> dict[str, Any]:
    """The seed page's example with other members."""
    return {**json.loads(SEED_PAGE), **changes}


def clean() -> dict[str, Any]:
    """A payload that is right and has no lint."""
    items = [{"assets_id": str(n), "caption": f"a woman, {n}"} for n in range(10)]
    setting = {**seed_page()["expert_setting"], "max_train_steps": 2000}
    return seed_page(image_dataset_items=items, expert_setting=setting)


def run(
    *arguments: str | Path, stdin: bytes | str | None = None, env: dict[str, str] | None = None
) -> Result:
    """A run of the command in this process; whatever it raises fails the test."""
    words = ["validate", *map(str, arguments)]
    result = CliRunner().invoke(main, words, input=stdin, env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def outcomes(
    *paths: str | Path, judge: Judge | None = None, stdin: bytes = b"", told: list[str] | None = None
) -> list[Any]:
    """What a check says of each payload."""
    check = Check(
        judge or Judge(with_lints=False), io.BytesIO(stdin), tell=(told if told is not None else []).append
    )
    return list(check.outcomes(map(str, paths)))


def checked(*paths: str | Path, judge: Judge | None = None, stdin: bytes = b"") -> list[Checked]:
    """As `outcomes`, where all can be read."""
    found = outcomes(*paths, judge=judge, stdin=stdin)
    assert [outcome for outcome in found if isinstance(outcome, Unreadable)] == []
    return found


def unreadable(*paths: str | Path, judge: Judge | None = None, stdin: bytes = b"") -> list[Unreadable]:
    """Those outcomes that say why something could not be checked."""
    return [o for o in outcomes(*paths, judge=judge, stdin=stdin) if isinstance(o, Unreadable)]


def rules(outcome: Checked) -> list[str]:
    return [violation.rule for violation in outcome.verdict.violations]


def at(text: str, line: int, column: int) -> str:
    """What stands in a text from a line and a column on."""
    return "\n".join(text.split("\n")[line - 1 :])[column - 1 :]


def fixed(path: Path, judge: Judge | None = None) -> str:
    """Mends the file in place; the diff."""
    shown: list[str] = []
    problems = list(Fixer(judge or Judge(), shown.append).fix(Source(str(path), path.name)))
    assert problems == []
    return "".join(shown)


def arguments(*values: str) -> list[dict[str, Any]]:
    """Components whose arguments have these values."""
    return [{"name": "resize", "args": [{"name": "width", "value": value} for value in values]}]
