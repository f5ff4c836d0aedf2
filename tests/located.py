"""How well a judge finds single mistakes: all of them, and the figures that the bars are about."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from contract_walk import full_payload, nodes, request_operations
from mistakes import Edit, Mistake, mistake
from slips import slips
from written_json import LAYOUTS
from wrong_members import wrong_members
from wrong_values import wrong_values

from loracle_contracts import validate

__all__ = ["Score", "Told", "edits", "in_text", "in_values", "loracle", "score"]


@dataclass(frozen=True)
class Told:
    """One error as a judge tells it; None is what it does not say."""

    pointer: str | None
    rule: str | None = None
    line: int | None = None
    column: int | None = None
    advice: str = ""


Judge = Callable[[Mistake], list[Told]]


@dataclass
class Score:
    """`exact`: the first error names the place and the rule. `placed`: its line and column are right.

    `guessed`: of the `misspelt` names those whose error gives the right one.
    """

    mistakes: int = 0
    exact: int = 0
    placed: int = 0
    errors: int = 0
    misspelt: int = 0
    guessed: int = 0
    missed: list[tuple[Mistake, list[Told]]] = field(default_factory=list, repr=False)

    @property
    def shown(self) -> str:
        """The figures on one line."""
        return (
            f"{self.mistakes} mistakes, located exactly {self.exact / self.mistakes:.2%}, "
            f"line and column right {self.placed / self.mistakes:.2%}, "
            f"errors a mistake {self.errors / self.mistakes:.4f}, "
            f"misspelt names guessed {self.guessed} of {self.misspelt}"
        )


@cache
def edits(operation: str) -> list[Edit]:
    """Every single mistake of the values and members of the payload with all members."""
    payload = full_payload(operation)
    every = nodes(operation, payload)
    return [edit for node in every for make in (wrong_values, wrong_members) for edit in make(node, payload)]


def in_values(layouts_each: int = 1, sample: int | None = None) -> Iterator[Mistake]:
    """Mistakes in values and members, each in so many of the layouts, in turn; or a sample of every kind."""
    for operation in request_operations():
        chosen = list(enumerate(edits(operation)))
        if sample is not None:
            first = {edit.kind: (number, edit) for number, edit in reversed(chosen)}
            chosen = [*first.values(), *random.Random(operation).sample(chosen, min(sample, len(chosen)))]
        for number, edit in chosen:
            for turn in range(layouts_each):
                layout = LAYOUTS[(number + turn) % len(LAYOUTS)]
                yield mistake(edit, operation, layout, seed=number)


def in_text(sample: int | None = None) -> Iterator[Mistake]:
    """Slips in the text of the subject request, in every layout; or so many of each layout."""
    for number, layout in enumerate(LAYOUTS):
        found = list(slips("createSubjectTraining", layout, seed=number))
        yield from found if sample is None else random.Random(number).sample(found, sample)


def loracle(given: Mistake) -> list[Told]:
    """The verdict of this project."""
    return [
        Told(violation.pointer, violation.rule, violation.line, violation.column, violation.advice)
        for violation in validate(given.text.encode(), given.operation).violations
    ]


def score(mistakes: Iterable[Mistake], judge: Judge) -> Score:
    """The figures of a judge over mistakes, each text once."""
    out = Score()
    seen: set[tuple[str, str]] = set()
    for given in mistakes:
        if (given.operation, given.text) in seen:
            continue
        seen.add((given.operation, given.text))
        told = judge(given)
        out.mistakes += 1
        out.errors += len(told)
        first = told[0] if told else Told(None)
        places = [place for place in given.places if place.pointer == first.pointer]
        is_exact = any(first.rule is None or not p.rules or first.rule in p.rules for p in places)
        is_placed = is_exact and any((p.line, p.column) == (first.line, first.column) for p in places)
        is_guessed = given.meant is None or given.meant in first.advice
        out.exact += is_exact
        out.placed += is_placed
        out.misspelt += given.meant is not None
        out.guessed += is_guessed and given.meant is not None
        if not (is_exact and is_placed and is_guessed):
            out.missed.append((given, told))
    return out
