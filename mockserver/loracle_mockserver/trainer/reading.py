"""Reads single values of a request that the contract accepts, also as the lenient profile takes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from loracle_mockserver.trainer.planned import Untrainable

__all__ = ["number", "read", "switch", "text", "whole"]

T = TypeVar("T")
_BLANKS = " \t\n\r"  # those that the contract allows around a number in a text


def read(value: Any, kind: Callable[[Any], T], pointer: str) -> T:
    """The value as what it means. Raises Untrainable where it is none of that kind."""
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        message = f"{value!r} is no value that this member takes."
        raise Untrainable("invalid_request", message, pointer) from None


def whole(value: Any) -> int:
    """An integer: also 512.0, which JSON Schema takes for one, and "512". Raises ValueError."""
    found = int(_bare(value))
    if not isinstance(value, str) and found != value:
        raise ValueError(value)
    return found


def number(value: Any) -> float:
    """A finite number, also as a text. Raises ValueError."""
    found = float(_bare(value))
    if not math.isfinite(found):
        raise ValueError(value)
    return found


def text(value: Any) -> str:
    """A text as it is. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def switch(value: Any) -> bool:
    """True or false. Raises TypeError."""
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _bare(value: Any) -> Any:
    if isinstance(value, bool):
        raise TypeError(value)
    return value.strip(_BLANKS) if isinstance(value, str) else value
