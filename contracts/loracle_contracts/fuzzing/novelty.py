"""Picks, of many requests, those that differ most from what was picked before."""

from __future__ import annotations

import heapq
import re
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, NamedTuple

from loracle_contracts.exchange import Request
from loracle_contracts.oracle import Expectation
from loracle_contracts.parse import parse
from loracle_contracts.query import parse_query

__all__ = ["Candidate", "Picker", "candidate"]

# The JSON type of a value, by how a violation quotes it.
_KINDS_OF_GOT = {'"': "text", "[": "array", "{": "object", "n": "null", "t": "boolean", "f": "boolean"}
_INDEX = re.compile(r"/\d+(?=/|$)")


class Candidate(NamedTuple):
    """A request with what the contract says of it; `features` are what sets it apart from others."""

    request: Request
    expectation: Expectation
    features: frozenset[Hashable]

    @property
    def subject(self) -> str:
        """The first rule that it breaks, or the operation and "valid"."""
        if self.expectation.violations:
            return self.expectation.violations[0].rule
        operation = self.expectation.operation
        name = operation.id if operation else self.request.method
        return f"{name}: valid" if self.expectation.is_valid else f"{name}: {self.expectation}"


def candidate(request: Request, expectation: Expectation) -> Candidate:
    """The request with its features: the rules it breaks and how, or of a valid one, what stands where."""
    name = expectation.operation.id if expectation.operation else request.method
    features: set[Hashable] = {(name, str(expectation))}
    if expectation.violations:
        for violation in expectation.violations:
            place = _INDEX.sub("/*", violation.pointer)
            kind = _KINDS_OF_GOT.get(violation.got[:1], "number")
            features |= {(name, violation.rule, place), (name, place, violation.rule, kind)}
    elif expectation.operation and expectation.operation.request:
        value = parse(request.body).value
        features |= {(name, *seen) for seen in _shape(value, "")}
    elif expectation.operation:
        value = parse_query(request.query, expectation.operation)[0]
        features |= {(name, *seen) for seen in _shape(value, "")} | {(name, *sorted(value))}
    return Candidate(request, expectation, frozenset(features))


class Picker:
    """Gives the candidates one by one, the one with the most that is new first; each at most once."""

    def __init__(self, candidates: Iterable[Candidate], before: Iterable[Candidate] = ()) -> None:
        """`before` are requests that were sent already."""
        self._seen: set[Hashable] = {feature for one in before for feature in one.features}
        # What a candidate is worth only ever falls, so that its last worth is a bound: heaps of these.
        self._jobs: list[tuple[float, int, Candidate]] = []
        self._others: list[tuple[float, int, Candidate]] = []
        for number, one in enumerate(candidates):
            heap = self._jobs if one.expectation.starts_job else self._others
            heap.append((-self._worth(one), number, one))
        heapq.heapify(self._jobs)
        heapq.heapify(self._others)

    @property
    def jobs_left(self) -> int:
        """How many that start a training were not given."""
        return len(self._jobs)

    def next(self, *, may_start_job: bool) -> Candidate | None:
        """The next one, or None where all are given; without `may_start_job` none that starts a training."""
        heaps = [self._others, self._jobs] if may_start_job else [self._others]
        heap = min(filter(None, heaps), key=self._top, default=None)
        if heap is None:
            return None
        best = heapq.heappop(heap)[2]
        self._seen |= best.features
        return best

    def _top(self, heap: list[tuple[float, int, Candidate]]) -> tuple[float, int]:
        """The true worth of the best of a heap, which then is its first."""
        while True:
            bound, number, one = heap[0]
            worth = self._worth(one)
            if -worth <= bound:
                return bound, number
            heapq.heapreplace(heap, (-worth, number, one))

    def _worth(self, one: Candidate) -> float:
        # Of a request that breaks many rules, each hides whether the others are kept.
        return len(one.features - self._seen) / max(len(one.expectation.violations), 1) ** 2


def _shape(value: Any, place: str) -> Iterator[tuple[str, str]]:
    yield place, _class(value)
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _shape(item, f"{place}/{name}")
    elif isinstance(value, list):
        yield place, f"{min(len(value), 3)} items"
        for item in value:
            yield from _shape(item, f"{place}/*")


def _class(value: Any) -> str:
    """What a value is like, roughly: values of one class are treated alike by most servers."""
    match value:
        case bool() | None:
            return str(value)
        case int():
            return f"integer of {len(str(value))} digits"
        case float():
            return "whole float" if value.is_integer() else "fraction"
        case str():
            kinds = "".join(sorted({_kind(letter) for letter in value}))
            return f"text of {min(len(value), 3)} {kinds}"
    return type(value).__name__


def _kind(letter: str) -> str:
    if letter.isascii():
        return "a" if letter.isalpha() else "1" if letter.isdigit() else " " if letter.isspace() else letter
    return "U" if ord(letter) > 0xFFFF else "u"
