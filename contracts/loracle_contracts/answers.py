"""Judges an answer: whether it is one that the contract allows to its request, and whether it is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from loracle_contracts.exchange import Answer, Request
from loracle_contracts.oracle import Expectation
from loracle_contracts.parse import parse, parse_any_depth
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Profile

__all__ = ["Mismatch", "is_accepted", "mismatches", "reason_of"]

_QUOTED = 200
# A shorter key stands in texts that have nothing to do with it.
_SHORTEST_SECRET = 8
# What stack traces, paths of a server and its tools look like, in the languages that servers are written in.
_LEAKS = re.compile(
    r"Traceback \(most recent call last\)|^\s*File \"[^\"]+\", line \d+|\n\s+at [\w$.<>]+ ?\([^)]*:\d+"
    r"|goroutine \d+ \[|panic: |(?:java|javax|org|com)\.[\w.]+(?:Exception|Error)\b|\.rs:\d+:\d+"
    r"|(?<![\w/])/(?:usr|var|home|root|opt|srv|app|workspace)/[\w.-]+/[\w./-]+|[A-Z]:\\\\?[\w.]+\\|node_modules/|site-packages/"
    r"|psycopg|sqlalchemy\.|SQLSTATE|ORA-\d{5}|syntax error at or near",
    re.MULTILINE,
)
_JSON = re.compile(r"application/json\s*(?:;\s*charset=\"?utf-?8\"?\s*)?", re.IGNORECASE)


class Mismatch(NamedTuple):
    """One way in which an answer is not what the contract allows.

    `check` says what was looked at: accepted, refused, status, reason, body, envelope, content-type,
    allow, retry-after, leak, head. `rule` is the contract's rule on the answer, where there is one.
    """

    check: str
    expected: str
    got: str
    rule: str | None = None


def is_accepted(answer: Answer) -> bool:
    """Whether the server says that it did what was asked."""
    return 200 <= answer.status < 300


def reason_of(answer: Answer) -> str | None:
    """The reason in an error's envelope, or None where the body is no envelope."""
    try:
        value = parse_any_depth(answer.body)
    except ValueError:
        value = parse(answer.body).value
    reason = value.get("reason") if isinstance(value, dict) else None
    return reason if isinstance(reason, str) else None


def mismatches(
    expectation: Expectation,
    request: Request,
    answer: Answer,
    profile: Profile,
    secrets: tuple[str, ...] = (),
) -> Iterator[Mismatch]:
    """Everything about an answer that the contract does not allow; `secrets` must not occur in it."""
    if request.method == "HEAD":
        if answer.body:
            yield Mismatch("head", "no body in the answer to HEAD (RFC 9110)", _quote(answer.body))
        due = expectation.refusal.status if expectation.refusal is not None else 200
        # Without a body there is no reason to tell refusals apart by.
        tolerated = {refusal.status for refusal in expectation.tolerated}
        if answer.status not in (due, *expectation.also, *tolerated):
            yield Mismatch("status", str(due), str(answer.status))
        return
    if answer.status in expectation.also:
        return
    yield from _status(expectation, answer)
    yield from _form(expectation, answer, profile)
    yield from _headers(expectation, request, answer)
    yield from _leaks(answer, secrets)


def _status(expectation: Expectation, answer: Answer) -> Iterator[Mismatch]:
    if expectation.refusal is None and answer.status == 200:
        return
    reason = reason_of(answer)
    got = f"{answer.status} {reason or 'without a reason'}"
    if expectation.refusal is None:
        tolerated = [refusal for refusal in expectation.tolerated if refusal.status == answer.status]
        if not any(refusal.reason == reason for refusal in tolerated):
            check = "status" if is_accepted(answer) else "refused"
            yield Mismatch(check, "200", got)
        return
    if is_accepted(answer):
        yield Mismatch("accepted", str(expectation.refusal), str(answer.status))
    elif answer.status != expectation.refusal.status:
        if not any(str(refusal) == got for refusal in expectation.tolerated):
            yield Mismatch("status", str(expectation.refusal), got)
    elif reason != expectation.refusal.reason:
        yield Mismatch("reason", str(expectation.refusal), got)


def _form(expectation: Expectation, answer: Answer, profile: Profile) -> Iterator[Mismatch]:
    operation = expectation.operation
    if is_accepted(answer):
        if operation is None or expectation.refusal is not None:
            return  # that it was accepted is what is wrong with it
        if operation.response is None:
            if answer.body:
                yield Mismatch("body", "no body", _quote(answer.body))
            return
        check, verdict = "body", validate(answer.body, operation.id, profile, "response")
    else:
        known = operation.id if operation is not None else "createSubjectTraining"
        check, verdict = "envelope", validate(answer.body, known, profile, "error")
        value = verdict.value
        if isinstance(value, dict) and type(value.get("code")) is int and value["code"] != answer.status:
            yield Mismatch("envelope", f"code {answer.status}, as the status", f"code {value['code']}")
    for violation in verdict.violations:
        place = violation.pointer or "the body"
        yield Mismatch(check, f"{place}: {violation.expected}", violation.got, violation.rule)


def _headers(expectation: Expectation, request: Request, answer: Answer) -> Iterator[Mismatch]:
    has_json = expectation.operation is None or expectation.operation.response is not None
    types = answer.values("content-type")
    if (answer.body or has_json) and not (len(types) == 1 and _JSON.fullmatch(types[0].strip())):
        yield Mismatch("content-type", "application/json", ", ".join(types) or "no Content-Type")
    if answer.status == 405:
        allowed = {name.strip() for value in answer.values("allow") for name in value.split(",")}
        if not allowed - {""} or request.method in allowed:
            yield Mismatch(
                "allow", "an Allow header with the methods that there are", ", ".join(allowed) or "none"
            )
    for value in answer.values("retry-after"):
        if not re.fullmatch(
            r"\s*(?:[0-9]{1,9}|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT)\s*", value
        ):
            yield Mismatch("retry-after", "whole seconds or an HTTP date (RFC 9110)", value)


def _leaks(answer: Answer, secrets: tuple[str, ...]) -> Iterator[Mismatch]:
    texts = [answer.body.decode("utf-8", "replace"), *(value for _, value in answer.headers)]
    told = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
    if any(secret in text for secret in told for text in texts):
        yield Mismatch("leak", "no API key in an answer", "the API key")
    if not is_accepted(answer):
        found = _LEAKS.search(texts[0])
        if found:
            yield Mismatch(
                "leak", "nothing of the server's inside in an answer", repr(found[0].strip()[:_QUOTED])
            )


def _quote(body: bytes) -> str:
    text = body[:_QUOTED].decode("utf-8", "replace")
    return repr(text) + (f" and {len(body) - _QUOTED} bytes more" if len(body) > _QUOTED else "")
