"""Turns the failures of a validator into violations that teach."""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from loracle_contracts import spec
from loracle_contracts.locate import Place, line_and_column, locate, pointer
from loracle_contracts.parse import ParseFault
from loracle_contracts.texts import advice_text, expected_text
from loracle_contracts.verdict import Profile, Violation

__all__ = ["LIMIT", "excerpt", "explain"]

LIMIT = 1000
_EXCERPT = 80
# From an array longer than this only the head is explained first; see _failures.
_LONG_ARRAY = 1000
_LARGE_TEXT = 16 * 1024


@dataclass(frozen=True, slots=True)
class _Failure:
    """One keyword that failed: `node` is the schema that holds it, `member` the name it is about."""

    path: tuple[str | int, ...]
    keyword: str
    node: dict[str, Any]
    rule: str
    member: str | None = None


def explain(
    profile: Profile,
    schema: str,
    value: Any,
    *,
    text: str | None = None,
    faults: Sequence[ParseFault] = (),
    complete: bool = True,
    in_: str = "body",
    limit: int | None = None,
    positions: bool = True,
) -> list[Violation]:
    """All violations of a value, in the order of the text; at most `limit` + 1 where it is given.

    `text` is the source of `value`; with `positions` False it is quoted from but not pointed into.
    `faults` are those of the text as JSON; where it is not `complete` there is no value to judge.
    """
    bad = {fault.path for fault in faults}
    found = [_of_fault(fault, text or "", profile, positions=positions) for fault in faults]
    if complete:
        is_small = text is not None and len(text) < _LARGE_TEXT
        all_failures = _failures(profile, schema, value, is_small=is_small)
        bounded = itertools.islice(all_failures, None if limit is None else limit + 1)
        failures = [failure for failure in bounded if failure.path not in bad or failure.member is not None]
        plain = {failure.path for failure in failures if failure.keyword not in ("then", "required")}
        # A member of the wrong type breaks its own rule; the condition that asks for it adds nothing.
        failures = [
            failure for failure in failures if not (failure.keyword == "then" and failure.path in plain)
        ]
        places = locate(text, [failure.path for failure in failures]) if text is not None else {}
        found.extend(
            _of_failure(failure, value, text, places, profile, in_, positions=positions)
            for failure in failures
        )
    return sorted(found, key=lambda violation: (violation.line or 0, violation.column or 0))


def excerpt(text: str) -> str:
    """The text cut to what a person reads, on one line."""
    cut = text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
    return " ".join(cut.split())


def _failures(profile: Profile, schema: str, value: Any, *, is_small: bool) -> Iterator[_Failure]:
    """What the validator finds, each failure once."""
    validator = spec.validator(profile, schema)
    # A body may hold 300,000 wrong items. Judging the heads of long arrays first keeps the work and
    # the memory small; only where all heads are right is the whole looked through.
    head = value if is_small else _heads(value)
    if head is not value and not validator.is_valid(head):
        value = head
    document = spec.document(profile)
    seen: set[tuple[tuple[str | int, ...], str]] = set()
    for error in validator.iter_errors(value):
        # jsonschema, the fallback, has other names for the same two paths.
        path = tuple(error.absolute_path if hasattr(error, "absolute_path") else error.instance_path)
        schema_path = getattr(error, "absolute_schema_path", None) or error.schema_path
        for failure in _read(path, list(schema_path), value, document):
            key = (failure.path, failure.rule)
            if key not in seen:
                seen.add(key)
                yield failure


def _heads(value: Any) -> Any:
    if isinstance(value, list):
        head = value[:_LONG_ARRAY]
        inner = [_heads(item) for item in head]
        unchanged = len(head) == len(value) and all(a is b for a, b in zip(inner, head, strict=True))
        return value if unchanged else inner
    if isinstance(value, dict):
        members = {name: _heads(item) for name, item in value.items()}
        return value if all(members[name] is value[name] for name in value) else members
    return value


def _read(
    path: tuple[str | int, ...], schema_path: list[str | int], value: Any, document: dict[str, Any]
) -> Iterable[_Failure]:
    node, condition = _node(schema_path, document)
    keyword = str(schema_path[-1])
    instance = _at(value, path)
    if keyword == "required":
        for member in node["required"]:
            if member not in instance:
                yield _Failure((*path, member), *_member_rule(node, member, condition, document), member)
    elif keyword == "additionalProperties":
        rule = _rule(node, keyword)
        for member in instance:
            if member not in node["properties"]:
                yield _Failure((*path, member), keyword, node, rule, member)
    elif condition is not None and "x-rule" not in node:
        yield _Failure(path, "then", condition, _rule(condition, "then"))
    else:
        yield _Failure(path, keyword, node, _rule(node, keyword))


