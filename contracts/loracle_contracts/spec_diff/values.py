"""Values to try at a place of a payload: what a schema asks for, and what stands at its bounds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from loracle_contracts.spec_diff.alternatives import View, alternatives, flat, item_views, member_views
from loracle_contracts.spec_diff.conjunction import possible_types
from loracle_contracts.spec_diff.schema_form import json_key
from loracle_contracts.spec_diff.texts import of_format, of_length, of_pattern, texts

__all__ = ["built", "candidates", "distinct", "other_names", "text_of"]

Json = Any
_PREFERRED = ("object", "array", "string", "number", "boolean", "null")
_DEEPEST = 12
_MOST_ITEMS = 1_100


class _NothingError(Exception):
    """No value is known that meets these schemas."""


def built(view: View, *, is_full: bool) -> Iterator[Json]:
    """Values that are likely to meet all schemas of a view, some for each alternative.

    A full one has every member that is named, the others only what is required.
    """
    for choice in alternatives(view):
        for kinds in (_PREFERRED, ("array",)):
            try:
                yield _value(choice, 0, is_full=is_full, kinds=kinds)
            except _NothingError:
                continue


def candidates(view: View) -> Iterator[Json]:
    """Values at which the schemas of a view may differ, the plainest first; some of them twice."""
    every = [node for node, _ in flat(view)]
    for one in every:
        yield from one.get("enum", ())
    yield from (None, True, False)
    yield from _numbers(every)
    yield from texts(every)
    for one in every:
        yield from one.get("examples", ())
    yield from ([], {})
    for single in view:
        yield from built([single], is_full=False)
        yield from built([single], is_full=True)


def distinct(values: Iterable[Json]) -> Iterator[Json]:
    """The values without those that came before."""
    seen: set[bytes] = set()
    for value in values:
        key = text_of(value)
        if key not in seen:
            seen.add(key)
            yield value


def text_of(value: Json) -> bytes:
    """A text that no other value has; equal values may have several, such as 1 and 1.0."""
    import orjson  # noqa: PLC0415

    try:
        return orjson.dumps(value)
    except TypeError:  # an integer of more than 64 bits, or half a surrogate pair
        return json.dumps(value).encode()


def other_names(every: View) -> list[str]:
    """Names of members that no schema of a view names, but some may speak of."""
    known = {name for node, _ in every for name in node.get("properties", {})}
    found = ["unexpected"]
    for node, side in every:
        found.extend(node.get("dependentRequired", ()))
        found.extend(node.get("dependentSchemas", ()))
        for pattern in node.get("patternProperties", {}):
            found.extend(
                named for name in of_pattern(pattern)[:2] for named in (name, name + "x", "x" + name)
            )
        if "propertyNames" in node:
            named = [one for one, _ in flat([(node["propertyNames"], side)])]
            found.extend(texts(named))
    return [name for name in dict.fromkeys(found) if name not in known][:40]


def _numbers(every: list[dict[str, Json]]) -> Iterator[Json]:
    yield 1
    # The last ones are those of the side that may refuse, and nearest to its bounds is most telling.
    for one in reversed(every):
        for keyword in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
            if keyword in one:
                yield from _around(one[keyword])
    yield from (0, -1, 1.5, 2)
    for one in every:
        if "multipleOf" in one:
            step = one["multipleOf"]
            yield from (step, 2 * step, 3 * step, 5 * step, 7 * step, step / 2)
    yield from (2**31, -(2**31) - 1, 2**53 + 1, 2**63, 1e300, -1e300)


def _around(bound: Json) -> Iterator[Json]:
    yield from (bound, bound - 1, bound + 1)
    if abs(bound) < 2**53:
        yield from (bound - 0.5, bound + 0.5)
        yield from (math.nextafter(bound, -math.inf), math.nextafter(bound, math.inf))


# --- values that meet a conjunction of plain schemas


def _value(choice: View, depth: int, *, is_full: bool, kinds: tuple[str, ...] = _PREFERRED) -> Json:
    nodes = [node for node, _ in choice]
    if depth > _DEEPEST:
        raise _NothingError
    enums = [node["enum"] for node in nodes if "enum" in node]
    types = possible_types(nodes)
    if enums:
        allowed = [{json_key(value) for value in one} for one in enums[1:]]
        for value in sorted(enums[0], key=lambda value: value is None):
            if all(json_key(value) in one for one in allowed):
                return value
        raise _NothingError
    for kind in kinds:
        if kind in types:
            return _MAKERS[kind](choice, depth, is_full)
    raise _NothingError


def _object(choice: View, depth: int, is_full: bool) -> Json:
    nodes = [node for node, _ in choice]
    required = [name for node in nodes for name in node.get("required", ())]
    named = [name for node in nodes for name in node.get("properties", {})] if is_full and depth < 6 else []
    made: dict[str, Json] = {}
    for name in dict.fromkeys([*required, *named]):
        try:
            made[name] = _first(member_views(choice, name), depth, is_full=is_full)
        except _NothingError:
            if name in required:
                raise
    for node in nodes:
        for name, needed in node.get("dependentRequired", {}).items():
            if name in made:
                for other in needed:
                    made.setdefault(other, _first(member_views(choice, other), depth, is_full=is_full))
    fewest = max((node["minProperties"] for node in nodes if "minProperties" in node), default=0)
    for name in other_names(choice) + [f"member{i}" for i in range(min(fewest, _MOST_ITEMS))]:
        if len(made) >= fewest:
            break
        made.setdefault(name, _first(member_views(choice, name), depth, is_full=is_full))
    return made


def _array(choice: View, depth: int, is_full: bool) -> Json:
    nodes = [node for node, _ in choice]
    fewest = int(max((node["minItems"] for node in nodes if "minItems" in node), default=0))
    first = max((len(node.get("prefixItems", ())) for node in nodes), default=0)
    is_wanted = is_full or any("contains" in node for node in nodes)
    length = max(fewest, first if is_full else 0, 1 if is_wanted else 0)
    most = min((node["maxItems"] for node in nodes if "maxItems" in node), default=length)
    if length > _MOST_ITEMS:
        raise _NothingError
    items: list[Json] = []
    is_set = any(node.get("uniqueItems") for node in nodes)
    for index in range(int(min(length, most))):
        view = item_views(choice, index)
        if is_set and index:
            taken = {json_key(item) for item in items}
            others = distinct([*built(view, is_full=is_full), *candidates(view)])
            item = next((one for one in others if json_key(one) not in taken and _has_type(one, view)), None)
            items.append(item)
        else:
            items.append(_first(view, depth, is_full=is_full))
    return items


def _first(view: View, depth: int, *, is_full: bool) -> Json:
    for choice in alternatives(view):
        try:
            return _value(choice, depth + 1, is_full=is_full)
        except _NothingError:
            continue
    raise _NothingError


def _string(choice: View, _depth: int, _is_full: bool) -> Json:
    nodes = [node for node, _ in choice]
    for node in nodes:
        for text in (*node.get("examples", ()), *of_format(node.get("format"))):
            if isinstance(text, str):
                return text
    shortest = max((node["minLength"] for node in nodes if "minLength" in node), default=0)
    longest = min((node["maxLength"] for node in nodes if "maxLength" in node), default=math.inf)
    for node in nodes:
        for text in of_pattern(node["pattern"]) if "pattern" in node else ():
            if shortest <= len(text) <= longest:
                return text
    if shortest > 100_000:
        raise _NothingError
    return of_length(int(max(shortest, min(1, longest))))


def _number(choice: View, _depth: int, _is_full: bool) -> Json:
    nodes = [node for node, _ in choice]
    values: list[Json] = [value for node in nodes for value in node.get("examples", ())]
    for value in distinct([*values, *_numbers(nodes)]):
        if (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and all(_fits(value, n) for n in nodes)
        ):
            return value
    raise _NothingError


def _fits(number: float, node: dict[str, Json]) -> bool:
    if "type" in node and "number" not in node["type"] and number != int(number):
        return False
    try:
        if "multipleOf" in node and number % node["multipleOf"]:
            return False
    except OverflowError:
        return False
    return bool(
        node.get("minimum", number) <= number <= node.get("maximum", number)
        and node.get("exclusiveMinimum", number - 1) < number < node.get("exclusiveMaximum", number + 1)
    )


def _has_type(value: Json, view: View) -> bool:
    kinds = {"str": "string", "int": "number", "float": "number", "dict": "object", "list": "array",
             "bool": "boolean", "NoneType": "null"}  # fmt: skip
    return kinds[type(value).__name__] in possible_types([node for node, _ in flat(view)])


_MAKERS: dict[str, Callable[[View, int, bool], Json]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
    "boolean": lambda _choice, _depth, _is_full: True,
    "null": lambda _choice, _depth, _is_full: None,
}
