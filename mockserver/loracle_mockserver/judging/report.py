"""What came of judging a client, as a person reads it, as JSON, as JUnit, and as a page."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from loracle_contracts.report.json_text import dumped
from loracle_contracts.report.safe_text import printable
from loracle_mockserver.judging.finding import Finding, Result
from loracle_mockserver.redaction import REDACTED

__all__ = ["FORMATS", "html_page", "json_report", "junit_report", "text_report"]

_SHOWN_OUTPUT = 2_000
_MARKS = {"passed": "ok", "failed": "FAIL", "not exercised": "--"}


def text_report(results: Sequence[Result]) -> str:
    """A table of scenarios, then each kind of finding: where, the first case, what a good client does."""
    width = max((len(result.scenario.name) for result in results), default=0)
    lines = []
    for result in results:
        names = ", ".join(dict.fromkeys(found.id for found in result.findings)) or result.why
        calls = f"{len(result.observation.calls)} calls"
        line = f"{_MARKS[result.outcome]:<4} {result.scenario.name:<{width}}  {calls:>9}  {_ended(result)}"
        lines.append(f"{line:<{width + 40}} {names}".rstrip())
    for name, shown in _grouped(results).items():
        result, found = shown[0]
        scenarios = list(dict.fromkeys(one.scenario.name for one, _ in shown))
        lines += ["", f"{name} ({', '.join(scenarios)}): {_safe(result, found.text)}", f"  {found.advice}"]
        lines += [f"  #{call.n} {_safe(result, call.entry.line())}" for call in found.calls]
    return "\n".join([*lines, "", _closing(results)]) + "\n"


def _grouped(results: Sequence[Result]) -> dict[str, list[tuple[Result, Finding]]]:
    """The findings by id, in the order in which they were made."""
    found: dict[str, list[tuple[Result, Finding]]] = {}
    for result in results:
        for one in result.findings:
            found.setdefault(one.id, []).append((result, one))
    return found


def _ended(result: Result) -> str:
    code = result.observation.exit_code
    return "out of time" if code is None else f"signal {-code}" if code < 0 else f"exit code {code}"


def _closing(results: Sequence[Result]) -> str:
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in _MARKS}
    findings = sum(len(result.findings) for result in results)
    plural = "finding" if findings == 1 else "findings"
    told = [f"{count} {outcome}" for outcome, count in counts.items() if count]
    return f"{len(results)} scenarios: {', '.join(told)}; {findings} {plural}"


def _safe(result: Result, text: str) -> str:
    return printable(text.replace(result.observation.key, REDACTED))


def json_report(results: Sequence[Result]) -> str:
    """The report as JSON, version 1: `results` by scenario, with `findings` and their `requests`."""
    document = {
        "version": 1,
        "results": [
            {
                "scenario": result.scenario.name,
                "summary": result.scenario.summary,
                "good_client": result.scenario.good_client,
                "outcome": result.outcome,
                "why": result.why,
                "exit_code": result.observation.exit_code,
                "seconds": round(result.observation.seconds, 3),
                "calls": len(result.observation.calls),
                "findings": [_finding(result, found) for found in result.findings],
            }
            for result in results
        ],
    }
    return dumped(document) + "\n"


def _finding(result: Result, found: Finding) -> dict[str, Any]:
    return {
        "id": found.id,
        "text": _safe(result, found.text),
        "advice": found.advice,
        "requests": [{"n": call.n, "request": _safe(result, call.entry.line())} for call in found.calls],
    }


def junit_report(results: Sequence[Result]) -> str:
    """The report as JUnit's XML: a test case for each scenario."""
    failed = sum(result.outcome == "failed" for result in results)
    skipped = sum(result.outcome == "not exercised" for result in results)
    head = f'name="loracle judge" tests="{len(results)}" failures="{failed}" errors="0" skipped="{skipped}"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", f"<testsuite {head}>"]
    for result in results:
        name = quoteattr(result.scenario.name)
        lines.append(
            f'<testcase classname="loracle judge" name={name} time="{result.observation.seconds:.3f}">'
        )
        for found in result.findings:
            text = _safe(result, found.text)
            detail = "\n".join(
                [text, found.advice, *(_safe(result, call.entry.line()) for call in found.calls)]
            )
            lines.append(
                f"<failure type={quoteattr(found.id)} message={quoteattr(text)}>{escape(detail)}</failure>"
            )
        if result.outcome == "not exercised":
            lines.append(f"<skipped message={quoteattr('not exercised: ' + result.why)}/>")
        lines.append("</testcase>")
    return "\n".join([*lines, "</testsuite>", "</testsuites>", ""])


def html_page(results: Sequence[Result]) -> str:
    """The report as one page that needs nothing from elsewhere."""
    rows, parts = [], []
    for result in results:
        names = ", ".join(dict.fromkeys(found.id for found in result.findings)) or result.why
        cells = (
            result.scenario.name,
            result.outcome,
            str(len(result.observation.calls)),
            _ended(result),
            names,
        )
        kind = result.outcome.replace(" ", "-")
        rows.append(
            f"<tr class={kind}>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
        )
        if not result.findings:
            continue
        output = _safe(result, result.observation.output[-_SHOWN_OUTPUT:]).replace("\\u000a", "\n")
        parts.append(
            f"<h2>{html.escape(result.scenario.name)}</h2><p>{html.escape(result.scenario.summary)}</p>"
        )
        for found in result.findings:
            calls = "\n".join(f"#{call.n} {_safe(result, call.entry.line())}" for call in found.calls)
            parts.append(
                f"<h3>{html.escape(found.id)}</h3><p>{html.escape(_safe(result, found.text))}</p>"
                f"<p>A good client: {html.escape(found.advice)}</p><pre>{html.escape(calls)}</pre>"
            )
        parts.append(f"<details><summary>what it printed</summary><pre>{html.escape(output)}</pre></details>")
    table = (
        "<table><tr><th>scenario<th>outcome<th>calls<th>ended<th>findings</tr>" + "".join(rows) + "</table>"
    )
    return _PAGE.format(table=table, closing=html.escape(_closing(results)), parts="\n".join(parts))


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>loracle judge</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .25rem .5rem; border-bottom: 1px solid #8884; }}
tr.failed td:nth-child(2) {{ color: #c22; font-weight: bold; }}
tr.passed td:nth-child(2) {{ color: #283; }}
pre {{ overflow-x: auto; padding: .5rem; background: #8882; }}
</style>
<h1>loracle judge</h1><p>{closing}</p>
{table}
{parts}
</html>
"""

FORMATS: dict[str, Callable[[Sequence[Result]], str]] = {
    "text": text_report,
    "json": json_report,
    "junit": junit_report,
    "html": html_page,
}
