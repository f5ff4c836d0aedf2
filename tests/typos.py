"""Ways to misspell a name, and how far two names are apart."""

from __future__ import annotations

import random
from collections.abc import Iterator

__all__ = ["distance", "typos"]


def typos(name: str, seed: int) -> list[str]:
    """The name after one or two edits, or in the spelling of another language; each once."""
    made = dict.fromkeys(_typos(name, random.Random(f"{seed} {name}")))
    return [typo for typo in made if typo and typo != name]


def _typos(name: str, chance: random.Random) -> Iterator[str]:
    for edit in (_without, _swapped, _doubled, _with_other, _with_more):
        yield edit(name, chance)
        yield edit(name, chance)
    if len(name) >= 6:  # half of a shorter one would be wrong
        yield _without(_with_other(name, chance), chance)
        yield _with_more(_swapped(name, chance), chance)
    head, *words = name.split("_")
    yield name + "s"
    yield name.upper()
    yield name.capitalize()
    yield head + "".join(word.capitalize() for word in words)
    yield name.replace("_", "-")
    yield name.replace("_", "")
    yield name.replace("_", " ")


def _without(name: str, chance: random.Random) -> str:
    at = chance.randrange(len(name))
    return name[:at] + name[at + 1 :]


def _swapped(name: str, chance: random.Random) -> str:
    at = chance.randrange(len(name) - 1)
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def _doubled(name: str, chance: random.Random) -> str:
    at = chance.randrange(len(name))
    return name[:at] + name[at] + name[at:]


def _with_other(name: str, chance: random.Random) -> str:
    at = chance.randrange(len(name))
    return name[:at] + chance.choice("qxzj") + name[at + 1 :]


def _with_more(name: str, chance: random.Random) -> str:
    at = chance.randrange(len(name) + 1)
    return name[:at] + chance.choice("qxzj") + name[at:]


def distance(one: str, other: str) -> int:
    """The edits between two names: a letter more, less, another, or two swapped (optimal alignment)."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
