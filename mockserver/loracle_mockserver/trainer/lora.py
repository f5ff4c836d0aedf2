"""Low-rank adaptation (Hu et al. 2021) of frozen linear layers, as PEFT does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from loracle_mockserver.trainer.adapter import Array, LoraLayer
from loracle_mockserver.trainer.arithmetic import Frozen, Sliced, frozen, product, sliced

__all__ = ["AdaptedLinear", "FrozenLinear", "initial"]


@dataclass(frozen=True, slots=True, eq=False)
class FrozenLinear:
    """A linear layer of the base model."""

    weight: Frozen
    bias: Array

    @classmethod
    def of(cls, weight: Array, bias: Array) -> FrozenLinear:
        """From a weight (out, in) on the grid of frozen weights."""
        return cls(frozen(weight), bias)

    def forward(self, x: Array) -> Array:
        """(n, in) -> (n, out)."""
        return self.apply(sliced(x))

    def backward(self, gradient: Array) -> Array:
        """The loss's gradient by the output -> that by the input."""
        return self.weight.apply_transposed(sliced(gradient))

    def apply(self, x: Sliced) -> Array:
        """As `forward`."""
        return self.weight.apply(x) + self.bias


class AdaptedLinear:
    """A frozen linear layer with a LoRA beside it: `weight x + bias + scale * B (A x)`.

    `backward` leaves the loss's gradients by A and by B in `by_a` and `by_b`.
    """

    def __init__(self, linear: FrozenLinear, lora: LoraLayer, scale: float) -> None:
        self._linear = linear
        self._lora = lora
        self._scale = scale
        self.by_a: Array = np.zeros_like(lora.A)
        self.by_b: Array = np.zeros_like(lora.B)

    def forward(self, x: Array) -> Array:
        """(n, in) -> (n, out)."""
        self._x, self._a, self._b = sliced(x), sliced(self._lora.A), sliced(self._lora.B)
        self._lowered = sliced(product(self._x, self._a.T))
        return self._linear.apply(self._x) + product(self._lowered, self._b.T) * self._scale

    def backward(self, gradient: Array) -> Array:
        """The loss's gradient by the output -> that by the input."""
        by_output = sliced(gradient)
        self.by_b = product(by_output.T, self._lowered) * self._scale
        lowered = sliced(product(by_output, self._b) * self._scale)
        self.by_a = product(lowered.T, self._x)
        return self._linear.weight.apply_transposed(by_output) + product(lowered, self._a)


def initial(
    shapes: Mapping[str, tuple[int, int]], r: int, random: np.random.Generator
) -> dict[str, LoraLayer]:
    """LoRA layers as PEFT begins with them, for layers of these shapes (in, out).

    A is uniform within 1 / sqrt(in) (Kaiming, a = sqrt(5)), B is zero: at first nothing is changed.
    """
    return {
        name: LoraLayer(A=random.uniform(-1.0, 1.0, (r, inputs)) / np.sqrt(inputs), B=np.zeros((outputs, r)))
        for name, (inputs, outputs) in shapes.items()
    }
