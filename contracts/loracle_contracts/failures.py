"""What of a value fails its schema: each failed keyword once, and nothing that only repeats another."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from loracle_contracts import spec, unions
from loracle_contracts.guesses import guess, misspelt
from loracle_contracts.verdict import Profile

__all__ = ["Failure", "at", "find_failures"]

# From an array longer than this only the head is explained first; see _failures.
_LONG_ARRAY = 1000
# Of what is wrong beside a wrong tag no more than this is looked for.
_MOST_BESIDE_A_TAG = 1000
_OF_NAMED_VALUES = ("pattern", "minimum", "exclusiveMinimum", "maximum")


class Failure(NamedTuple):
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


def find_failures(
    profile: Profile,
    schema: str,
    value: Any,
    bad: Collection[tuple[str | int, ...]],
    limit: int | None,
    *,
    is_small: bool,
) -> list[Failure]:
    """What of a value fails the schema of this name: all, or at least `limit` + 1 where there are as many.

    `bad` are the paths of values that could not be read; a value that is not small is judged by the heads
    of its long arrays first.
    """
    return _first(_failures(profile, schema, value, is_small=is_small), bad, limit)


def _failures(profile: Profile, schema: str, value: Any, *, is_small: bool) -> Iterator[Failure]:
    """What the validator finds, each failure once."""
    # A body may hold 300,000 wrong items. Judging the heads of long arrays first keeps the work and
    # the memory small; only where all heads are right is the whole looked through.
    head = value if is_small else _heads(value)
    if head is not value and not spec.explainer(profile, schema).is_valid(head):
        value = head
    seen: set[tuple[tuple[str | int, ...], str]] = set()
    for path, schema_path in _errors(profile, schema, value):
        for failure in _read(path, schema_path, value, profile):
            key = (failure.path, failure.rule)
            if key not in seen:
                seen.add(key)
                yield failure


def _errors(
    profile: Profile, schema: str, value: Any
) -> Iterator[tuple[tuple[str | int, ...], tuple[str | int, ...]]]:
    """Where in the value, and in the schema, there are errors.

    Which members an object must and may have is compared here, as `_read` looks for them anyway: with each
    such error the validator would hand out a copy of the whole object.
    """
    root = spec.document(profile)["$defs"][schema]
    is_object = type(value) is dict
    if is_object and any(member not in value for member in root.get("required", ())):
        yield (), ("$defs", schema, "required")
    find = spec.member_explainer if is_object else spec.explainer
    for error in find(profile, schema).iter_errors(value):
        # jsonschema, the fallback, has other names for the same two paths.
        path = error.absolute_path if hasattr(error, "absolute_path") else error.instance_path
        schema_path = getattr(error, "absolute_schema_path", None) or error.schema_path
        yield tuple(path), tuple(schema_path)
    if (
        is_object
        and root.get("additionalProperties") is False
        and not value.keys() <= root["properties"].keys()
    ):
        yield (), ("$defs", schema, "additionalProperties")


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
) -> Iterable[Failure]:
    keyword, node, rule = _keyword(tuple(schema_path), profile)
    if keyword == "required" or (keyword == "then" and schema_path[-1] == "required"):
        instance = at(value, path)
        for member in _required(tuple(schema_path), profile):
            if member not in instance:
                meant = misspelt(member, instance, node["properties"])
                yield _missing(path, member, keyword, node, rule, profile, meant)
    elif keyword == "additionalProperties":
        for member in at(value, path):
            if member not in node["properties"]:
                meant = guess(member, node["properties"])
                yield Failure((*path, member), keyword, node, rule, member, meant)
    else:
        meant = _meant_word(node, at(value, path)) if keyword in ("enum", "const") else None
        yield Failure(path, keyword, node, rule, meant=meant)
    if keyword in ("required", "enum"):
        union = node if keyword == "required" else _holder(tuple(schema_path), profile)
        if unions.is_union(union):
            yield from _beside_the_tag(union, path if keyword == "required" else path[:-1], value, profile)


def _beside_the_tag(
    union: dict[str, Any], path: tuple[str | int, ...], value: Any, profile: Profile
) -> Iterator[Failure]:
    def find(schema: str, instance: Any) -> Iterator[Failure]:
        return itertools.islice(_failures(profile, schema, instance, is_small=True), _MOST_BESIDE_A_TAG)

    def key(failure: Failure) -> Any:
        return failure.path, failure.keyword

    definitions = spec.document(profile)["$defs"]
    for failure in unions.others(union, at(value, path), definitions, find, key):
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
) -> Failure:
    if keyword == "then":
        return Failure((*path, member), "then", node, rule, member, meant)
    child = node["properties"][member]
    if "$ref" in child:
        child = spec.document(profile)["$defs"][child["$ref"].rpartition("/")[2]]
    return Failure((*path, member), "required", child, _rule(child, "required"), member, meant)


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


def at(value: Any, path: Iterable[str | int]) -> Any:
    """The part of a value that a path leads to."""
    for step in path:
        value = value[step]
    return value


def _first(
    found: Iterator[Failure], bad: Collection[tuple[str | int, ...]], limit: int | None
) -> list[Failure]:
    """The failures without what only repeats others: all, or at least `limit` + 1 where there are as many."""
    if limit is None:
        return _without_echoes(list(found), bad)
    taken: list[Failure] = []
    while True:
        more = list(itertools.islice(found, limit + 1))
        taken += more
        kept = _without_echoes(taken, bad)
        if len(kept) > limit or len(more) <= limit:
            return kept


def _without_echoes(failures: Sequence[Failure], bad: Collection[tuple[str | int, ...]]) -> list[Failure]:
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


def _under_another_name(failures: Sequence[Failure]) -> set[tuple[str | int, ...]]:
    """The paths of missing members that exactly one unknown name beside them is near to."""
    meant = [
        (*failure.path[:-1], failure.meant)
        for failure in failures
        if failure.keyword == "additionalProperties" and failure.meant
    ]
    return {path for path, count in Counter(meant).items() if count == 1} if meant else set()
