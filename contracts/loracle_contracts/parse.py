"""Strict JSON: what every server reads the same way.

UTF-8 without a byte order mark, no duplicate keys, no NaN, Infinity or numbers beyond a double, no
lone surrogates, at most 64 levels (contract, decision 0.3). The fast path proves with orjson that a
body has none of these faults; only where the proof fails is the body scanned token by token, which
finds every fault with its place.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, NoReturn

from loracle_contracts.proof import MAX_BODY, MAX_DEPTH, is_shallow, parse_any_depth, parse_fast

__all__ = [
    "MAX_BODY",
    "MAX_DEPTH",
    "ParseFault",
    "Parsed",
    "is_shallow",
    "parse",
    "parse_any_depth",
    "parse_fast",
    "without_surrogates",
]

_BLANKS = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_CONSTANT = re.compile(r"true|false|null|-?Infinity|NaN")
_CONSTANTS = {"true": True, "false": False, "null": None}
_SURROGATE = re.compile("[\ud800-\udfff]")
# What makes a number or a word before it another one: 0512, 1_000, nulll.
_MORE = re.compile(r"[\w.+-]")
# What follows where a comma or a colon was left out, and where a value was.
_STARTS_VALUE = re.compile(r'["{\[0-9tfnN-]')
_ENDS_VALUE = re.compile(r"[,}\]]")
_LAST_ESCAPE = re.compile(r"\\u[0-9A-Fa-f]{4}")
_INT64, _UINT64 = -(2**63), 2**64 - 1


@dataclass(frozen=True, slots=True)
class ParseFault:
    """One fault of a body as JSON text: the rule, where, and what stands there.

    `path` leads to the value, as names and indexes; `start` and `end` are offsets into the text. `got` says
    what stands there where the text between them does not show it. `reason` is what of the grammar is
    broken, a key of `texts.SYNTAX`.
    """

    rule: str
    path: tuple[str | int, ...]
    start: int
    end: int
    got: str = ""
    reason: str = ""


@dataclass(slots=True)
class Parsed:
    """The outcome of parsing. Where `complete` is False the value could not be built."""

    text: str
    value: Any = None
    complete: bool = True
    faults: list[ParseFault] = field(default_factory=list)


def parse(data: bytes | str, limit: int | None = None) -> Parsed:
    """The value of a JSON text with every fault, or the first `limit` of them.

    Never raises on bad input, whatever it holds.
    """
    faults: list[ParseFault] = []
    text = _decode(data, faults) if isinstance(data, bytes) else data
    if text.startswith("\ufeff"):
        faults.append(ParseFault("json.byte_order_mark", (), 0, 1, "a byte order mark"))
    parsed = Parsed(text, faults=faults)
    if not text.strip(" \t\n\r\ufeff"):
        faults.append(ParseFault("json.empty", (), 0, len(text)))
        parsed.complete = False
        return parsed
    _Scanner(parsed, limit).scan(1 if text.startswith("\ufeff") else 0)
    return parsed


def _decode(data: bytes, faults: list[ParseFault]) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        start = len(data[: error.start].decode("utf-8"))
        got = f"the byte 0x{data[error.start]:02x}"
        faults.append(ParseFault("json.encoding", (), start, start + 1, got))
        # Reading on shows the other mistakes too; the verdict is settled already.
        return data.decode("utf-8", "replace")


class _Scanner:
    """Reads one JSON text, iteratively, and notes each fault in `parsed`."""

    def __init__(self, parsed: Parsed, limit: int | None) -> None:
        self.parsed = parsed
        self.limit = math.inf if limit is None else limit
        self.text = parsed.text
        self.path: list[str | int] = []
        self.containers: list[Any] = []

    def scan(self, start: int) -> None:
        try:
            end = self._document(start)
            end = self._skip(end)
            if end != len(self.text):
                self._break("end", end)
        except _Fatal:
            self.parsed.complete = False

    def _document(self, at: int) -> int:
        at = self._skip(at)
        while True:
            value, at = self._value(at)
            if value is _OPENED:
                at = self._skip(at)
                continue
            while True:
                if not self.containers:
                    self.parsed.value = value
                    return at
                self._store(value)
                at, closed = self._after_value(at)
                if not closed:
                    break
                value = self.containers.pop()
                self.path.pop()

    def _value(self, at: int) -> tuple[Any, int]:
        character = self.text[at : at + 1]
        if character == '"':
            return self._string(at)
        if character in ("{", "["):
            return self._open(at, character)
        constant = _CONSTANT.match(self.text, at)
        if constant:
            if _MORE.match(self.text, constant.end()):
                self._break("value", at)
            if constant.group() not in _CONSTANTS:
                self._note("json.number", at, constant.end())
                return 0, constant.end()
            return _CONSTANTS[constant.group()], constant.end()
        number = _NUMBER.match(self.text, at)
        if not number:
            self._break("value", at)
        if _MORE.match(self.text, number.end()):
            self._break("number", at)
        return self._number(number), number.end()

    def _open(self, at: int, character: str) -> tuple[Any, int]:
        if len(self.containers) >= MAX_DEPTH:
            self.parsed.faults.append(ParseFault("json.depth", tuple(self.path), at, at + 1))
            raise _Fatal
        inside = self._skip(at + 1)
        empty: dict[str, Any] | list[Any]
        closing, empty = ("}", {}) if character == "{" else ("]", [])
        if self.text[inside : inside + 1] == closing:
            return empty, inside + 1
        self.containers.append(empty)
        if character == "{":
            self.path.append("")
            return _OPENED, self._key(inside)
        self.path.append(0)
        return _OPENED, inside

    def _key(self, at: int) -> int:
        if self.text[at : at + 1] != '"':
            self._break("name", at)
        self.path[-1] = ""
        key, end = self._string(at)
        if self.parsed.faults and self.parsed.faults[-1].start == at:
            # Noted before the name was known.
            self.parsed.faults[-1] = ParseFault("json.surrogate", (*self.path[:-1], key), at, end)
        self.path[-1] = key
        if key in self.containers[-1]:
            self._note("json.duplicate_key", at, end)
        colon = self._skip(end)
        if self.text[colon : colon + 1] != ":":
            is_left_out = _STARTS_VALUE.match(self.text, colon) or _ENDS_VALUE.match(self.text, colon)
            self._break("colon", end if is_left_out else colon, colon)
        value = self._skip(colon + 1)
        if _ENDS_VALUE.match(self.text, value):
            self._break("value", colon + 1, value)
        return value

    def _store(self, value: Any) -> None:
        container, place = self.containers[-1], self.path[-1]
        if isinstance(container, dict):
            container[place] = value
        else:
            container.append(value)

    def _after_value(self, end: int) -> tuple[int, bool]:
        comma = self._skip(end)
        character = self.text[comma : comma + 1]
        in_object = isinstance(self.containers[-1], dict)
        closing = "}" if in_object else "]"
        if character == closing:
            return comma + 1, True
        if character != ",":
            is_left_out = character == '"' if in_object else _STARTS_VALUE.match(self.text, comma)
            self._break("comma", end if is_left_out else comma, comma)
        at = self._skip(comma + 1)
        if self.text[at : at + 1] == closing:
            self._break("trailing", comma)
        if in_object:
            return self._key(at), False
        self.path[-1] = len(self.containers[-1])
        return at, False

    def _string(self, at: int) -> tuple[str, int]:
        try:
            value, end = scanstring(self.text, at + 1, True)
        except JSONDecodeError as error:
            self._break(*_string_fault(self.text, at, error))
        readable = without_surrogates(value)
        if readable is not value:
            self._note("json.surrogate", at, end)
        return readable, end

    def _number(self, match: re.Match[str]) -> int | float:
        text = match.group()
        # The bounds are orjson's, so that both paths build equal values.
        if not match.group(1) and not match.group(2) and len(text) <= 20:
            whole = int(text)
            if _INT64 <= whole <= _UINT64:
                return whole
        number = float(text)
        if math.isinf(number):
            self._note("json.number", match.start(), match.end())
            return 0
        return number

    def _skip(self, at: int) -> int:
        match = _BLANKS.match(self.text, at)
        return match.end() if match else at

    def _note(self, rule: str, start: int, end: int) -> None:
        if len(self.parsed.faults) < self.limit:
            self.parsed.faults.append(ParseFault(rule, tuple(self.path), start, end))

    def _break(self, reason: str, at: int, found: int | None = None) -> NoReturn:
        """Ends at a syntax error; `found` is where what stands there begins, if behind blanks."""
        found = at if found is None else found
        if found >= len(self.text):
            # What is missing belongs behind the last token, not on the line after it.
            at = len(self.text.rstrip(" \t\n\r"))
        got = self.text[found : found + 20] or "the end of the text"
        # The error is the text's, not a member's: what the place would have held is not known.
        self.parsed.faults.append(ParseFault("json.syntax", (), at, min(at + 1, len(self.text)), got, reason))
        raise _Fatal


class _Fatal(Exception):  # noqa: N818 - a jump, not an error that anybody sees
    """The rest of the text cannot be read."""


def without_surrogates(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, which is how a parsed value has it."""
    return text if text.isascii() or not _SURROGATE.search(text) else _SURROGATE.sub("\ufffd", text)


def _string_fault(text: str, start: int, error: JSONDecodeError) -> tuple[str, int]:
    """What is wrong with the string from `start` on, and where: from the words of the standard library."""
    if error.msg.startswith("Unterminated"):
        return "string", start
    if error.msg.startswith("Invalid control character"):
        return "control", error.pos
    escape = text.rfind("\\", 0, error.pos + 1)
    # A right escape at the very end of the text is called a wrong one.
    return ("string", start) if _LAST_ESCAPE.fullmatch(text, escape) else ("escape", escape)


_OPENED = object()
