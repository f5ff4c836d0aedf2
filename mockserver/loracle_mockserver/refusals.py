"""The refusals of the contract as the mock words them; the proxy gives the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from loracle_contracts.explain import excerpt
from loracle_contracts.verdict import Violation
from loracle_mockserver.message import Reply, error_reply

__all__ = [
    "body_too_large",
    "breaks_rules",
    "headers_too_large",
    "no_route",
    "refused_header",
    "wrong_method",
]

_CLOSE = ((b"connection", b"close"),)
_LISTED_VIOLATIONS = 100
_LISTED_CHARACTERS = 64 * 1024


def headers_too_large() -> Reply:
    """The answer to headers over the limit; the body was not read."""
    return error_reply("HEADERS_TOO_LARGE", headers=_CLOSE)


def body_too_large(limit: int) -> Reply:
    """The answer to a body of more than `limit` bytes, of which not all was read."""
    return error_reply("REQUEST_TOO_LARGE", f"The body is larger than {limit // 2**20} MiB.", headers=_CLOSE)


def no_route(path: str) -> Reply:
    """The answer where no operation has this path."""
    message = f"No route {excerpt(path)}; a trailing slash or a doubled one makes another route."
    return error_reply("API_NOT_FOUND", message)


def wrong_method(allowed: Iterable[str]) -> Reply:
    """The answer where the path has other methods."""
    return error_reply("METHOD_NOT_ALLOWED", headers=((b"allow", ", ".join(allowed).encode()),))


def refused_header(reason: str, violation: Violation) -> Reply:
    """The answer to a header that breaks a rule: the key, the content type, the encoding."""
    return error_reply(reason, metadata={"violations": [violation.as_dict()]})


def breaks_rules(violations: Sequence[Violation]) -> Reply:
    """The answer to a query or a body that breaks rules; it tells the first and lists at most a hundred."""
    first = violations[0]
    rules = "1 rule" if len(violations) == 1 else f"{len(violations)} rules"
    message = (
        f"The request breaks {rules} of the contract. First, {excerpt(first.pointer) or 'the ' + first.in_}: "
        f"expected {first.expected}, got {first.got}. {first.advice}"
    )
    listed: list[dict[str, Any]] = []
    room = _LISTED_CHARACTERS
    for violation in violations[:_LISTED_VIOLATIONS]:
        # A member's name may be half a megabyte, and each violation below it repeats the name.
        room -= len(violation.pointer)
        if listed and room < 0:
            break
        listed.append(violation.as_dict())
    metadata: dict[str, Any] = {"violations": listed}
    if len(violations) > len(listed):
        metadata["violations_total"] = len(violations)
    return error_reply("INVALID_REQUEST_BODY", message, metadata)
