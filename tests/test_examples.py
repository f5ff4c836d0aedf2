"""Every rule of the contract has a payload that keeps it and one that breaks it, and so has every lint."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from loracle_contracts import Verdict, rules, validate

EXAMPLES = Path(__file__).parents[1] / "openapi" / "examples"
VALID, INVALID, LINT = EXAMPLES / "valid", EXAMPLES / "invalid", EXAMPLES / "lint"
SEED_PAGE = "createSubjectTraining/request/seed-page.json"
# Whole payloads, named for what they show and not for a rule.
WHOLE = {SEED_PAGE, "createStyleTraining/request/style.json"}

NO_VALID = {
    "path.doubled_slash": "a rule about the path, which is no payload",
    "assets_id.uploaded": "a rule about what the server has seen before",
    "json.size": "a body of more than 1 MiB is too large to keep, and any other file is a valid one",
    "header.authorization.key": "only a server knows its keys",
}
NO_INVALID = {
    "path.doubled_slash": "a rule about the path, which is no payload",
    "assets_id.uploaded": "a rule about what the server has seen before",
    "json.size": "a body of more than 1 MiB is too large to keep",
    "header.authorization.key": "only a server knows its keys",
    "query.task_id.type": "a query value is always text",
    "query.pagination.cursor.type": "a query value is always text",
    "query.filter.query.type": "a query value is always text",
}


def files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "index.yaml"
    )


@cache
def index(folder: Path) -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load((folder / "index.yaml").read_text(encoding="utf-8")))


def rule_of(name: str) -> str:
    """The rule that a file is named for; what follows a hyphen tells variants apart."""
    return Path(name).stem.partition("-")[0]


def judge(folder: Path, name: str, profile: str = "strict") -> Verdict:
    operation, part, _ = name.split("/")
    data: Any = (folder / name).read_bytes()
    if part == "query":
        data = data.decode()
    elif part == "headers":
        data = json.loads(data)
    return validate(data, operation=operation, profile=profile, part=part)


def places(violations: tuple[Any, ...]) -> list[tuple[str, str]]:
    return sorted((violation.rule, violation.pointer) for violation in violations)


@pytest.mark.parametrize("profile", ["strict", "lenient"])
@pytest.mark.parametrize("name", files(VALID))
def test_valid_file_is_accepted(name: str, profile: str) -> None:
    verdict = judge(VALID, name, profile)
    assert verdict.valid, verdict.violations


@pytest.mark.parametrize("name", files(INVALID))
def test_invalid_file_breaks_what_the_index_names(name: str) -> None:
    entry = index(INVALID)[name]
    verdict = judge(INVALID, name)
    expected = [(broken["rule"], broken["pointer"]) for broken in [entry, *entry.get("also", [])]]
    assert not verdict.valid
    assert places(verdict.violations) == sorted(expected)


@pytest.mark.parametrize("name", files(INVALID))
def test_violation_says_where_and_what_to_do(name: str) -> None:
    part = name.split("/")[1]
    for violation in judge(INVALID, name).violations:
        assert violation.in_ == {"query": "query", "headers": "header"}.get(part, "body")
        assert violation.expected
        assert violation.got
        assert violation.advice
        assert str(violation.source)
        if part in ("query", "headers"):
            assert (violation.line, violation.column) == (None, None)
        else:
            assert violation.line is not None
            assert violation.column is not None
            assert min(violation.line, violation.column) >= 1


@pytest.mark.parametrize("name", files(LINT))
def test_lint_file_is_valid_and_reports_its_lint(name: str) -> None:
    entry = index(LINT)[name]
    verdict = judge(LINT, name, entry.get("profile", "strict"))
    assert verdict.valid, verdict.violations
    assert (entry["lint"], entry["pointer"]) in places(verdict.lints)
    for lint in verdict.lints:
        assert lint.rule.startswith("lint.")
        assert lint.expected
        assert lint.got
        assert lint.advice
        assert str(lint.source)
        assert lint.line is not None
        assert lint.column is not None


@pytest.mark.parametrize("folder", [INVALID, LINT], ids=lambda folder: folder.name)
def test_index_names_every_file_and_no_other(folder: Path) -> None:
    entries = index(folder)
    assert sorted(entries) == files(folder)
    for name, entry in entries.items():
        assert rule_of(name) == entry["lint" if folder == LINT else "rule"]


def test_every_rule_has_both_files() -> None:
    wanted = {rule for rule in rules("strict") if not rule.startswith("lint.")}
    assert {rule_of(name) for name in files(VALID) if name not in WHOLE} == wanted - set(NO_VALID)
    assert {rule_of(name) for name in files(INVALID)} == wanted - set(NO_INVALID)


def test_every_lint_has_a_file() -> None:
    assert {rule_of(name) for name in files(LINT)} == {r for r in rules("lenient") if r.startswith("lint.")}


@pytest.mark.parametrize("profile", ["strict", "lenient", "seed"])
def test_seed_page_is_valid_everywhere(profile: str) -> None:
    assert set(files(VALID)) >= WHOLE
    assert judge(VALID, SEED_PAGE, profile).valid


def test_seed_page_is_as_it_was_copied() -> None:
    digest = hashlib.sha256((VALID / SEED_PAGE).read_bytes()).hexdigest()
    assert digest == "ca52be5aecc309daed15d6f8b148b0d0f02558aa5ac956e5167411bfb0ac7e1e"
