"""Every format of the fuzzer's report is well formed whatever is in it, and says what the others say."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from functools import cache
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from fuzz_reports import KEY, URL, answer, exchange, finding, report, reports, request
from hypothesis import given
from jsonschema_rs import Draft202012Validator
from lxml import etree
from test_report_formats import junit_schema, plain, sarif_schema, workflow_commands

from loracle_contracts.fuzzing import FuzzReport, NotChecked
from loracle_contracts.fuzzing.probe import Failure
from loracle_contracts.fuzzing.report import FORMATS, written
from loracle_contracts.fuzzing.report.document import Document, document
from loracle_contracts.fuzzing.report.sentences import cause, closing, expected_got

CURL = (
    'curl -sS --globoff --path-as-is -X POST -H "Authorization: Bearer $LORACLE_API_KEY" '
    "-H 'Content-Type: application/json' --data-binary '{\"width\": \"512\"}' "
    f"{URL}/v3/training/subject"
)
VOID = {"meta", "link", "br", "img"}


def told(found: FuzzReport, form: str = "text", **options: Any) -> str:
    return written(document(found), form, environment=options.pop("environment", {}), **options)


@cache
def json_schema() -> Draft202012Validator:
    folder = resources.files("loracle_contracts.fuzzing.report")
    return Draft202012Validator(json.loads(folder.joinpath("fuzz-report-1.schema.json").read_text()))


@given(reports)
def test_each_format_is_well_formed(found: FuzzReport) -> None:
    made = document(found)
    for form, check in CHECKS.items():
        text = written(made, form, environment={})
        assert plain(text), form
        check(text, made)


def test_each_format_is_checked() -> None:
    assert tuple(CHECKS) == FORMATS


def check_text(text: str, made: Document) -> None:
    lines = text.removesuffix("\n").split("\n")
    assert not any(line.lstrip().startswith("::") for line in lines)
    assert not re.search(r"##\w*\[", text)
    assert lines[-1] == closing(made)
    for number, one in enumerate(made["findings"], 1):
        assert f"{number}. {cause(one)} [{one['layer']}]" in lines


def check_json(text: str, made: Document) -> None:
    read = json.loads(text)
    assert [error.message for error in json_schema().iter_errors(read)] == []
    assert len(read["findings"]) == len(made["findings"])
    assert read["counts"] == made["counts"]


def check_junit(text: str, made: Document) -> None:
    tree = etree.fromstring(text.encode(), etree.XMLParser(remove_comments=True))
    junit_schema().assertValid(tree)
    assert len(tree.findall(".//failure")) == len(made["findings"])
    assert len(tree.findall(".//error")) == (made["end"] == "server")
    for suite in tree.findall("testsuite"):
        cases = suite.findall("testcase")
        for name, count in (("tests", len(cases)), ("failures", len(suite.findall("testcase/failure")))):
            assert int(suite.get(name)) == count
    assert {suite.get("name").rpartition(": ")[2] for suite in tree} >= set(made["options"]["layers"])


def check_sarif(text: str, made: Document) -> None:
    log = json.loads(text)
    assert [error.message for error in sarif_schema().iter_errors(log)] == []
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert len(run["results"]) == len(made["findings"])
    assert run["invocations"][0]["executionSuccessful"] is (made["end"] != "server")


def check_github(text: str, made: Document) -> None:
    commands = workflow_commands(text)
    errors = [command for command in commands if command[0] == "error"]
    titles = [properties["title"] for _, properties, _ in errors]
    ended = ["could not be checked"] if made["end"] == "server" else []
    assert titles == [cause(one) for one in made["findings"]] + ended
    for (_, _, message), one in zip(errors, made["findings"], strict=False):
        assert message.startswith(expected_got(one))


class Page(HTMLParser):
    """What a browser makes of a page: the tags that are open, the attributes, the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def check_html(text: str, made: Document) -> None:
    page = Page(text)
    assert page.open == []
    assert page.tags <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "h1",
            "h2",
            "h3",
            "p",
            "strong",
            "article",
            "pre",
        ),
        *("details", "summary", "dl", "dt", "dd", "span", "table", "tr", "th", "td"),
    }
    assert not page.attributes & {"src", "href", "style", "onclick", "onload", "onerror"}
    assert "default-src 'none'" in html.unescape(text)
    for one in made["findings"]:
        assert cause(one) in page.text


