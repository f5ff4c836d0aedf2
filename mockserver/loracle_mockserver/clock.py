"""The mock's time: it starts at a fixed moment of the seed, and moves only as it is told to."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["EPOCH", "MAX_MOMENT", "Clock", "start"]

# 2024-01-01T00:00:00Z; a seed shifts it by a day, so that worlds of different seeds differ.
EPOCH = 1_704_067_200
# The year 2286: beyond it Unix seconds have more than ten digits, which no client expects.
MAX_MOMENT = 9_999_999_999.0
_DAY = 86_400
_DAYS = 365


def start(seed: int) -> float:
    """The moment at which a world of this seed begins, in Unix seconds."""
    return float(EPOCH + (seed % _DAYS) * _DAY)


@dataclass(frozen=True, slots=True)
class Clock:
    """Virtual time in Unix seconds: it was `base` when the wall clock showed `anchor`.

    From there it goes `scale` times as fast as the wall clock, or stands still while it is `frozen`.
    Whoever asks without a wall clock (progressions that do not follow time) always gets `base`.
    """

    base: float
    anchor: float
    scale: float = 1.0
    frozen: bool = False

    def now(self, wall: float | None) -> float:
        """The moment, at the wall clock's time `wall`; None where time is not to pass by itself."""
        if wall is None or self.frozen:
            return self.base
        return min(self.base + max(wall - self.anchor, 0.0) * self.scale, MAX_MOMENT)

    def freeze(self, wall: float | None) -> Clock:
        """The clock, standing still at this moment."""
        return replace(self, base=self.now(wall), frozen=True)

    def resume(self, wall: float | None) -> Clock:
        """The clock, going again from the moment at which it stands."""
        return self._anchored(wall, frozen=False)

    def advance(self, seconds: float, wall: float | None) -> Clock:
        """The clock, `seconds` later. Raises ValueError where it would go back."""
        if not seconds >= 0:
            raise ValueError(f"a clock goes forward only, so it cannot advance by {seconds!r} seconds")
        moved = self._anchored(wall)
        return replace(moved, base=min(moved.base + min(seconds, MAX_MOMENT), MAX_MOMENT))

    def scaled(self, scale: float, wall: float | None) -> Clock:
        """The clock, going `scale` times as fast from this moment on. Raises ValueError below 0."""
        if not 0 <= scale <= 1e6:
            raise ValueError(f"a clock goes 0 to 1,000,000 times as fast as time, not {scale!r} times")
        return self._anchored(wall, scale=float(scale))

    def _anchored(
        self, wall: float | None, *, scale: float | None = None, frozen: bool | None = None
    ) -> Clock:
        return Clock(
            self.now(wall),
            self.anchor if wall is None else wall,
            self.scale if scale is None else scale,
            self.frozen if frozen is None else frozen,
        )
