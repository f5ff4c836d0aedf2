"""Bodies that break one rule each, made from the schema: every rule, at every place, in many ways."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from loracle_contracts.fuzzing.bodies import Edit, edited, encoded
from loracle_contracts.fuzzing.candidates import candidates
from loracle_contracts.fuzzing.places import full_body, places
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, plain_body
from loracle_contracts.oracle import CREATES
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Profile

__all__ = ["Mutation", "mutations"]

# What readers that convert types take, in the languages that servers are written in, and what is off by one:
# of all that is wrong this is what a server most likely lets through.
_LIKELY_KINDS = (
    r"its text for (?:integer|number|boolean)",
    r"an empty text for (?:integer|number|boolean|object)",
    r"the text (?:1|1e2|\+1|\.5|5\.)(?: for boolean)?$",
    r"a fraction for integer",
    r"true for (?:integer|number|string)",
    r"one for (?:boolean|string)",
    r"a whole number for string",
    r"null for ",
    r"a list of it for (?:string|object|integer|number)",
    r"an empty (?:list for object|object$)",
    r"(?:an object with it|its first item|an object of its items by number) for array",
    r"a null behind its items",
    r"absent",
    r"an unknown member$",
    r"a known member in capitals",
    r"upper case",
    r"a capital in",
    r"a (?:blank behind|dot before)",
    r"blanks alone",
    r"a word that is no choice",
    r"another image format",
    r"an empty text$",
    r"one (?:below|above|item|character)",
    r"the exclusive minimum$",
    r"zero$",
)
_LIKELY = re.compile("|".join(_LIKELY_KINDS))


class Mutation(NamedTuple):
    """A body that breaks one rule.

    `value` is what stands at the place, `kind` how it was changed; `pointer` is where the verdict places the
    mistake, and `edits` make it in any full body.
    """

    operation: str
    rule: str
    kind: str
    title: str
    value: Any
    position: str
    body: bytes
    lenient_refuses: bool
    pointer: str
    edits: tuple[Edit, ...]

    @property
    def is_likely(self) -> bool:
        """Whether it is of the kinds that servers most likely let through."""
        return _LIKELY.match(self.kind) is not None


@cache
def mutations(
    operation: str,
    profile: Profile,
    base_model: str | None = None,
    asset_ids: tuple[str | int, ...] = UNKNOWN_ASSETS,
) -> tuple[Mutation, ...]:
    """Every body that differs from a valid one at one place and breaks exactly one rule."""
    return tuple(_mutations(operation, profile, full_body(operation, base_model, asset_ids)))


def _mutations(operation: str, profile: Profile, full: Any) -> Iterator[Mutation]:
    seen = set()
    for place in places(operation, full):
        for n, candidate in enumerate(candidates(place)):
            host = (
                full if n % 2 or operation not in CREATES else _small_host(operation, candidate.edits, full)
            )
            body = encoded(edited(host, candidate.edits))
            verdict = validate(body, operation, profile)
            if len(verdict.violations) != 1 or body in seen:
                continue
            seen.add(body)
            yield Mutation(
                operation,
                verdict.violations[0].rule,
                candidate.kind,
                candidate.title,
                candidate.edits[-1].value,
                "/".join(str(step) for step in place.path if isinstance(step, int)),
                body,
                not validate(body, operation, "lenient").valid,
                verdict.violations[0].pointer,
                candidate.edits,
            )


def _small_host(operation: str, edits: Iterable[Edit], full: Any) -> Any:
    """The plain body where the edits have a place in it, else the full one."""
    assets = [item["assets_id"] for item in full["image_dataset_items"]]
    plain = plain_body(operation, full["name"], full["base_model"], assets)
    holder: Any
    for path, _ in edits:
        if path[:1] == ("components",) and len(path) > 1:
            return full
        holder = plain
        for step in path[:-1]:
            if isinstance(step, int) and step >= len(holder):
                return full
            holder = holder[step]
        if path and isinstance(path[-1], int) and path[-1] >= len(holder):
            return full
    return plain
