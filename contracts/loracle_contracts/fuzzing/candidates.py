"""Values at the edges of a schema: just inside, just outside, and what is easily taken for right.

Whether a value is right is not said here; the contract's verdict decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from loracle_contracts.fuzzing.bodies import ABSENT, Edit, Raw
from loracle_contracts.fuzzing.near_texts import (
    camel_case,
    choice_texts,
    free_texts,
    long_texts,
    pattern_texts,
)
from loracle_contracts.fuzzing.places import Place, rule_id

__all__ = ["BEHIND_MANY", "Candidate", "candidates"]

BEHIND_MANY = "a wrong item behind many right ones"
_BEYOND_DOUBLES = "1e400"


class Candidate(NamedTuple):
    """Edits of a full body that change one thing.

    `rule` is the rule whose edge is tried, `kind` says in a few words how, the same for like places.
    """

    place: Place
    rule: str
    kind: str
    edits: tuple[Edit, ...]

    @property
    def title(self) -> str:
        """What is tried, with the place of it."""
        pointer = "".join(f"/{step}" for step in self.place.path)
        return f"{pointer or 'the body'}: {self.kind}"


def candidates(place: Place) -> Iterator[Candidate]:
    """Every value that is tried at a place."""
    for keyword, make in _OF_KEYWORD.items():
        if keyword in place.schema:
            for kind, value in make(place):
                yield Candidate(place, rule_id(place.schema, keyword), kind, (Edit(place.path, value),))
    holder = next(keyword for keyword in ("type", "enum", "const") if keyword in place.schema)
    for kind, value in _types(place):
        yield Candidate(place, rule_id(place.schema, holder), kind, (Edit(place.path, value),))
    if place.path and isinstance(place.path[-1], str):
        # An optional member may be absent, a required one must not.
        rule = rule_id(place.schema, "required")
        yield Candidate(place, rule, "absent", (Edit(place.path, ABSENT),))
        yield from _renamed(place, place.path[-1])
    if "properties" in place.schema:
        yield from _members(place)


_Values = Iterator[tuple[str, Any]]


def _types(place: Place) -> _Values:
    types = place.types
    wanted = next(name for name in types if name != "null")
    value = place.value
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    text = str(value).lower() if isinstance(value, (bool, int, float)) else "text"
    of_type: dict[str, list[tuple[str, Any]]] = {
        "null": [("null", None)],
        "boolean": [("true", True), ("false", False)],
        "integer": [("a whole number", 7), ("zero", 0), ("one", 1)],
        "number": [("a fraction", value + 0.5 if is_number else 0.5)],
        "string": [("its text", text), ("an empty text", ""), ("the text null", "null")],
        "array": [("a list of it", [value]), ("an empty list", [])],
        "object": [("an object with it", {"value": value}), ("an empty object", {})],
    }
    if wanted == "boolean":
        of_type["string"] += [(f"the text {word}", word) for word in ("1", "yes", "on", "T")]
    if isinstance(value, list) and value:
        numbered = {str(n): item for n, item in enumerate(value)}
        of_type["object"] += [("its first item", value[0]), ("an object of its items by number", numbered)]
        yield "a null behind its items", [*value, None]
    for name, values in of_type.items():
        is_taken = name in types or (name == "integer" and "number" in types)
        if is_taken and name not in ("null", "boolean"):
            continue
        for kind, wrong in values:
            yield f"{kind} for {wanted}" if not is_taken else kind, wrong


def _minimum(place: Place) -> _Values:
    least = place.schema["minimum"]
    yield "the minimum", least
    yield "one below the minimum", least - 1
    yield "one below the minimum, as a float", Raw(f"{least - 1}.0")
    yield "far below the minimum", -(2**53)
    if least > 0:
        yield "zero", 0
    yield "a whole number as a float", Raw(f"{max(least, 5)}.0")
    yield "a whole number with an exponent", Raw("4e0" if place.schema.get("maximum", 9) < 9 else "1e2")


def _exclusive_minimum(place: Place) -> _Values:
    bound = place.schema["exclusiveMinimum"]
    yield "the exclusive minimum", bound
    yield "the exclusive minimum as a float", Raw(f"{float(bound)}")
    yield "the exclusive minimum, negative", Raw(f"-{float(bound)}")
    yield "the least float above the minimum", Raw(repr(math.nextafter(bound, math.inf)))
    yield "the next float below the minimum", Raw(repr(math.nextafter(bound, -math.inf)))
    yield "below the minimum", bound - 1
    yield "a small number with an exponent", Raw("1.5E-3")
    yield "a negative fraction", -0.0001


def _maximum(place: Place) -> _Values:
    most = place.schema["maximum"]
    yield "the maximum", most
    yield "one above the maximum", most + 1
    yield "far above the maximum", 2**64
    yield "a huge float", Raw("1e300")
    yield "a number beyond all floats", Raw(_BEYOND_DOUBLES)
    if "number" in place.types and most < 2**52:
        yield "the next float above the maximum", math.nextafter(most, math.inf)
        yield "the maximum as a float", Raw(f"{float(most)}")


def _pattern(place: Place) -> _Values:
    if isinstance(place.value, str):
        yield from pattern_texts(place.value)


def _longest(place: Place) -> _Values:
    yield from long_texts(place.value, place.schema["maxLength"], has_pattern="pattern" in place.schema)


def _shortest(place: Place) -> _Values:
    least = place.schema["minLength"]
    yield "a text of the least length", "x" * least
    yield "a text of one character beyond ASCII", "😀" * least
    yield "too short a text", "x" * (least - 1)


def _few_items(place: Place) -> _Values:
    least = place.schema["minItems"]
    yield "the least number of items", place.value[:least]
    yield "too few items", place.value[: least - 1]


def _many_items(place: Place) -> _Values:
    most = place.schema["maxItems"]
    items = (place.value * most)[:most]
    yield "the greatest number of items", items
    yield "one item too many", [*items, items[0]]
    yield "twice as many items as allowed", items * 2
    yield BEHIND_MANY, [*items[:-1], "text"]
    if "minItems" not in place.schema:
        yield "no items", []
    if len(place.value) > 1:
        yield "items in reversed order", place.value[::-1]
        yield "the first item alone", place.value[:1]
        yield "an item twice", [*place.value, place.value[0]]


def _choices(place: Place) -> _Values:
    known = [value for value in place.schema.get("enum", [place.schema.get("const")]) if value is not None]
    yield from ((f"the choice {value}", value) for value in known)
    yield from choice_texts(known)


def _texts(place: Place) -> _Values:
    if "string" in place.types and "pattern" not in place.schema:
        yield "no text", ""
        yield from free_texts()


def _members(place: Place) -> Iterator[Candidate]:
    """Members that the schema does not know, beside those that it does."""
    properties, path = place.schema["properties"], place.path
    rule = rule_id(place.schema, "additionalProperties")
    extras: dict[str, Any] = {
        "an unknown member": ("extra", 1),
        "an unknown member that is null": ("comment", None),
        "a member __proto__": ("__proto__", {"admin": True}),
        "a member without a name": ("", "text"),
    }
    if path and place.schema.get("required"):
        yield Candidate(place, rule_id(place.schema, "required"), "an empty object", (Edit(path, {}),))
    if not path:
        extras["a member with a long name"] = ("x" * 3000, 1)
    known = list(place.value)
    extras["a known member in capitals"] = (known[0].upper(), place.value[known[0]])
    extras["a known member with a blank"] = (f"{known[-1]} ", place.value[known[-1]])
    for kind, (name, value) in extras.items():
        yield Candidate(place, rule, kind, (Edit((*path, name), value),))
    for name in properties:
        if name not in place.schema.get("required", ()) and name in place.value:
            wrong = name[:-2] + name[-1]
            edits = (Edit((*path, name), ABSENT), Edit((*path, wrong), place.value[name]))
            yield Candidate(place, rule, f"a misspelt member {wrong}", edits)
    condition = place.schema.get("if")
    if condition is not None:
        yield from _condition(place, condition["properties"], place.schema["then"]["required"])


def _renamed(place: Place, name: str) -> Iterator[Candidate]:
    """The member under its name as readers that look for it in other spellings know it."""
    spellings = {
        "its name in capitals": name.upper(),
        "its name in camel case": camel_case(name),
        "its name with hyphens": name.replace("_", "-"),
    }
    rule = rule_id(place.schema, "required")
    for kind, spelt in spellings.items():
        if spelt != name:
            edits = (Edit(place.path, ABSENT), Edit((*place.path[:-1], spelt), place.value))
            yield Candidate(place, rule, kind, edits)


def _condition(place: Place, when: dict[str, Any], needed: list[str]) -> Iterator[Candidate]:
    """What a member needs when another one has a certain value."""
    rule = rule_id(place.schema, "then")
    meet = tuple(Edit((*place.path, name), schema["const"]) for name, schema in when.items())
    for name in needed:
        for kind, value in (("absent", ABSENT), ("null", None), ("an empty text", ""), ("a number", 1)):
            edits = (*meet, Edit((*place.path, name), value))
            yield Candidate(place, rule, f"{' and '.join(when)} with {name} {kind}", edits)


_OF_KEYWORD: dict[str, Callable[[Place], _Values]] = {
    "minimum": _minimum,
    "exclusiveMinimum": _exclusive_minimum,
    "maximum": _maximum,
    "pattern": _pattern,
    "minLength": _shortest,
    "maxLength": _longest,
    "minItems": _few_items,
    "maxItems": _many_items,
    "enum": _choices,
    "const": _choices,
    "type": _texts,
}
