"""Whether the requests came that a test expects, and which one came nearest to it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import orjson

from loracle_contracts import spec
from loracle_contracts.explain import excerpt
from loracle_mockserver.globs import MAX_GLOB, is_like
from loracle_mockserver.journal import Entry
from loracle_mockserver.redaction import Credentials

__all__ = ["Difference", "Expectation", "Nearest", "Verification", "verify"]

_SHOWN_DIFFERENCES = 5
_MAX_FIELDS = 1_000  # of a body; each is looked for in every request
_MAX_DEPTH = 64  # as deep as a body can be


@dataclass(frozen=True, slots=True)
class _Missing:
    """Stands for a value that is not there, or that nobody knows; `text` says so."""

    text: str


_MISSING = _Missing("nothing")
_NOT_KEPT = _Missing("a body too large for the journal")


@dataclass(frozen=True)
class Expectation:
    """What a request should be like; what is None does not matter.

    `body` holds the members that the request's JSON has to have, compared leaf by leaf; members beside
    them do not matter, arrays are compared element by element and by length. `name` is a task name, in
    which `*`, `?` and `[...]` stand for others. `task` is a task id: the one that a status call asks for
    or a create was answered with. `valid` says whether the request keeps the strict contract.

    Raises ValueError for an operation or a status that there cannot be, and for a body that is no
    mapping.
    """

    operation: str | None = None
    method: str | None = None
    path: str | None = None
    name: str | None = None
    body: Mapping[str, Any] | None = None
    status: int | None = None
    task: str | None = None
    valid: bool | None = None

    def __post_init__(self) -> None:
        for name in ("operation", "method", "path", "name", "task"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{name} is text, not {_text(value)}")
        operations = list(spec.operations())
        if self.operation is not None and self.operation not in operations:
            close = difflib.get_close_matches(self.operation, operations, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(operations)}"
            raise ValueError(f"no operation {excerpt(self.operation)!r}; {hint}")
        if self.status is not None and (type(self.status) is not int or not 100 <= self.status <= 599):
            raise ValueError(f"status is a whole number from 100 to 599, not {_text(self.status)}")
        if self.valid is not None and type(self.valid) is not bool:
            raise ValueError(f"valid is true or false, not {_text(self.valid)}")
        if self.body is not None and not isinstance(self.body, Mapping):
            raise ValueError(f"body is a mapping of the expected members, not {_text(self.body)}")
        if self.name is not None and len(self.name) > MAX_GLOB:
            raise ValueError(f"name is a pattern of at most {MAX_GLOB:,} characters")

    def __str__(self) -> str:
        said = [
            f"{field.name} {_text(value)}"
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None
        ]
        return ", ".join(said) or "anything"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which a request is not as expected.

    `pointer` is a JSON Pointer into the request's body, or the name of another field of the
    expectation. `expected` and `got` quote the values as JSON, cut where they are long.
    """

    pointer: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.pointer or 'the body'}: {self.expected} != {self.got}"


