"""The report for a person: each cause with its smallest request, what was not checked, what was spent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loracle_contracts.fuzzing.report.sentences import (
    answered,
    cause,
    closing,
    not_checked,
    replay_line,
    request_title,
    rule,
    stopped,
    where,
)
from loracle_contracts.report.safe_text import printable

__all__ = ["findings", "written"]

_RED, _YELLOW, _GREEN, _BOLD, _DIM = "31", "33", "32", "1", "2"
_SHOWN_ANSWER = 300
_SHOWN_REQUESTS = 4


def written(document: Mapping[str, Any], *, color: bool, saved_as: str | None, **_: Any) -> str:
    """The report as text that ends with a line break."""
    return "".join(f"{line}\n" for line in _lines(document, saved_as, _Style(color)))


def findings(document: Mapping[str, Any]) -> str:
    """The findings alone, as text that ends with a line break."""
    return "".join(f"{line}\n" for line in _findings(document, _Style(color=False)))


class _Style:
    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text


def _lines(document: Mapping[str, Any], saved_as: str | None, style: _Style) -> Iterator[str]:
    yield from _findings(document, style)
    groups = not_checked(document)
    if groups:
        yield style("Not checked", _BOLD)
        told: dict[tuple[str, str], list[str]] = {}
        for group in groups:
            # A single one is told as it is; of several the JSON report has all.
            what = group.first if group.times == 1 else f"{group.times} checks"
            told.setdefault((what, group.why), []).append(group.layer)
        for (what, why), layers in told.items():
            yield f"  {', '.join(layers)}: {what}: {style(why, _YELLOW)}"
        yield ""
    if document["findings"]:
        if saved_as is None:
            yield "To repeat the findings, save them: add --save FILE, then"
        else:
            yield "To repeat the findings:"
        yield f"  {replay_line(document, saved_as)}"
        yield ""
    if stopped(document):
        yield style(stopped(document), _YELLOW)
    is_right = not document["findings"] and document["end"] != "server"
    yield style(closing(document), _GREEN if is_right else _RED)


def _findings(document: Mapping[str, Any], style: _Style) -> Iterator[str]:
    for number, finding in enumerate(document["findings"], 1):
        yield f"{number}. {style(cause(finding), _RED)} {style('[' + finding['layer'] + ']', _DIM)}"
        yield from _finding(finding, style)
        yield ""


def _finding(finding: Mapping[str, Any], style: _Style) -> Iterator[str]:
    yield f"   expected  {printable(finding['expected'])}"
    yield f"   got       {printable(finding['got'])}"
    if finding["rule"] is not None:
        yield f"   rule      {rule(finding)}"
    yield f"   where     {where(finding)}"
    for exchange in finding["exchanges"][:_SHOWN_REQUESTS]:
        yield f"   tried     {request_title(exchange)}"
        yield f"   request   {style(_command(exchange), _BOLD)}"
        yield f"   answer    {answered(exchange, _SHOWN_ANSWER)}"
    more = len(finding["exchanges"]) - _SHOWN_REQUESTS
    if more > 0:
        yield f"   and {more} more requests, which the JSON report has"


def _command(exchange: Mapping[str, Any]) -> str:
    return printable(exchange["curl"])
