"""Bodies that only a reader which converts takes: one way of reading, at every place of the body at once.

A server that converts seldom does so at one place only. Where it does, the table's other bodies find it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from loracle_contracts.fuzzing.bodies import encoded
from loracle_contracts.fuzzing.near_texts import camel_case
from loracle_contracts.fuzzing.places import full_body
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS
from loracle_contracts.validation import validate

__all__ = ["readings"]

_Change = Callable[[Any], Any]


def readings(
    operation: str, base_model: str | None = None, asset_ids: tuple[str | int, ...] = UNKNOWN_ASSETS
) -> Iterator[tuple[str, bytes]]:
    """What is read in each body, and the body; both profiles refuse it."""
    full = full_body(operation, base_model, asset_ids)
    seen = {encoded(full)}
    for title, change in _READINGS.items():
        body = encoded(change(full))
        if body not in seen and not validate(body, operation, "lenient").valid:
            seen.add(body)
            yield title, body


def _names(spell: Callable[[str], str]) -> _Change:
    """A change of a whole body: the names of all members."""

    def apply(value: Any) -> Any:
        if isinstance(value, dict):
            return {spell(name): apply(member) for name, member in value.items()}
        return [apply(item) for item in value] if isinstance(value, list) else value

    return apply


def _values(kinds: type | tuple[type, ...], change: _Change) -> _Change:
    """A change of a whole body: the values of these types within, the innermost first.

    A boolean is a number only where booleans are meant, too.
    """
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)

    def changed(value: Any) -> Any:
        is_meant = isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))
        return change(within(value)) if is_meant else within(value)

    def within(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: changed(member) for name, member in value.items()}
        return [changed(item) for item in value] if isinstance(value, list) else value

    return within


def _as_text(value: Any) -> str:
    return str(value).lower()


def _as_number(text: str) -> float | str:
    return float(text) if text.replace(".", "", 1).isdecimal() else text


_READINGS: dict[str, _Change] = {
    "the names of all members in camel case": _names(camel_case),
    "the names of all members in capitals": _names(str.upper),
    "the names of all members capitalised": _names(str.capitalize),
    "the names of all members with hyphens": _names(lambda name: name.replace("_", "-")),
    "all numbers as text": _values((int, float), str),
    "all booleans as text": _values(bool, _as_text),
    "all booleans as numbers": _values(bool, int),
    "all numbers and booleans as text": _values((bool, int, float), _as_text),
    "all texts that are numbers as numbers": _values(str, _as_number),
    "a list of each text": _values(str, lambda value: [value]),
    "a list of each number": _values((int, float), lambda value: [value]),
    "a list of each object": _values(dict, lambda value: [value]),
    "the first item for each list": _values(list, lambda value: value[0] if value else value),
    "an object for each list": _values(list, lambda value: {str(n): item for n, item in enumerate(value)}),
    "a null behind the items of each list": _values(list, lambda value: [*value, None]),
    "blanks around each text": _values(str, lambda value: f" {value} "),
    "each text in capitals": _values(str, str.upper),
}
