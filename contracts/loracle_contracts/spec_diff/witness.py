"""Finds payloads that one schema accepts and another refuses, and says why they are refused.

The search is deterministic: it starts at examples and at values built from the schema, and goes on by
single edits at the places where both schemas differ, then at the others. Nothing is a witness that the
validator did not accept by the one schema and refuse by the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from loracle_contracts.spec_diff.alternatives import View
from loracle_contracts.spec_diff.edits import edited
from loracle_contracts.spec_diff.schema_form import Schema
from loracle_contracts.spec_diff.values import built, text_of

__all__ = ["MOST_WITNESSES", "Witness", "witnesses"]

Json = Any
# How many payloads are judged after the first witness, to find others.
_MORE_CHECKS = 1_500
_MOST_STARTS = 24
_MOST_NEIGHBOURS = 200
MOST_WITNESSES = 10
_MOST_SHRINKING = 400

_Rule = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Witness:
    """A payload that one schema accepts and another refuses.

    `pointer` is the JSON Pointer to where it is refused, `reason` says why.
    """

    value: Json
    pointer: str
    reason: str


def witnesses(
    accepting: Schema, refusing: Schema, examples: Iterable[Json] = (), most: int = 10_000
) -> list[Witness]:
    """Payloads that `accepting` accepts and `refusing` refuses, each for a reason of its own.

    `examples` are payloads to begin with; about `most` are judged. None are found where there are none,
    or where the search did not come across one.
    """
    search = _Search(accepting, refusing)
    found: dict[_Rule, Witness] = {}
    for_several: list[Json] = []
    for value in search.values(examples):
        if search.checks > most or len(found) >= MOST_WITNESSES:
            break
        if not search.is_witness(value):
            continue
        if not found and not for_several:
            most = min(most, search.checks + _MORE_CHECKS)
        rules = search.rules(value)
        if len(rules) > 1:
            for_several.append(value)
        elif not rules & found.keys():
            search.tell(value, found)
    # What is refused for several reasons shows none of them alone, so it is told only at need.
    for value in for_several:
        if len(found) < MOST_WITNESSES and not search.rules(value) & found.keys():
            search.tell(value, found)
    return list(found.values())


class _Search:
    def __init__(self, accepting: Schema, refusing: Schema) -> None:
        from jsonschema_rs import Draft202012Validator  # noqa: PLC0415 - takes 15 ms to import

        self._old: View = [(accepting.node, accepting)]
        self._new: View = [(refusing.node, refusing)]
        self._seen: set[bytes] = set()
        self._accepts = Draft202012Validator(accepting.root(), validate_formats=True)
        self._refuses = Draft202012Validator(refusing.root(), validate_formats=True)
        self.checks = 0

    def values(self, examples: Iterable[Json]) -> Iterator[Json]:
        """Payloads to judge, from near to far: what is built, its neighbours, then the examples'."""
        yield from (made := self._unseen((*self._built(full=False), *self._built(full=True))))
        # Where nothing is accepted, a neighbour of what was built may be.
        starts = self._accepted(made) or made or [None]
        yield from self._neighbours(starts, everywhere=False)
        yield from (given := self._unseen(examples))
        yield from self._neighbours(given := self._accepted(given), everywhere=False)
        yield from self._neighbours([*starts, *given], everywhere=True)

    def _built(self, *, full: bool) -> Iterator[Json]:
        yield from built(self._old, is_full=full)
        yield from built(self._new, is_full=full)

    def _neighbours(self, starts: list[Json], *, everywhere: bool) -> Iterator[Json]:
        """Those at one edit from the starts, then those at one more edit from what of them is accepted."""
        queue = deque(starts[:_MOST_STARTS])
        left = _MOST_NEIGHBOURS
        while queue:
            for value in edited(queue.popleft(), self._old, self._new, everywhere=everywhere):
                if self._is_new(value):
                    yield value
                    if left > 0 and self._is_accepted(value):
                        queue.append(value)
                        left -= 1

    def _unseen(self, values: Iterable[Json]) -> list[Json]:
        return [value for value in values if self._is_new(value)]

    def _accepted(self, values: Iterable[Json]) -> list[Json]:
        return [value for value in values if self._is_accepted(value)]

    def _is_new(self, value: Json) -> bool:
        key = text_of(value)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _is_accepted(self, value: Json) -> bool:
        self.checks += 1
        return bool(self._accepts.is_valid(value))

    def is_witness(self, value: Json) -> bool:
        """Whether the one schema accepts the value and the other refuses it."""
        return self._is_accepted(value) and not self._refuses.is_valid(value)

    def rules(self, value: Json) -> set[_Rule]:
        """The rules that refuse the value."""
        return {_rule(_innermost(error)) for error in self._refuses.iter_errors(value)}

    def tell(self, value: Json, found: dict[_Rule, Witness]) -> None:
        """Adds a witness, as small as it can be made, by the rule that refuses it first."""
        value = self._shrunk(value, self.rules(value))
        error = _innermost(next(iter(self._refuses.iter_errors(value))))
        steps = (str(step).replace("~", "~0").replace("/", "~1") for step in error.instance_path)
        pointer = "".join(f"/{step}" for step in steps)
        found.setdefault(_rule(error), Witness(value, pointer, str(error.message)))

    def _shrunk(self, value: Json, rules: set[_Rule]) -> Json:
        """A smaller witness that no other rule refuses."""
        tries = _MOST_SHRINKING
        progress = True
        while progress and tries > 0:
            progress = False
            for smaller in _smaller(value):
                tries -= 1
                if tries < 0:
                    break
                if self.is_witness(smaller) and self.rules(smaller) <= rules:
                    value, progress = smaller, True
                    break
        return value


def _rule(error: Any) -> _Rule:
    path = tuple(map(str, error.schema_path))
    # Each missing member is a reason of its own.
    return (*path, str(error.message)) if path[-1:] == ("required",) else path


def _innermost(error: Any) -> Any:
    """Of an error at a union the one in the branch that was meant most likely."""
    branches = [list(one) for one in getattr(error.kind, "context", None) or ()]
    branches = [one for one in branches if one]
    if not branches:
        return error
    depth = len(error.instance_path)
    return _innermost(min(branches, key=lambda errors: _distance(errors, depth))[0])


def _distance(errors: list[Any], depth: int) -> tuple[bool, int, int]:
    """How far a value at this depth is from a branch: of another type or tag, by many or outer errors."""
    deepest = {"type": depth, "const": depth + 1, "enum": depth + 1}
    is_other = any(
        len(error.instance_path) <= deepest.get(str(error.schema_path[-1]), -1) for error in errors
    )
    return is_other, len(errors), -max(len(error.instance_path) for error in errors)


def _smaller(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        for name in value:
            yield {key: one for key, one in value.items() if key != name}
        for name, one in value.items():
            for smaller in _smaller(one):
                yield {**value, name: smaller}
    elif isinstance(value, list):
        for i in range(min(len(value), 20)):
            yield value[:i] + value[i + 1 :]
        for i, item in enumerate(value[:20]):
            for smaller in _smaller(item):
                yield [*value[:i], smaller, *value[i + 1 :]]
