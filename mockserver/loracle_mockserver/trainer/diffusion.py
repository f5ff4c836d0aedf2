"""The diffusion: how noise is added to a picture, what is to be predicted, and how pictures are sampled.

A picture x at timestep t is seen as `z = alpha * x + sigma * noise`; what is predicted is the velocity
`v = alpha * noise - sigma * x` (Salimans and Ho 2022). The noise schedule is that of Stable Diffusion
(`scaled_linear`, 1000 timesteps). Everything is sums, products, quotients and square roots, which every
machine rounds alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from loracle_mockserver.trainer.adapter import Array

__all__ = ["FEATURES", "SIDE", "SIZE", "TIMESTEPS", "features", "noised", "sample", "velocity"]

SIDE = 8
SIZE = SIDE * SIDE * 3
TIMESTEPS = 1000
FEATURES = 16
"""Of a timestep, as the denoiser is told it."""
_BETA_START, _BETA_END = 0.00085, 0.012


def _schedule() -> tuple[Array, Array]:
    roots = np.arange(TIMESTEPS) / (TIMESTEPS - 1)
    start, end = np.sqrt(_BETA_START), np.sqrt(_BETA_END)
    kept = np.cumprod(1.0 - (start + (end - start) * roots) ** 2)
    return np.sqrt(kept), np.sqrt(1.0 - kept)


def _chebyshev() -> Array:
    """Chebyshev polynomials of the timestep, scaled to -1 to 1, by their recurrence."""
    x = np.arange(TIMESTEPS) * 2.0 / (TIMESTEPS - 1) - 1.0
    found = [np.ones_like(x), x]
    while len(found) < FEATURES:
        found.append(2.0 * x * found[-1] - found[-2])
    return np.stack(found, axis=1)


_ALPHA, _SIGMA = _schedule()
_FEATURES = _chebyshev()
Timesteps = npt.NDArray[np.int64]


def features(t: Timesteps) -> Array:
    """What the denoiser is told of n timesteps: shape (n, FEATURES)."""
    found: Array = _FEATURES[t]
    return found


def noised(x: Array, noise: Array, t: Timesteps) -> Array:
    """Pictures (n, ...) with the noise of their timesteps."""
    alpha, sigma = _coefficients(t, x.ndim)
    return alpha * x + sigma * noise


def velocity(x: Array, noise: Array, t: Timesteps) -> Array:
    """What the denoiser is to predict for `noised(x, noise, t)`."""
    alpha, sigma = _coefficients(t, x.ndim)
    return alpha * noise - sigma * x


def sample(predict: Callable[[Array, Timesteps], Array], noise: Array, steps: int = 25) -> Array:
    """Pictures from noise (n, ...), by DDIM without added noise (Song et al. 2021), clipped to -1 to 1.

    `predict` is given noisy pictures and their timesteps, and gives their velocities.
    """
    z = noise
    times = [round(value) for value in np.arange(steps, 0, -1) * (TIMESTEPS - 1) / steps]
    for now, following in zip(times, [*times[1:], None], strict=True):
        t = np.full(len(z), now, dtype=np.int64)
        alpha, sigma = _coefficients(t, z.ndim)
        v = predict(z, t)
        x = np.clip(alpha * z - sigma * v, -1.0, 1.0)
        if following is None:
            return x
        guessed = (z - alpha * x) / sigma
        z = noised(x, guessed, np.full(len(z), following, dtype=np.int64))
    raise ValueError("sampling takes at least one step")


def _coefficients(t: Timesteps, dimensions: int) -> tuple[Array, Array]:
    shape = (-1,) + (1,) * (dimensions - 1)
    return _ALPHA[t].reshape(shape), _SIGMA[t].reshape(shape)
