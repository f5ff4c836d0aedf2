"""DreamBooth-LoRA training of the small base model: the loop, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from loracle_mockserver.trainer.adapter import Adapter, Array, LoraLayer
from loracle_mockserver.trainer.events import Event
from loracle_mockserver.trainer.planned import TrainPlan

__all__ = ["Adapter", "Canceled", "Images", "LoraLayer", "Outcome", "predict", "train"]


class Images(Protocol):
    """What the engine needs of TrainingImages."""

    @property
    def pixels(self) -> Array:
        """Shape (n, 8, 8, 3), from -1 to 1."""

    @property
    def captions(self) -> Sequence[str]:
        """One for each image."""


class Canceled(Exception):  # noqa: N818 - it was asked for
    """The training was canceled after `step` steps."""

    def __init__(self, step: int) -> None:
        super().__init__(f"canceled after {step} steps")
        self.step = step

    def __reduce__(self) -> tuple[type[Canceled], tuple[int]]:
        return type(self), (self.step,)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A training's result. Of each step: the whole loss, the prior part of it, and the rate it was made with."""

    adapter: Adapter
    losses: tuple[float, ...]
    prior_losses: tuple[float, ...]
    """Before `prior_loss_weight`; empty without prior preservation."""
    learning_rates: tuple[float, ...]
    samples_before: Array
    """Of the base model with the instance prompt; shape (n, 8, 8, 3), from -1 to 1."""
    samples_after: Array
    """From the same noise, with the adapter."""
    class_images: Array
    """Sampled from the base model for prior preservation; shape (n, 8, 8, 3), n is 0 without it."""


def train(
    plan: TrainPlan,
    images: Images,
    *,
    emit: Callable[[Event], None] = lambda _: None,
    is_canceled: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Trains an adapter as planned.

    `emit` is given a Step after each optimizer step; `is_canceled` is asked before each. Raises Canceled.
    """
    raise NotImplementedError


def predict(adapter: Adapter | None, noisy: Array, t: Array, prompt: str) -> Array:
    """The velocity that the base model predicts, with an adapter or without one.

    `noisy` has shape (n, 8, 8, 3), `t` holds n timesteps from 0 (no noise) to 999; the answer is shaped as `noisy`.
    """
    raise NotImplementedError
