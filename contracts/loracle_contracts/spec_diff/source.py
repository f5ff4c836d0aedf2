"""Reads a document as JSON values, from JSON or YAML text, whatever the text holds.

YAML is read as version 1.2 has it (its core schema, which OpenAPI asks for): `on` and `2024-01-01` are
text, and keys are text, too. PyYAML's own loaders read version 1.1, take a member that is written twice
for one, and can be crashed by deep nesting, so that only its parser is used here.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

__all__ = ["MAX_BYTES", "SourceError", "parse", "read_bytes"]

MAX_BYTES = 32 * 2**20
_MAX_DEPTH = 200
# How many values a document holds once its YAML aliases are written out.
_MAX_VALUES = 1_000_000

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OTHER_INTEGER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

Json = Any


class SourceError(Exception):
    """The text cannot be read as a document; the message is one sentence."""


def read_bytes(path: str) -> bytes:
    """The bytes of a file, or of standard input for "-".

    A pipe is read like a file, and one that nobody writes to is empty, so that nothing waits for ever.
    Raises SourceError where there is nothing to read or too much of it.
    """
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            if not stat.S_ISCHR(os.fstat(handle).st_mode) and hasattr(os, "set_blocking"):
                os.set_blocking(handle, True)
            with os.fdopen(handle, "rb") as file:
                data = file.read(MAX_BYTES + 1) or b""
    except (OSError, ValueError) as error:
        raise SourceError(getattr(error, "strerror", None) or str(error)) from None
    if len(data) > MAX_BYTES:
        raise SourceError(f"it is larger than {MAX_BYTES >> 20} MiB")
    return data


def parse(data: bytes) -> Json:
    """The JSON value that the text says; aliases of YAML give the same object several times.

    Raises SourceError where the text is neither JSON nor YAML, writes a member twice, or is nested or
    grows out of proportion.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"it is no UTF-8 text (byte {error.start + 1})") from None
    if not text.strip():
        raise SourceError("it is empty")
    value = _parse_json(text) if text.lstrip()[0] in "{[" else _parse_yaml(text)
    _check_size(value)
    return value


def _parse_json(text: str) -> Json:
    try:
        return json.loads(text, object_pairs_hook=_members, parse_float=_number, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        if text.lstrip()[0] == "{":
            try:
                return _parse_yaml(text)  # YAML in its flow style begins like JSON
            except SourceError:
                pass
        raise SourceError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise SourceError("it is nested too deep") from None
    except ValueError as error:  # a number of too many digits
        raise SourceError(str(error)) from None


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise SourceError(f"the number {text[:40]} is larger than any double")
    return number


def _no_constant(name: str) -> NoReturn:
    raise SourceError(f"{name} is no JSON value")


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise SourceError(f"the member {twice!r} is there twice")
    return members


def _parse_yaml(text: str) -> Json:
    import yaml  # noqa: PLC0415 - heavy

    try:
        return _Composer(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise SourceError(place + str(getattr(error, "problem", None) or "it is no YAML")) from None


class _Composer:
    """Makes JSON values of the events of a YAML parser."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Json] = {}
        self._depth = 0

    def document(self) -> Json:
        import yaml  # noqa: PLC0415

        value, documents = None, 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise SourceError("it holds several YAML documents; one is wanted")
                value = self._value(next(self._events))
        return value

    def _value(self, event: Any) -> Json:
        import yaml  # noqa: PLC0415

        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _at(event, f"the alias *{event.anchor} has no anchor")
            return self._anchors[event.anchor]
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        else:
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                raise SourceError("it is nested too deep")
            value = self._mapping() if isinstance(event, yaml.MappingStartEvent) else self._sequence()
            self._depth -= 1
        # Only now: an alias inside of what it names would never end.
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _sequence(self) -> list[Json]:
        import yaml  # noqa: PLC0415

        items = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event))
        return items

    def _mapping(self) -> dict[str, Json]:
        import yaml  # noqa: PLC0415

        pairs: list[tuple[str, Json]] = []
        merged: dict[str, Json] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _at(event, "a name has to be text")
            value = self._value(next(self._events))
            if event.value == "<<" and event.implicit[0]:  # no part of 1.2, but common
                for one in reversed(value if isinstance(value, list) else [value]):
                    if not isinstance(one, dict):
                        raise _at(event, "<< merges mappings only")
                    merged |= one
            else:
                pairs.append((event.value, value))
        return merged | _members(pairs)


def _at(event: Any, text: str) -> SourceError:
    return SourceError(f"line {event.start_mark.line + 1}: {text}")


def _scalar(event: Any) -> Json:
    text = event.value
    if not event.implicit[0]:  # quoted, or with a tag
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NO_NUMBER.fullmatch(text):
        raise _at(event, f"{text} is no JSON value")
    try:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _OTHER_INTEGER.fullmatch(text):
            return int(text, 0)
    except ValueError:
        raise _at(event, "a number has too many digits") from None
    return _number(text) if _NUMBER.fullmatch(text) else text


def _check_size(value: Json) -> None:
    """Holds what an alias stands for to be written out wherever it is used."""
    sizes: dict[int, tuple[int, int]] = {}

    def size(node: Json) -> tuple[int, int]:
        """How many values there are, and how deep they are nested."""
        if not isinstance(node, (dict, list)):
            return 1, 0
        if id(node) not in sizes:
            children = [size(child) for child in (node.values() if isinstance(node, dict) else node)]
            depth = 1 + max((depth for _, depth in children), default=0)
            if depth > _MAX_DEPTH:
                raise SourceError("it is nested too deep")
            sizes[id(node)] = 1 + sum(count for count, _ in children), depth
        return sizes[id(node)]

    try:
        count, _ = size(value)
    except RecursionError:
        raise SourceError("it is nested too deep") from None
    if count > _MAX_VALUES:
        raise SourceError(f"it holds more than {_MAX_VALUES:,} values")
