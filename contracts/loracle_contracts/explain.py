"""Turns the failures of a validator into violations that teach."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from loracle_contracts import spec, unions
from loracle_contracts.guesses import guess, misspelt
from loracle_contracts.locate import Lines, Place, locate, pointer
from loracle_contracts.parse import ParseFault
from loracle_contracts.texts import advice_text, expected_text, misspelling_text, syntax_texts
from loracle_contracts.verdict import Profile, Violation

__all__ = ["LIMIT", "excerpt", "explain"]

LIMIT = 1000
_EXCERPT = 80
# From an array longer than this only the head is explained first; see _failures.
_LONG_ARRAY = 1000
_LARGE_TEXT = 16 * 1024
_OF_NAMED_VALUES = ("pattern", "minimum", "exclusiveMinimum", "maximum")


class _Failure(NamedTuple):
    """One keyword that failed: `node` is the schema that holds it, `member` the name it is about.

    `meant` is the known name or word that a misspelt one is near to; of a missing member, the unknown
    name beside it that may be a misspelling of its own.
    """

    path: tuple[str | int, ...]
    keyword: str
    node: dict[str, Any]
    rule: str
    member: str | None = None
    meant: str | None = None


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
    """All violations of a value, in the order of the text; at most `limit` + 1 of each sort.

    `text` is the source of `value`; with `positions` False it is quoted from but not pointed into.
    `faults` are those of the text as JSON; where it is not `complete` there is no value to judge.
    """
    lines = Lines(text) if text is not None and positions else None
    found = [_of_fault(fault, text or "", profile, lines) for fault in faults]
    if complete:
        is_small = text is not None and len(text) < _LARGE_TEXT
        all_failures = _failures(profile, schema, value, is_small=is_small)
        failures = _first(all_failures, {fault.path for fault in faults}, limit)
        places = locate(text, [failure.path for failure in failures]) if text is not None else {}
        source = _Source(value, text, places, lines)
        found.extend(_of_failure(failure, source, in_) for failure in failures)
    return sorted(found, key=lambda violation: (violation.line or 0, violation.column or 0))


def excerpt(text: str) -> str:
    """The text cut to what a person reads, on one line, with what does not print escaped."""
    if len(text) <= _EXCERPT and text.isprintable():
        return text
    cut = text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
    folded = " ".join(cut.split())
    if folded.isprintable():
        return folded
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in folded)


def _failures(profile: Profile, schema: str, value: Any, *, is_small: bool) -> Iterator[_Failure]:
    """What the validator finds, each failure once."""
    validator = spec.explainer(profile, schema)
    # A body may hold 300,000 wrong items. Judging the heads of long arrays first keeps the work and
    # the memory small; only where all heads are right is the whole looked through.
    head = value if is_small else _heads(value)
    if head is not value and not validator.is_valid(head):
        value = head
    seen: set[tuple[tuple[str | int, ...], str]] = set()
    for error in validator.iter_errors(value):
        # jsonschema, the fallback, has other names for the same two paths.
        path = tuple(error.absolute_path if hasattr(error, "absolute_path") else error.instance_path)
        schema_path = getattr(error, "absolute_schema_path", None) or error.schema_path
        for failure in _read(path, schema_path, value, profile):
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
    path: tuple[str | int, ...], schema_path: Sequence[str | int], value: Any, profile: Profile
) -> Iterable[_Failure]:
    keyword, node, rule = _keyword(tuple(schema_path), profile)
    if keyword == "required" or (keyword == "then" and schema_path[-1] == "required"):
        instance = _at(value, path)
        for member in _required(tuple(schema_path), profile):
            if member not in instance:
                meant = misspelt(member, instance, node["properties"])
                yield _missing(path, member, keyword, node, rule, profile, meant)
    elif keyword == "additionalProperties":
        for member in _at(value, path):
            if member not in node["properties"]:
                meant = guess(member, node["properties"])
                yield _Failure((*path, member), keyword, node, rule, member, meant)
    else:
        meant = _meant_word(node, _at(value, path)) if keyword in ("enum", "const") else None
        yield _Failure(path, keyword, node, rule, meant=meant)
    if keyword in ("required", "enum"):
        union = node if keyword == "required" else _holder(tuple(schema_path), profile)
        if unions.is_union(union):
            yield from _beside_the_tag(union, path if keyword == "required" else path[:-1], value, profile)


def _beside_the_tag(
    union: dict[str, Any], path: tuple[str | int, ...], value: Any, profile: Profile
) -> Iterator[_Failure]:
    def find(schema: str, instance: Any) -> Iterator[_Failure]:
        return itertools.islice(_failures(profile, schema, instance, is_small=True), LIMIT)

    def key(failure: _Failure) -> Any:
        return failure.path, failure.keyword

    definitions = spec.document(profile)["$defs"]
    for failure in unions.others(union, _at(value, path), definitions, find, key):
        yield failure._replace(path=path + failure.path)


def _meant_word(node: dict[str, Any], said: Any) -> str | None:
    words = node["enum"] if "enum" in node else [node["const"]]
    return guess(said, [word for word in words if isinstance(word, str)]) if isinstance(said, str) else None


def _missing(
    path: tuple[str | int, ...],
    member: str,
    keyword: str,
    node: dict[str, Any],
    rule: str,
    profile: Profile,
    meant: str | None,
) -> _Failure:
    if keyword == "then":
        return _Failure((*path, member), "then", node, rule, member, meant)
    child = node["properties"][member]
    if "$ref" in child:
        child = spec.document(profile)["$defs"][child["$ref"].rpartition("/")[2]]
    return _Failure((*path, member), "required", child, _rule(child, "required"), member, meant)


@lru_cache(maxsize=1024)
def _keyword(schema_path: tuple[str | int, ...], profile: Profile) -> tuple[str, dict[str, Any], str]:
    """The keyword that failed, the schema that answers for it, and the rule's id.

    For what fails below a condition (then) that is the schema with the condition. A `required` has its
    rules with the members; its own id is empty.
    """
    node, condition = _node(schema_path, profile)
    keyword = str(schema_path[-1])
    if condition is not None and "x-rule" not in node:
        return "then", condition, _rule(condition, "then")
    return keyword, node, "" if keyword == "required" else _rule(node, keyword)


@lru_cache(maxsize=1024)
def _holder(schema_path: tuple[str | int, ...], profile: Profile) -> dict[str, Any]:
    """The schema that has the schema of the failed keyword among its properties; else an empty one."""
    return _node(schema_path[:-2], profile)[0] if "properties" in schema_path[-3:-2] else {}


@lru_cache(maxsize=1024)
def _required(schema_path: tuple[str | int, ...], profile: Profile) -> tuple[str, ...]:
    return tuple(_node(schema_path, profile)[0]["required"])


def _node(
    schema_path: tuple[str | int, ...], profile: Profile
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The schema that holds the failed keyword, and the conditional schema it hangs under."""
    document = spec.document(profile)
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


