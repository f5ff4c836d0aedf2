"""The learning rate of each step: the six schedules of diffusers, by the same formulas.

Source: diffusers 0.42.1, `optimization.py`, as `get_scheduler` calls it: one cycle of restarts, power 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["POLYNOMIAL_END", "SCHEDULERS", "learning_rate"]

POLYNOMIAL_END = 1e-7
"""The rate at which `polynomial` ends; it must begin above it."""


def learning_rate(scheduler: str, step: int, *, rate: float, warmup: int, steps: int) -> float:
    """The rate of step `step` (from 0) of `steps`, after `warmup` steps that rise from 0 to `rate`.

    `constant` has no warm-up. Raises ValueError for an unknown scheduler, and for `polynomial` with a rate
    that is not above 1e-7.
    """
    if scheduler not in SCHEDULERS:
        raise ValueError(f"{scheduler!r} is no scheduler; there are {', '.join(SCHEDULERS)}")
    if scheduler == "polynomial" and not rate > POLYNOMIAL_END:
        raise ValueError(f"polynomial ends at {POLYNOMIAL_END:g}; a rate of {rate:g} is not above it")
    if scheduler != "constant" and step < warmup:
        return rate * (step / max(1, warmup))
    return rate * SCHEDULERS[scheduler](step, warmup, steps, rate)


def _progress(step: int, warmup: int, steps: int) -> float:
    return (step - warmup) / max(1, steps - warmup)


def _constant(_step: int, _warmup: int, _steps: int, _rate: float) -> float:
    return 1.0


def _linear(step: int, warmup: int, steps: int, _rate: float) -> float:
    return max(0.0, (steps - step) / max(1, steps - warmup))


def _cosine(step: int, warmup: int, steps: int, _rate: float) -> float:
    return max(0.0, 0.5 * (1.0 + math.cos(math.pi * 0.5 * 2.0 * _progress(step, warmup, steps))))


def _cosine_with_restarts(step: int, warmup: int, steps: int, _rate: float) -> float:
    progress = _progress(step, warmup, steps)
    if progress >= 1.0:
        return 0.0
    return max(0.0, 0.5 * (1.0 + math.cos(math.pi * (progress % 1.0))))


def _polynomial(step: int, warmup: int, steps: int, rate: float) -> float:
    if step > steps:
        return POLYNOMIAL_END / rate
    remaining = 1 - (step - warmup) / (steps - warmup) if steps > warmup else 0.0
    return ((rate - POLYNOMIAL_END) * remaining + POLYNOMIAL_END) / rate


SCHEDULERS: dict[str, Callable[[int, int, int, float], float]] = {
    "constant": _constant,
    "constant_with_warmup": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "cosine_with_restarts": _cosine_with_restarts,
    "polynomial": _polynomial,
}
