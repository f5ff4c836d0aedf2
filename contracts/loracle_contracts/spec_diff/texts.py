"""Texts to try where a schema speaks of texts: of a pattern, a format, a length."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

__all__ = ["of_format", "of_length", "of_pattern", "texts"]

_LONGEST = 100_000
_OF_FORMAT = {
    "date": ("2024-01-31",),
    "date-time": ("2024-01-31T12:00:00Z",),
    "time": ("12:00:00Z",),
    "duration": ("P1D",),
    "email": ("a@example.com",),
    "idn-email": ("a@example.com",),
    "hostname": ("example.com",),
    "idn-hostname": ("example.com",),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",),
    "uri": ("https://example.com/a",),
    "uri-reference": ("https://example.com/a", "/a"),
    "iri": ("https://example.com/a",),
    "iri-reference": ("https://example.com/a", "/a"),
    "uri-template": ("https://example.com/{a}",),
    "uuid": ("b299b567-531a-4745-b600-eca9591aae24",),
    "json-pointer": ("/a/0",),
    "relative-json-pointer": ("1/a",),
    "regex": ("^a+$",),
}


class _Short(random.Random):
    """Chances that always fall the same, and repeat as little as is allowed."""

    left = 12 * _LONGEST

    def randint(self, a: int, b: int) -> int:
        """A number of repetitions; raises OverflowError where there would be too many of them."""
        times = min(max(a, b), a + int(self.random() * 3))
        self.left -= times
        if self.left < 0:
            raise OverflowError
        return times


@cache
def of_pattern(pattern: str) -> tuple[str, ...]:
    """A few texts that a regular expression is likely to match; none for one of another dialect."""
    import re  # noqa: PLC0415

    import rstr  # noqa: PLC0415 - only where a schema has a pattern

    maker = rstr.Rstr(_Short(0))
    found: dict[str, None] = {}
    try:
        for _ in range(12):
            found[maker.xeger(pattern)] = None
    except (re.error, ValueError, KeyError, IndexError, RecursionError, OverflowError, MemoryError):
        return ()
    return tuple(
        sorted((text for text in found if len(text) <= _LONGEST), key=lambda text: (len(text), text))
    )


def of_format(name: Any) -> tuple[str, ...]:
    """Texts of a format; none where the format is not known."""
    return _OF_FORMAT.get(name, ()) if isinstance(name, str) else ()


def of_length(length: int) -> str:
    """A text of this length, in characters."""
    return "x" * length


def texts(schemas: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Texts at which these schemas may differ, the plainest first."""
    schemas = list(schemas)
    yield from ("x", "")
    matching = [text for one in schemas if "pattern" in one for text in of_pattern(one["pattern"])]
    matching += [text for one in schemas for text in one.get("examples", ()) if isinstance(text, str)]
    matching += [text for one in schemas for text in one.get("enum", ()) if isinstance(text, str)]
    yield from matching
    for one in schemas:
        yield from of_format(one.get("format"))
    lengths = [
        one[keyword] for one in reversed(schemas) for keyword in ("minLength", "maxLength") if keyword in one
    ]
    for length in dict.fromkeys(int(bound) + d for bound in lengths for d in (0, -1, 1)):
        if 0 <= length <= _LONGEST:
            yield of_length(length)
            for text in matching[:3]:
                yield (text * (length // max(len(text), 1) + 1))[:length]
    yield from (" ", "0", "1", "-1", "1.5", "X", "é", "true", "null")
    for text in matching[:24]:
        yield from (
            text + "x",
            text + "0",
            text + " ",
            " " + text,
            text + "\n",
            text[:-1],
            text.upper(),
            text.lower(),
        )
        yield from (text[1:], text + text)
    for name in _OF_FORMAT:
        yield from of_format(name)
