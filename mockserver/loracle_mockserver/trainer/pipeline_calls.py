"""What is asked of a Stable Diffusion pipeline: embedded prompts, predictions, latents, samples."""

# pyright: reportMissingImports=false
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from loracle_mockserver.trainer.adapter import Array

__all__ = ["SAMPLING_STEPS", "Latents", "cut", "embedded", "encoded", "predict", "sampled", "tensor"]

SAMPLING_STEPS = 25


@dataclass(frozen=True, slots=True)
class Latents:
    """Pictures as the autoencoder sees them: of each latent the mean and the standard deviation."""

    mean: Any
    std: Any

    def drawn(self, chosen: Sequence[int], random: Any) -> Any:
        """Some of them, drawn anew."""
        mean, std = self.mean[list(chosen)], self.std[list(chosen)]
        return mean + std * torch.randn(mean.shape, generator=random)


def embedded(pipeline: Any, prompts: Sequence[str]) -> Any:
    """The prompts as the UNet is told them, shape (n, tokens, channels); cut to what the encoder takes."""
    ids = pipeline.tokenizer(
        list(prompts),
        padding="max_length",
        truncation=True,
        max_length=pipeline.tokenizer.model_max_length,
        return_tensors="pt",
    ).input_ids
    return pipeline.text_encoder(ids)[0]


def cut(pipeline: Any, prompts: Iterable[str]) -> int:
    """How many different prompts have more tokens than the encoder takes."""
    most = pipeline.tokenizer.model_max_length
    return sum(len(pipeline.tokenizer(prompt).input_ids) > most for prompt in set(prompts))


def predict(pipeline: Any, noisy: Array, t: Sequence[int], prompt: str) -> Array:
    """What the UNet predicts for latents (n, channels, height, width) at n timesteps."""
    with torch.no_grad():
        latents = torch.from_numpy(np.asarray(noisy, dtype=np.float32))
        context = embedded(pipeline, [prompt]).expand(len(latents), -1, -1)
        predicted = pipeline.unet(latents, torch.tensor(list(t)), context).sample
        return np.asarray(predicted.numpy(), dtype=np.float64)


def tensor(picture: Image.Image, size: tuple[int, int]) -> Any:
    """A picture as (3, height, width) numbers from -1 to 1."""
    values = np.asarray(picture.convert("RGB").resize(size), dtype=np.float32) / 127.5 - 1.0
    return torch.from_numpy(values).permute(2, 0, 1)


def encoded(pipeline: Any, pictures: Iterable[Any], look: Callable[[], None]) -> Latents:
    """The latents of at least one picture; `look` is called before each, and may raise."""
    found = []
    with torch.no_grad():
        for picture in pictures:
            look()
            found.append(pipeline.vae.encode(picture[None]).latent_dist)
    return Latents(torch.cat([one.mean for one in found]), torch.cat([one.std for one in found]))


def sampled(
    pipeline: Any, prompts: Sequence[str], size: tuple[int, int], random: Any, look: Callable[[], None]
) -> Array:
    """One picture for each prompt, (n, height, width, 3) from -1 to 1; `look` is called at each step."""

    def after_step(_: Any, __: int, ___: Any, values: dict[str, Any]) -> dict[str, Any]:
        look()
        return values

    with torch.no_grad():
        made = pipeline(
            # Not the texts: of those that are too long the pipeline would tell each time.
            prompt_embeds=embedded(pipeline, prompts),
            negative_prompt_embeds=embedded(pipeline, [""] * len(prompts)),
            width=size[0],
            height=size[1],
            num_inference_steps=SAMPLING_STEPS,
            generator=random,
            output_type="np",
            callback_on_step_end=after_step,
        ).images
    return np.asarray(made, dtype=np.float64) * 2.0 - 1.0