@dataclass(frozen=True, slots=True)
class Nearest:
    """The request that differs from the expectation in the fewest fields.

    `n` is its number in the journal; `matching` of the `of` fields are as expected; `request` is the
    line that says which request it was and how it was answered.
    """

    n: int
    matching: int
    of: int
    differences: tuple[Difference, ...]
    request: str = ""

    def __str__(self) -> str:
        shown = "; ".join(map(str, self.differences[:_SHOWN_DIFFERENCES]))
        rest = len(self.differences) - _SHOWN_DIFFERENCES
        more = f"; and {rest} more" if rest > 0 else ""
        return f"#{self.n} {self.request}: {self.matching} of {self.of} fields match; {shown}{more}"


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome; true in a condition where it holds.

    `matched` are the journal numbers of the requests that are as expected, `expected` says in words how
    many there should be. `nearest` is there where too few came, and any other request did.
    """

    holds: bool
    count: int
    expected: str
    matched: tuple[int, ...]
    nearest: Nearest | None
    expectation: str = "anything"
    searched: int = 0

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        found = f"expected {self.expected} with {self.expectation}; {self.count or 'none'} came"
        if self.matched:
            numbers = ", ".join(f"#{n}" for n in self.matched[:10])
            found += f" ({numbers}{', ...' if len(self.matched) > 10 else ''})"
        if self.nearest is not None:
            return f"{found}\nnearest: {self.nearest}"
        if not self.holds and not self.searched:
            return f"{found}\nno request came at all"
        return found


def verify(
    entries: Iterable[tuple[int, Entry]],
    expectation: Expectation,
    *,
    count: int | None = None,
    at_least: int | None = None,
    at_most: int | None = None,
    keys: Iterable[str] = (),
) -> Verification:
    """How many of the journal's entries are as expected; at least 1 should be where no number is given.

    `count` is an exact number, and excludes the other two. No text of the answer shows the keys of the
    entries, nor the `keys`. Raises ValueError for numbers and for a body that cannot be.
    """
    lowest, highest, words = _bounds(count, at_least, at_most)
    wanted = _Wanted(expectation)
    matched: list[int] = []
    best: tuple[tuple[int, int, int], int, Entry] | None = None
    searched = 0
    credentials: dict[Credentials, None] = dict.fromkeys(
        [Credentials(key.encode("utf-8", "surrogatepass") for key in keys)]
    )
    for n, entry in entries:
        searched += 1
        credentials[Credentials.of(entry.headers)] = None
        distance = wanted.distance(entry)
        if distance == (0, 0):
            matched.append(n)
        # Among equals the latest is the one that a test waits for.
        elif best is None or (*distance, -n) < best[0]:
            best = ((*distance, -n), n, entry)

    def clean(text: str) -> str:
        for known in credentials:
            text = known.clean_text(text)
        return text

    nearest = wanted.nearest(best[1], best[2], clean) if best is not None and len(matched) < lowest else None
    holds = lowest <= len(matched) and (highest is None or len(matched) <= highest)
    return Verification(
        holds, len(matched), words, tuple(matched), nearest, clean(str(expectation)), searched
    )


def _bounds(count: int | None, at_least: int | None, at_most: int | None) -> tuple[int, int | None, str]:
    for name, value in (("count", count), ("at_least", at_least), ("at_most", at_most)):
        if value is not None and (type(value) is not int or value < 0):
            raise ValueError(f"{name} is a whole number from 0, not {_text(value)}")
    if count is not None:
        if at_least is not None or at_most is not None:
            raise ValueError("give count, or at_least and at_most, not both")
        return count, count, f"exactly {count}"
    if at_most is None:
        lowest = 1 if at_least is None else at_least
        return lowest, None, f"at least {lowest}"
    if at_least is None:
        return 0, at_most, f"at most {at_most}"
    if at_least > at_most:
        raise ValueError(f"at_least is {at_least}, more than at_most, which is {at_most}")
    return at_least, at_most, f"{at_least} to {at_most}"


_Path = tuple[str | int, ...]


class _Wanted:
    """An expectation, taken apart into its fields once for all entries."""

    def __init__(self, expectation: Expectation) -> None:
        self._expectation = expectation
        self._leaves: list[tuple[_Path, Any]] = []
        self._arrays: list[tuple[_Path, int]] = []
        if expectation.body is not None:
            self._take_apart((), expectation.body)

    def _take_apart(self, path: _Path, value: Any) -> None:
        if len(path) > _MAX_DEPTH:
            raise ValueError(f"body is deeper than {_MAX_DEPTH} levels, which no request can be")
        if isinstance(value, (list, tuple)):
            self._arrays.append((path, len(value)))
        if isinstance(value, Mapping) and value:
            for name, member in value.items():
                self._take_apart((*path, str(name)), member)
        elif isinstance(value, (list, tuple)) and value:
            for index, member in enumerate(value):
                self._take_apart((*path, index), member)
        else:
            self._leaves.append((path, value))
        if len(self._leaves) > _MAX_FIELDS:
            raise ValueError(f"body has more than {_MAX_FIELDS:,} fields; leave out what does not matter")

    def distance(self, entry: Entry) -> tuple[int, int]:
        """In how many fields the entry differs, and in how many of these it has nothing."""
        differing = [got for _, expected, got in self._fields(entry) if not _is_as(expected, got)]
        return len(differing), sum(isinstance(got, _Missing) for got in differing)

    def nearest(self, n: int, entry: Entry, clean: Callable[[str], str]) -> Nearest:
        """How the entry differs; `clean` takes out of the values what is not to be shown."""
        compared = list(self._fields(entry))
        differences = tuple(
            Difference(*(excerpt(clean(text)) for text in _texts(field, expected, got)))
            for field, expected, got in compared
            if not _is_as(expected, got)
        )
        return Nearest(n, len(compared) - len(differences), len(compared), differences, entry.line())

    def _fields(self, entry: Entry) -> Iterator[tuple[str | _Path, Any, Any]]:
        """Each field that is compared: its name or its place in the body, what is expected, what came."""
        wanted = self._expectation
        for name, got in (("operation", entry.operation), ("path", entry.path), ("status", entry.status)):
            expected = getattr(wanted, name)
            if expected is not None:
                yield name, expected, _MISSING if got is None else got
        if wanted.method is not None:
            yield "method", wanted.method.upper(), entry.method
        if wanted.task is not None:
            task = entry.task
            yield "task", wanted.task, _MISSING if task is None else task
        if wanted.valid is not None:
            yield "valid", wanted.valid, entry.is_valid()
        if wanted.name is None and wanted.body is None:
            return
        body = _body(entry)
        if wanted.name is not None:
            yield "name", _Glob(wanted.name), _at(body, ("name",))
        for path, expected in self._leaves:
            yield path, expected, _at(body, path)
        for path, length in self._arrays:
            got = _at(body, path)
            if isinstance(got, list):
                for index in range(length, len(got)):
                    yield (*path, index), _MISSING, got[index]


@dataclass(frozen=True, slots=True)
class _Glob:
    pattern: str


def _body(entry: Entry) -> Any:
    if not entry.is_whole:
        return _NOT_KEPT
    try:
        return orjson.loads(entry.body)
    except orjson.JSONDecodeError:
        return _MISSING


def _at(value: Any, path: _Path) -> Any:
    if isinstance(value, _Missing):
        return value
    for step in path:
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return _MISSING
            value = value[step]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return _MISSING
    return value


def _is_as(expected: Any, got: Any) -> bool:
    """Whether one leaf is as expected; JSON has one kind of number, and true is none."""
    if isinstance(expected, _Glob):
        return isinstance(got, str) and is_like(got, expected.pattern)
    if isinstance(expected, Mapping):
        return isinstance(got, dict)
    if isinstance(expected, (list, tuple)):
        # That it is as empty as expected is compared element by element.
        return isinstance(got, list)
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    return bool(expected == got)


def _texts(field: str | _Path, expected: Any, got: Any) -> tuple[str, str, str]:
    """The pointer, and both values as JSON, uncut."""
    if isinstance(field, str):
        pointer = field
    else:
        pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in field)
    return pointer, _json(expected.pattern if isinstance(expected, _Glob) else expected), _json(got)


def _json(value: Any) -> str:
    if isinstance(value, _Missing):
        return value.text
    return json.dumps(value, ensure_ascii=False, default=repr)


def _text(value: Any) -> str:
    """The value as JSON, cut to what a person reads."""
    return excerpt(_json(value))
