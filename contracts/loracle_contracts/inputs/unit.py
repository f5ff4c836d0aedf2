"""One payload as it was found in a source, before it is judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Position", "Unit", "UnreadableError"]

# From line and column in the payload's own text to line and column in the source.
Position = Callable[[int, int], tuple[int, int]]


class Unit(NamedTuple):
    """A payload and where it stands.

    `data` is JSON text. Without a `position` it stands in the source as it is, from the first column of
    the line `first_line` on; `text` holds the lines of the source it stands in, where these are others.
    What is not `is_fixable` stands for more than one place of the source.
    """

    source: str
    place: str
    data: bytes
    first_line: int = 1
    position: Position | None = None
    text: str | None = None
    is_yaml: bool = False
    is_fixable: bool = True


class UnreadableError(Exception):
    """A source, or the rest of one, that cannot be read; the text is one sentence that says why."""
