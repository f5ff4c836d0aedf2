"""What came of checking payloads, as every report gets it."""

from __future__ import annotations

from typing import NamedTuple

from loracle_contracts.verdict import Verdict

__all__ = ["Checked", "Outcome", "Unreadable"]


class Checked(NamedTuple):
    """One payload that was judged.

    `source` is the file as the user named it ("-" for standard input); `place` says where in it the
    payload stands ("" for the whole file, "line 7" of JSON Lines, "entry 3" of a HAR file). The lines
    and columns of the verdict count in the source. `is_recognised` says that the operation was found by
    the payload's shape, not named by the user. `text` is the payload as it stands in the source, from
    the line `first_line` on; empty where the payload is valid and has no lints.
    """

    source: str
    place: str
    verdict: Verdict
    is_recognised: bool = False
    text: str = ""
    first_line: int = 1


class Unreadable(NamedTuple):
    """A source, or a part of one, that could not be checked; `reason` is one sentence that says why."""

    source: str
    place: str
    reason: str


Outcome = Checked | Unreadable
