"""Finds where in a JSON text a value stands, by its path.

Only what leads to a wanted value is read; all else is skipped at C speed.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Sequence
from json.decoder import scanstring  # type: ignore[attr-defined]
from json.scanner import make_scanner
from typing import Any, NamedTuple

from loracle_contracts.parse import without_surrogates

__all__ = ["Lines", "Place", "locate", "pointer", "steps"]

Path = tuple[str | int, ...]
_Branch = dict[str | int, Any]

# All but the members match at any place of a text that could be parsed.
_LINE_FEED = re.compile(r"\n").finditer
_BLANKS = re.compile(r"[ \t\n\r]*").match
_COLON = re.compile(r"[ \t\n\r]*:[ \t\n\r]*").match
_COMMA = re.compile(r"[ \t\n\r]*,?[ \t\n\r]*").match
# A key without escapes, what leads to its value, and the value with the comma behind it where it is plain:
# most members are like that, and are read in one step.
_MEMBER = re.compile(
    r'"([^"\\]*)"[ \t\n\r]*:[ \t\n\r]*(?:("[^"\\]*"|[-+.0-9A-Za-z]+)[ \t\n\r]*,?[ \t\n\r]*)?'
).match


class Place(NamedTuple):
    """Offsets of a value, and of the key it stands under (equal to `start` where there is none)."""

    key: int
    start: int
    end: int


class _Skipping:
    """The settings of the standard scanner: values are read only to be skipped."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = float  # an integer of 10,000 digits must not cost anything
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner wants the attribute


_skip_value = make_scanner(_Skipping())  # type: ignore[arg-type]


def locate(text: str, paths: Iterable[Path]) -> dict[Path, Place]:
    """The place of each value at `paths` in a JSON text that could be parsed, found in one pass.

    Of a duplicate key the last one counts, as for a parser. A path that leads nowhere is left out.
    """
    wanted: _Branch = {}
    for path in paths:
        branch = wanted
        for step in path:
            branch = branch.setdefault(step, {})
    found: dict[Path, Place] = {}
    start = _BLANKS(text, 1 if text.startswith("\ufeff") else 0).end()  # type: ignore[union-attr]
    found[()] = Place(start, start, _walk(text, start, wanted, (), found))
    return found


class Lines:
    """The lines of a text, found once; a body may have half a million of them and as many faults."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in _LINE_FEED(text))]

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1; columns count characters."""
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def pointer(path: Sequence[str | int]) -> str:
    """The path as a JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def steps(text: str) -> list[str]:
    """The reference tokens of a JSON Pointer (RFC 6901), unescaped; indices stay text."""
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _walk(text: str, at: int, wanted: _Branch, path: Path, found: dict[Path, Place]) -> int:
    """Notes the places of what is wanted below `at`, and answers where the value ends."""
    opening = text[at]
    if not wanted or opening not in "{[":
        return _end(text, at)
    in_object = opening == "{"
    closing = "}" if in_object else "]"
    index = 0
    at = _BLANKS(text, at + 1).end()  # type: ignore[union-attr]
    while text[at] != closing:
        key = at
        step: str | int = index
        if in_object:
            member = _MEMBER(text, at)
            if member is None:
                name, at = scanstring(text, at + 1, False)
                step = without_surrogates(name)
                at = _COLON(text, at).end()  # type: ignore[union-attr]
            else:
                step, start, end = without_surrogates(member[1]), *member.span(2)
                if start >= 0:
                    if step in wanted:
                        found[*path, step] = Place(key, start, end)
                    at = member.end()
                    continue
                at = member.end()
        branch = wanted.get(step)
        end = _walk(text, at, branch, (*path, step), found) if branch else _skip_value(text, at)[1]
        if branch is not None:
            found[*path, step] = Place(key, at, end)
        index += 1
        at = _COMMA(text, end).end()  # type: ignore[union-attr]
    return at + 1


def _end(text: str, at: int) -> int:
    end: Any = _skip_value(text, at)[1]
    return int(end)
