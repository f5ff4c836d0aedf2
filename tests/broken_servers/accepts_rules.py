"""Servers that accept what breaks one rule of a request body: one for each rule of the schemas."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from contract_walk import json_type

from broken_servers.defect import Corpus
from broken_servers.right_bodies import CREATES, STYLE, SUBJECT, UPLOAD, minimal
from broken_servers.schema_mistakes import mistakes_of
from broken_servers.scripts import posted
from broken_servers.wire import Answer, Change, Forward, Request, operation_of, planted
from loracle_contracts import validate

__all__ = ["CASES", "repaired"]

CASES = Corpus()
_SHORT = {SUBJECT: "", STYLE: "style.", UPLOAD: "upload."}


def repaired(operation: str, value: Any) -> Any:
    """A right body that keeps the name, so that a real task comes of it."""
    name = value.get("name") if isinstance(value, dict) else None
    return minimal(operation, name[:255] if isinstance(name, str) and name else "without a name")


def _accepting(operation: str, rule: str, kind: str) -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        if operation_of(request) == operation and request.body:
            violations = validate(request.body, operation, limit=None).violations
            value = request.value()
            unknown = [
                (violation.rule, violation.pointer)
                for violation in violations
                if violation.rule == rule and (not kind or _kind(value, violation.pointer) == kind)
            ]
            if violations and len(unknown) == len(violations):
                return await forward(request.with_body(repaired(operation, value)))
            return _silent(await forward(request), unknown)
        return await forward(request)

    return change


def _silent(answer: Answer, unknown: Collection[tuple[str, str]]) -> Answer:
    """The refusal without what the server does not know."""
    told = answer.value()
    if not unknown or answer.status != 400:
        return answer
    listed = told["metadata"]["violations"]
    kept = [one for one in listed if (one["rule"], one["pointer"]) not in unknown]
    message = f"The request breaks {len(kept)} rules."
    return answer.with_value({**told, "message": message, "metadata": {"violations": kept}})


def _kind(value: Any, pointer: str) -> str:
    for step in pointer.split("/")[1:]:
        value = value[int(step)] if isinstance(value, list) else value[step]
    name = json_type(value)
    if isinstance(value, float) and name == "number":
        return "fraction"
    return {"string": "text", "integer": "number"}.get(name, name)


def _fill() -> None:
    for operation in (*CREATES, UPLOAD):
        for mistake in mistakes_of(operation):
            slug = f"{mistake.rule}.{mistake.kind}" if mistake.kind else mistake.rule

            def make(
                operation: str = operation, rule: str = mistake.rule, kind: str = mistake.kind
            ) -> Change:
                return _accepting(operation, rule, kind)

            CASES.add(
                f"accepts.{_SHORT[operation]}{slug}",
                "accepts-invalid",
                operation,
                planted(make),
                posted(operation, mistake.body),
            )


_fill()
