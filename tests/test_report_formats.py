"""Every format is well formed whatever is reported, says the same as the others, and needs little memory."""

from __future__ import annotations

import io
import json
import os
import re
import tracemalloc
from collections.abc import Sequence
from functools import cache
from importlib import resources
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET

import junitparser
import pytest
from hypothesis import given
from jsonschema_rs import Draft7Validator, Draft202012Validator
from lxml import etree
from report_outcomes import expected_counts, levels, outcomes, report

from loracle_contracts import validate
from loracle_contracts.report import FORMATS, Checked, LintLevel, Outcome, Unreadable, reporter
from loracle_contracts.report.reporter import Reporter
from loracle_contracts.report.safe_text import printable
from loracle_contracts.verdict import Verdict

SCHEMAS = Path(__file__).parent / "schemas"
WORKFLOW_COMMAND = re.compile(r"^::(\w+)(?: (.*?))?::(.*)$")


@cache
def json_schema() -> Draft202012Validator:
    text = resources.files("loracle_contracts.report").joinpath("report-1.schema.json").read_text()
    return Draft202012Validator(json.loads(text))


@cache
def sarif_schema() -> Draft7Validator:
    schema = json.loads((SCHEMAS / "sarif-2.1.0.json").read_text())
    # This pattern is no regular expression of JSON Schema; nothing here has the member.
    for definition in ("run", "toolComponent"):
        schema["definitions"][definition]["properties"]["language"].pop("pattern")
    return Draft7Validator(schema, validate_formats=True)


@cache
def junit_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMAS / "junit-10.xsd"))


def plain(found: str) -> bool:
    """Whether nothing in the text can do anything to a terminal."""
    return all(line.isprintable() for line in found.split("\n"))


def whole(text: str) -> str:
    """The text as far as UTF-8 can hold it."""
    return text.encode("utf-8", "backslashreplace").decode()


@given(outcomes, levels)
def test_each_format_is_well_formed_and_counts_alike(found: list[Outcome], level: LintLevel) -> None:
    counts = expected_counts(found, level)
    for form, check in CHECKS.items():
        text, told = report(form, found, lints=level)
        assert plain(text), form
        assert {name: getattr(told.counts, name) for name in counts} == counts
        check(text, found, level, counts)


def test_each_format_is_checked() -> None:
    assert tuple(CHECKS) == FORMATS


def check_text(text: str, _: list[Outcome], level: LintLevel, counts: dict[str, int]) -> None:
    lines = text.removesuffix("\n").split("\n")
    assert not any(line.lstrip().startswith("::") for line in lines)
    assert not re.search(r"##\w*\[", text)
    assert lines[-1] == closing(counts, level)


def closing(counts: dict[str, int], level: LintLevel) -> str:
    def number(count: int, noun: str) -> str:
        return f"{count} {noun}{'s' * (count != 1)}"

    parts = [f"{number(counts['payloads'], 'payload')} checked", "no violations"]
    if counts["violations"]:
        parts[1] = f"{number(counts['violations'], 'violation')} in {number(counts['invalid'], 'payload')}"
    if level != "off":
        parts.append(number(counts["lints"], "lint") if counts["lints"] else "no lints")
    if counts["unreadable"]:
        parts.append(f"{counts['unreadable']} could not be checked")
    return ", ".join(parts)


def check_json(text: str, found: list[Outcome], level: LintLevel, counts: dict[str, int]) -> None:
    document = json.loads(text)
    assert [error.message for error in json_schema().iter_errors(document)] == []
    assert {name: document["counts"][name] for name in counts} == counts
    assert sum(entry["payloads"] for entry in document["counts"]["checked_as"]) == counts["payloads"]
    assert [json.loads(line.removesuffix(",")) for line in text.splitlines()[1:-1]] == document["outcomes"]
    for outcome, entry in zip(found, document["outcomes"], strict=True):
        assert entry["source"] == whole(outcome.source)
        if isinstance(outcome, Checked):
            said = [whole(violation.got) for violation in outcome.verdict.violations]
            assert [violation["got"] for violation in entry["violations"]] == said
            assert len(entry["lints"]) == (0 if level == "off" else len(outcome.verdict.lints))


