"""Bodies that only a reader which converts takes: one way of reading, at every place of the body at once.

A server that converts seldom does so at one place only. Where it does, the table's other bodies find it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from loracle_contracts.fuzzing.bodies import encoded
from loracle_contracts.fuzzing.places import full_body
from loracle_contracts.validation import validate

__all__ = ["readings"]

_Change = Callable[[Any], Any]


def readings(
    operation: str, base_model: str | None = None, asset_ids: tuple[str | int, ...] = ()
) -> Iterator[tuple[str, bytes]]:
    """What is read in each body, and the body; both profiles refuse it."""
    full = full_body(operation, base_model, asset_ids) if asset_ids else full_body(operation, base_model)
    seen = {encoded(full)}
    for title, change in _READINGS.items():
        body = encoded(_everywhere(full, change))
        if body not in seen and not validate(body, operation, "lenient").valid:
            seen.add(body)
            yield title, body


def _everywhere(value: Any, change: _Change) -> Any:
    """A copy with the change made to every value within, the innermost first, but not to the whole."""
    if isinstance(value, dict):
        inner: Any = {name: change(_everywhere(member, change)) for name, member in value.items()}
        return _renamed(inner, change)
    if isinstance(value, list):
        return [change(_everywhere(item, change)) for item in value]
    return value


class _Names:
    """A change of the names of members alone."""

    def __init__(self, spell: Callable[[str], str]) -> None:
        self.spell = spell

    def __call__(self, value: Any) -> Any:
        return value


def _renamed(value: dict[str, Any], change: _Change) -> dict[str, Any]:
    if not isinstance(change, _Names):
        return value
    return {change.spell(name): member for name, member in value.items()}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


def _of(kinds: type | tuple[type, ...], change: _Change) -> _Change:
    """The change for values of these types; a boolean is no number."""

    def apply(value: Any) -> Any:
        is_meant = isinstance(value, kinds) and (kinds is bool or not isinstance(value, bool))
        return change(value) if is_meant else value

    return apply


_READINGS: dict[str, _Change] = {
    "the names of all members in camel case": _Names(_camel),
    "the names of all members in capitals": _Names(str.upper),
    "the names of all members capitalised": _Names(str.capitalize),
    "the names of all members with hyphens": _Names(lambda name: name.replace("_", "-")),
    "all numbers as text": _of((int, float), str),
    "all booleans as text": _of(bool, lambda value: str(value).lower()),
    "all booleans as numbers": _of(bool, int),
    "all numbers and booleans as text": lambda value: (
        str(value).lower() if isinstance(value, (bool, int, float)) else value
    ),
    "all texts that are numbers as numbers": lambda value: (
        float(value) if isinstance(value, str) and value.replace(".", "", 1).isdecimal() else value
    ),
    "a list of each text": _of(str, lambda value: [value]),
    "a list of each number": _of((int, float), lambda value: [value]),
    "a list of each object": _of(dict, lambda value: [value]),
    "the first item for each list": _of(list, lambda value: value[0] if value else value),
    "an object for each list": _of(list, lambda value: {str(n): item for n, item in enumerate(value)}),
    "a null behind the items of each list": _of(list, lambda value: [*value, None]),
    "blanks around each text": _of(str, lambda value: f" {value} "),
    "each text in capitals": _of(str, str.upper),
}
