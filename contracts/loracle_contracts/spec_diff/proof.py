"""Proves that one schema accepts every value that another accepts, part by part.

The library decides small schemas and answers unknown for most large ones. So what it cannot decide as a
whole is taken apart: the wide schema is a conjunction of parts, and each of them has to follow from what
the narrow one says. Every rule here is a sufficient one; where none applies, nothing is proven.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loracle_contracts import containment
from loracle_contracts.spec_diff.conjunction import (
    NUMBERS_AND_TEXTS,
    TYPES,
    Parts,
    of_one_type,
    parts,
    possible_types,
    resolved,
)
from loracle_contracts.spec_diff.schema_form import Schema, json_key
from loracle_contracts.spec_diff.structure import same

__all__ = ["is_contained"]

Json = Any
# More than any comparison of real contracts took; then the answer is that nothing is proven.
_MAX_STEPS = 4000
_MAX_QUESTIONS = 400
_MAX_LEVELS = 80
# The library takes quadratic time and more over these.
_LONGEST_ENUM = 400


def is_contained(narrow: Schema, wide: Schema) -> bool:
    """Tell whether it is proven that `wide` accepts every value that `narrow` accepts."""
    return _Proof(narrow, wide).holds(narrow.node, wide.node)


class _Proof:
    def __init__(self, narrow: Schema, wide: Schema) -> None:
        self._narrow = narrow
        self._wide = wide
        self._answers: dict[tuple[int, int], bool] = {}
        self._alive: list[Json] = []  # a node that is gone would leave its id to another
        self._open: dict[tuple[int, int], int] = {}
        self._assumed: set[tuple[int, int]] = set()
        self._proven: list[tuple[int, int]] = []
        self._of_one_type: set[int] = set()
        self._depth = 0  # how many steps into members and items
        self._steps = _MAX_STEPS
        self._questions = _MAX_QUESTIONS

    def holds(self, a: Json, b: Json) -> bool:
        """Tell whether b accepts all that a accepts; False also where that is not proven."""
        a, b = resolved(a, self._narrow), resolved(b, self._wide)
        if a is False or (isinstance(b, dict) and b.keys() <= {"examples"}):
            return True
        key = id(a), id(b)
        if key in self._answers:
            return self._answers[key]
        if key in self._open:
            # A value has finitely many parts, so what is asked of a smaller part may be assumed.
            self._assumed.add(key)
            return self._open[key] < self._depth
        self._steps -= 1
        if self._steps < 0 or len(self._open) > _MAX_LEVELS:
            return False
        self._alive += [a, b]
        self._open[key] = self._depth
        proven = len(self._proven)
        answer = self._decided(a, b)
        del self._open[key]
        if answer:
            self._proven.append(key)
        elif key in self._assumed:
            # What was proven meanwhile may rest on the assumption that turned out wrong.
            for other in self._proven[proven:]:
                self._answers.pop(other, None)
            del self._proven[proven:]
        self._assumed.discard(key)
        self._answers[key] = answer
        return answer

    def _decided(self, a: Json, b: Json) -> bool:
        if b is False:
            return self._asked(a, b) == "yes"
        if same(a, self._narrow, b, self._wide):
            return True
        answer = self._asked(a, b)
        if answer != "unknown":
            return answer == "yes"
        return self._by_alternatives(a, b) or self._by_parts(a, b) or self._by_types(a, b)

    def _asked(self, a: Json, b: Json) -> containment.Answer:
        self._questions -= 1
        wide, narrow = self._wide.root(b), self._narrow.root(a)
        if self._questions < 0 or max(_longest_enum(wide), _longest_enum(narrow)) > _LONGEST_ENUM:
            return "unknown"
        return containment.containment(wide, narrow)

    def _inside(self, a: Json, b: Json) -> bool:
        """As holds, of a member or an item."""
        self._depth += 1
        answer = self.holds(a, b)
        self._depth -= 1
        return answer

    def _disjoint(self, a: Json, b: Json) -> bool:
        self._questions -= 1
        narrow, wide = self._narrow.root(a), self._wide.root(b)
        if self._questions < 0 or max(_longest_enum(wide), _longest_enum(narrow)) > _LONGEST_ENUM:
            return False
        return containment.disjoint(narrow, wide)

    def _by_alternatives(self, a: dict[str, Json], b: Json) -> bool:
        """Each alternative of the narrow schema is accepted."""
        for keyword in ("anyOf", "oneOf"):
            if keyword in a:
                rest = {name: value for name, value in a.items() if name != keyword}
                every = (_all((rest, branch)) for branch in a[keyword])
                if all(self.holds(one, b) for one in every):
                    return True
        return False

    def _by_types(self, a: dict[str, Json], b: dict[str, Json]) -> bool:
        """Each type of value is accepted, looked at alone."""
        if id(a) in self._of_one_type:
            return False
        types = possible_types(parts(a, self._narrow))
        return all(self._of_type(a, b, kind) for kind in TYPES if kind in types)

    def _of_type(self, a: dict[str, Json], b: dict[str, Json], kind: str) -> bool:
        one = of_one_type(a, self._narrow, kind)
        self._alive.append(one)
        self._of_one_type.add(id(one))
        return self.holds(one, of_one_type(b, self._wide, kind))

    # --- every part of the wide schema follows from the narrow one

    def _by_parts(self, a: dict[str, Json], b: dict[str, Json]) -> bool:
        if "unevaluatedProperties" in b or "unevaluatedItems" in b:
            return False  # they depend on everything beside them
        known = parts(a, self._narrow)
        return (
            self._plain(known, b)
            and all(self.holds(a, one) for one in b.get("allOf", ()))
            and ("anyOf" not in b or any(self.holds(a, one) for one in b["anyOf"]))
            and ("oneOf" not in b or self._one_of(a, b["oneOf"]))
            and ("not" not in b or self._not(known, a, b["not"]))
            and ("if" not in b or self._conditional(known, a, b))
            and self._object(known, b)
            and self._array(known, b)
        )

    def _plain(self, known: Parts, b: dict[str, Json]) -> bool:
        given = [{keyword: one[keyword] for keyword in NUMBERS_AND_TEXTS if keyword in one} for one in known]
        wanted = {
            keyword: b[keyword]
            for keyword in NUMBERS_AND_TEXTS
            if keyword in b and not any(_follows(keyword, one, b) for one in given)
        }
        return not wanted or self._asked({"allOf": given}, wanted) == "yes"

    def _one_of(self, a: dict[str, Json], branches: list[Json]) -> bool:
        for i, branch in enumerate(branches):
            others = branches[:i] + branches[i + 1 :]
            if self.holds(a, branch) and all(self._disjoint(a, other) for other in others):
                return True
        return False

    def _not(self, known: Parts, a: dict[str, Json], unwanted: Json) -> bool:
        reverse = _Proof(self._wide, self._narrow)
        reverse._steps, reverse._questions = self._steps, self._questions
        found = any("not" in one and reverse.holds(unwanted, one["not"]) for one in known)
        self._steps, self._questions = reverse._steps, reverse._questions
        return found or self._disjoint(a, unwanted)

    def _conditional(self, known: Parts, a: dict[str, Json], b: dict[str, Json]) -> bool:
        condition = b["if"]
        alike = [one for one in known if "if" in one and same(one["if"], self._narrow, condition, self._wide)]
        for keyword in ("then", "else"):
            wanted = b.get(keyword, {})
            if wanted == {} or self.holds(a, wanted):
                continue
            if any(self.holds(one.get(keyword, {}), wanted) for one in alike):
                continue
            if keyword == "then" and self._disjoint(a, condition):
                continue
            if keyword == "else" and self.holds(a, condition):
                continue
            return False
        return True

    def _object(self, known: Parts, b: dict[str, Json]) -> bool:
        required = {name for one in known for name in one.get("required", ())}
        patterns = b.get("patternProperties", {})
        return (
            required.issuperset(b.get("required", ()))
            and (
                b.get("minProperties", 0) <= len(required)
                or any(one.get("minProperties", 0) >= b["minProperties"] for one in known)
            )
            and ("maxProperties" not in b or any(_most_members(one) <= b["maxProperties"] for one in known))
            and all(
                self._inside(_member(known, name), wanted) for name, wanted in b.get("properties", {}).items()
            )
            and all(
                any(self._inside(one.get("patternProperties", {}).get(p, {}), wanted) for one in known)
                for p, wanted in patterns.items()
            )
            and self._other_members(known, b)
            and (
                "propertyNames" not in b
                or any(self._inside(one.get("propertyNames", {}), b["propertyNames"]) for one in known)
            )
            and all(
                any(
                    set(names) <= {*one.get("dependentRequired", {}).get(name, ()), *required}
                    for one in known
                )
                for name, names in b.get("dependentRequired", {}).items()
            )
            and all(
                any(self.holds(one.get("dependentSchemas", {}).get(name, {}), wanted) for one in known)
                for name, wanted in b.get("dependentSchemas", {}).items()
            )
        )

    def _other_members(self, known: Parts, b: dict[str, Json]) -> bool:
        """What the wide schema says of members that it does not name."""
        wanted = b.get("additionalProperties", {})
        if wanted == {}:
            return True
        named = {name for one in known for name in one.get("properties", {})}
        patterns = b.get("patternProperties", {}).keys()
        return all(
            self._inside(_member(known, name), wanted)
            for name in sorted(named - b.get("properties", {}).keys())
        ) and self._inside(_all(_unnamed(one, patterns) for one in known), wanted)

    def _array(self, known: Parts, b: dict[str, Json]) -> bool:
        first, others = b.get("prefixItems", []), b.get("items", {})
        if first or any("prefixItems" in one for one in known):
            # Positions are compared within one part, which has to say it all.
            is_contained = any(self._positions(one, first, others) for one in known)
        else:
            is_contained = others == {} or self._inside(_all(one.get("items", {}) for one in known), others)
        return is_contained and self._lengths(known, b)

    def _positions(self, one: dict[str, Json], first: list[Json], others: Json) -> bool:
        given, rest = one.get("prefixItems", []), one.get("items", {})
        longest = max(len(given), len(first))
        return all(
            self._inside(
                given[i] if i < len(given) else rest,
                first[i] if i < len(first) else others,
            )
            for i in range(longest)
        ) and self._inside(rest, others)

    def _lengths(self, known: Parts, b: dict[str, Json]) -> bool:
        return (
            ("minItems" not in b or any(one.get("minItems", 0) >= b["minItems"] for one in known))
            and (
                "maxItems" not in b
                or any(one.get("maxItems", b["maxItems"] + 1) <= b["maxItems"] for one in known)
            )
            and (
                "uniqueItems" not in b
                or any(one.get("uniqueItems") or one.get("maxItems", 2) <= 1 for one in known)
            )
            and ("contains" not in b or any(self._contains(one, b) for one in known))
        )

    def _contains(self, one: dict[str, Json], b: dict[str, Json]) -> bool:
        if "contains" not in one:
            return b.get("minContains", 1) == 0 and "maxContains" not in b
        if "maxContains" in b and not (
            one.get("maxContains", b["maxContains"] + 1) <= b["maxContains"]
            and same(one["contains"], self._narrow, b["contains"], self._wide)
        ):
            return False
        return one.get("minContains", 1) >= b.get("minContains", 1) and (
            self._inside(one["contains"], b["contains"])
        )


def _follows(keyword: str, given: dict[str, Json], wanted: dict[str, Json]) -> bool:
    """Whether a keyword is met already, because it is the same or its values are among those allowed."""
    if keyword == "enum" and "enum" in given:
        return {json_key(value) for value in given["enum"]} <= {json_key(value) for value in wanted["enum"]}
    return keyword in given and json_key(given[keyword]) == json_key(wanted[keyword])


def _longest_enum(node: Json) -> int:
    if isinstance(node, list):
        return max(map(_longest_enum, node), default=0)
    if not isinstance(node, dict):
        return 0
    own = len(node["enum"]) if isinstance(node.get("enum"), list) else 0
    return max((own, *map(_longest_enum, node.values())))


def _all(schemas: Iterable[Json]) -> Json:
    """One schema for all of them together."""
    said = [one for one in schemas if one != {}]
    if any(one is False for one in said):
        return False
    return said[0] if len(said) == 1 else {"allOf": said} if said else {}


def _most_members(one: dict[str, Json]) -> float:
    closed = one.get("additionalProperties") is False and "patternProperties" not in one
    named = len(one.get("properties", {})) if closed else float("inf")
    return min(named, float(one.get("maxProperties", "inf")))


def _member(known: Parts, name: str) -> Json:
    """What is known of the member of this name."""
    said = []
    for one in known:
        properties = one.get("properties", {})
        said.append(properties[name] if name in properties else _unnamed(one, ()))
    return _all(said)


def _unnamed(one: dict[str, Json], patterns: Any) -> Json:
    """What is known of a member that a part does not name, and whose name matches none of `patterns`."""
    others = one.get("additionalProperties", {})
    matching = [schema for p, schema in one.get("patternProperties", {}).items() if p not in patterns]
    return {"anyOf": [others, *matching]} if matching else others