def _node(schema_path: list[str | int], document: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The schema that holds the failed keyword, and the conditional schema it hangs under."""
    node: Any = document
    condition = None
    for step in schema_path[:-1]:
        if step == "$ref":
            node = document["$defs"][(node["$ref"]).rpartition("/")[2]]
            condition = None
            continue
        if step == "then" and "then" in node.get("x-source", {}):
            condition = node
        node = node[step]
    return node, condition


def _member_rule(
    node: dict[str, Any], member: str, condition: Any, document: dict[str, Any]
) -> tuple[str, dict[str, Any], str]:
    if condition is not None:
        return "then", condition, _rule(condition, "then")
    child = node["properties"][member]
    if "$ref" in child:
        child = document["$defs"][child["$ref"].rpartition("/")[2]]
    return "required", child, _rule(child, "required")


def _rule(node: dict[str, Any], keyword: str) -> str:
    rule: str = node["x-source"][keyword].get("rule", f"{node['x-rule']}.{keyword}")
    return rule


def _at(value: Any, path: Iterable[str | int]) -> Any:
    for step in path:
        value = value[step]
    return value


def _of_failure(
    failure: _Failure,
    value: Any,
    text: str | None,
    places: dict[tuple[str | int, ...], Place],
    profile: Profile,
    in_: str,
    *,
    positions: bool,
) -> Violation:
    rule = spec.rules(profile)[failure.rule]
    missing = failure.member is not None and failure.keyword != "additionalProperties"
    path = failure.path[:-1] if missing else failure.path
    operand = failure.member if failure.keyword == "required" else failure.node.get(failure.keyword)
    place = places.get(path)
    line, column = _position(text, place, failure.keyword) if positions else (None, None)
    member = str(failure.path[-1]) if failure.path else "the body"
    known = _guesses(failure) if failure.keyword == "additionalProperties" else ()
    return Violation(
        in_=in_,
        pointer=pointer(failure.path),
        line=line,
        column=column,
        rule=failure.rule,
        expected=rule.expected or expected_text(failure.keyword, operand),
        got="nothing" if missing else _got(failure, value, text, place),
        source=rule.source,
        advice=rule.advice or advice_text(failure.keyword, operand, excerpt(member), known),
    )


def _position(text: str | None, place: Place | None, keyword: str) -> tuple[int | None, int | None]:
    if text is None or place is None:
        return None, None
    return line_and_column(text, place.key if keyword == "additionalProperties" else place.start)


def _got(failure: _Failure, value: Any, text: str | None, place: Place | None) -> str:
    found = _at(value, failure.path)
    if failure.keyword in ("minItems", "maxItems"):
        return f"{len(found)} items"
    if text is not None and place is not None:
        quoted = excerpt(text[place.start : min(place.end, place.start + 2 * _EXCERPT)])
    else:
        quoted = excerpt(json.dumps(found, ensure_ascii=False))
    return f"{quoted} ({len(found)} characters)" if failure.keyword == "maxLength" else quoted


def _guesses(failure: _Failure) -> Sequence[str]:
    name = str(failure.member)
    if len(name) > _EXCERPT:
        return ()
    return difflib.get_close_matches(name, list(failure.node["properties"]), n=1, cutoff=0.75)


def _of_fault(fault: ParseFault, text: str, profile: Profile, *, positions: bool) -> Violation:
    rule = spec.rules(profile)[fault.rule]
    line, column = line_and_column(text, fault.start) if positions else (None, None)
    quoted = fault.got or excerpt(text[fault.start : min(fault.end, fault.start + 2 * _EXCERPT)])
    if fault.rule == "json.syntax":
        quoted = excerpt(text[fault.start : fault.start + 20]) or "the end of the text"
    return Violation(
        in_="body",
        pointer=pointer(fault.path),
        line=line,
        column=column,
        rule=fault.rule,
        expected=str(rule.expected),
        got=quoted or "nothing",
        source=rule.source,
        advice=str(rule.advice),
    )
