"""Layer `pairwise`: valid bodies in which, by and by, each value of a setting meets each value of the others.

The array is grown greedily, so that its first bodies cover the most; a kept library (allpairspy) offers
neither that order, nor a seed, nor a bound on the number of bodies.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

from loracle_contracts.fuzzing.baseline import Baseline, baseline
from loracle_contracts.fuzzing.bodies import ABSENT, Path, Raw
from loracle_contracts.fuzzing.edge_values import CONTENT_TYPE, STYLE, EdgeValue, edge_values
from loracle_contracts.fuzzing.packing import written
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.trials import trials_of
from loracle_contracts.oracle import CREATES
from loracle_contracts.validation import validate

__all__ = ["LAYER", "rows", "run"]

LAYER = "pairwise"
_BODIES = 17
_TRIES = 10
# Values of one setting, beside that it is as in the plain body: as many as two bounds, and of texts one.
_BOUNDS = 2

Row = tuple[EdgeValue, ...]
_Pair = frozenset[tuple[Path, str]]


async def run(session: Session) -> None:
    """Sends the bodies; one that is refused is reduced to the values which are refused together."""
    known = await baseline(session)
    if known.problem is not None:
        session.skip(LAYER, "pairs of valid settings", known.problem)
        return
    bodies = min(_BODIES, session.budget.left)
    array = rows(session.options.seed, known, bodies)
    unsent = _BODIES - len(array)
    for operation, row in array:
        trials = trials_of(session, operation, known)
        usable = [value for value in row if trials.is_usable(value)]
        if not await trials.check(LAYER, usable):
            unsent += 1
    if unsent:
        session.skip(
            LAYER,
            f"{unsent} of {_BODIES} bodies of pairs of settings",
            "the budget of trainings did not reach them",
        )


def rows(seed: int, known: Baseline, bodies: int = _BODIES) -> list[tuple[str, Row]]:
    """The bodies as operation and values, those first that hold the most pairs not seen before."""
    source = random.Random(seed)  # noqa: S311 - no secret comes of it
    subject, style = CREATES
    levels = {operation: _levels(edge_values(operation, seed)) for operation in CREATES}
    covered: set[_Pair] = set()
    array = []
    for n in range(bodies):
        # The settings of both are the same but for two rules, so that they share the array.
        operation = style if n % 3 == 2 else subject
        settings = levels[operation]
        grown = [_grown(operation, settings, covered, known, source) for _ in range(_TRIES)]
        best = max(grown, key=lambda row: len(set(_pairs(row, settings)) - covered))
        covered.update(_pairs(best, settings))
        array.append((operation, best))
    return array


def _levels(values: Sequence[EdgeValue]) -> dict[Path, list[EdgeValue | None]]:
    """Of each setting some values, every choice where there are choices; None leaves it as it is."""
    by_path: dict[Path, list[EdgeValue]] = defaultdict(list)
    for value in values:
        is_written_otherwise = isinstance(value.value, Raw) and value.is_inside
        is_setting = value.path not in (STYLE, CONTENT_TYPE, ("name",), ("base_model",), ("expert_setting",))
        # Lists are settings; of the members of their items only the captions.
        is_setting = is_setting and (value.path[0] != "components" or len(value.path) == 1)
        if is_setting and not is_written_otherwise and not value.is_costly and value.value is not ABSENT:
            by_path[value.path].append(value)
    return {path: [None, *_some(found)] for path, found in by_path.items()}


def _some(found: Sequence[EdgeValue]) -> Iterator[EdgeValue]:
    yield from (value for value in found if value.value is None)
    choices = [value for value in found if value.kind.startswith("the choice")]
    texts = [value for value in found if isinstance(value.value, str)]
    others = [value for value in found if value.value is not None and value not in texts]
    yield from choices or texts[:1]
    yield from others[:_BOUNDS]


def _grown(
    operation: str,
    settings: dict[Path, list[EdgeValue | None]],
    covered: set[_Pair],
    known: Baseline,
    source: random.Random,
) -> Row:
    """A valid body, setting by setting in some order, each with the value that meets most others anew."""
    row: dict[Path, EdgeValue | None] = {}
    paths = list(settings)
    source.shuffle(paths)
    for path in paths:
        options = list(settings[path])
        source.shuffle(options)
        options.sort(key=lambda value: -_news(path, value, row, covered))
        for value in options:
            chosen = [one for one in row.values() if one is not None]
            if value is None or _fits(operation, value, chosen, known):
                row[path] = value
                break
    return tuple(value for value in row.values() if value is not None)


def _fits(operation: str, value: EdgeValue, chosen: Sequence[EdgeValue], known: Baseline) -> bool:
    if any(value.is_in_the_way_of(one) for one in chosen):
        return False
    body, _ = written(operation, [*chosen, value], known, "loracle-fuzz")
    return validate(body, operation).valid


def _news(path: Path, value: EdgeValue | None, row: dict[Path, EdgeValue | None], covered: set[_Pair]) -> int:
    return sum(
        _pair((path, value), (other, one)) not in covered for other, one in row.items() if other != path
    )


def _pairs(row: Row, settings: dict[Path, list[EdgeValue | None]]) -> Iterator[_Pair]:
    said = {value.path: value for value in row}
    for one, other in itertools.combinations(settings, 2):
        yield _pair((one, said.get(one)), (other, said.get(other)))


def _pair(*of: tuple[Path, EdgeValue | None]) -> _Pair:
    # Null says the same as nothing, so that a pair with either is covered by both.
    return frozenset(
        (path, value.kind if value is not None and value.value is not None else "") for path, value in of
    )
