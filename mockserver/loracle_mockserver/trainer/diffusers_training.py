"""DreamBooth-LoRA training of a Stable Diffusion pipeline, on the CPU, in float32: the second engine.

Follows diffusers' `train_dreambooth_lora.py`: LoRA on the attention layers through PEFT, AdamW, the schedules
of diffusers, gradients clipped to norm 1, and class images from the pipeline itself.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers.optimization import get_scheduler
from peft import LoraConfig, get_peft_model_state_dict

from loracle_mockserver.trainer.adapter import Adapter, Array, LoraLayer
from loracle_mockserver.trainer.events import Event, Step
from loracle_mockserver.trainer.images import TrainingImages
from loracle_mockserver.trainer.pipeline_calls import Latents, cut, embedded, encoded, sampled, tensor
from loracle_mockserver.trainer.planned import Canceled, TrainPlan, Untrainable
from loracle_mockserver.trainer.stable_diffusion import BaseModel, load, silent
from loracle_mockserver.trainer.training import Outcome, diverged, no_images

__all__ = ["SAMPLES", "PipelineOutcome", "train"]

SAMPLES = 2
"""Pictures that are sampled before and after the training."""
_CLASS_BATCH = 4
_UNET_LAYERS = ["to_k", "to_out.0", "to_q", "to_v"]
_TEXT_ENCODER_LAYERS = ["k_proj", "out_proj", "q_proj", "v_proj"]
_LARGEST_NORM = 1.0
_OUT_OF_MEMORY = "can't allocate memory"
# Of each random stream of a training; none depends on how much another one is used.
_WEIGHTS, _CLASS, _ORDER, _NOISE, _SAMPLE = range(5)


@dataclass(frozen=True, slots=True, eq=False)
class PipelineOutcome(Outcome):
    """What a training of a pipeline comes to; the samples have the size that was trained on.

    `pipeline` is the diffusers pipeline with the adapter in it, `about` what is to be said of its base model.
    """

    pipeline: Any
    about: str


def train(
    plan: TrainPlan,
    images: TrainingImages,
    *,
    base_model_dir: Path | None = None,
    emit: Callable[[Event], None] = lambda _: None,
    is_canceled: Callable[[], bool] = lambda: False,
) -> PipelineOutcome:
    """Trains an adapter as planned, on the pipeline of a folder or on the tiny one.

    `images` must have been read with `keep_whole`. `emit` is given a Step after each optimizer step;
    `is_canceled` is asked before each, and at each step of a sampling. Raises Canceled; Untrainable
    (`no_images`, `diverged`, `memory`, `base_model_unreadable`, `unsupported_base_model`,
    `incompatible_libraries`).
    """
    if not images.whole:
        raise no_images()
    base = load(base_model_dir)
    try:
        with silent():
            return _Training(plan, base, is_canceled).run(images, emit)
    except RuntimeError as error:
        if _OUT_OF_MEMORY not in str(error):
            raise
        message = "The training needs more memory than there is. Lower train_batch_size, or width and height."
        raise Untrainable("memory", message, "/expert_setting/train_batch_size") from None


class _Training:
    def __init__(self, plan: TrainPlan, base: BaseModel, is_canceled: Callable[[], bool]) -> None:
        self._plan, self._base, self._is_canceled = plan, base, is_canceled
        self._pipeline = base.pipeline
        self._noise = self._random(_NOISE)
        self._schedule = diffusers.DDPMScheduler.from_config(base.pipeline.scheduler.config)
        self._trains_text = plan.train_text_encoder.effective
        self._contexts: dict[str, Any] = {}

    def run(self, images: TrainingImages, emit: Callable[[Event], None]) -> PipelineOutcome:
        size = self._base.size(self._plan)
        instances = encoded(self._pipeline, (tensor(picture, size) for picture in images.whole), self._look)
        class_images = self._class_images()
        classes = None
        if len(class_images):
            pictures = torch.from_numpy(class_images).permute(0, 3, 1, 2).float()
            classes = encoded(self._pipeline, pictures, self._look)
        before = self._samples(0)
        try:
            self._add_lora()
        except (ImportError, ValueError) as error:  # the versions of the libraries do not go together
            message = f"The LoRA cannot be added: {error}. Install peft and transformers that fit each other."
            raise Untrainable("incompatible_libraries", message) from None
        losses, prior_losses, rates = self._optimized(images.captions, instances, classes, emit)
        return PipelineOutcome(
            adapter=self._adapter(),
            losses=tuple(losses),
            prior_losses=tuple(prior_losses),
            learning_rates=tuple(rates),
            samples_before=before,
            samples_after=self._samples(len(losses)),
            class_images=class_images,
            pipeline=self._pipeline,
            about=f"{self._base.about} Trained at {size[0]} x {size[1]} pixels.{self._cut(images)}",
        )

    def _optimized(
        self,
        captions: Sequence[str],
        instances: Latents,
        classes: Latents | None,
        emit: Callable[[Event], None],
    ) -> tuple[list[float], list[float], list[float]]:
        plan, steps = self._plan, self._plan.max_train_steps.effective
        parts = [self._pipeline.unet, *[self._pipeline.text_encoder] * self._trains_text]
        weights = [weight for part in parts for weight in part.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(
            weights, lr=plan.learning_rate.effective, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8
        )
        schedule = get_scheduler(
            plan.lr_scheduler.effective,
            optimizer=optimizer,
            num_warmup_steps=plan.lr_warmup_steps.effective,
            num_training_steps=steps,
        )
        losses, prior_losses, rates = [], [], []
        began = time.monotonic()
        for step, (chosen, chosen_classes) in enumerate(self._batches(len(captions), classes)):
            self._look(step)
            latents = instances.drawn(chosen, self._noise)
            prompts = [captions[index] for index in chosen]
            if classes is not None:
                latents = torch.cat((latents, classes.drawn(chosen_classes, self._noise)))
                prompts += [plan.class_prompt.effective] * len(chosen_classes)
            loss, prior = self._loss(latents, prompts, len(chosen))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, _LARGEST_NORM)
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            if prior is not None:
                prior_losses.append(prior.item())
            if not math.isfinite(losses[-1]) or not all(torch.isfinite(weight).all() for weight in weights):
                raise diverged(step)
            passed = time.monotonic() - began
            emit(Step(step + 1, steps, losses[-1], rates[-1], passed / (step + 1) * (steps - step - 1)))
        return losses, prior_losses, rates

    def _loss(self, latents: Any, prompts: Sequence[str], instances: int) -> tuple[Any, Any]:
        """The whole loss with new noise and timesteps; the prior part of it before its weight, or None."""
        schedule = self._schedule
        latents = latents * self._pipeline.vae.config.scaling_factor
        noise = torch.randn(latents.shape, generator=self._noise)
        t = torch.randint(schedule.config.num_train_timesteps, (len(latents),), generator=self._noise)
        noisy = schedule.add_noise(latents, noise, t)
        is_epsilon = schedule.config.prediction_type == "epsilon"
        target = noise if is_epsilon else schedule.get_velocity(latents, noise, t)
        error = (self._pipeline.unet(noisy, t, self._context(prompts)).sample - target) ** 2
        loss = error[:instances].mean()
        if len(error) == instances:
            return loss, None
        prior = error[instances:].mean()
        return loss + self._plan.prior_loss_weight.effective * prior, prior

    def _context(self, prompts: Sequence[str]) -> Any:
        """The embedded prompts; those of a text encoder that is not trained are kept."""
        if self._trains_text:
            return embedded(self._pipeline, prompts)
        with torch.no_grad():
            for prompt in prompts:
                if prompt not in self._contexts:
                    self._contexts[prompt] = embedded(self._pipeline, [prompt])
        return torch.cat([self._contexts[prompt] for prompt in prompts])

    def _batches(self, images: int, classes: Latents | None) -> Iterator[tuple[list[int], list[int]]]:
        """The instance and the class images of each step; each comes once before any comes again."""
        size = self._plan.train_batch_size.effective
        instances = _endless(images, self._random(_ORDER))
        others = _endless(len(classes.mean), self._random(_ORDER, 1)) if classes is not None else iter(())
        for _ in range(self._plan.max_train_steps.effective):
            yield (
                [next(instances) for _ in range(size)],
                [next(others) for _ in range(size)] if classes is not None else [],
            )

    def _class_images(self) -> Array:
        """What the base model makes of the class prompt."""
        plan = self._plan
        count = plan.class_images.effective if plan.with_prior_preservation.effective else 0
        width, height = self._base.size(plan)
        random, made = self._random(_CLASS), [np.zeros((0, height, width, 3))]
        for first in range(0, count, _CLASS_BATCH):
            prompts = [plan.class_prompt.effective] * min(_CLASS_BATCH, count - first)
            made.append(sampled(self._pipeline, prompts, (width, height), random, self._look))
        return np.concatenate(made)

    def _samples(self, step: int) -> Array:
        """What the pipeline makes of the instance prompt, always from the same noise."""
        prompts, random = [self._plan.instance_prompt.effective] * SAMPLES, self._random(_SAMPLE)
        size = self._base.size(self._plan)
        return sampled(self._pipeline, prompts, size, random, partial(self._look, step))

    def _cut(self, images: TrainingImages) -> str:
        """A sentence about prompts that are too long for the text encoder, or nothing."""
        prompts = {*images.captions, self._plan.instance_prompt.effective, self._plan.class_prompt.effective}
        count = cut(self._pipeline, prompts)
        tokens = self._pipeline.tokenizer.model_max_length
        if not count:
            return ""
        return f" Of {len(prompts)} prompts {count} were cut to the text encoder's {tokens} tokens."

    def _look(self, step: int = 0) -> None:
        if self._is_canceled():
            raise Canceled(step)

    def _add_lora(self) -> None:
        plan, pipeline = self._plan, self._pipeline
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._random(_WEIGHTS).initial_seed())
            pipeline.unet.add_adapter(_lora(plan.lora_r.effective, plan.lora_alpha.effective, _UNET_LAYERS))
            if self._trains_text:
                r, alpha = plan.lora_text_encoder_r.effective, plan.lora_text_encoder_alpha.effective
                pipeline.text_encoder.add_adapter(_lora(r, alpha, _TEXT_ENCODER_LAYERS))

    def _adapter(self) -> Adapter:
        plan = self._plan
        return Adapter(
            layers=_layers(self._pipeline.unet),
            text_encoder_layers=_layers(self._pipeline.text_encoder) if self._trains_text else {},
            r=plan.lora_r.effective,
            alpha=plan.lora_alpha.effective,
            text_encoder_r=plan.lora_text_encoder_r.effective,
            text_encoder_alpha=plan.lora_text_encoder_alpha.effective,
        )

    def _random(self, *stream: int) -> Any:
        words = np.random.SeedSequence([self._plan.seed.effective, *stream]).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(words[0]) >> 1)


def _lora(r: int, alpha: int, layers: list[str]) -> LoraConfig:
    return LoraConfig(r=r, lora_alpha=alpha, init_lora_weights="gaussian", target_modules=layers)


def _layers(part: Any) -> dict[str, LoraLayer]:
    found: dict[str, dict[str, Array]] = {}
    for key, weight in get_peft_model_state_dict(part).items():
        name, _, matrix = key.removesuffix(".weight").rpartition(".lora_")
        found.setdefault(name, {})[matrix] = np.asarray(weight.detach().numpy(), dtype=np.float64)
    return {name: LoraLayer(**matrices) for name, matrices in sorted(found.items())}


def _endless(count: int, random: Any) -> Iterator[int]:
    while True:
        yield from torch.randperm(count, generator=random).tolist()
