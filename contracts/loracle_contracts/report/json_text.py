"""JSON that parsers and terminals take, whatever text is in it."""

from __future__ import annotations

from typing import Any

import orjson

__all__ = ["dumped"]


def dumped(value: Any) -> str:
    """The value as JSON on one line; what does not print is escaped, a lone surrogate is spelled out."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        text = orjson.dumps(_without_surrogates(value)).decode()
    # In JSON only strings can hold what does not print, and there it can be escaped.
    return text if text.isprintable() else "".join(map(_escaped, text))


def _without_surrogates(value: Any) -> Any:
    """The value with each half of a character spelled out, since no UTF-8 can hold it."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_without_surrogates(name): _without_surrogates(item) for name, item in value.items()}
        case list() | tuple():
            return [_without_surrogates(item) for item in value]
        case _:
            return value


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