def _rule(node: dict[str, Any], keyword: str) -> str:
    rule: str = node["x-source"][keyword].get("rule", f"{node['x-rule']}.{keyword}")
    return rule


def _at(value: Any, path: Iterable[str | int]) -> Any:
    for step in path:
        value = value[step]
    return value


@dataclass(frozen=True, slots=True)
class _Source:
    """The judged value, and where its parts stand in the text it came from."""

    value: Any
    text: str | None
    places: dict[tuple[str | int, ...], Place]
    lines: Lines | None

    def position(self, path: tuple[str | int, ...], *, of_key: bool) -> tuple[int | None, int | None]:
        place = self.places.get(path)
        if self.lines is None or place is None:
            return None, None
        return self.lines.place(place.key if of_key else place.start)

    def quote(self, path: tuple[str | int, ...]) -> str:
        place = self.places.get(path)
        if self.text is None or place is None:
            return excerpt(json.dumps(_at(self.value, path), ensure_ascii=False))
        return excerpt(self.text[place.start : min(place.end, place.start + 2 * _EXCERPT)])


def _first(
    found: Iterator[_Failure], bad: Collection[tuple[str | int, ...]], limit: int | None
) -> list[_Failure]:
    """The failures without what only repeats others: all, or at least `limit` + 1 where there are as many."""
    if limit is None:
        return _without_echoes(list(found), bad)
    taken: list[_Failure] = []
    while True:
        more = list(itertools.islice(found, limit + 1))
        taken += more
        kept = _without_echoes(taken, bad)
        if len(kept) > limit or len(more) <= limit:
            return kept