def check_sarif(text: str, _: list[Outcome], __: LintLevel, counts: dict[str, int]) -> None:
    log = json.loads(text)
    assert [error.message for error in sarif_schema().iter_errors(log)] == []
    (run,) = log["runs"]
    levels_found = [result["level"] for result in run["results"]]
    assert len(levels_found) == counts["violations"] + counts["lints"]
    assert levels_found.count("error") == counts["errors"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert len({rule["id"] for rule in rules}) == len(rules)
    (invocation,) = run["invocations"]
    told = [
        notification
        for notification in invocation.get("toolExecutionNotifications", ())
        if notification["descriptor"]["id"] == "could-not-be-checked"
    ]
    assert len(told) == counts["unreadable"]
    assert invocation["executionSuccessful"] is not bool(told)


def check_junit(text: str, found: list[Outcome], level: LintLevel, counts: dict[str, int]) -> None:
    document = etree.fromstring(text.encode(), etree.XMLParser(remove_comments=True))
    junit_schema().assertValid(document)
    other = ET.fromstring(text.encode())
    assert [(node.tag, dict(node.attrib), node.text) for node in document.iter()] == [
        (node.tag, dict(node.attrib), node.text) for node in other.iter()
    ]
    suites = list(junitparser.JUnitXml.fromstring(text.encode()))
    assert len(suites) == len(list(groupby(found, lambda outcome: outcome.source)))
    assert sum(suite.tests for suite in suites) == counts["payloads"] + counts["unreadable"]
    assert sum(suite.errors for suite in suites) == counts["unreadable"]
    cases = [case for suite in suites for case in suite]
    results = [case.result[0]._tag if case.result else None for case in cases]
    assert results == [junit_result(outcome, level) for outcome in found]
    assert sum(suite.failures for suite in suites) == results.count("failure")


def junit_result(outcome: Outcome, level: LintLevel) -> str | None:
    if isinstance(outcome, Unreadable):
        return "error"
    broken = outcome.verdict.violations or (level == "error" and outcome.verdict.lints)
    return "failure" if broken else None


def check_github(text: str, found: list[Outcome], level: LintLevel, counts: dict[str, int]) -> None:
    commands = workflow_commands(text)
    names = [name for name, _, _ in commands]
    assert names.count("error") == counts["errors"] + counts["unreadable"]
    assert names.count("warning") == (counts["lints"] if level == "warn" else 0)
    assert len(names) == names.count("error") + names.count("warning")
    # Only ten of a kind are shown beside the code: the lints go last.
    lints = [lint.rule for checked in found if isinstance(checked, Checked) for lint in checked.verdict.lints]
    told = lints if level != "off" else []
    assert [found["title"] for _, found, _ in commands[len(commands) - len(told) :] if "title" in found] == [
        printable(rule) for rule in told if rule
    ]
    assert {key for _, properties, _ in commands for key in properties} <= {"file", "line", "col", "title"}


def workflow_commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """The commands that GitHub's runner finds in a log: name, properties, message."""
    found = []
    for line in text.split("\n"):
        if match := WORKFLOW_COMMAND.match(line.strip()):
            name, properties, message = match.groups()
            pairs = dict(pair.split("=", 1) for pair in properties.split(",")) if properties else {}
            found.append((name, {key: unescaped(value) for key, value in pairs.items()}, unescaped(message)))
    return found


def unescaped(value: str) -> str:
    for code, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        value = value.replace(code, character)
    return value


CHECKS = {
    "text": check_text,
    "json": check_json,
    "sarif": check_sarif,
    "junit": check_junit,
    "github": check_github,
}


@given(outcomes, levels)
def test_a_terminal_gets_no_escapes_but_colours(found: list[Outcome], level: LintLevel) -> None:
    text, _ = report("text", found, lints=level, width=80, color=True)
    without_colour = re.sub(r"\x1b\[\d+m", "", text)
    assert plain(without_colour)
    assert report("text", found, lints=level, width=80)[0] == without_colour


# --- all of them


class _Nowhere(io.TextIOBase):
    """A stream that keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)


@pytest.mark.parametrize("form", FORMATS)
def test_memory_does_not_grow_with_the_number_of_outcomes(form: str) -> None:
    violation = validate(b"{}").violations[0]._replace(got="x" * 500)
    linted = Verdict("createSubjectTraining", "strict", "request", (), find_lints=lambda: (violation,) * 10)
    found: Sequence[Outcome] = (
        Checked("a.jsonl", "line 1", Verdict("listModels", "strict", "response", (violation,) * 10)),
        Checked("a.jsonl", "line 2", linted),
        Unreadable("a.jsonl", "line 3", "x" * 5000),
    )

    def report(times: int) -> Reporter:
        told = reporter(form, stream=_Nowhere(), environment={"GITHUB_STEP_SUMMARY": os.devnull})
        for _ in range(times):
            for outcome in found:
                told.add(outcome)
        told.close()
        return told

    report(1)  # loads what is loaded once
    tracemalloc.start()
    told = report(1_000)  # 15 MB of text
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (told.counts.payloads, told.counts.violations, told.counts.lints) == (2_000, 10_000, 10_000)
    assert peak < 3 * 2**20


def test_what_is_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="no format 'xml'; there are text, json, sarif, junit, github"):
        reporter("xml", stream=io.StringIO())
    with pytest.raises(ValueError, match="no level of lints 'loud'; there are off, warn, error"):
        reporter("text", stream=io.StringIO(), lints="loud")  # type: ignore[arg-type]


def test_a_report_is_closed_once() -> None:
    stream = io.StringIO()
    told = reporter("json", stream=stream)
    told.close()
    told.close()
    assert json.loads(stream.getvalue())["outcomes"] == []


def test_text_escapes_what_the_encoding_of_its_stream_cannot_hold() -> None:
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, encoding="ascii")
    told = reporter("text", stream=stream)
    told.add(Unreadable("ü.json", "", "It is empty."))
    stream.flush()
    assert data.getvalue() == b"\\xfc.json: could not be checked: It is empty.\n"
