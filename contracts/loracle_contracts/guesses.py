"""Which of the known names a misspelt one was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from functools import lru_cache

__all__ = ["guess", "misspelt"]

_LONGEST = 80
# More unknown names than that in one object are no slip, and each guess costs time.
_MOST = 8
# One edit in a name of four letters, two in one of seven.
_ALIKE = 0.7


def guess(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest to this one, or None where none is near.

    Case, blanks, hyphens and underscores are spelling, too: baseModel is near to base_model.
    """
    return _guess(name, tuple(known)) if len(name) <= _LONGEST else None


def misspelt(member: str, given: Collection[str], known: Collection[str]) -> str | None:
    """The one name among the given ones that is not known and near to this member; None where in doubt."""
    unknown = [name for name in given if name not in known]
    found = [name for name in unknown if guess(name, known) == member] if len(unknown) <= _MOST else ()
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=1024)
def _guess(name: str, known: tuple[str, ...]) -> str | None:
    letters = {_letters(k): k for k in reversed(known)}
    if _letters(name) in letters:
        return letters[_letters(name)]
    words = {_words(k): k for k in reversed(known)}
    near = difflib.get_close_matches(_words(name), list(words), n=1, cutoff=_ALIKE)
    return words[near[0]] if near else None


def _words(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


def _letters(name: str) -> str:
    return _words(name).replace("_", "")
