"""The report as SARIF 2.1.0: a finding has no file, so its place is the operation and the server's address.

The request and the answer stand in webRequest and webResponse, which SARIF has for dynamic analysis.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from loracle_contracts.fuzzing.report.sentences import cause, closing, expected_got, not_checked, stopped
from loracle_contracts.report.json_text import dumped
from loracle_contracts.report.sarif_texts import SARIF_SCHEMA, descriptor, digest, rule_descriptor, unlinked

__all__ = ["written"]

_NOTIFICATIONS = {
    "not-checked": (
        "Something was not checked.",
        "Something could not be checked within the limits of the run, or with what the server answered.",
        "Look at the reason; --max-creates and --max-requests set the limits.",
    ),
    "ended-early": (
        "The run ended early.",
        "The run ended before all was sent.",
        "Look at the reason; what was found until then is reported.",
    ),
}
_CHECKS = {
    "accepted": "A request that breaks the contract was accepted",
    "refused": "A request that keeps the contract was refused",
    "status": "The answer has another status than the contract wants",
    "reason": "The refusal has another reason than the contract wants",
    "no-answer": "A request had no answer",
    "relation": "Answers do not fit together",
    "leak": "An answer tells of the server's inside, or a key",
    "latency": "An answer took too long",
}


def written(document: Mapping[str, Any], **_: Any) -> str:
    """A log of one run."""
    rules: dict[str, int] = {}
    results = [_result(document, finding, rules) for finding in document["findings"]]
    profile = document["options"]["profile"]
    invocation: dict[str, Any] = {"executionSuccessful": document["end"] != "server"}
    notifications = [
        _notification("note", "not-checked", f"{group.layer}: {group.times} not checked: {group.why}")
        for group in not_checked(document)
    ]
    if stopped(document):
        level = "error" if document["end"] == "server" else "warning"
        notifications.append(_notification(level, "ended-early", stopped(document)))
    if notifications:
        invocation["toolExecutionNotifications"] = notifications
    driver = {
        "name": "loracle",
        "version": version("loracle"),
        "rules": [_rule(name, profile) for name in rules],
        "notifications": [descriptor(name, *texts) for name, texts in _NOTIFICATIONS.items()],
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"loracle-fuzz/{profile}/"},
        "invocations": [invocation],
        "properties": {
            "url": document["url"],
            "seed": document["options"]["seed"],
            "counts": document["counts"],
            "summary": closing(document),
        },
        "results": results,
    }
    return dumped({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def _result(document: Mapping[str, Any], finding: Mapping[str, Any], rules: dict[str, int]) -> dict[str, Any]:
    name = finding["rule"] or f"fuzz.{finding['check']}"
    first = finding["exchanges"][0] if finding["exchanges"] else None
    result: dict[str, Any] = {
        "ruleId": name,
        "ruleIndex": rules.setdefault(name, len(rules)),
        "level": "error",
        "message": {"text": unlinked(f"{cause(finding)}: {expected_got(finding)}")},
        "locations": [_location(document, operation) for operation in finding["operations"] or [""]][:10],
        "partialFingerprints": {"loracleFuzz/v1": digest([finding["check"], finding["subject"]])},
        "occurrenceCount": finding["occurrences"],
        "properties": {
            "layer": finding["layer"],
            "check": finding["check"],
            "subject": finding["subject"],
            "vanishesUnderLenient": finding["vanishes_under_lenient"],
            "curl": [exchange["curl"] for exchange in finding["exchanges"]],
        },
    }
    if first is not None:
        result["webRequest"] = _web_request(first)
        if "answer" in first:
            result["webResponse"] = _web_response(first["answer"])
    return result


def _location(document: Mapping[str, Any], operation: str) -> dict[str, Any]:
    return {
        "physicalLocation": {"artifactLocation": {"uri": quote(document["url"], safe=":/?#[]@!$&'()*+,;=%")}},
        "logicalLocations": [{"fullyQualifiedName": operation or "the server", "kind": "function"}],
    }


def _web_request(exchange: Mapping[str, Any]) -> dict[str, Any]:
    request = exchange["request"]
    body = request["body"]
    told: dict[str, Any] = {
        "protocol": "HTTP",
        "version": "1.1",
        "method": request["method"],
        "target": exchange["url"] or request["target"],
        "headers": _headers(request["headers"]),
    }
    if body["data"] and body["encoding"] == "text":
        told["body"] = {"text": body["data"]}
    elif body["encoding"] == "base64":
        told["body"] = {"binary": body["data"]}
    return told


def _web_response(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "protocol": "HTTP",
        "statusCode": answer["status"],
        "headers": _headers(answer["headers"]),
        "body": {"text": answer["body"]},
    }


def _headers(pairs: list[list[str]]) -> dict[str, str]:
    """SARIF has one value for each name: several are joined, as HTTP allows it."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _rule(name: str, profile: Any) -> dict[str, Any]:
    known = rule_descriptor(name, profile)
    if len(known) > 1:
        return known
    text = _CHECKS.get(name.removeprefix("fuzz."), "An answer is not what the contract allows")
    return {
        **descriptor(name, f"{text}.", f"{text}.", "Send the request again with the command in the result."),
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["contract"]},
    }


def _notification(level: str, name: str, text: str) -> dict[str, Any]:
    return {"descriptor": {"id": name}, "level": level, "message": {"text": unlinked(text)}}
