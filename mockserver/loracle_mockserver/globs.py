"""Patterns for names: `*` stands for any characters, `?` for one, `[abc]` and `[!abc]` for one of some."""

from __future__ import annotations

import fnmatch

__all__ = ["MAX_GLOB", "is_like"]

# A name has 255 characters at most. Reading a pattern takes time that grows with the square of its length.
MAX_GLOB = 1_000


def is_like(name: str, pattern: str) -> bool:
    """Whether the whole name is as the pattern, of MAX_GLOB characters at most, says; case counts."""
    return fnmatch.fnmatchcase(name, pattern)
