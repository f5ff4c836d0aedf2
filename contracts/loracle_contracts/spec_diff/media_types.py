"""Which of several content types or statuses is in effect for one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

__all__ = ["covering", "covering_status", "is_success"]

Found = TypeVar("Found")


def covering(media_type: str, among: Mapping[str, Found]) -> Found | None:
    """What applies to a content type, or to all of a range: the most specific key that covers it."""
    kind = media_type.partition("/")[0]
    for key in (media_type, f"{kind}/*", "*/*"):
        if key in among:
            return among[key]
    return None


def covering_status(status: str, among: Mapping[str, Found]) -> Found | None:
    """What applies to a status such as 404, to a range such as 4XX, or to `default`."""
    for key in (status, f"{status[0]}XX", "default"):
        if key in among:
            return among[key]
    return None


def is_success(status: str) -> bool:
    """Whether a status, or a range of them, is what a client hopes for."""
    return status.startswith("2")
