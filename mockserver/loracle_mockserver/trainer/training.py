"""DreamBooth-LoRA training of the small base model: the loop, and what comes out of it.

Follows PEFT's `train_dreambooth.py`: the loss is the instance images' mean squared error plus
`prior_loss_weight` times that of the class images, which the base model has made from the class prompt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from loracle_mockserver.trainer import diffusion
from loracle_mockserver.trainer.adapter import Adapter, Array, LoraLayer
from loracle_mockserver.trainer.diffusion import SIDE, TIMESTEPS, Timesteps
from loracle_mockserver.trainer.events import Event, Step
from loracle_mockserver.trainer.lora import initial
from loracle_mockserver.trainer.model import Model
from loracle_mockserver.trainer.network import DENOISER, TEXT_ENCODER
from loracle_mockserver.trainer.optimizer import AdamW, clipped
from loracle_mockserver.trainer.planned import Canceled, TrainPlan, Untrainable
from loracle_mockserver.trainer.schedulers import learning_rate

__all__ = [
    "SAMPLES",
    "Adapter",
    "Canceled",
    "Images",
    "LoraLayer",
    "Outcome",
    "diverged",
    "no_images",
    "predict",
    "train",
]

SAMPLES = 4
"""Pictures that are sampled before and after the training."""
_CLASS_BATCH = 32  # class images sampled between two looks at whether the training is canceled
# Of each random stream of a training; none depends on how much another one is used.
_WEIGHTS, _CLASS, _ORDER, _NOISE, _SAMPLE = range(5)


class Images(Protocol):
    """What the engine needs of TrainingImages."""

    @property
    def pixels(self) -> Array:
        """Shape (n, 8, 8, 3), from -1 to 1."""
        ...

    @property
    def captions(self) -> Sequence[str]:
        """One for each image."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A training's result. Of each step: the whole loss, the prior part of it, and the learning rate."""

    adapter: Adapter
    losses: tuple[float, ...]
    prior_losses: tuple[float, ...]
    """Before `prior_loss_weight`; empty without prior preservation."""
    learning_rates: tuple[float, ...]
    samples_before: Array
    """Of the base model with the instance prompt; shape (SAMPLES, 8, 8, 3), from -1 to 1."""
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

    `emit` is given a Step after each optimizer step; `is_canceled` is asked before each, and while class
    images are made. Raises Canceled; Untrainable (`no_images`, `diverged`).
    """
    if not len(images.pixels):
        raise no_images()
    with np.errstate(over="ignore", invalid="ignore"):  # what diverges is found by its loss
        return _train(plan, images, emit, is_canceled)


def no_images() -> Untrainable:
    """Why a training without an image cannot be."""
    message = "There is nothing to train on without an image."
    return Untrainable("no_images", message, "/image_dataset_items")


def diverged(step: int) -> Untrainable:
    """Why a training ends whose loss is no finite number after `step` steps and one."""
    message = (
        f"The loss is no finite number at step {step + 1}. Lower learning_rate, or lora_alpha against lora_r."
    )
    return Untrainable("diverged", message, "/expert_setting/learning_rate")


def predict(adapter: Adapter | None, noisy: Array, t: Timesteps, prompt: str) -> Array:
    """The velocity that the base model predicts, with an adapter or without one.

    `noisy` has shape (n, 8, 8, 3), `t` holds n timesteps from 0 (hardly any noise) to 999. The answer is
    shaped as `noisy`.
    """
    return Model(adapter).predict(noisy, t, [prompt] * len(noisy))


def _train(
    plan: TrainPlan, images: Images, emit: Callable[[Event], None], is_canceled: Callable[[], bool]
) -> Outcome:
    seed, steps = plan.seed.effective, plan.max_train_steps.effective
    class_images = _class_images(plan, is_canceled)
    adapter = _initial(plan)
    model = Model(adapter)
    weights = _weights(adapter)
    optimizer = AdamW(weights)
    noises = _random(seed, _NOISE)
    losses, prior_losses, rates = [], [], []
    began = time.monotonic()
    for step, batch in enumerate(_batches(plan, images, class_images)):
        if is_canceled():
            raise Canceled(step)
        losses_of, gradients = gradients_of(model, batch, plan.prior_loss_weight.effective, noises)
        rate = learning_rate(
            plan.lr_scheduler.effective,
            step,
            rate=plan.learning_rate.effective,
            warmup=plan.lr_warmup_steps.effective,
            steps=steps,
        )
        optimizer.step(clipped(gradients), rate)
        losses.append(losses_of.whole)
        rates.append(rate)
        if losses_of.prior is not None:
            prior_losses.append(losses_of.prior)
        if not np.isfinite(losses_of.whole) or not all(
            np.isfinite(weight).all() for weight in weights.values()
        ):
            raise diverged(step)
        passed = time.monotonic() - began
        emit(Step(step + 1, steps, losses_of.whole, rate, passed / (step + 1) * (steps - step - 1)))
    prompts = [plan.instance_prompt.effective] * SAMPLES
    return Outcome(
        adapter=adapter,
        losses=tuple(losses),
        prior_losses=tuple(prior_losses),
        learning_rates=tuple(rates),
        samples_before=Model().sample(prompts, _random(seed, _SAMPLE)),
        samples_after=Model(adapter).sample(prompts, _random(seed, _SAMPLE)),
        class_images=class_images,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one step trains on: instance images first, then as many class images, or none."""

    pictures: Array
    prompts: Sequence[str]
    instances: int
    """How many of them are instance images."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Of one step: the whole loss, and the prior part of it before its weight."""

    whole: float
    prior: float | None


