"""Reads what is said to the control API: queries, and bodies of JSON or YAML. What cannot be is told why."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request

from loracle_contracts import spec
from loracle_contracts.explain import excerpt
from loracle_contracts.parse import MAX_BODY, parse, parse_fast
from loracle_mockserver.strict_yaml import YamlError, json_of_yaml

__all__ = [
    "RefusedError",
    "check_members",
    "namespace_in",
    "read_body",
    "read_mapping",
    "read_nothing",
    "read_query",
]

_NOTHING = b"{}"  # what clients send that cannot send nothing
_ENOUGH = 64  # bytes that tell whether there is anything else
_MAX_YAML = 64 * 1024  # the reader is slow, and a plan of a thousand rules is smaller
_NAMESPACE = re.compile(r"[0-9a-f]{12}")
_YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")


class RefusedError(Exception):
    """A call of the control API that cannot be understood; `reason` is the one of the envelope."""

    def __init__(self, message: str, reason: str = "INVALID_REQUEST_BODY") -> None:
        super().__init__(message)
        self.reason = reason


def read_query(request: Request, *known: str) -> dict[str, str]:
    """The query parameters of a call that takes those that are `known`, each at most once.

    Raises RefusedError for any other one.
    """
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            there_are = f"it takes {', '.join(known) or 'none'}"
            raise RefusedError(
                f"{request.method} {request.scope['path']} has no query parameter "
                f"{excerpt(name)!r}; {_hint(name, known) or there_are}."
            )
        if name in found:
            raise RefusedError(f"The query parameter {name} is given more than once.")
        found[name] = value
    if "namespace" in found:
        namespace_in(found["namespace"])
    return found


def namespace_in(value: Any) -> str:
    """The value, found to be the id of a namespace; raises RefusedError, which says how it is made."""
    if not isinstance(value, str) or not _NAMESPACE.fullmatch(value):
        # What came may be a key, so it is not repeated.
        raise RefusedError(
            "A namespace is 12 lower-case hex digits: the first of the SHA-256 of an API key "
            '(printf %s "$KEY" | sha256sum | cut -c1-12), never the key itself.'
        )
    return value


async def read_body(request: Request) -> Any:
    """The body as JSON, or as YAML where the Content-Type says so. Raises RefusedError where it is none."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_yaml = content_type in _YAML_TYPES
    limit = _MAX_YAML if is_yaml else MAX_BODY
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            kind = "YAML" if is_yaml else "JSON"
            raise RefusedError(
                f"The body is larger than {limit // 1024} KiB, the most of {kind} that is read here.",
                "REQUEST_TOO_LARGE",
            )
    if not body.strip():
        raise RefusedError("The body is empty; send JSON, or YAML with Content-Type: application/yaml.")
    return _yaml(bytes(body)) if is_yaml else _json(bytes(body))


async def read_mapping(request: Request, *known: str) -> dict[str, Any]:
    """The body, found to be a mapping that has no other members than those `known`, and at least one.

    Raises RefusedError where it is not.
    """
    body = await read_body(request)
    check_members(body, known)
    return dict(body)


async def read_nothing(request: Request) -> None:
    """Finds the body to be empty; raises RefusedError for one that says something nobody would hear."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _ENOUGH:
            break
    if body.strip() not in (b"", _NOTHING):
        raise RefusedError(
            f"{request.method} {request.scope['path']} takes no body; "
            "a namespace stands in the query: ?namespace=."
        )


def check_members(body: Any, known: Iterable[str]) -> None:
    """Raises RefusedError where the body is no mapping, is empty, or has a member that is not known."""
    known = list(known)
    if not isinstance(body, Mapping) or not body:
        raise RefusedError(f"The body is a mapping with at least one of {', '.join(known)}.")
    for name in body:
        if name not in known:
            hint = _hint(name, known) or f"there are {', '.join(known)}"
            raise RefusedError(f"The body has an unknown member {excerpt(name)!r}; {hint}.")


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def _json(body: bytes) -> Any:
    try:
        return parse_fast(body)
    except ValueError:
        parsed = parse(body, 1)
    if not parsed.faults:
        return parsed.value
    fault = parsed.faults[0]
    rule = spec.rules("strict")[fault.rule]
    before = parsed.text[: fault.start]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    got = fault.got or excerpt(parsed.text[fault.start : fault.end + 20]) or "the end of the body"
    raise RefusedError(
        f"The body is not JSON that every reader takes alike. Line {line}, column {column}: "
        f"expected {rule.expected}, got {got}. For YAML send Content-Type: application/yaml."
    )


def _yaml(body: bytes) -> Any:
    try:
        return json_of_yaml(body)
    except YamlError as error:
        raise RefusedError(f"The body is not YAML that stands for JSON: {str(error)[:300]}.") from None
