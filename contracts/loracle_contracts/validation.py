"""The verdict: payload in, every violation out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from typing import Any

from loracle_contracts import spec
from loracle_contracts.explain import LIMIT, explain
from loracle_contracts.headers import header_violations
from loracle_contracts.lints import lints
from loracle_contracts.parse import MAX_BODY, Parsed, ParseFault, is_shallow, parse, parse_any_depth
from loracle_contracts.query import parse_query
from loracle_contracts.verdict import Part, Profile, Verdict, Violation

__all__ = ["judge", "validate"]

_PARTS: tuple[Part, ...] = ("request", "query", "headers", "response", "error")


def validate(
    data: bytes | str | Mapping[str, Any] | list[Any],
    operation: str = "createSubjectTraining",
    profile: Profile = "strict",
    part: Part = "request",
    limit: int | None = LIMIT,
) -> Verdict:
    """What the contract says of one payload, with all violations.

    `data` is JSON text (then every violation has a line and a column) or a value that was parsed
    already; for `part="query"` the raw query string, for `part="headers"` the request's headers.
    `operation` is an operationId, `part` what of it is judged: the request body, the query, the
    headers, the body of a 200 answer, or the envelope of an error. At most `limit` violations are
    listed (None: all); the verdict says where it was cut.

    Raises ValueError for an unknown operation, profile or part, or where the operation has no such
    part; TypeError where `data` is neither text nor a JSON value.

    >>> verdict = validate('{"name": ""}')
    >>> [violation.rule for violation in verdict.violations][:2]
    ['base_model.required', 'width.required']
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is at least 1, or None for all; not {limit}")
    schema = _schema(operation, profile, part)
    if part == "headers":
        found = header_violations(_pairs(data), operation, profile)
        return Verdict(operation, profile, part, tuple(found))
    if part == "query":
        if not isinstance(data, (bytes, str)):
            raise TypeError("a query is judged as its raw text")
        value, faults = parse_query(data, spec.operations()[operation])
        found = [*faults, *explain(profile, schema, value, in_="query")]
        return Verdict(operation, profile, part, tuple(found), value)
    if isinstance(data, (bytes, str)):
        return _judge_text(data, operation, profile, part, schema, limit)
    return _judge_text(_dumped(data), operation, profile, part, schema, limit, positions=False)


def judge(data: bytes, value: Any, operation: str, profile: Profile) -> Verdict:
    """The verdict on a request body that is proven strict JSON for `value`, and that breaks its schema."""
    schema = str(spec.operations()[operation].request)
    return _explained(Parsed(data.decode(), value), operation, profile, "request", schema, LIMIT)


def _judge_text(
    data: bytes | str,
    operation: str,
    profile: Profile,
    part: Part,
    schema: str,
    limit: int | None,
    *,
    positions: bool = True,
) -> Verdict:
    if len(data) > MAX_BODY:
        return _too_large(data, operation, profile, part, schema)
    most = None if limit is None else limit + 1
    if isinstance(data, bytes):
        try:
            value = parse_any_depth(data)
        except ValueError:
            parsed = parse(data, most)
        else:
            # The strict schemas of requests are closed, so that what they accept is not deep.
            is_closed = profile == "strict" and part == "request"
            if spec.validator(profile, schema).is_valid(value) and (is_closed or is_shallow(data, value)):
                return _accepted(data if positions else None, value, operation, profile, part)
            parsed = Parsed(data.decode(), value) if is_shallow(data, value) else parse(data, most)
    else:
        parsed = parse(data, most)
    return _explained(parsed, operation, profile, part, schema, limit, positions=positions)


def _explained(
    parsed: Parsed,
    operation: str,
    profile: Profile,
    part: Part,
    schema: str,
    limit: int | None,
    *,
    positions: bool = True,
) -> Verdict:
    violations = explain(
        profile,
        schema,
        parsed.value,
        text=parsed.text,
        faults=parsed.faults,
        complete=parsed.complete,
        limit=limit,
        positions=positions,
    )
    if not violations:
        return _accepted(parsed.text if positions else None, parsed.value, operation, profile, part)
    return Verdict(
        operation,
        profile,
        part,
        tuple(violations[:limit]),
        parsed.value if parsed.complete else None,
        truncated=limit is not None and len(violations) > limit,
    )


def _accepted(
    source: bytes | str | None, value: Any, operation: str, profile: Profile, part: Part
) -> Verdict:
    find_lints = partial(_lints, source, value, operation, profile) if part == "request" else None
    return Verdict(operation, profile, part, (), value, find_lints=find_lints)


def _lints(source: bytes | str | None, value: Any, operation: str, profile: Profile) -> tuple[Violation, ...]:
    text = source.decode() if isinstance(source, bytes) else source
    return lints(value, text=text, operation=operation, profile=profile)


@lru_cache(maxsize=256)
def _schema(operation: str, profile: Profile, part: Part) -> str:
    known = spec.operations().get(operation)
    if known is None:
        raise ValueError(f"no operation {operation!r}; the contract has {', '.join(spec.operations())}")
    if profile not in spec.PROFILES:
        raise ValueError(f"no profile {profile!r}; there are {', '.join(spec.PROFILES)}")
    if part not in _PARTS:
        raise ValueError(f"no part {part!r}; there are {', '.join(_PARTS)}")
    if part in ("error", "headers"):
        return "Error"
    schema = {"request": known.request, "query": known.query, "response": known.response}[part]
    if schema is None:
        raise ValueError(f"{operation} has no {part} to judge")
    return schema


def _pairs(data: Any) -> Iterable[tuple[str, str]]:
    if isinstance(data, (bytes, str)):
        raise TypeError("headers are judged as a mapping, or as a list of pairs")
    pairs = list(data.items() if isinstance(data, Mapping) else data)
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in pairs):
        raise TypeError("the names and values of headers are text")
    return pairs


def _dumped(data: Any) -> str:
    try:
        return json.dumps(data, ensure_ascii=False)
    except RecursionError:
        # Deeper than any limit here; the parser needs only its beginning to say so.
        return "[" * 1000
    except (TypeError, ValueError) as error:
        if "digits" in str(error):
            return _dumped(_without_giants(data))
        raise TypeError(f"not a JSON value: {error}") from None


def _without_giants(data: Any) -> Any:
    """The value with infinity for the integers that Python does not write out; no double holds them."""
    if isinstance(data, Mapping):
        return {name: _without_giants(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_without_giants(value) for value in data]
    return math.inf if isinstance(data, int) and data.bit_length() > 1024 else data


def _too_large(data: bytes | str, operation: str, profile: Profile, part: Part, schema: str) -> Verdict:
    head = data[:80]
    text = head.decode("utf-8", "replace") if isinstance(head, bytes) else head
    fault = ParseFault("json.size", (), 0, len(text))
    found = explain(profile, schema, None, text=text, faults=[fault], complete=False)
    return Verdict(operation, profile, part, tuple(found))
