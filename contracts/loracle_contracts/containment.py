"""Proves that one schema accepts all that another accepts: the one place that asks jsonschema_rs.

The library answers yes, no or unknown; unknown is no proof and may never pass for one. Formats are
asserted, as in every verdict.
"""

from __future__ import annotations

from typing import Any, Literal

__all__ = ["Answer", "UndecidedError", "containment", "covers", "disjoint", "equal"]

Json = Any
Answer = Literal["yes", "no", "unknown"]


class UndecidedError(Exception):
    """The library can neither prove nor disprove the containment; that is no proof."""


def containment(wider: Json, narrower: Json) -> Answer:
    """Tell whether `wider` accepts every value that `narrower` accepts.

    Both are JSON Schemas of 2020-12 with local references. What the library cannot bring into its
    canonical form, such as a pattern with a look-behind, is unknown.

    Raises ValueError where one of them is no JSON Schema.
    """
    from jsonschema_rs.canonical import CanonicalizationError, Containment  # noqa: PLC0415 - 15 ms

    try:
        answer = _canonical(wider).covers(_canonical(narrower))
    except CanonicalizationError:
        return "unknown"
    if answer == Containment.YES:
        return "yes"
    return "no" if answer == Containment.NO else "unknown"


def disjoint(one: Json, other: Json) -> bool:
    """Tell whether it is proven that no value is accepted by both; raises as containment does."""
    from jsonschema_rs.canonical import CanonicalizationError, Satisfiability  # noqa: PLC0415

    try:
        both = _canonical(one).intersect(_canonical(other))
        return bool(both.satisfiability() == Satisfiability.NO)
    except CanonicalizationError:
        return False


def covers(wider: Json, narrower: Json) -> bool:
    """Tell whether `wider` accepts every value that `narrower` accepts.

    Raises UndecidedError where that is unknown, and ValueError as containment does.
    """
    answer = containment(wider, narrower)
    if answer == "unknown":
        raise UndecidedError("the containment is UNKNOWN: prove its parts one by one")
    return answer == "yes"


def equal(one: Json, other: Json) -> bool:
    """Tell whether two schemas accept the same values; raises as covers does."""
    return covers(one, other) and covers(other, one)


def _canonical(schema: Json) -> Any:
    import jsonschema_rs  # noqa: PLC0415 - takes 15 ms to import

    return jsonschema_rs.canonicalize(schema, draft=jsonschema_rs.Draft202012, validate_formats=True)
