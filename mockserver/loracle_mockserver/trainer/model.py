"""The base model with an adapter, or without one: predicts velocities, gives gradients, samples pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from loracle_mockserver.trainer import diffusion
from loracle_mockserver.trainer.adapter import Adapter, Array, LoraLayer
from loracle_mockserver.trainer.diffusion import SIDE, SIZE, Timesteps
from loracle_mockserver.trainer.lora import AdaptedLinear, FrozenLinear
from loracle_mockserver.trainer.network import DENOISER, TEXT_ENCODER, Denoiser, Layer, TextEncoder
from loracle_mockserver.trainer.pretrained import weights

__all__ = ["Model"]


class Model:
    """The base model. Its adapter's matrices may be changed in place between two predictions."""

    def __init__(self, adapter: Adapter | None = None) -> None:
        denoiser: Mapping[str, Layer] = _frozen("denoiser")
        text_encoder: Mapping[str, Layer] = _frozen("text_encoder")
        self._adapted: dict[str, AdaptedLinear] = {}
        if adapter is not None:
            scale = adapter.alpha / adapter.r
            denoiser = self._with(_frozen("denoiser"), adapter.layers, scale, "denoiser")
            if adapter.text_encoder_layers:
                scale = adapter.text_encoder_alpha / adapter.text_encoder_r
                text_encoder = self._with(
                    _frozen("text_encoder"), adapter.text_encoder_layers, scale, "text_encoder"
                )
        self._trains_text = adapter is not None and bool(adapter.text_encoder_layers)
        self._text_encoder = TextEncoder(weights()["text_encoder.embedding"], text_encoder)
        self._denoiser = Denoiser(denoiser)
        self._place: list[int] = []
        self._contexts: dict[tuple[str, ...], Array] = {}

    def _with(
        self, linear: Mapping[str, FrozenLinear], lora: Mapping[str, LoraLayer], scale: float, place: str
    ) -> dict[str, Layer]:
        layers: dict[str, Layer] = dict(linear)
        for name, layer in lora.items():
            if name not in linear:
                raise KeyError(f"the {place} has no layer {name!r}; it has {', '.join(linear)}")
            layers[name] = self._adapted[f"{place}.{name}"] = AdaptedLinear(linear[name], layer, scale)
        return layers

    def predict(self, noisy: Array, t: Timesteps, prompts: Sequence[str]) -> Array:
        """The velocities of n noisy pictures (n, 8, 8, 3), at n timesteps from 0 to 999, with n prompts."""
        distinct = tuple(dict.fromkeys(prompts))
        self._place = [distinct.index(prompt) for prompt in prompts]
        contexts = self._contexts.get(distinct)
        if contexts is None:
            contexts = self._text_encoder.forward(distinct)
            if not self._trains_text:
                self._contexts[distinct] = contexts
        predicted: Array = self._denoiser.forward(
            noisy.reshape(-1, SIZE), diffusion.features(t), contexts[self._place]
        )
        return predicted.reshape(noisy.shape)

    def gradients(self, by_velocity: Array) -> dict[str, Array]:
        """The loss's gradients by the adapter's matrices, from that by the velocities just predicted.

        Their names are those of the layers with the place before them and the matrix behind:
        `denoiser.blocks.0.up.A`.
        """
        by_context = self._denoiser.backward(by_velocity.reshape(-1, SIZE))
        if self._trains_text:
            by_distinct = np.zeros((max(self._place) + 1, by_context.shape[1]))
            for place, row in zip(self._place, by_context, strict=True):
                by_distinct[place] += row
            self._text_encoder.backward(by_distinct)
        found = {}
        for name, layer in self._adapted.items():
            found[f"{name}.A"], found[f"{name}.B"] = layer.by_a, layer.by_b
        return found

    def sample(self, prompts: Sequence[str], random: np.random.Generator) -> Array:
        """One picture for each prompt, (n, 8, 8, 3) from -1 to 1; not guided, so that all kinds come."""
        noise = random.standard_normal((len(prompts), SIDE, SIDE, 3))
        return diffusion.sample(lambda noisy, t: self.predict(noisy, t, prompts), noise)


@cache
def _frozen(place: str) -> dict[str, FrozenLinear]:
    shapes = DENOISER if place == "denoiser" else TEXT_ENCODER
    stored = weights()
    return {
        name: FrozenLinear.of(stored[f"{place}.{name}.weight"], stored[f"{place}.{name}.bias"])
        for name in shapes
    }
