"""A single mistake in a payload: what it changes, and where it is told by someone who knows.

Nothing here asks the code under test; places come from the writer of the text, rules from the schemas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from typing import Literal as OneOf

from written_json import Layout, Path, Written, line_and_column, written

__all__ = ["Edit", "Mistake", "Place", "mistake", "pointer_to", "with_value", "wrong_value"]


@dataclass(frozen=True)
class Place:
    """Where a mistake stands for a person and for a program, and the rules that it may be told as."""

    pointer: str
    line: int
    column: int
    rules: frozenset[str]


@dataclass(frozen=True)
class Mistake:
    """A text with one mistake. `places` are its readings: nearly always one; the first is the nearest.

    `meant` is the name that was misspelt. `is_json` says that a lenient parser reads the text, so that
    a validator without positions can judge it.
    """

    kind: str
    operation: str
    text: str
    places: tuple[Place, ...]
    meant: str | None = None
    is_json: bool = True


Target = tuple[Path, OneOf["value", "key", "object"], frozenset[str]]


@dataclass(frozen=True)
class Edit:
    """One change of a payload. Of each target: the path, which token of it, the rules (empty: any)."""

    kind: str
    payload: Any
    targets: tuple[Target, ...]
    meant: str | None = None
    is_json: bool = True


def mistake(edit: Edit, operation: str, layout: Layout, seed: int = 0) -> Mistake:
    """The edited payload as text."""
    text = written(edit.payload, layout, seed)
    places = tuple(_place(text, *target) for target in edit.targets)
    return Mistake(edit.kind, operation, text.text, places, edit.meant, edit.is_json)


def _place(text: Written, path: Path, at: str, rules: frozenset[str]) -> Place:
    span = {"key": text.keys.get(path), "value": text.values.get(path), "object": text.values.get(path[:-1])}[
        at
    ]
    assert span is not None
    return Place(pointer_to(path), *line_and_column(text.text, span.start), rules)


def pointer_to(path: Path) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def with_value(payload: Any, path: Path, value: Any) -> Any:
    """The payload with another value at the path, or with one more member; all else is shared."""
    if not path:
        return value
    step, *rest = path
    copied: Any = list(payload) if isinstance(payload, list) else dict(payload)
    copied[step] = with_value(payload[step], tuple(rest), value) if rest else value
    return copied


def wrong_value(kind: str, path: Path, payload: Any, value: Any, rule: str) -> Edit:
    """The payload with another value at the path, which breaks the rule."""
    return Edit(kind, with_value(payload, path, value), ((path, "value", frozenset({rule})),))
