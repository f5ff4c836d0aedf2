"""The contract's rules on request headers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from loracle_contracts import spec
from loracle_contracts.verdict import Profile, Violation

__all__ = [
    "authorization_rule",
    "content_type_rule",
    "header_violation",
    "header_violations",
    "redacted",
    "sent_key",
]

_SCHEMES = ("basic", "bearer", "digest", "token")


def header_violations(
    headers: Iterable[tuple[str, str]], operation: str, profile: Profile = "strict"
) -> list[Violation]:
    """Every rule that the headers of a request break, without the question whether the key is known.

    `headers` are pairs of name and value; names count in any case. Raises KeyError for an unknown operation.
    """
    known = spec.operations()[operation]
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(value)
    found = []
    if known.authenticated:
        sent = values.get("authorization", [])
        rule = authorization_rule(sent, profile)
        if rule:
            found.append(header_violation(rule, redacted(sent), profile))
    if known.request:
        for name, rule in (
            ("content-type", content_type_rule(", ".join(values.get("content-type", [])))),
            ("content-encoding", content_encoding_rule(", ".join(values.get("content-encoding", [])))),
        ):
            if rule:
                got = ", ".join(values.get(name, [])) or "nothing"
                found.append(header_violation(rule, got, profile))
    return found


def authorization_rule(values: list[str], profile: Profile) -> str | None:
    """The rule that the Authorization headers break, or None."""
    if not values or not any(value.strip() for value in values):
        return "header.authorization.required"
    if len(values) > 1:
        return "header.authorization.scheme"
    scheme, blank, key = values[0].strip().partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return None
    if profile == "lenient" and not blank and scheme.lower() != "bearer":
        # The vendor's JavaScript SDK sends the key alone, and the real gateway seems to take it.
        return None
    return "header.authorization.scheme"


@lru_cache(maxsize=64)
def content_type_rule(value: str) -> str | None:
    """The rule that a Content-Type breaks, or None. JSON is UTF-8, so no other charset will do."""
    media_type, *parameters = value.split(";")
    if media_type.strip().lower() != "application/json":
        return "header.content_type"
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name.strip().lower() == "charset" and charset.strip().strip('"').lower() not in ("utf-8", "utf8"):
            return "header.content_type"
    return None


def content_encoding_rule(value: str) -> str | None:
    """The rule that a Content-Encoding breaks, or None."""
    return None if value.strip().lower() in ("", "identity") else "header.content_encoding"


def header_violation(rule: str, got: str, profile: Profile) -> Violation:
    """The violation of a header rule by its id."""
    pointer = f"/{rule.split('.')[1].replace('_', '-')}"
    return spec.rules(profile)[rule].violation("header", pointer, got)


def sent_key(value: str) -> str:
    """The key in an Authorization header that keeps its rule; a bare one is itself the key."""
    scheme, _, key = value.strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else value.strip()


def redacted(values: list[str]) -> str:
    """What the Authorization headers look like, without the key."""
    if not values or not values[0].strip():
        return "nothing"
    if len(values) > 1:
        return f"{len(values)} Authorization headers"
    scheme, blank, _ = values[0].strip().partition(" ")
    if blank:
        # What stands before a blank may be the key itself.
        return f"{scheme} [redacted]" if scheme.lower() in _SCHEMES else "a value of an unknown scheme"
    return "Bearer without a key" if scheme.lower() == "bearer" else "a value without a scheme"
