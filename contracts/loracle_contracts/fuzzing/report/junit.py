"""The report as JUnit XML: a layer is a test suite, each finding a failed case of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loracle_contracts.fuzzing.report.sentences import (
    answered,
    cause,
    closing,
    expected_got,
    not_checked,
    request_title,
    rule,
    stopped,
    where,
)
from loracle_contracts.report.safe_text import printable
from loracle_contracts.report.sentences import number
from loracle_contracts.report.xml_text import attribute, element

__all__ = ["written"]

_SHOWN_ANSWER = 1000


def written(document: Mapping[str, Any], **_: Any) -> str:
    """The whole document."""
    suites = "".join(_suite(document, layer) for layer in _layers(document))
    if document["end"] == "server":
        suites += _server(document)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="loracle fuzz">\n'
        # A comment must not hold two hyphens; the sentence has none.
        f"{suites}<!-- {closing(document)} -->\n</testsuites>\n"
    )


def _layers(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The layers that were chosen, and those that findings name beside them."""
    layers = list(document["layers"])
    known = {entry["layer"] for entry in layers}
    for finding in document["findings"]:
        if finding["layer"] not in known:
            known.add(finding["layer"])
            layers.append({"layer": finding["layer"], "requests": 0})
    return layers


def _suite(document: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    layer = entry["layer"]
    findings = [finding for finding in document["findings"] if finding["layer"] == layer]
    skipped = [group for group in not_checked(document) if group.layer == layer]
    name = f"loracle fuzz: {layer}"
    cases = [_case(name, cause(finding), _failure(finding)) for finding in findings]
    requests = number(entry["requests"], "request")
    rest = f"{requests}, nothing else was found" if findings else f"{requests}, nothing was found"
    cases.append(_case(name, rest))
    for group in skipped:
        told = element("skipped", {"message": f"{number(group.times, 'check')}: {group.why}"}, [])
        cases.append(_case(name, f"not checked: {group.why}", told))
    return _wrapped(name, cases, failures=len(findings), skipped=len(skipped))


def _server(document: Mapping[str, Any]) -> str:
    """The suite that says that the server did not let the run go on."""
    name = "loracle fuzz: the run"
    told = element("error", {"message": stopped(document), "type": "server"}, [stopped(document)])
    return _wrapped(name, [_case(name, "the server answers to the end", told)], errors=1)


def _wrapped(name: str, cases: list[str], *, failures: int = 0, errors: int = 0, skipped: int = 0) -> str:
    return (
        f'<testsuite name={attribute(name)} tests="{len(cases)}" failures="{failures}" '
        f'errors="{errors}" skipped="{skipped}">\n{"".join(cases)}</testsuite>\n'
    )


def _case(suite: str, name: str, inner: str = "") -> str:
    head = f"<testcase classname={attribute(suite)} name={attribute(name)}"
    return f"{head}>{inner}</testcase>\n" if inner else f"{head}/>\n"


def _failure(finding: Mapping[str, Any]) -> str:
    attributes = {"message": expected_got(finding), "type": finding["rule"] or finding["check"]}
    return element("failure", attributes, list(_lines(finding)))


def _lines(finding: Mapping[str, Any]) -> Iterator[str]:
    yield expected_got(finding)
    if finding["rule"] is not None:
        yield f"rule: {rule(finding)}"
    yield f"where: {where(finding)}"
    for exchange in finding["exchanges"]:
        yield f"tried: {request_title(exchange)}"
        yield f"request: {printable(exchange['curl'])}"
        yield f"answer: {answered(exchange, _SHOWN_ANSWER)}"
