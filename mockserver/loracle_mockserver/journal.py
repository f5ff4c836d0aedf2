"""One request and its answer, as they are remembered; what is shown of them holds no credentials."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_plus

import orjson

from loracle_contracts import spec
from loracle_contracts.explain import excerpt
from loracle_contracts.headers import header_violations
from loracle_contracts.query import parse_query
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Profile, Violation
from loracle_mockserver.fault_catalogue import CREATES, STATUS_CALLS
from loracle_mockserver.redaction import Credentials, redacted_headers, redacted_query

__all__ = ["MAX_BODY_KEPT", "NOTE", "NO_ROUTE", "Entry", "describe"]

MAX_BODY_KEPT = 64 * 1024  # bytes of a body that the journal keeps
# Refusals that no rule of an operation explains, because there is no operation.
NO_ROUTE = ("API_NOT_FOUND", "METHOD_NOT_ALLOWED", "HEADERS_TOO_LARGE", "REQUEST_TOO_LARGE")
_SERVER_RULES = ("header.authorization.key", "path.doubled_slash", "assets_id.uploaded")
_JUDGED: tuple[Profile, ...] = ("strict", "lenient")
_LISTED_NAMES = 100
# A header of answers: what became of a real training, or of its images.
NOTE = b"x-loracle-note"


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

    @property
    def is_whole(self) -> bool:
        """Whether the journal has the whole body."""
        return len(self.body) == self.body_length

    @property
    def task(self) -> str | None:
        """The id of the task that a status call asks for, or that a create was answered with."""
        if self.operation in STATUS_CALLS:
            values, _ = parse_query(self.query, spec.operations()[self.operation])
            asked = values.get("task_id")
            return None if asked is None else str(asked)
        if self.operation in CREATES and self.status == 200:
            try:
                answer = orjson.loads(self.reply_body)
            except orjson.JSONDecodeError:  # a fault has damaged it
                return None
            made = answer.get("task_id") if isinstance(answer, dict) else None
            return made if isinstance(made, str) else None
        return None

    def redacted(self) -> Entry:
        """The entry without credentials, wherever in the request or the answer they stand.

        Authorization headers are cut so that they break the same rules as before. A key of fewer than
        four bytes is no secret, and stays where it is not in a header.
        """
        credentials = Credentials.of(self.headers)
        body = credentials.clean(self.body, is_cut=not self.is_whole)
        return self._replace(
            headers=redacted_headers(self.headers),
            query=redacted_query(self.query, credentials),
            path=self._shown_path(credentials),
            body=body,
            # A key has another length than what stands for it; the body stays whole, or cut.
            body_length=len(body) if self.is_whole else max(self.body_length, len(body) + 1),
            reply_headers=[(name, credentials.clean(value)) for name, value in self.reply_headers],
            reply_body=credentials.clean(self.reply_body),
        )

    def _shown_path(self, credentials: Credentials) -> str:
        if self.operation is not None and self.path == spec.operations()[self.operation].path:
            return self.path
        return credentials.clean_text(self.path)

    def clean(self, text: str) -> str:
        """A text about the entry without the keys of its request."""
        return Credentials.of(self.headers).clean_text(text)

    def line(self) -> str:
        """The request and how it was answered, on one line and without credentials."""
        path = self._shown_path(Credentials.of(self.headers))
        fault = f" ({self.fault})" if self.fault else ""
        return f"{excerpt(self.method)} {excerpt(path)} -> {self.status}{fault}"

    def violations(self, profile: Profile) -> list[Violation]:
        """Every rule of the profile that the request breaks, without credentials.

        Of a body that is not whole, and of a request that belongs to no operation, only what the server
        noted; a rule that another profile has, too, then counts for both.
        """
        found: list[Violation] = []
        if self.operation is not None:
            operation = spec.operations()[self.operation]
            found += header_violations(map(_as_text, self.headers), operation.id, profile)
            if operation.query:
                found += validate(self.query, operation.id, profile, "query").violations
            if operation.request and self.is_whole:
                found += validate(self.body, operation.id, profile).violations
        known, broken = spec.rules(profile), {violation.rule for violation in found}
        for rule in dict.fromkeys(self.rules + (self.strict_rules if profile == "strict" else ())):
            # What only the server could say, because it takes the list of keys or the whole body.
            is_its_own = rule in _SERVER_RULES or not self.is_whole or self.operation is None
            if rule not in broken and rule in known and is_its_own:
                found += self._as_answered(known[rule])
        return [*map(self._cleaned, found)]

    def _cleaned(self, violation: Violation) -> Violation:
        # The name of a member stands in the pointer and in the advice, its value in what came.
        return violation._replace(
            pointer=self.clean(violation.pointer),
            expected=self.clean(violation.expected),
            got=self.clean(violation.got),
            advice=self.clean(violation.advice),
        )

    def _as_answered(self, rule: spec.Rule) -> list[Violation]:
        """The violations of a rule as the answer told them, or one without a place where it did not."""
        with contextlib.suppress(ValueError, LookupError, TypeError):  # a fault may have damaged it
            told = orjson.loads(self.reply_body)["metadata"]["violations"]
            if found := [
                rule.violation(one["in"], one["pointer"], one["got"], one["line"], one["column"])
                for one in told
                if one["rule"] == rule.id
            ]:
                return found
        place = {"header": "header", "query": "query"}.get(rule.id.partition(".")[0], "body")
        return [rule.violation(place, "", "what was sent")]

    def is_valid(self, profile: Profile = "strict") -> bool:
        """Whether the request keeps the profile, as far as the client can be blamed for it.

        An answer that was asked for by a fault is not the client's doing.
        """
        if self.fault is None:
            if self.operation is None and self.reason in NO_ROUTE:
                return False
            if self.operation is not None and not self.rules and not self.strict_rules:
                # The engine has judged the whole of it, and noted what only strict forbids.
                return True
        return not self.violations(profile)

    def lints(self) -> list[Violation]:
        """What is legal in the request but has no effect or is unwise."""
        if self.operation is None or not spec.operations()[self.operation].request or not self.is_whole:
            return []
        for profile in _JUDGED:
            verdict = validate(self.body, self.operation, profile)
            if verdict.valid:
                return [*map(self._cleaned, verdict.lints)]
        return []

    def unknown_query(self) -> list[str]:
        """The names of query parameters that the operation does not have, at most a hundred.

        The contract lets a server ignore them, so they are no violations; a misspelt filter is one of
        them. The parameters of an upload URL are the server's own.
        """
        if self.operation is None or self.operation == "putUpload":
            return []
        operation = spec.operations()[self.operation]
        definition = spec.document("strict")["$defs"].get(operation.query, {})
        known = definition.get("properties", {})
        names = [
            unquote_plus(pair.partition("=")[0], errors="replace")
            for pair in self.query.decode("latin-1").split("&")
        ]
        unknown = dict.fromkeys(name for name in names if name and name not in known)
        return [excerpt(self.clean(name)) for name in islice(unknown, _LISTED_NAMES)]

    @property
    def breaks_the_contract(self) -> bool:
        """Whether the client did something that strict forbids, as far as it can be blamed for it."""
        return not self.is_valid("strict")


def _as_text(header: tuple[bytes, bytes]) -> tuple[str, str]:
    # As the engine reads them: keys may be UTF-8, all else is read byte by byte.
    name, value = header
    is_key = name.lower() == b"authorization"
    return name.decode("latin-1"), value.decode("utf-8", "replace") if is_key else value.decode("latin-1")


def describe(n: int, entry: Entry) -> dict[str, Any]:
    """An entry as JSON: what was asked and answered, the verdicts, what went wrong on demand."""
    shown = entry.redacted()
    notes = [value.decode("latin-1") for name, value in shown.reply_headers if name == NOTE]
    verdicts: dict[str, Any] = {}
    for profile in _JUDGED:
        found = entry.violations(profile)
        is_lost = entry.operation is None and entry.fault is None and entry.reason in NO_ROUTE
        verdicts[profile] = {
            "valid": not found and not is_lost,
            "violations": [violation.as_dict() for violation in found],
        }
    return {
        "n": n,
        "namespace": entry.namespace,
        "operation": entry.operation,
        "method": entry.method,
        # A path may hold anything, so it is percent-encoded.
        "path": quote(shown.path, errors="surrogatepass"),
        "query": shown.query.decode("latin-1"),
        "unknown_query": entry.unknown_query(),
        "task": entry.clean(entry.task) if entry.task is not None else None,
        "status": entry.status,
        "reason": entry.reason,
        "fault": entry.fault,
        "origin": entry.origin,
        "rules": entry.rules,
        "strict_rules": entry.strict_rules,
        **verdicts,
        "lints": [lint.as_dict() for lint in entry.lints()],
        "body_length": entry.body_length,
        "body_is_whole": entry.is_whole,
        "received_at": entry.received_at,
        "seconds": entry.seconds,
        "delay": entry.delay,
        **({"notes": notes} if notes else {}),
    }