CHECKS = {
    "text": check_text,
    "json": check_json,
    "junit": check_junit,
    "sarif": check_sarif,
    "github": check_github,
    "html": check_html,
}


def test_a_finding_is_told_with_all_that_is_known_of_it() -> None:
    found = report(finding(occurrences=3, vanishes_under_lenient=True))
    for form in FORMATS:
        text = html.unescape(told(found, form)).replace("%0A", "\n").replace('\\"', '"')
        for said in ("width.type", "400 INVALID_REQUEST_BODY", "200", "createSubjectTraining", "seed"):
            assert said in text, (form, said)
        assert "lenient" in text.lower(), form
        assert "$LORACLE_API_KEY" in text, form


def test_the_text_of_one_finding() -> None:
    skipped = [NotChecked("walk", f"thing {n}", "no trainings") for n in range(3)]
    text = told(report(finding(), not_checked=tuple(skipped)), saved_as="a b.json")
    assert text.splitlines() == [
        "1. accepted: width.type [table]",
        "   expected  400 INVALID_REQUEST_BODY",
        "   got       200",
        "   rule      width.type (stated: seed)",
        "   where     createSubjectTraining; 1 time",
        "   tried     POST /v3/training/subject: width as text",
        f"   request   {CURL}",
        '   answer    200 {"task_id": "x"}',
        "",
        "Not checked",
        "  walk: 3 checks: no trainings",
        "",
        "To repeat the findings:",
        "  loracle fuzz --replay 'a b.json' --max-creates 1",
        "",
        "1 finding; 7 requests, 1 training started (0 planned, 1 by mistake), 1.2 seconds",
    ]


def test_colors_are_for_terminals() -> None:
    found = report(finding())
    assert "\x1b[31m" in told(found, color=True)
    assert "\x1b" not in told(found)


def test_a_long_answer_is_cut_and_says_so() -> None:
    long = exchange(came=answer(body=b"x" * 9000))
    made = document(report(finding(exchanges=(long,))))
    came = made["findings"][0]["exchanges"][0]["answer"]
    assert (len(came["body"]), came["cut"], came["length"]) == (4000, True, 9000)
    assert "... (9000 bytes)" in written(made, environment={})


def test_bytes_and_large_bodies_are_kept() -> None:
    for body, encoding in ((b"\xff\x00", "base64"), (b"[" * 100_000, "zlib+base64"), (b"{}", "text")):
        (one,) = document(report(finding(exchanges=(exchange(request(body)),))))["findings"]
        assert one["exchanges"][0]["request"]["body"]["encoding"] == encoding


def test_a_run_that_the_server_ended_is_told_in_every_format() -> None:
    found = report(stopped="the server answered 5 requests in a row with 503", end="server")
    for form in FORMATS:
        assert "in a row with 503" in told(found, form), form


def test_no_answer_is_told_as_such() -> None:
    found = report(finding(check="no-answer", exchanges=(exchange(came=Failure("timeout", "within 10 s")),)))
    for form in ("text", "json", "junit", "html"):
        assert "timeout" in told(found, form)


def test_the_summary_of_a_step_is_written(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    environment = {"GITHUB_STEP_SUMMARY": str(file)}
    told(report(finding(subject="a|b")), "github", environment=environment)
    summary = file.read_text()
    assert summary.startswith("### loracle fuzz\n")
    assert "a&#124;b" in summary
    missing = {"GITHUB_STEP_SUMMARY": str(tmp_path / "none" / "summary")}
    assert "cannot be written" in told(report(), "github", environment=missing)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="no format 'pdf'; there are text, json"):
        told(report(), "pdf")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_line_sends_the_request(tmp_path: Path) -> None:
    """With curl's own trace as the witness: nothing has to listen."""
    body = '{"name": "it\'s $HOME `x` \\ %", "key": "' + KEY + '"}'
    (one,) = document(report(finding(exchanges=(exchange(request(body.encode())),))))["findings"]
    line = one["exchanges"][0]["curl"].replace("curl ", "curl --libcurl out.c ", 1)
    environment = {**os.environ, "LORACLE_API_KEY": KEY, "HOME": str(tmp_path)}
    subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment, check=False, capture_output=True)
    source = (tmp_path / "out.c").read_text()
    sent = re.search(r'CURLOPT_POSTFIELDS, "(.*)"\);', source)
    assert sent is not None
    assert json.loads(f'"{sent[1]}"'.replace("\\?", "?")) == body
    assert f"Authorization: Bearer {KEY}" in source
