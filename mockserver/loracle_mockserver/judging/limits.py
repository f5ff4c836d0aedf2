"""What is too soon and too often."""

from __future__ import annotations

from dataclasses import dataclass

from loracle_contracts.verdict import Profile

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """The limits that a client is held to.

    `poll_pause` is the shortest pause between two polls of a training, `retry_pause` that before a call is
    tried again, both in seconds; `tries` is how often one call may fail before it must not be tried again;
    `polls` how often a training that goes nowhere may be asked for. Where `retry_after` is False it is not
    looked whether a client waits as long as it is told to.
    """

    poll_pause: float = 0.5
    retry_pause: float = 0.1
    tries: int = 30
    polls: int = 100
    profile: Profile = "strict"
    retry_after: bool = True
