"""Matrix products whose bits depend on no BLAS: neither on its kernels nor on its threads.

A sum of floating-point numbers depends on the order of its terms, and every BLAS kernel has another order.
So both operands are first written as whole numbers, small enough that each partial sum of the product is a
whole number below 2**53: then no addition rounds, and every order gives the same bits. A second slice of
whole numbers holds what the first one lacks, so that the product is about as precise as in float64 (error-free
splitting; Ozaki, Ogita, Oishi, Rump 2012). Only products of matrices need this: numpy's own sums have one order.
The `+ 0.0` is for the sign of a zero, which depends on the order, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from loracle_mockserver.trainer.adapter import Array

__all__ = ["WEIGHT_BITS", "Frozen", "frozen", "on_grid", "product"]

_EXACT = 53  # bits of a float64's significand
WEIGHT_BITS = 21
"""Of a frozen weight: it is a multiple of 2**-21 of the power of two above its matrix' largest entry."""
_SMALLEST = -900  # of an exponent: scaling by its power of two must not overflow


@dataclass(frozen=True, slots=True, eq=False)
class Frozen:
    """A matrix that is whole numbers, `integers`, times `unit`, a power of two. Its shape is (out, in)."""

    integers: Array
    unit: float

    def apply(self, x: Array) -> Array:
        """`x @ weight.T` for x of shape (n, in)."""
        return self._times(x, self.integers.T)

    def apply_transposed(self, x: Array) -> Array:
        """`x @ weight` for x of shape (n, out)."""
        return self._times(x, self.integers)

    def _times(self, x: Array, integers: Array) -> Array:
        bits = _EXACT - WEIGHT_BITS - _bits_of_sum(x.shape[1])
        high, low, unit = _split(x, bits)
        both = np.concatenate((high, low)) @ integers
        return (both[: len(x)] + both[len(x) :] * 2.0**-bits + 0.0) * (unit * self.unit)


def frozen(weight: Array) -> Frozen:
    """A matrix as exact whole numbers. Raises ValueError for one that `on_grid` did not make."""
    unit = _unit(weight, WEIGHT_BITS)
    integers = weight / unit
    if not np.array_equal(integers, np.rint(integers)):
        raise ValueError("the weights are not on the grid of WEIGHT_BITS; round them with on_grid")
    return Frozen(integers, unit)


def on_grid(weight: Array) -> Array:
    """The nearest matrix that can be frozen and is exact in float16."""
    unit = _unit(weight, WEIGHT_BITS)
    return (np.rint(weight / unit) * unit).astype(np.float16).astype(np.float64)


def product(a: Array, b: Array) -> Array:
    """`a @ b` of two matrices, with a relative error (to the largest entries) of about 2**-40."""
    bits = (_EXACT - _bits_of_sum(a.shape[1])) // 2
    a_high, a_low, a_unit = _split(a, bits)
    b_high, b_low, b_unit = _split(b, bits)
    rows, columns = a.shape[0], b.shape[1]
    four = np.concatenate((a_high, a_low)) @ np.concatenate((b_high, b_low), axis=1)
    crossed = four[:rows, columns:] + four[rows:, :columns]
    return (four[:rows, :columns] + crossed * 2.0**-bits + 0.0) * (a_unit * b_unit)


def _bits_of_sum(terms: int) -> int:
    return max(terms - 1, 0).bit_length()


def _unit(x: Array, bits: int) -> float:
    """The power of two by which no entry is more than 2**bits."""
    largest = float(np.abs(x).max(initial=0.0))
    return math.ldexp(1.0, max(math.frexp(largest)[1], _SMALLEST) - bits)


def _split(x: Array, bits: int) -> tuple[Array, Array, float]:
    """Whole numbers with `x` about `(high + low * 2**-bits) * unit`, none of them above 2**bits."""
    unit = _unit(x, bits)
    scaled = x * (1.0 / unit)
    high = np.rint(scaled)
    low = np.rint((scaled - high) * 2.0**bits)
    return high, low, unit
