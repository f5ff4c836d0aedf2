"""Compares what two documents say of the payloads in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from loracle_contracts.spec_diff.conjunction import resolved
from loracle_contracts.spec_diff.document import Document
from loracle_contracts.spec_diff.operations import Media
from loracle_contracts.spec_diff.proof import is_contained
from loracle_contracts.spec_diff.schema_form import Direction, Schema, SchemaForm
from loracle_contracts.spec_diff.structure import same
from loracle_contracts.spec_diff.witness import Witness, witnesses

__all__ = ["Finding", "Payloads"]

Json = Any
Examples = Callable[[], Iterable[Json]]

_Forms = dict[Direction, SchemaForm]
_DIRECTIONS: tuple[Direction, ...] = ("request", "answer")
_ANYTHING = Schema({}, {})


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether all that one schema accepts is accepted by another: proven, disproved by witnesses, or open."""

    is_proven: bool
    witnesses: list[Witness]


class Payloads:
    """The schemas of an old and a new document, compared where they are used."""

    def __init__(self, old: Document, new: Document) -> None:
        self._old: _Forms = {direction: SchemaForm(old, direction) for direction in _DIRECTIONS}
        self._new: _Forms = {direction: SchemaForm(new, direction) for direction in _DIRECTIONS}
        self._found: dict[tuple[int, int], Finding] = {}

    def lost(self, old: Media, new: Media, direction: Direction, examples: Examples) -> Finding:
        """Whether the new document accepts whatever the old one accepts."""
        return self._finding(
            self._schema(self._old, old, direction),
            self._schema(self._new, new, direction),
            old,
            new,
            examples,
        )

    def gained(self, old: Media, new: Media, direction: Direction, examples: Examples) -> Finding:
        """Whether the old document accepts whatever the new one accepts."""
        return self._finding(
            self._schema(self._new, new, direction),
            self._schema(self._old, old, direction),
            old,
            new,
            examples,
        )

    def _schema(self, forms: _Forms, media: Media, direction: Direction) -> Schema:
        return forms[direction].schema(media.schema) if media.schema is not None else _ANYTHING

    def _finding(
        self, accepting: Schema, refusing: Schema, old: Media, new: Media, examples: Examples
    ) -> Finding:
        # Errors have one schema in all operations, so most of the work is done once.
        key = id(resolved(accepting.node, accepting)), id(resolved(refusing.node, refusing))
        if key not in self._found:
            self._found[key] = _compared(accepting, refusing, [*old.examples, *new.examples], examples)
        return self._found[key]


def _compared(accepting: Schema, refusing: Schema, given: list[Json], examples: Examples) -> Finding:
    is_proven = same(accepting.node, accepting, refusing.node, refusing) or is_contained(accepting, refusing)
    return Finding(is_proven, [] if is_proven else witnesses(accepting, refusing, [*given, *examples()]))
