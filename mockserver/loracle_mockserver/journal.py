"""One request and its answer, as they are remembered; what is shown of them holds no credentials."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from loracle_contracts import spec
from loracle_contracts.headers import header_violations
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Profile, Violation

__all__ = ["MAX_BODY_KEPT", "NO_ROUTE", "Entry", "describe"]

MAX_BODY_KEPT = 64 * 1024  # bytes of a body that the journal keeps
# Refusals that no rule of an operation explains, because there is no operation.
NO_ROUTE = ("API_NOT_FOUND", "METHOD_NOT_ALLOWED", "HEADERS_TOO_LARGE", "REQUEST_TOO_LARGE")
_SERVER_RULES = ("header.authorization.key", "path.doubled_slash", "assets_id.uploaded")
_REDACTED = "[redacted]"
_JUDGED: tuple[Profile, ...] = ("strict", "lenient")
_SECRET_PARAMETER = re.compile(rb"(?i)((?:^|&)[^=&]*(?:key|token|secret|authorization)[^=&]*=)[^&]*")


class Entry(NamedTuple):
    """One request and its answer.

    `rules` are the violated rules of the profile in force, `strict_rules` those that only strict
    forbids. `fault` is what went wrong on demand, `origin` who asked for it. `received_at` is the
    wall clock in Unix seconds, `seconds` the time that the answer took before any `delay` on demand.
    Of a body at most MAX_BODY_KEPT bytes are kept; `body_length` is its true length.

    The first six members are as they came, credentials included: show them through the methods.
    """

    namespace: str | None
    operation: str | None
    method: str
    path: str
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    status: int
    reason: str | None
    reply_headers: Sequence[tuple[bytes, bytes]]
    reply_body: bytes
    fault: str | None
    origin: str | None
    rules: tuple[str, ...]
    strict_rules: tuple[str, ...]
    received_at: float
    seconds: float
    delay: float
    body_length: int

    def redacted(self) -> Entry:
        """The entry without the API key, wherever in the request it stands.

        Its header is cut so that it breaks the same rules as before.
        """
        keys = [_key(value) for name, value in self.headers if name == b"authorization"]
        keys = [key for key in keys if len(key) > 3]

        def clean(text: bytes) -> bytes:
            for key in keys:
                text = text.replace(key, _REDACTED.encode())
            return text

        headers = [
            (name, _redacted_header(value) if name == b"authorization" else clean(value))
            for name, value in self.headers
        ]
        query = clean(_SECRET_PARAMETER.sub(rb"\1" + _REDACTED.encode(), self.query))
        path = clean(self.path.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
        return self._replace(headers=headers, query=query, path=path, body=clean(self.body))

    def violations(self, profile: Profile) -> list[Violation]:
        """Every rule of the profile that the request breaks; none where it belongs to no operation."""
        if self.operation is None:
            return []
        operation = spec.operations()[self.operation]
        pairs = [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in self.headers]
        found = header_violations(pairs, operation.id, profile)
        if operation.query:
            found += validate(self.query, operation.id, profile, "query").violations
        is_whole = len(self.body) == self.body_length
        if operation.request and is_whole:
            found += validate(self.body, operation.id, profile).violations
        known, broken = spec.rules(profile), {violation.rule for violation in found}
        for rule in dict.fromkeys(self.rules + (self.strict_rules if profile == "strict" else ())):
            # What only the server could say, because it takes the list of keys or the whole body.
            if rule not in broken and rule in known and (rule in _SERVER_RULES or not is_whole):
                place = {"header": "header", "query": "query"}.get(rule.partition(".")[0], "body")
                found.append(known[rule].violation(place, "", "what was sent"))
        return found

    def lints(self) -> list[Violation]:
        """What is legal in the request but has no effect or is unwise."""
        if self.operation is None or not spec.operations()[self.operation].request:
            return []
        if len(self.body) != self.body_length:
            return []
        for profile in _JUDGED:
            verdict = validate(self.body, self.operation, profile)
            if verdict.valid:
                return list(verdict.lints)
        return []

    @property
    def breaks_the_contract(self) -> bool:
        """Whether the client did something that strict forbids, as far as it can be blamed for it.

        An answer that was asked for by a fault is not the client's doing.
        """
        if self.rules or self.strict_rules:
            return True
        return self.fault is None and self.reason in NO_ROUTE


def describe(n: int, entry: Entry) -> dict[str, Any]:
    """An entry as JSON: what was asked and answered, the verdicts, what went wrong on demand."""
    shown = entry.redacted()
    verdicts: dict[str, Any] = {}
    for profile in _JUDGED:
        found = shown.violations(profile)
        verdicts[profile] = {
            "valid": not found and not (entry.fault is None and entry.reason in NO_ROUTE),
            "violations": [violation.as_dict() for violation in found],
        }
    return {
        "n": n,
        "namespace": entry.namespace,
        "operation": entry.operation,
        "method": entry.method,
        # A path may hold anything, so it is percent-encoded.
        "path": quote(shown.path),
        "query": shown.query.decode("latin-1"),
        "status": entry.status,
        "reason": entry.reason,
        "fault": entry.fault,
        "origin": entry.origin,
        "rules": entry.rules,
        "strict_rules": entry.strict_rules,
        **verdicts,
        "lints": [lint.as_dict() for lint in shown.lints()],
        "received_at": entry.received_at,
        "seconds": entry.seconds,
        "delay": entry.delay,
    }


def _key(value: bytes) -> bytes:
    scheme, blank, key = value.strip().partition(b" ")
    return key.strip() if blank else scheme


def _redacted_header(value: bytes) -> bytes:
    scheme, blank, key = value.strip().partition(b" ")
    if blank and key.strip():
        return scheme + b" " + _REDACTED.encode()
    return scheme if not scheme or scheme.lower() == b"bearer" else _REDACTED.encode()
