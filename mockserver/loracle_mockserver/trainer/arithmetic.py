"""Matrix products whose bits depend on no BLAS: neither on its kernels nor on its threads.

A sum of floating-point numbers depends on the order of its terms, and every BLAS kernel has another order.
So both operands are first written as whole numbers, small enough that each partial sum of the product is a
whole number below 2**53: then no addition rounds, and every order gives the same bits. A second slice of
whole numbers holds what the first one lacks, so that the product is about as precise as in float64
(error-free splitting; Ozaki, Ogita, Oishi, Rump 2012). Only products of matrices need this: numpy's own sums
have one order. The `+ 0.0` is for the sign of a zero, which depends on the order, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from loracle_mockserver.trainer.adapter import Array

__all__ = ["MOST_TERMS", "WEIGHT_BITS", "Frozen", "Sliced", "frozen", "on_grid", "product", "sliced"]

MOST_TERMS = 512
"""Of a sum; 2**22 * 2**22 * 512 is 2**53. Longer sums are added up from such parts, in order."""
_BITS = 22
WEIGHT_BITS = 22
"""Of a frozen weight: it is a multiple of 2**-22 of the power of two above its matrix' largest entry."""
_LOW = 2.0**-_BITS
_SMALLEST = -900  # of an exponent: scaling by its power of two must not overflow


@dataclass(frozen=True, slots=True, eq=False)
class Sliced:
    """A matrix, about `(high + low * 2**-22) * unit`: whole numbers of at most 2**22, and a power of two."""

    high: Array
    low: Array
    unit: float

    @property
    def T(self) -> Sliced:  # noqa: N802 - as numpy names it
        """Transposed."""
        return Sliced(self.high.T, self.low.T, self.unit)

    def _part(self, rows: slice, columns: slice) -> Sliced:
        return Sliced(self.high[rows, columns], self.low[rows, columns], self.unit)


@dataclass(frozen=True, slots=True, eq=False)
class Frozen:
    """A matrix that is whole numbers, `integers`, times `unit`, a power of two. Its shape is (out, in)."""

    integers: Array
    unit: float

    def apply(self, x: Sliced) -> Array:
        """`x @ weight.T` for x of shape (n, in)."""
        return self._times(x, self.integers.T)

    def apply_transposed(self, x: Sliced) -> Array:
        """`x @ weight` for x of shape (n, out)."""
        return self._times(x, self.integers)

    def _times(self, x: Sliced, integers: Array) -> Array:
        both = np.concatenate((x.high, x.low)) @ integers
        rows = len(x.high)
        return (both[:rows] + both[rows:] * _LOW + 0.0) * (x.unit * self.unit)


def frozen(weight: Array) -> Frozen:
    """A matrix as exact whole numbers.

    Raises ValueError for one that `on_grid` did not make, and for one with a side above MOST_TERMS.
    """
    unit = _unit(weight, WEIGHT_BITS)
    integers = weight / unit
    if not np.array_equal(integers, np.rint(integers)):
        raise ValueError("the weights are not on the grid of WEIGHT_BITS; round them with on_grid")
    if max(weight.shape) > MOST_TERMS:
        raise ValueError(f"a product with a matrix {weight.shape} is not exact; at most {MOST_TERMS} a side")
    return Frozen(integers, unit)


def on_grid(weight: Array) -> Array:
    """The nearest matrix that can be frozen and is exact in float16."""
    unit = _unit(weight, WEIGHT_BITS)
    return (np.rint(weight / unit) * unit).astype(np.float16).astype(np.float64)


def sliced(x: Array) -> Sliced:
    """A matrix, ready for products; each entry is exact to about 2**-44 of the largest one."""
    unit = _unit(x, _BITS)
    scaled = x * (1.0 / unit)
    high = np.rint(scaled)
    scaled -= high
    scaled *= 1.0 / _LOW
    return Sliced(high, np.rint(scaled, out=scaled), unit)


def product(a: Sliced, b: Sliced) -> Array:
    """`a @ b` of two matrices, with a relative error (to the largest entries) of about 2**-43."""
    terms = a.high.shape[1]
    if terms > MOST_TERMS:
        everything = slice(None)
        parts = [slice(first, first + MOST_TERMS) for first in range(0, terms, MOST_TERMS)]
        found = np.zeros((a.high.shape[0], b.high.shape[1]))
        for part in parts:
            found += product(a._part(everything, part), b._part(part, everything))  # noqa: SLF001
        return found
    crossed = a.high @ b.low + a.low @ b.high
    return (a.high @ b.high + crossed * _LOW + 0.0) * (a.unit * b.unit)


def _unit(x: Array, bits: int) -> float:
    """The power of two by which no entry is more than 2**bits."""
    largest = max(float(x.max(initial=0.0)), -float(x.min(initial=0.0)))
    return math.ldexp(1.0, max(math.frexp(largest)[1], _SMALLEST) - bits)
