"""Finds what can be mended in a payload without a change of its meaning."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from loracle_contracts import spec
from loracle_contracts.inputs.judge import Judge
from loracle_contracts.inputs.shapes import Shape
from loracle_contracts.inputs.unit import Unit
from loracle_contracts.locate import Lines, locate, pointer, steps
from loracle_contracts.parse import parse
from loracle_contracts.proof import MAX_BODY, parse_fast
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Verdict

__all__ = ["Edit", "Finder"]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_BLANKS = " \t\n\r"
_Path = tuple[str | int, ...]


class Edit(NamedTuple):
    """What a text in a payload is to become, and the line and column of the source where it stands.

    `new` is the text without its outer blanks, another text, or the digits of a number.
    """

    line: int
    column: int
    old: str
    new: str
    is_number: bool


class Finder:
    """Answers for each payload the edits that mend it.

    Only requests are mended: an answer is what a server said. An edit is made only where the contract
    then finds nothing wrong with the value.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def check(self, unit: Unit, *, is_named: bool) -> list[Edit] | None:
        """The edits of a payload, in the order of the source; None where there are none."""
        value = _strict_value(unit.data) if unit.is_fixable else None
        if not isinstance(value, dict):
            return None
        shape = self._judge.shape(value, unit.source)
        if shape.part != "request" or not (is_named or shape.is_certain):
            return None
        wanted = self._wanted(unit, value, shape)
        if not wanted:
            return None
        mended = copy.deepcopy(value)
        for path, (new, is_number) in wanted.items():
            _at(mended, path[:-1])[path[-1]] = orjson.loads(new) if is_number else new
        still_wrong = _pointers(self._verdict(mended, shape))
        text = unit.data.decode()
        places = locate(text, [path for path in wanted if pointer(path) not in still_wrong])
        lines = Lines(text)
        edits = []
        for path, place in places.items():
            if path in wanted:
                line, column = lines.place(place.start)
                at = unit.position(line, column) if unit.position else (line + unit.first_line - 1, column)
                edits.append(Edit(*at, _at(value, path), *wanted[path]))
        return sorted(edits) or None

    def _wanted(self, unit: Unit, value: dict[str, Any], shape: Shape) -> dict[_Path, tuple[str, bool]]:
        """What could be mended: the path of each text, what to make of it, whether that is a number."""
        wanted: dict[_Path, tuple[str, bool]] = {}
        if self._judge.with_lints:
            wanted.update({path: (text.strip(_BLANKS), False) for path, text in _padded(value)})
        rules = spec.rules(self._judge.profile)
        for violation in self._verdict(unit.data, shape).violations:
            path = _path(violation.pointer, value)
            found = _at(value, path) if path is not None else None
            if path is None or not isinstance(found, str):
                continue
            if rules[violation.rule].keyword == "type" and _is_number(found, is_yaml=unit.is_yaml):
                wanted[path] = found, True
            elif violation.rule == "file_extension.enum" and found == "jpg":
                wanted[path] = "jpeg", False
        return wanted

    def _verdict(self, data: Any, shape: Shape) -> Verdict:
        return validate(data, shape.operation, self._judge.profile, shape.part, limit=None)


def _is_number(text: str, *, is_yaml: bool) -> bool:
    """Whether a text is a number that stays the same one without its quotes."""
    if not _NUMBER.fullmatch(text) or math.isinf(float(text)):
        return False
    if is_yaml:
        from loracle_contracts.inputs.yaml_scalars import AmbiguousError, json_of_plain  # noqa: PLC0415 - rare

        try:
            return not json_of_plain(text).startswith('"')
        except AmbiguousError:
            return False
    return True


def _strict_value(data: bytes) -> Any:
    """The value of a body that is strict JSON; None for all others."""
    if len(data) > MAX_BODY:
        return None
    try:
        return parse_fast(data)
    except ValueError:
        parsed = parse(data)
        return parsed.value if parsed.complete and not parsed.faults else None


def _padded(value: dict[str, Any]) -> Iterator[tuple[_Path, str]]:
    """The values of component arguments that have outer blanks."""
    for index, component in enumerate(_list(value.get("components"))):
        arguments = component.get("args") if isinstance(component, dict) else None
        for position, argument in enumerate(_list(arguments)):
            text = argument.get("value") if isinstance(argument, dict) else None
            if isinstance(text, str) and text.strip(_BLANKS) not in (text, ""):
                yield ("components", index, "args", position, "value"), text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _pointers(verdict: Verdict) -> set[str]:
    return {violation.pointer for violation in verdict.violations}


def _path(text: str, value: Any) -> _Path | None:
    """The path that a pointer stands for, or None where it leads nowhere."""
    path: list[str | int] = []
    for name in steps(text):
        step: Any = int(name) if isinstance(value, list) and name.isdigit() else name
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
        path.append(step)
    return tuple(path)


def _at(value: Any, path: _Path) -> Any:
    for step in path:
        value = value[step]
    return value
