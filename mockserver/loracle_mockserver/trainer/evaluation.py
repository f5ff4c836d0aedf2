"""What a training has changed, measured: the loss on pictures and noise that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loracle_mockserver.trainer import diffusion
from loracle_mockserver.trainer.adapter import Adapter, Array
from loracle_mockserver.trainer.diffusion import TIMESTEPS
from loracle_mockserver.trainer.model import Model

__all__ = ["loss", "loss_drop"]

_NOISES = 16  # of each picture, at as many timesteps evenly spread
_ROWS = 256  # at once


def loss(adapter: Adapter | None, pictures: Array, prompts: Sequence[str], *, seed: int = 0) -> float:
    """The mean squared error of the velocity, over all timesteps alike.

    `pictures` has shape (n, 8, 8, 3), `prompts` one text for each. Of one seed the noise is always the same,
    so that two adapters can be compared.
    """
    random = np.random.default_rng([seed, 0xE7A1])
    model = Model(adapter)
    x = np.repeat(pictures, _NOISES, axis=0)
    all_prompts = [prompt for prompt in prompts for _ in range(_NOISES)]
    t = (np.arange(len(x)) % _NOISES * 2 + 1) * TIMESTEPS // (2 * _NOISES)
    noise = random.standard_normal(x.shape)
    total = 0.0
    for first in range(0, len(x), _ROWS):
        rows = slice(first, first + _ROWS)
        predicted = model.predict(diffusion.noised(x[rows], noise[rows], t[rows]), t[rows], all_prompts[rows])
        error = predicted - diffusion.velocity(x[rows], noise[rows], t[rows])
        total += float(np.sum(error * error))
    return total / x.size


def loss_drop(adapter: Adapter, pictures: Array, prompts: Sequence[str], *, seed: int = 0) -> float:
    """By how many per cent the adapter's loss is below the base model's; negative where it is above."""
    before = loss(None, pictures, prompts, seed=seed)
    return 100.0 * (1.0 - loss(adapter, pictures, prompts, seed=seed) / before)
