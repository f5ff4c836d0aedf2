"""JSON bodies as they are sent: changed at single places, and written as JSON allows it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["ABSENT", "COMPACT", "STYLES", "Edit", "Path", "Raw", "Style", "edited", "encoded"]

# Of the private use area: no text here has them.
_BEGIN, _END = "\ue000", "\ue001"

Path = tuple[str | int, ...]


class _Absent:
    """The value of a member that there is not."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Raw:
    """A value by its JSON text, where Python would write it otherwise or cannot hold it."""

    text: str


class Edit(NamedTuple):
    """Puts a value at a path, or takes away what is there (ABSENT); an item behind the last is added."""

    path: Path
    value: Any


class Style(NamedTuple):
    """One way to write the same JSON. `indent` None writes no insignificant whitespace."""

    name: str
    indent: str | None = None
    newline: str = "\n"
    is_reversed: bool = False
    escapes: bool = False
    escapes_slash: bool = False
    is_ascii: bool = False


COMPACT = Style("compact")
STYLES = (
    Style("members in reversed order", is_reversed=True),
    Style("insignificant whitespace: tabs and CRLF", indent="\t", newline="\r\n"),
    Style("every character as a \\u escape", escapes=True),
    Style("escaped slashes", is_ascii=True, escapes_slash=True),
)


def edited(body: Any, edits: Iterable[Edit]) -> Any:
    """A copy of the body with the edits made, in their order."""
    root = [body]
    for path, value in edits:
        holder: Any = root
        step: Any = 0
        for following in path:
            # Only what leads to the place is copied.
            holder[step] = copy.copy(holder[step])
            holder, step = holder[step], following
        if value is ABSENT:
            if isinstance(holder, list) or step in holder:
                del holder[step]
        elif isinstance(holder, list) and isinstance(step, int) and step == len(holder):
            holder.append(value)
        else:
            holder[step] = value
    return root[0]


def encoded(value: Any, style: Style = COMPACT) -> bytes:
    """The JSON text of a value, which may hold Raw."""
    if style == COMPACT:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_marked)
        return text.replace(f'"{_BEGIN}', "").replace(f'{_END}"', "").encode()
    return "".join(_written(value, style, 1)).encode()


def _marked(value: Any) -> str:
    """The text of a Raw between marks that take its quotes away."""
    if not isinstance(value, Raw):
        raise TypeError(f"no JSON value: {value!r}")
    return f"{_BEGIN}{value.text}{_END}"


def _written(value: Any, style: Style, depth: int) -> Iterator[str]:
    if isinstance(value, Raw):
        yield value.text
    elif isinstance(value, str):
        yield _text(value, style)
    elif isinstance(value, dict):
        members = list(value.items())
        if style.is_reversed:
            members.reverse()
        colon = ":" if style.indent is None else " : "
        pieces = [(_text(name, style) + colon, item) for name, item in members]
        yield from _bracketed("{", pieces, "}", style, depth)
    elif isinstance(value, (list, tuple)):
        yield from _bracketed("[", [("", item) for item in value], "]", style, depth)
    else:
        yield json.dumps(value)


def _bracketed(
    opening: str, pieces: list[tuple[str, Any]], closing: str, style: Style, depth: int
) -> Iterator[str]:
    inner = "" if style.indent is None else style.newline + style.indent * depth
    yield opening
    for n, (prefix, item) in enumerate(pieces):
        yield ("," if n else "") + inner + prefix
        yield from _written(item, style, depth + 1)
    if pieces and style.indent is not None:
        yield style.newline + style.indent * (depth - 1)
    yield closing


def _text(value: str, style: Style) -> str:
    if style.escapes:
        units = value.encode("utf-16-be")
        pairs = (units[n : n + 2].hex() for n in range(0, len(units), 2))
        return '"' + "".join(f"\\u{pair}" for pair in pairs) + '"'
    text = json.dumps(value, ensure_ascii=style.is_ascii)
    return text.replace("/", "\\/") if style.escapes_slash else text
