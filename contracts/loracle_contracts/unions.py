"""What a value of a tagged union was meant to be, where its tag is wrong or missing.

The schema judges such a value by its tag alone. What else is wrong with it can be told all the same: what
breaks the variant that its tag is near to, if no other variant fits it better; else what breaks them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from loracle_contracts.guesses import guess, misspelt

__all__ = ["is_union", "others"]

Failure = TypeVar("Failure")


def is_union(node: dict[str, Any]) -> bool:
    """Whether a schema of the validation form is a tagged union: one if/then for each variant."""
    return "allOf" in node and all("if" in part and "$ref" in part["then"] for part in node["allOf"])


def others(
    union: dict[str, Any],
    value: dict[str, Any],
    definitions: dict[str, Any],
    find: Callable[[str, Any], Iterable[Failure]],
    key: Callable[[Failure], Any],
) -> Iterator[Failure]:
    """What fails in a value beside its tag, without a doubt.

    `find` lists the failures of a value by the name of a definition; `key` says which failures of two
    variants are one and the same.
    """
    (tag,) = union["properties"]
    variants = {
        part["if"]["properties"][tag]["const"]: part["then"]["$ref"].rpartition("/")[2]
        for part in union["allOf"]
    }
    found = {name: list(find(schema, {**value, tag: name})) for name, schema in variants.items()}
    meant = _meant(value, tag, variants, definitions)
    if meant is not None and len(found[meant]) == min(map(len, found.values())):
        return iter(found[meant])
    shared = set.intersection(*({key(failure) for failure in failures} for failures in found.values()))
    return (failure for failure in next(iter(found.values())) if key(failure) in shared)


def _meant(
    value: dict[str, Any], tag: str, variants: dict[str, str], definitions: dict[str, Any]
) -> str | None:
    """The variant that a misspelt tag, or the tag under a misspelt name, is near to."""
    said = value.get(tag)
    if tag not in value:
        known = {name for variant in variants.values() for name in definitions[variant]["properties"]}
        other = misspelt(tag, value, sorted(known))
        said = None if other is None else value[other]
    return guess(said, list(variants)) if isinstance(said, str) else None
