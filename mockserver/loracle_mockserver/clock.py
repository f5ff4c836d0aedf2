"""The mock's time: it starts at a fixed moment of the seed and never reads the wall clock."""

from __future__ import annotations

__all__ = ["EPOCH", "Clock"]

# 2024-01-01T00:00:00Z; a seed shifts it by a day, so that worlds of different seeds differ.
EPOCH = 1_704_067_200
_DAY = 86_400
_DAYS = 365


class Clock:
    """Virtual time in whole Unix seconds."""

    def __init__(self, seed: int) -> None:
        self._start = EPOCH + (seed % _DAYS) * _DAY

    def now(self) -> int:
        """The moment in Unix seconds."""
        return self._start
