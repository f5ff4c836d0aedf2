"""Which mistakes of a request a server's refusal names.

Servers write the place of a mistake in different ways: as a JSON Pointer, with dots and brackets, as a list
of steps. What is not recognised counts as not named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from loracle_contracts.exchange import Answer
from loracle_contracts.locate import steps

__all__ = ["Named"]

# What stands for the body before a place: "#/width", "$.width", "body.width", "/body/width".
_ROOTS = ("body", "#", "$", "data", "")
_STEPS = (str, int)


class Named:
    """The places that an answer names."""

    def __init__(self, answer: Answer) -> None:
        self._texts: set[str] = set()
        self._lists: set[tuple[str, ...]] = set()
        try:
            value = json.loads(answer.body)
        except ValueError:  # what is no JSON names nothing that could be told apart
            value = None
        for part in _parts(value):
            if isinstance(part, str):
                self._texts.add(part)
            else:
                self._lists.add(part)
        self._all = "\n".join(self._texts)

    def __contains__(self, pointer: object) -> bool:
        """Whether the answer names the place that a JSON Pointer leads to; the body itself never counts."""
        if not isinstance(pointer, str) or not pointer:
            return False
        path = tuple(steps(pointer))
        if any((*root, *path) in self._lists for root in ((), ("body",), ("data",))):
            return True
        forms = {pointer, ".".join(path), _bracketed(path)}
        if any(_rooted(root, form) in self._texts for root in _ROOTS for form in forms):
            return True
        # Within a sentence a word alone may be any word.
        within = forms if len(path) > 1 else {pointer}
        return any(form in self._all and _stands_alone(form, self._all) for form in within)


def _parts(value: Any) -> Iterator[str | tuple[str, ...]]:
    """Every text and name in a JSON value, and every list of steps."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _parts(member)
    elif isinstance(value, list):
        if value and all(isinstance(item, _STEPS) and not isinstance(item, bool) for item in value):
            yield tuple(str(item) for item in value)
        for item in value:
            yield from _parts(item)


def _bracketed(path: tuple[str, ...]) -> str:
    return "".join(f"[{step}]" if step.isdecimal() else f".{step}" for step in path).lstrip(".")


def _rooted(root: str, form: str) -> str:
    if form.startswith("/"):
        return f"/{root}{form}" if root.isalpha() else f"{root}{form}"
    return f"{root}.{form}" if root else form


def _stands_alone(form: str, text: str) -> bool:
    """Whether it is there, and no part of a longer place."""
    before = r"(?<![\w./\]])(?:[#$]|[/.]?body|[/.]?data)?[/.]?"
    return re.search(before + re.escape(form.lstrip("/")) + r"(?![\w/\[]|\.\w)", text) is not None