def _without_echoes(failures: Sequence[_Failure], bad: Collection[tuple[str | int, ...]]) -> list[_Failure]:
    """Leaves out what only repeats another failure.

    A value that could not be read (`bad`) has been told already. A member of the wrong type breaks its
    own rule; the condition that asks for the member adds nothing. A required member under a misspelt
    name is told at that name, not as a second mistake. What the value of an argument should be is not
    known where the component has no argument of that name.
    """
    told = {failure.path for failure in failures if failure.keyword not in ("then", "required")}
    told |= _under_another_name(failures)
    unnamed = {
        failure.path[:-1]
        for failure in failures
        if failure.keyword in ("enum", "const") and failure.path[-1:] == ("name",) and not failure.meant
    }
    return [
        failure
        for failure in failures
        if (failure.path not in bad or failure.member is not None)
        and not (failure.keyword in ("then", "required") and failure.path in told)
        and not (failure.keyword in _OF_NAMED_VALUES and failure.path[:-1] in unnamed)
    ]


def _under_another_name(failures: Sequence[_Failure]) -> set[tuple[str | int, ...]]:
    """The paths of missing members that exactly one unknown name beside them is near to."""
    meant = [
        (*failure.path[:-1], failure.meant)
        for failure in failures
        if failure.keyword == "additionalProperties" and failure.meant
    ]
    return {path for path, count in Counter(meant).items() if count == 1} if meant else set()


def _of_failure(failure: _Failure, source: _Source, in_: str) -> Violation:
    # The node's own entry: one rule may stand in several places, with a source for each.
    entry = failure.node["x-source"][failure.keyword]
    is_unknown = failure.keyword == "additionalProperties"
    missing = failure.member is not None and not is_unknown
    path = failure.path[:-1] if missing else failure.path
    operand = failure.member if failure.keyword == "required" else failure.node.get(failure.keyword)
    line, column = source.position(path, of_key=is_unknown)
    member = _member_text(failure.path)
    # A query has no JSON numbers to advise.
    keyword = "format" if in_ == "query" and failure.keyword == "type" else failure.keyword
    expected = entry.get("expected") or expected_text(failure.keyword, operand)
    got = "nothing" if missing else _got(failure, source)
    advice = entry.get("advice") or advice_text(keyword, operand, member, expected, got)
    if failure.meant:
        beside = _at(source.value, failure.path[:-1]) if is_unknown else failure.node
        is_missing = failure.meant not in beside and failure.meant in failure.node.get("required", ())
        advice = misspelling_text(failure.meant, failure.member if missing else None, is_missing=is_missing)
    return Violation(
        in_=in_,
        pointer=pointer(failure.path),
        line=line,
        column=column,
        rule=failure.rule,
        expected=expected,
        got=got,
        source=spec.source_of(entry),
        advice=advice,
    )


def _member_text(path: tuple[str | int, ...]) -> str:
    if not path:
        return "the body"
    if isinstance(path[-1], int):
        return f"item {path[-1]} of {_member_text(path[:-1])}"
    return excerpt(path[-1]) or "the member without a name"


def _got(failure: _Failure, source: _Source) -> str:
    found = _at(source.value, failure.path)
    if failure.keyword in ("minItems", "maxItems"):
        return f"{len(found)} items"
    quoted = source.quote(failure.path)
    return f"{quoted} ({len(found)} characters)" if failure.keyword == "maxLength" else quoted


def _of_fault(fault: ParseFault, text: str, profile: Profile, lines: Lines | None) -> Violation:
    line, column = lines.place(fault.start) if lines is not None else (None, None)
    quoted = excerpt(fault.got or text[fault.start : min(fault.end, fault.start + 2 * _EXCERPT)])
    rule = spec.rules(profile)[fault.rule]
    violation = rule.violation("body", pointer(fault.path), quoted or "nothing", line, column)
    if not fault.reason:
        return violation
    expected, advice = syntax_texts(fault.reason, fault.got)
    return replace(violation, expected=expected, advice=advice)
