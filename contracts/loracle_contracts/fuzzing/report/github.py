"""The report as annotations of GitHub Actions, and as a summary of the step.

GitHub shows the first ten errors of a step; every line stays in the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loracle_contracts.fuzzing.report.sentences import (
    cause,
    closing,
    expected_got,
    not_checked,
    rule,
    stopped,
    where,
)
from loracle_contracts.report.safe_text import printable
from loracle_contracts.report.workflow_commands import markdown_text, workflow_command

__all__ = ["written"]

_ROWS = 50


def written(document: Mapping[str, Any], *, environment: Mapping[str, str], **_: Any) -> str:
    """Workflow commands, one on a line; the summary goes to the file that GITHUB_STEP_SUMMARY names."""
    lines = [_error(finding) for finding in document["findings"]]
    if document["end"] == "server":
        lines.append(workflow_command("error", {"title": "could not be checked"}, stopped(document)))
    elif stopped(document):
        lines.append(workflow_command("warning", {}, stopped(document)))
    lines += [
        f"Not checked ({group.layer}): {group.first if group.times == 1 else f'{group.times} checks'}: "
        f"{group.why}\n"
        for group in not_checked(document)
    ]
    lines.append(f"{closing(document)}\n")
    summary = environment.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write("\n".join(_summary(document)) + "\n\n")
        except OSError as error:
            lines.append(workflow_command("warning", {}, f"The summary cannot be written: {error}"))
    return "".join(lines)


def _error(finding: Mapping[str, Any]) -> str:
    told = [expected_got(finding)]
    if finding["rule"] is not None:
        told.append(f"Rule {rule(finding)}")
    told.append(where(finding))
    if finding["exchanges"]:
        told.append(printable(finding["exchanges"][0]["curl"]))
    return workflow_command("error", {"title": cause(finding)}, "\n".join(told))


def _summary(document: Mapping[str, Any]) -> Iterator[str]:
    yield from ("### loracle fuzz", "", f"{markdown_text(closing(document))}.", "")
    if stopped(document):
        yield from (markdown_text(stopped(document)), "")
    findings = document["findings"]
    if findings:
        yield from ("| what | expected and got | where |", "|---|---|---|")
        for finding in findings[:_ROWS]:
            cells = (cause(finding), expected_got(finding), where(finding))
            yield "| " + " | ".join(map(markdown_text, cells)) + " |"
        if len(findings) > _ROWS:
            yield from ("", f"{len(findings) - _ROWS} more stand in the log of the step.")
    groups = not_checked(document)
    if groups:
        yield from ("", "Not checked:", "")
        for group in groups:
            yield f"- {markdown_text(f'{group.layer}: {group.times}, {group.why}')}"
