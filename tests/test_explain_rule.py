"""A rule can be looked up: what it asks for, whose it is, what breaks and what keeps it."""

from __future__ import annotations

import re

import pytest

from loracle_contracts import rules, spec, validate
from loracle_contracts.report import explain_rule
from loracle_contracts.verdict import Profile

# A server's own list of keys, its own uploads, its own paths and a body that is too large to keep have
# no example; a query value is text before it is anything else.
WITHOUT_BAD = {
    "assets_id.uploaded", "header.authorization.key", "json.size", "path.doubled_slash",
    "query.filter.query.type", "query.pagination.cursor.type", "query.task_id.type",
}  # fmt: skip
WITHOUT_GOOD = {"assets_id.uploaded", "header.authorization.key", "json.size", "path.doubled_slash"}
HEADINGS = re.compile(r"^(Breaks|Keeps) it \((.+)\):$", re.MULTILINE)


@pytest.mark.parametrize("rule", sorted(rules("strict")))
def test_each_rule_is_explained_with_examples(rule: str) -> None:
    text = explain_rule(rule)
    found = rules("strict")[rule]
    lines = text.splitlines()
    assert lines[0] == rule
    facts = dict(re.findall(r"^  (\w[\w ]+?)  +(.+)$", text.split("\n\n")[1], re.MULTILINE))
    assert {"expected", "breaks", "source", "do", "profiles"} <= set(facts)
    assert facts["source"].startswith(f"{found.source.kind}: {found.source.page} (")
    assert facts.get("note", "") == found.source.note
    assert ("lint" in facts["breaks"]) == found.lint
    named = dict(HEADINGS.findall(text))
    assert ("Breaks" not in named) == (rule in WITHOUT_BAD)
    assert ("Keeps" not in named) == (rule in WITHOUT_GOOD)
    if "Breaks" not in named:
        assert "No example that breaks it is shipped." in lines


@pytest.mark.parametrize("profile", spec.PROFILES)
def test_the_rules_of_every_profile_are_explained(profile: Profile) -> None:
    for rule in rules(profile):
        text = explain_rule(rule, profile)
        assert text.startswith(f"{rule}\n")
        assert f"{profile}: " in text
        assert not re.search(r"\b(None|True|False)\b", text.split("\n\n")[1])


def test_the_examples_are_what_they_are_said_to_be() -> None:
    for rule, found in rules("strict").items():
        named = dict(HEADINGS.findall(explain_rule(rule)))
        if found.lint or any("/headers/" in path for path in named.values()):
            continue
        for kind, path in named.items():
            _, operation, part, _ = path.split("/")
            verdict = validate(spec.example(path), operation, part=part)
            assert verdict.valid == (kind == "Keeps")
            assert (rule in [violation.rule for violation in verdict.violations]) == (kind == "Breaks")


def test_the_caret_stands_below_the_mistake() -> None:
    lines = explain_rule("width.type").splitlines()
    at = lines.index('    4 |   "width": "512",')
    assert lines[at + 1] == "      |            ^"
    assert sum(line.endswith("^") for line in lines) == 1


def test_profiles_are_compared() -> None:
    text = explain_rule("width.type")
    assert "strict: an integer (stated: seed)" in text
    assert "lenient: an integer or text (observed: clients)" in text
    assert "seed: the same" in text


def test_a_rule_of_another_profile_is_explained_all_the_same() -> None:
    text = explain_rule("width.pattern", "strict")
    assert "strict: no such rule" in text
    assert "lenient: " in text


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ("width.typ", "Did you mean width.type"),
        ("learning_rates.type", "learning_rate.type"),
        ("x", "names the"),
    ],
)
def test_an_unknown_rule_has_neighbours(rule: str, hint: str) -> None:
    with pytest.raises(KeyError, match=re.escape(hint)):
        explain_rule(rule)
