"""Reads a JSON file as what it is: one payload, an array of them, an HTTP Archive, the mock's journal."""

from __future__ import annotations

import json
import operator
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from loracle_contracts.inputs.unit import Position, Unit, UnreadableError
from loracle_contracts.locate import Lines
from loracle_contracts.parse import MAX_BODY

__all__ = [
    "Element",
    "Text",
    "array_of_payloads",
    "elements",
    "literal_offsets",
    "position_in",
]

_BLANKS = re.compile(r"[ \t\n\r]*")
_MARK = "\ufeff"
# Beyond 20 digits no integer counts as one here, and Python would refuse thousands of them.
_decode = json.JSONDecoder(
    strict=False, parse_int=lambda digits: int(digits) if len(digits) <= 20 else float(digits)
).raw_decode


class Element(NamedTuple):
    """One item of an array: its value, and from where to where it stands in the text."""

    start: int
    end: int
    value: Any


class Text:
    """The text of a document, and its lines."""

    def __init__(self, data: bytes) -> None:
        try:
            self.text = data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise UnreadableError(f"Line {line} is not UTF-8 (byte 0x{data[error.start]:02x}).") from None
        self._lines = Lines(self.text)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1."""
        return self._lines.place(offset)

    def around(self, start: int, end: int) -> tuple[str, int]:
        """The whole lines that hold what stands from `start` to `end`, and the number of the first.

        No lines where they are too long to be shown.
        """
        first = self.text.rfind("\n", 0, start) + 1
        last = self.text.find("\n", end)
        last = len(self.text) if last < 0 else last
        return (self.text[first:last] if last - first <= MAX_BODY else "", self.place(start)[0])


def elements(document: Text, *path: str) -> Iterator[Element]:
    """The items of the array that the members `path` lead to, read one after the other.

    Raises UnreadableError where there is none, and where the text is not JSON from some place on.
    """
    text = document.text
    try:
        at = _skip(text, 1 if text.startswith(_MARK) else 0)
        for name in path:
            at = _member(text, at, name)
        if text[at] != "[":
            raise UnreadableError(f"Its member {'.'.join(path)} is no array.")
        at = _skip(text, at + 1)
        while text[at] != "]":
            value, end = _decode(text, at)
            yield Element(at, end, value)
            at = _skip(text, end)
            if text[at] == ",":
                at = _skip(text, at + 1)
            elif text[at] != "]":
                raise _broken(document, at)
        at = _skip(text, at + 1)
        if not path and at != len(text):
            raise _broken(document, at)
    except json.JSONDecodeError as error:
        raise _broken(document, error.pos) from None
    except (IndexError, RecursionError):
        raise UnreadableError(
            "It is no whole JSON document; it ends too early or is nested too deep."
        ) from None


def array_of_payloads(data: bytes, source: str) -> Iterator[Unit]:
    """The payloads of an array of objects; any other array, and one of one object, is a wrong payload.

    Brackets too many around a body are a mistake that must not pass for a list.
    """
    try:
        document = Text(data)
        spans = _objects(document)
    except UnreadableError:
        if len(data) > MAX_BODY:
            raise
        yield Unit(source, "", data)
        return
    if len(spans) < 2:
        yield Unit(source, "", data)
        return
    for number, (start, end) in enumerate(spans, 1):
        payload = document.text[start:end]
        text, first_line = document.around(start, end)
        position = position_in(document, payload, partial(operator.add, start))
        yield Unit(source, f"item {number}", payload.encode(), first_line, position, text)


def _objects(document: Text) -> list[tuple[int, int]]:
    """From where to where the items of an array stand; nothing where not all of them are objects."""
    # The values are not kept: there may be a hundred thousand of them.
    found = []
    for item in elements(document):
        if not isinstance(item.value, dict):
            return []
        found.append((item.start, item.end))
    return found


def position_in(document: Text, text: str, offset_of: Callable[[int], int]) -> Position:
    """Leads from line and column in a part of the document to those in the document.

    `offset_of` leads from an offset in the part to one in the document.
    """
    starts: list[int] = []

    def position(line: int, column: int) -> tuple[int, int]:
        if not starts:
            starts.extend([0, *(match.end() for match in re.finditer("\n", text))])
        return document.place(offset_of(starts[line - 1] + column - 1))

    return position


def literal_offsets(literal: str) -> Callable[[int], int]:
    """Leads from an offset in the text that a JSON string holds to one in its literal."""
    decoded, raw = [0], [1]
    at = 1
    for match in _ESCAPE.finditer(literal):
        # What comes before an escape stands there as it is.
        decoded.append(decoded[-1] + match.start() - at + 1)
        raw.append(match.end())
        at = match.end()

    def offset(index: int) -> int:
        step = bisect_right(decoded, index) - 1
        return raw[step] + index - decoded[step]

    return offset


_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.")


def _member(text: str, at: int, name: str) -> int:
    """Where the value of a member of the object at `at` begins."""
    if text[at] != "{":
        raise UnreadableError(f"There is no member {name} in it.")
    at = _skip(text, at + 1)
    while text[at] == '"':
        key, at = _decode(text, at)
        at = _skip(text, at)
        if text[at] != ":":
            raise json.JSONDecodeError("no colon", text, at)
        at = _skip(text, at + 1)
        if key == name:
            return at
        _, at = _decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    if text[at] != "}":
        raise json.JSONDecodeError("no member", text, at)
    raise UnreadableError(f"There is no member {name} in it.")


def _skip(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _broken(document: Text, at: int) -> UnreadableError:
    line, column = document.place(min(at, len(document.text)))
    return UnreadableError(f"From line {line}, column {column}, on it is not JSON.")
