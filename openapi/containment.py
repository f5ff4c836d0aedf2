"""Proves that one schema accepts all that another accepts."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
from jsonschema_rs.canonical import Containment

Json = Any


class UndecidedError(Exception):
    """The library can neither prove nor disprove the containment; that is no proof."""


def covers(wider: dict[str, Json], narrower: dict[str, Json]) -> bool:
    """Tell whether `wider` accepts every value that `narrower` accepts.

    The library answers YES, NO or UNKNOWN: YES is True, NO is False, and UNKNOWN raises
    UndecidedError, so that it can never pass for a proof.
    """
    answer = jsonschema_rs.canonicalize(wider).covers(jsonschema_rs.canonicalize(narrower))
    if answer == Containment.UNKNOWN:
        raise UndecidedError("the containment is UNKNOWN: prove its parts one by one")
    return bool(answer == Containment.YES)


def equal(one: dict[str, Json], other: dict[str, Json]) -> bool:
    """Tell whether two schemas accept the same values; raises UndecidedError as covers does."""
    return covers(one, other) and covers(other, one)
