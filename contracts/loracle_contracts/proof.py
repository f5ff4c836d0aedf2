"""Proves that a body is strict JSON, where that can be proven fast; `parse` looks at the others."""

from __future__ import annotations

from typing import Any

import orjson

__all__ = ["MAX_BODY", "MAX_DEPTH", "is_shallow", "parse_any_depth", "parse_fast"]

MAX_BODY = 1024 * 1024
MAX_DEPTH = 64

_COLON, _BACKSLASH = b":\\"


class DoubtfulError(ValueError):
    """The fast path could not prove that the body is strict JSON."""


def parse_fast(data: bytes) -> Any:
    """The value of a body that is proven to be strict JSON.

    Raises ValueError (orjson's, or DoubtfulError) where there is no proof; `parse` then says why.
    """
    value = parse_any_depth(data)
    if not is_shallow(data, value):
        raise DoubtfulError
    return value


def parse_any_depth(data: bytes) -> Any:
    """As `parse_fast`, but without the proof that the nesting is not too deep.

    For whoever judges the value by a schema that is closed everywhere, and so bounds the depth.
    """
    value = orjson.loads(data)
    # orjson keeps the last of two equal keys. Each member needs one colon and every other colon
    # stands inside a string, so equal counts prove that no member was dropped - unless an escaped
    # colon (\u003a) appears in the output only.
    try:
        written = orjson.dumps(value)
    except TypeError:
        # orjson reads 1024 levels and writes 254.
        raise DoubtfulError from None
    # A byte is found much faster than a sequence of them.
    if data.count(_COLON) != written.count(_COLON) or (_BACKSLASH in data and b"\\u003" in data):
        raise DoubtfulError
    return value


def is_shallow(data: bytes, value: Any) -> bool:
    """Whether a parsed body has at most MAX_DEPTH levels; few brackets prove it at once."""
    return data.count(b"[") + data.count(b"{") <= MAX_DEPTH or _depth(value) <= MAX_DEPTH


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        children: list[Any] = []
        for item in level:
            if type(item) is dict:
                children.extend(item.values())
            elif type(item) is list:
                children.extend(item)
        # A level counts where it holds a container, also an empty one.
        depth += any(type(item) in (dict, list) for item in level)
        level = [child for child in children if type(child) in (dict, list)]
    return depth
