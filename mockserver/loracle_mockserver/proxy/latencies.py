"""How long answers took, kept in little memory however many there were."""

from __future__ import annotations

import math
from collections import Counter

__all__ = ["Latencies"]

_STEP = math.log(1.02)
_SHORTEST = 1e-6


class Latencies:
    """Counts durations in steps of two percent; a quantile is exact to that."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._longest = 0.0

    def add(self, seconds: float) -> None:
        """Counts one duration."""
        self._counts[round(math.log(max(seconds, _SHORTEST)) / _STEP)] += 1
        self._longest = max(self._longest, seconds)

    @property
    def longest(self) -> float:
        """The longest one, in seconds; 0 where there was none."""
        return self._longest

    def quantile(self, share: float) -> float:
        """The duration in seconds that this share of all did not exceed.

        Raises ValueError where there was none.
        """
        total = self._counts.total()
        if not total:
            raise ValueError("no duration was counted")
        rank, seen = math.ceil(share * total), 0
        for step, count in sorted(self._counts.items()):
            seen += count
            if seen >= rank:
                return min(math.exp(step * _STEP), self._longest)
        return self._longest
