"""Judges what a request carries: content type, query, body."""

from __future__ import annotations

from loracle_contracts import spec
from loracle_contracts.explain import excerpt
from loracle_contracts.headers import content_encoding_rule, content_type_rule, header_violation
from loracle_contracts.parse import is_shallow, parse_any_depth
from loracle_contracts.validation import judge, validate
from loracle_contracts.verdict import Profile, Violation
from loracle_mockserver.call import Call
from loracle_mockserver.message import Reply
from loracle_mockserver.refusals import breaks_rules, refused_header

__all__ = ["read"]

_PLAIN = [b"application/json"]


def read(call: Call, profile: Profile) -> Reply | None:
    """Reads the query or the body into `call.value`; answers the refusal where it breaks the contract."""
    operation = call.operation
    if operation.request:
        headers = call.headers
        if headers.get(b"content-type") != _PLAIN or b"content-encoding" in headers:
            refusal = _refuse_media_type(call, profile)
            if refusal is not None:
                return refusal
        return _read_body(call, operation.request, profile)
    if operation.query:
        verdict = validate(call.request.query, operation.id, profile, "query")
        call.value = verdict.value
        if verdict.violations:
            return _refuse(call, verdict.violations)
    return None


def _read_body(call: Call, schema: str, profile: Profile) -> Reply | None:
    body = call.request.body
    try:
        call.value = parse_any_depth(body)
    except ValueError:
        return _read_slowly(call, schema, profile)
    if spec.validator(profile, schema).is_valid(call.value):
        # The strict schemas are closed, so that what they accept is not deep.
        if profile == "strict":
            return None
        return None if _is_known_to_strict(call, schema) else _read_slowly(call, schema, profile)
    if is_shallow(body, call.value):
        return _refuse(call, judge(body, call.value, call.operation.id, profile).violations)
    return _read_slowly(call, schema, profile)


def _is_known_to_strict(call: Call, schema: str) -> bool:
    return bool(spec.validator("strict", schema).is_valid(call.value))


def _read_slowly(call: Call, schema: str, profile: Profile) -> Reply | None:
    """Judges a body of which the fast path could not prove enough."""
    body = call.request.body
    verdict = validate(body, call.operation.id, profile)
    call.value = verdict.value
    if verdict.violations:
        return _refuse(call, verdict.violations)
    if profile != "strict" and not _is_known_to_strict(call, schema):
        # Accepted here, and noted as what strict would refuse.
        strict = validate(body, call.operation.id, "strict")
        call.strict_rules += _rules(strict.violations)
    return None


def _refuse_media_type(call: Call, profile: Profile) -> Reply | None:
    content_type = b", ".join(call.headers.get(b"content-type", [])).decode("latin-1")
    content_encoding = b", ".join(call.headers.get(b"content-encoding", [])).decode("latin-1")
    rule, got = content_type_rule(content_type), content_type
    if rule is None:
        rule, got = content_encoding_rule(content_encoding), content_encoding
    if rule is None:
        return None
    call.rules = (rule,)
    violation = header_violation(rule, excerpt(got) or "nothing", profile)
    return refused_header("UNSUPPORTED_MEDIA_TYPE", violation)


def _rules(violations: tuple[Violation, ...]) -> tuple[str, ...]:
    """The rules that were broken, each once; the journal keeps them."""
    return tuple(dict.fromkeys([violation.rule for violation in violations]))


def _refuse(call: Call, violations: tuple[Violation, ...]) -> Reply:
    call.rules = _rules(violations)
    return breaks_rules(violations)
