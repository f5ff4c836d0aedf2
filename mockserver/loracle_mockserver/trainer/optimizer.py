"""AdamW and the clipping of gradients, as torch has them and the DreamBooth scripts use them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from loracle_mockserver.trainer.adapter import Array

__all__ = ["AdamW", "clipped"]


class AdamW:
    """Adam with decoupled weight decay; the weights are changed in place.

    The constants are the defaults of PEFT's `train_dreambooth.py`.
    Source: Loshchilov and Hutter 2019; `torch.optim.AdamW`.
    """

    def __init__(
        self,
        weights: Mapping[str, Array],
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 1e-2,
        epsilon: float = 1e-8,
    ) -> None:
        self._weights = weights
        self._betas = betas
        self._weight_decay = weight_decay
        self._epsilon = epsilon
        self._first = {name: np.zeros_like(weight) for name, weight in weights.items()}
        self._second = {name: np.zeros_like(weight) for name, weight in weights.items()}
        self._steps = 0

    def step(self, gradients: Mapping[str, Array], rate: float) -> None:
        """Makes one step of all weights with this learning rate."""
        self._steps += 1
        beta1, beta2 = self._betas
        size = rate / (1.0 - beta1**self._steps)
        root = math.sqrt(1.0 - beta2**self._steps)
        for name in self._weights:
            weight, gradient, first, second = (
                self._weights[name],
                gradients[name],
                self._first[name],
                self._second[name],
            )
            first *= beta1
            first += (1.0 - beta1) * gradient
            second *= beta2
            second += (1.0 - beta2) * (gradient * gradient)
            weight *= 1.0 - rate * self._weight_decay
            weight -= size * first / (np.sqrt(second) / root + self._epsilon)


def clipped(gradients: Mapping[str, Array], largest: float = 1.0) -> Mapping[str, Array]:
    """The gradients, scaled so that the norm of all together is at most `largest`.

    Source: `torch.nn.utils.clip_grad_norm_`, its 1e-6 included.
    """
    norm = math.sqrt(sum(float(np.sum(gradient * gradient)) for gradient in gradients.values()))
    scale = largest / (norm + 1e-6)
    if scale >= 1.0:
        return gradients
    return {name: gradient * scale for name, gradient in gradients.items()}