def gradients_of(
    model: Model, batch: Batch, prior_weight: float, random: np.random.Generator
) -> tuple[Losses, dict[str, Array]]:
    """The loss of a batch with new noise and timesteps, and its gradients by the adapter's matrices."""
    x = batch.pictures
    t = random.integers(TIMESTEPS, size=len(x))
    noise = random.standard_normal(x.shape)
    predicted = model.predict(diffusion.noised(x, noise, t), t, batch.prompts)
    error = predicted - diffusion.velocity(x, noise, t)
    instance, prior = error[: batch.instances], error[batch.instances :]
    whole = _mean_square(instance)
    prior_loss = None
    by_velocity = error * (2.0 / instance.size)
    if len(prior):
        prior_loss = _mean_square(prior)
        whole += prior_weight * prior_loss
        by_velocity[batch.instances :] = prior * (2.0 * prior_weight / prior.size)
    return Losses(whole, prior_loss), model.gradients(by_velocity)


def _batches(plan: TrainPlan, images: Images, class_images: Array) -> Iterator[Batch]:
    """The batch of each step; every image comes once before any comes again."""
    size = plan.train_batch_size.effective
    instances = _endless(len(images.pixels), _random(plan.seed.effective, _ORDER))
    classes = _endless(len(class_images), _random(plan.seed.effective, _ORDER, 1))
    for _ in range(plan.max_train_steps.effective):
        chosen = [next(instances) for _ in range(size)]
        pictures, prompts = images.pixels[chosen], [images.captions[index] for index in chosen]
        if len(class_images):
            pictures = np.concatenate((pictures, class_images[[next(classes) for _ in range(size)]]))
            prompts += [plan.class_prompt.effective] * size
        yield Batch(pictures, prompts, size)


def _endless(count: int, random: np.random.Generator) -> Iterator[int]:
    while True:
        yield from random.permutation(count).tolist()


def _class_images(plan: TrainPlan, is_canceled: Callable[[], bool]) -> Array:
    """What the base model makes of the class prompt."""
    count = plan.class_images.effective if plan.with_prior_preservation.effective else 0
    random = _random(plan.seed.effective, _CLASS)
    model = Model()
    made = [np.zeros((0, SIDE, SIDE, 3))]
    for first in range(0, count, _CLASS_BATCH):
        if is_canceled():
            raise Canceled(0)
        made.append(model.sample([plan.class_prompt.effective] * min(_CLASS_BATCH, count - first), random))
    return np.concatenate(made)


def _initial(plan: TrainPlan) -> Adapter:
    random = _random(plan.seed.effective, _WEIGHTS)
    r, text_r = plan.lora_r.effective, plan.lora_text_encoder_r.effective
    return Adapter(
        layers=initial(DENOISER, r, random),
        text_encoder_layers=initial(TEXT_ENCODER, text_r, random)
        if plan.train_text_encoder.effective
        else {},
        r=r,
        alpha=plan.lora_alpha.effective,
        text_encoder_r=text_r,
        text_encoder_alpha=plan.lora_text_encoder_alpha.effective,
    )


def _weights(adapter: Adapter) -> dict[str, Array]:
    """The matrices that are trained, by the names that Model.gradients gives them."""
    return {
        f"{place}.{name}.{letter}": matrix
        for place, layers in (("denoiser", adapter.layers), ("text_encoder", adapter.text_encoder_layers))
        for name, layer in layers.items()
        for letter, matrix in (("A", layer.A), ("B", layer.B))
    }


def _mean_square(error: npt.NDArray[np.float64]) -> float:
    return float(np.mean(error * error))


def _random(seed: int, *stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, *stream])
