"""Valid values at the edges of the rules, each to be put into a body among others."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from loracle_contracts.fuzzing.bodies import ABSENT, STYLES, Path, Raw, edited, encoded
from loracle_contracts.fuzzing.candidates import Candidate, candidates
from loracle_contracts.fuzzing.places import full_body, places
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, known_base_models, plain_body
from loracle_contracts.validation import validate

__all__ = ["ANY", "CONTENT_TYPE", "STYLE", "UNKNOWN_STEPS", "EdgeValue", "edge_values"]

ANY = "*"
"""Stands in a path for any image: each value gets one of its own."""
STYLE: Path = ("(written as)",)
CONTENT_TYPE: Path = ("(Content-Type)",)
_MEDIA_TYPES = ("application/json; charset=utf-8", 'APPLICATION/JSON;charset="UTF-8"')
# How many values there are at most of one place, within a component, of a whole list or object: as many as
# the bodies of the layer have room for. Each image has room for one, and of images there are enough.
_MOST = {"createSubjectTraining": (14, 6, 5), "createStyleTraining": (9, 4, 2)}
# How many of these a small budget reaches.
_FIRST = 8
_AT_BOUNDS = ("the greatest length", "a text of the least length", "the choice", "no text")
_CHEAP_STEPS = 1000
# What the server chooses where no number is given is its own affair.
UNKNOWN_STEPS = 2000


@dataclass(frozen=True, eq=False)
class EdgeValue:
    """A value, and the path that leads to it: names lead to components and arguments, ANY to an image.

    `rule` is the rule that it only just satisfies. `steps` are those of the training where the value
    decides on them. Values are told apart by identity.
    """

    path: Path
    value: Any
    rule: str
    kind: str
    steps: int = 0

    @property
    def title(self) -> str:
        """What the value is, in a phrase."""
        return f"{'/'.join(map(str, self.path))}: {self.kind}"

    @property
    def is_inside(self) -> bool:
        """Whether it is only another way to write what is well within the bounds."""
        is_text = isinstance(self.value, str) and not self.kind.startswith(_AT_BOUNDS)
        return is_text or (isinstance(self.value, Raw) and self.kind.startswith("a "))

    @property
    def is_costly(self) -> bool:
        """Whether the training takes long with it."""
        return self.steps > _CHEAP_STEPS

    @property
    def is_too_long(self) -> bool:
        """Whether the training takes longer with it than servers take by themselves."""
        return self.steps > UNKNOWN_STEPS

    def is_in_the_way_of(self, other: EdgeValue) -> bool:
        """Whether no body can hold both."""
        if ANY in self.path and ANY in other.path:
            return False
        shorter = min(len(self.path), len(other.path))
        return self.path[:shorter] == other.path[:shorter]


@cache
def edge_values(operation: str, seed: int) -> tuple[EdgeValue, ...]:
    """The values of an operation, the most telling of each place first, the places taking turns."""
    source = random.Random(seed)  # noqa: S311 - no secret comes of it
    usage: Counter[str] = Counter()
    by_path: dict[Path, list[EdgeValue]] = defaultdict(list)
    for value in _all_values(operation):
        by_path[value.path].append(value)
    chosen = []
    for path, found in by_path.items():
        source.shuffle(found)
        # Those that no other place has tried before come first.
        found.sort(key=lambda value: (value.is_inside, usage[value.kind]))
        usage.update(value.kind for value in found[:_FIRST])
        chosen.append(found if ANY in path else found[: _most(operation, path, by_path)])
    longest = max(map(len, chosen))
    return tuple(found[n] for n in range(longest) for found in chosen if n < len(found))


def _most(operation: str, path: Path, paths: Iterable[Path]) -> int:
    at_one, in_component, of_whole = _MOST[operation]
    if any(len(other) > len(path) and other[: len(path)] == path for other in paths):
        return of_whole
    return in_component if path[0] == "components" else at_one


def _all_values(operation: str) -> Iterator[EdgeValue]:
    full = full_body(operation)
    plain = plain_body(operation, full["name"], known_base_models()[0], UNKNOWN_ASSETS)
    seen = {encoded(full)}
    for place in places(operation, full):
        # The images are alike.
        if place.path[:1] == ("image_dataset_items",) and any(place.path[1:2]):
            continue
        for candidate in candidates(place):
            body = encoded(edited(full, candidate.edits))
            is_news = body not in seen or _is_shown_first(candidate, plain)
            # Two arguments of one name are tried by lists that hold one twice.
            is_renamed = len(place.path) > 3 and place.path[-1] == "name"
            is_single = len(candidate.edits) == 1 and not is_renamed
            if is_news and is_single and validate(body, operation).valid:
                seen.add(body)
                yield _value(candidate, full)
    for style in STYLES:
        yield EdgeValue(STYLE, style, "json.syntax", style.name)
    for media_type in _MEDIA_TYPES:
        yield EdgeValue(CONTENT_TYPE, media_type, "header.content_type", media_type)


def _is_shown_first(candidate: Candidate, plain: Any) -> bool:
    """Whether the value that the full body has is news to the plain one."""
    path, value = candidate.edits[0]
    if path[:1] == ("components",) and len(path) == 3:
        return path[-1] == "name" and value not in [item["name"] for item in plain["components"]]
    return path[:1] == ("expert_setting",) and len(path) == 2 and path[-1] not in plain["expert_setting"]


def _value(candidate: Candidate, full: Any) -> EdgeValue:
    path, value = candidate.edits[0]
    named: list[str | int] = []
    holder: Any = full
    for step in path:
        holder = holder[step]
        is_index = isinstance(step, int)
        named.append(step if not is_index else holder["name"] if path[0] == "components" else ANY)
    return EdgeValue(tuple(named), value, candidate.rule, candidate.kind, _steps(path, value))


def _steps(path: Path, value: Any) -> int:
    if path == ("expert_setting",) and (value is None or value is ABSENT):
        return UNKNOWN_STEPS
    if path != ("expert_setting", "max_train_steps"):
        return 0
    if value is None or value is ABSENT:
        return UNKNOWN_STEPS
    return int(float(value.text)) if isinstance(value, Raw) else int(value)
