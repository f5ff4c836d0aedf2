"""What SARIF, JUnit and GitHub annotations say to the systems that read them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from report_outcomes import report
from test_report_formats import workflow_commands

from loracle_contracts import validate
from loracle_contracts.report import Checked, LintLevel, Outcome, Unreadable
from loracle_contracts.verdict import Source, Verdict, Violation

BAD = '{\n  "name": "x",\n  "width": "512"\n}\n'
LINTED = (
    Path(__file__).parents[1] / "openapi/examples/lint/createSubjectTraining/request/lint.few_images.json"
)


def bad(source: str = "payloads/bad.json", place: str = "") -> Checked:
    return Checked(source, place, validate(BAD), True, BAD)


def linted(source: str = "linted.json") -> Checked:
    text = LINTED.read_text()
    return Checked(source, "", validate(text), False, text)


def crafted(got: str = "x", pointer: str = "/x", rule: str = "width.type") -> Checked:
    violation = Violation("body", pointer, 1, 2, rule, "y", got, Source("stated", "seed"), "Do z.")
    return Checked("a.json", "", Verdict("createSubjectTraining", "strict", "request", (violation,)))


def run_of(*found: Outcome, lints: LintLevel = "warn", **environment: str) -> dict[str, Any]:
    (run,) = json.loads(report("sarif", found, lints=lints, environment=environment)[0])["runs"]
    return dict(run)


def uri_of(source: str, **environment: str) -> dict[str, Any]:
    result = run_of(bad(source), **environment)["results"][0]
    return dict(result["locations"][0]["physicalLocation"]["artifactLocation"])


# --- SARIF


def test_sarif_locates_each_result() -> None:
    results = run_of(bad())["results"]
    (width,) = [result for result in results if result["ruleId"] == "width.type"]
    assert width["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "payloads/bad.json", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 3, "startColumn": 12},
            },
            "logicalLocations": [{"fullyQualifiedName": "/width", "kind": "value"}],
        }
    ]
    assert width["message"]["text"] == (
        '/width: expected an integer, got "512". Send width as a JSON number, without quotation marks.'
    )


def test_sarif_rules_have_help_source_and_level() -> None:
    rules = {rule["id"]: rule for rule in run_of(bad(), linted())["tool"]["driver"]["rules"]}
    assert rules["width.type"]["properties"]["source"]["kind"] == "stated"
    assert rules["width.type"]["shortDescription"]["text"] == "Expected an integer."
    assert "Keeps it" in rules["width.type"]["help"]["text"]
    assert rules["width.type"]["defaultConfiguration"]["level"] == "error"
    assert rules["lint.few_images"]["defaultConfiguration"]["level"] == "warning"
    as_errors = run_of(linted(), lints="error")
    assert {result["level"] for result in as_errors["results"]} == {"error"}


@pytest.mark.parametrize(
    ("source", "uri"),
    [
        ("a b/ü#1.json", "a%20b/%C3%BC%231.json"),
        ("a:b.json", "a%3Ab.json"),
        ("./x/../y.json", "y.json"),
        ("100%.json", "100%25.json"),
        ("x\udcff.json", "x%FF.json"),
        ("a?b.json", "a%3Fb.json"),
    ],
)
def test_sarif_names_files_relative_to_the_root(source: str, uri: str) -> None:
    assert uri_of(source) == {"uri": uri, "uriBaseId": "%SRCROOT%"}
    assert uri_of(f"{Path.cwd()}/{source}") == {"uri": uri, "uriBaseId": "%SRCROOT%"}


def test_sarif_names_files_relative_to_githubs_workspace() -> None:
    here = Path.cwd()
    assert uri_of("a.json", GITHUB_WORKSPACE=str(here.parent))["uri"] == f"{here.name}/a.json"


def test_sarif_names_a_file_outside_of_the_root_in_full(tmp_path: Path) -> None:
    source = tmp_path / "a b.json"
    assert uri_of(str(source)) == {"uri": source.as_uri()}
    assert uri_of("-") == {"uri": "stdin", "description": {"text": "standard input"}}


def fingerprints(*found: Outcome) -> list[str]:
    return [result["partialFingerprints"]["loracle/v1"] for result in run_of(*found)["results"]]


def test_fingerprints_tell_results_apart_but_outlive_a_moved_line() -> None:
    moved = Checked("payloads/bad.json", "", validate("\n\n" + BAD), text="\n\n" + BAD)
    assert fingerprints(moved) == fingerprints(bad())
    of_all = fingerprints(bad(), bad("other.json"), bad(place="line 2"))
    assert len(set(of_all)) == len(of_all)


def test_a_result_without_a_line_points_to_where_its_payload_begins() -> None:
    verdict = validate("pagination.limit=0", "listTrainings", part="query")
    (result,) = run_of(Checked("x.har", "entry 1", verdict, first_line=40))["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 40}


def test_no_link_of_a_payload_is_a_link_in_sarif() -> None:
    (result,) = run_of(crafted(got="[here](http://x)"))["results"]
    assert r"got \[here\](http://x)" in result["message"]["text"]


def test_sarif_says_what_could_not_be_checked_or_was_cut() -> None:
    run = run_of(Unreadable("a.gz", "line 9", "It ends too early."), Checked("b", "", validate(BAD, limit=1)))
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert [
        (told["descriptor"]["id"], told["level"], told["message"]["text"])
        for told in invocation["toolExecutionNotifications"]
    ] == [
        ("could-not-be-checked", "error", "line 9: It ends too early."),
        ("truncated", "warning", "there are more; the first 1 are listed"),
    ]


# --- GitHub


def annotations(*found: Outcome, lints: LintLevel = "warn", **environment: str) -> str:
    return report("github", found, lints=lints, environment=environment)[0]


def test_annotations_are_escaped_as_the_runner_wants_it() -> None:
    found = Checked("a,b:c%.json", "line 1", crafted(got="50%", rule="r").verdict)
    assert annotations(found).splitlines()[0] == (
        "::error file=a%2Cb%3Ac%25.json,line=1,col=2,title=r::"
        "line 1: /x: expected y, got 50%25 [r, stated: seed]. Do z."
    )


def test_annotations_name_files_from_the_root_of_the_repository() -> None:
    here = Path.cwd()
    line = annotations(bad("p/bad.json"), GITHUB_WORKSPACE=str(here.parent)).splitlines()[0]
    assert line.startswith(f"::error file={here.name}/p/bad.json,line=1,col=1,title=base_model.required::")
    assert "file=" not in annotations(bad("-"))


def test_violations_are_annotated_before_lints() -> None:
    commands = workflow_commands(annotations(linted(), bad(), lints="error"))
    titles = [properties["title"] for _, properties, _ in commands]
    assert titles.index("lint.few_images") > titles.index("width.type")
    assert {name for name, _, _ in commands} == {"error"}


def test_the_summary_has_counts_and_the_first_findings(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    found = [bad(), Unreadable("c.gz", "", "It ends too early."), *[bad(f"{n}.json") for n in range(60)]]
    annotations(*found, GITHUB_STEP_SUMMARY=str(summary))
    text = re.sub(r"&#(\d+);", lambda match: chr(int(match[1])), summary.read_text())
    lines = text.splitlines()
    assert lines[:2] == ["before", "### loracle validate"]
    violations = 61 * len(bad().verdict.violations)
    assert f"61 payloads checked, {violations} violations in 61 payloads" in lines[3]
    rows = [line for line in lines if line.startswith("| ") and "expected" in line]
    assert len(rows) == 49  # and one for what could not be checked
    assert f"{violations + 1 - 50} more stand in the log of the step." in lines


def test_the_summary_shows_hostile_text_as_it_is(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    found = crafted(
        got="![x](http://x) <img src=x> | @someone `y` **z** https://example.com", pointer="/" + "p" * 9000
    )
    annotations(
        crafted(got="![x](http://x)<img src=x>|@a`y`**z**_q_"), found, GITHUB_STEP_SUMMARY=str(summary)
    )
    rows = [line for line in summary.read_text().splitlines() if line.startswith("| a")]
    assert len(rows) == 2
    for row in rows:
        assert row.count("|") == 3
        assert not re.search(r"[<>\[\]()@`*_!]|https?:", row)
        assert len(row) < 4000


def test_a_summary_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    text = annotations(bad(), GITHUB_STEP_SUMMARY=str(tmp_path))
    (name, _, message) = workflow_commands(text)[-1]
    assert name == "warning"
    assert message.startswith("The summary cannot be written: ")


# --- JUnit


def test_a_payload_is_a_test_case_and_its_violations_one_failure() -> None:
    text, _ = report("junit", [bad(place="line 1"), linted()])
    assert '<testsuite name="payloads/bad.json" tests="1" failures="1" errors="0" skipped="0">' in text
    assert (
        '<testcase classname="payloads/bad.json" '
        'name="line 1: createSubjectTraining request, recognised by shape"><failure '
    ) in text
    assert '\n/width: expected an integer, got "512" [width.type, stated: seed].' in text
    assert "<system-out>lint: /image_dataset_items: expected at least 6 images" in text
    assert "<failure" not in report("junit", [linted()])[0]
    assert "<failure" in report("junit", [linted()], lints="error")[0]
