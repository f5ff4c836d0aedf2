"""Servers that misread one query parameter: they accept what breaks its rule, or refuse what it permits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, unquote_plus

from broken_servers.defect import Corpus
from broken_servers.scripts import NOBODY, queried
from broken_servers.wire import Answer, Change, Forward, Request, operation_of, planted, refusal
from loracle_contracts import operations, spec, validate
from loracle_contracts.query import parse_query

__all__ = ["CASES"]

CASES = Corpus()
_WITH_QUERY = ("getSubjectTraining", "getStyleTraining", "listTrainings", "listModels")


def _parameters(operation: str) -> dict[str, Any]:
    """The schema of each parameter of an operation."""
    definitions = spec.document("strict")["$defs"]
    given = definitions[operations()[operation].query]["properties"]
    return {name: definitions[schema["$ref"].rpartition("/")[2]] for name, schema in given.items()}


def _filled(operation: str, query: str) -> str:
    return query if "task_id" in query or not operation.startswith("get") else f"task_id={NOBODY}&{query}"


def _mistakes(operation: str) -> Iterator[tuple[str, str, str]]:
    """Of each rule of each parameter: the parameter, the last part of the rule's id, a query."""
    for name, schema in _parameters(operation).items():
        if operation.startswith("get"):
            yield name, "required", ""
        if "minLength" in schema:
            yield name, "minLength", f"{name}="
        if "minimum" in schema:
            yield name, "type", f"{name}=ten"
            yield name, "minimum", f"{name}={schema['minimum'] - 1}"
            yield name, "maximum", f"{name}={schema['maximum'] + 1}"
        if "enum" in schema:
            yield name, "enum", f"{name}=other"
        if "pattern" in schema:
            yield name, "pattern", f"{name}=page2"
    name, value = ("task_id", NOBODY) if operation.startswith("get") else ("pagination.limit", "2")
    yield name, "duplicate", f"{name}={value}&{name}={value}"
    free = [name for name, schema in _parameters(operation).items() if _is_free(schema)]
    for name in free:
        yield name, "encoding", f"{name}=%ff"


def _is_free(schema: Any) -> bool:
    return schema.get("type") == "string" and "pattern" not in schema


def _accepting(operation: str, parameter: str, rule: str) -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        if operation_of(request) == operation:
            violations = validate(request.query, operation, part="query").violations
            if violations and all(
                violation.rule.endswith(f".{rule}") and violation.pointer == f"/{parameter}"
                for violation in violations
            ):
                kept = [
                    pair
                    for pair in request.query.decode("latin-1").split("&")
                    if unquote_plus(pair.partition("=")[0]) != parameter
                ]
                query = _filled(operation, "&".join(kept))
                return await forward(_asking(request, query))
        return await forward(request)

    return change


def _asking(request: Request, query: str) -> Request:
    return Request(
        request.method,
        request.path,
        query.encode("latin-1"),
        request.headers,
        request.body,
        request.scope,
        request.receive,
    )


Test = Callable[[Any], bool]


def _permitted(operation: str) -> Iterator[tuple[str, str, Test, str]]:
    """Of each parameter some right values: the parameter, a slug, whether a value is meant, a query."""
    for name, schema in _parameters(operation).items():
        for bound in ("minimum", "maximum"):
            if bound in schema:
                most = schema[bound]
                yield name, bound, lambda value, most=most: value == most, f"{name}={most}"
        for choice in schema.get("enum", ()):
            yield name, choice, lambda value, choice=choice: value == choice, f"{name}={choice}"
        if "pattern" in schema:
            yield name, "empty", lambda value: value == "", f"{name}="
            yield name, "start", lambda value: value == "c_0", f"{name}=c_0"
            yield name, "long", lambda value: len(value) > 9, f"{name}=c_{'9' * 15}"
        elif _is_free(schema):
            text = "\u00e9\U0001f600"
            yield name, "unicode", lambda value: not value.isascii(), f"{name}={quote(text)}"
            yield name, "long", lambda value: len(value) > 300, f"{name}={'x' * 400}"


def _refusing(operation: str, parameter: str, is_meant: Test) -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if operation_of(request) != operation or answer.status not in (200, 404):
            return answer
        values, _ = parse_query(request.query, operations()[operation])
        return refusal() if parameter in values and is_meant(values[parameter]) else answer

    return change


def _fill() -> None:
    for operation in _WITH_QUERY:
        for parameter, rule, query in _mistakes(operation):

            def accept(operation: str = operation, parameter: str = parameter, rule: str = rule) -> Change:
                return _accepting(operation, parameter, rule)

            CASES.add(
                f"accepts.{operation}.{parameter}.{rule}",
                "accepts-invalid",
                operation,
                planted(accept),
                queried(operation, query),
            )
        for parameter, slug, is_meant, query in _permitted(operation):

            def refuse(
                operation: str = operation, parameter: str = parameter, is_meant: Test = is_meant
            ) -> Change:
                return _refusing(operation, parameter, is_meant)

            CASES.add(
                f"refuses.{operation}.{parameter}.{slug}",
                "rejects-valid",
                operation,
                planted(refuse),
                queried(operation, query),
            )


_fill()
