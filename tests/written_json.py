"""Writes JSON in any layout, and notes where it puts each token: positions that no parser has to find."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["LAYOUTS", "Layout", "Literal", "Pairs", "Path", "Span", "Written", "line_and_column", "written"]

Path = tuple[str | int, ...]


class Literal(str):
    """A token that is written as it stands, right or wrong: NaN, 1e400."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """The members of an object in order; a name may come twice."""


class Span(NamedTuple):
    start: int
    end: int


@dataclass(frozen=True)
class Layout:
    """How a text is laid out.

    Loose is: any blanks between tokens. With escapes, every letter may be written as its number.
    """

    name: str
    newline: str = ""
    indent: str = ""
    comma: str = ","
    colon: str = ":"
    before: str = ""
    has_escapes: bool = False
    is_loose: bool = False
    is_shuffled: bool = False


LAYOUTS = (
    Layout("compact"),
    Layout("one line with blanks", comma=", ", colon=": "),
    Layout("indented", newline="\n", indent="  ", colon=": "),
    Layout("CRLF and tabs", newline="\r\n", indent="\t", colon=": ", before="\r\n"),
    Layout("escapes in names and texts", comma=", ", colon=" : ", has_escapes=True),
    Layout("shuffled and indented", newline="\n", indent=" ", colon=": ", is_shuffled=True),
    Layout("loose and shuffled", is_loose=True, is_shuffled=True),
)
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
_HALVES = re.compile("[\ud800-\udfff]")
_LOOSE = ("", "", " ", "\n", "\t", "\r\n", " \n  ", "    ")


@dataclass
class Written:
    """A text, and the place of each token in it, by the path of the value that it belongs to.

    `commas` has the comma after a member or item; `openings` and `closings` the brackets of a container.
    Of a name that comes twice the last one counts.
    """

    text: str = ""
    values: dict[Path, Span] = field(default_factory=dict)
    keys: dict[Path, Span] = field(default_factory=dict)
    colons: dict[Path, int] = field(default_factory=dict)
    commas: dict[Path, int] = field(default_factory=dict)
    openings: dict[Path, int] = field(default_factory=dict)
    closings: dict[Path, int] = field(default_factory=dict)


def written(value: Any, layout: Layout, seed: int = 0) -> Written:
    """The value as text in a layout; the seed decides the order of members and the loose blanks."""
    writer = _Writer(layout, seed)
    writer.put(writer.blanks() if layout.is_loose else layout.before)
    writer.value(value, (), 0)
    writer.out.text = "".join(writer.parts)
    return writer.out


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Where an offset is for a person: both count from 1, columns in characters."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


class _Writer:
    def __init__(self, layout: Layout, seed: int) -> None:
        self.layout = layout
        self.random = random.Random(seed)
        self.parts: list[str] = []
        self.length = 0
        self.out = Written()

    def put(self, text: str) -> Span:
        start = self.length
        self.parts.append(text)
        self.length += len(text)
        return Span(start, self.length)

    def blanks(self) -> str:
        return self.random.choice(_LOOSE)

    def value(self, value: Any, path: Path, depth: int) -> None:
        start = self.length
        if isinstance(value, dict):
            self.container("{}", list(value.items()), path, depth)
        elif isinstance(value, Pairs):
            self.container("{}", value, path, depth)
        elif isinstance(value, list):
            self.container("[]", list(enumerate(value)), path, depth)
        elif isinstance(value, Literal):
            self.put(value)
        else:
            self.put(self.scalar(value))
        self.out.values[path] = Span(start, self.length)

    def scalar(self, value: Any) -> str:
        if isinstance(value, str) and self.layout.has_escapes:
            text = '"' + "".join(map(self.maybe_escaped, value)) + '"'
        else:
            text = _ENCODE(value)
        # No encoding has half a character.
        return _HALVES.sub(lambda half: _escaped(half.group()), text)

    def maybe_escaped(self, letter: str) -> str:
        return _escaped(letter) if self.random.random() < 0.4 else _ENCODE(letter)[1:-1]

    def container(self, brackets: str, members: list[tuple[Any, Any]], path: Path, depth: int) -> None:
        layout = self.layout
        if layout.is_shuffled and brackets == "{}" and len({name for name, _ in members}) == len(members):
            self.random.shuffle(members)
        self.out.openings[path] = self.put(brackets[0]).start
        for count, (step, child) in enumerate(members, 1):
            here = (*path, step)
            self.gap(depth + 1)
            if brackets == "{}":
                self.out.keys[here] = self.put(self.scalar(step))
                self.gap(None)
                self.out.colons[here] = self.length + layout.colon.index(":")
                self.put(layout.colon)
                self.gap(None)
            self.value(child, here, depth + 1)
            if count < len(members):
                self.gap(None)
                self.out.commas[here] = self.put(layout.comma).start
        if members:
            self.gap(depth)
        self.out.closings[path] = self.put(brackets[1]).start

    def gap(self, depth: int | None) -> None:
        """The blanks between two tokens; `depth` is that of a new line, None where there is none."""
        if self.layout.is_loose:
            self.put(self.blanks())
        elif depth is not None and self.layout.newline:
            self.put(self.layout.newline + self.layout.indent * depth)


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2))
