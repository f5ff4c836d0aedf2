"""The base model: a text encoder and a denoiser of linear layers, with their gradients written out.

What a linear layer computes with is left open: in a training it is frozen with a LoRA beside it, in the
making of the base model it is trained itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from loracle_mockserver.trainer.captions import tokens
from loracle_mockserver.trainer.diffusion import FEATURES, SIZE

__all__ = ["BLOCKS", "CONTEXT", "DENOISER", "EMBEDDING", "TEXT_ENCODER", "Denoiser", "Layer", "TextEncoder"]

EMBEDDING = 48
CONTEXT = 64
_WORD, _WIDTH, _HIDDEN, _CONDITION = 96, 192, 192, 64
BLOCKS = 2

DENOISER: dict[str, tuple[int, int]] = {
    "time": (FEATURES, _CONDITION),
    "context": (CONTEXT, _CONDITION),
    "condition": (_CONDITION, _CONDITION),
    "input": (SIZE, _WIDTH),
    **{
        f"blocks.{block}.{name}": shape
        for block in range(BLOCKS)
        for name, shape in (
            ("modulation", (_CONDITION, 2 * _HIDDEN)),
            ("up", (_WIDTH, _HIDDEN)),
            ("down", (_HIDDEN, _WIDTH)),
        )
    },
    "output": (_WIDTH, SIZE),
}
"""The denoiser's linear layers: module path -> (in, out)."""
TEXT_ENCODER: dict[str, tuple[int, int]] = {"mix": (2 * EMBEDDING, _WORD), "project": (_WORD, CONTEXT)}
"""The text encoder's linear layers."""

Values = Any  # float64 in a training, float32 where the base model is made


class Layer(Protocol):
    """A linear layer; it remembers its last input, for the gradient."""

    def forward(self, x: Values) -> Values:
        """(n, in) -> (n, out)."""

    def backward(self, gradient: Values) -> Values:
        """The loss's gradient by the output -> that by the input; that by the weights is kept."""


class _Activation:
    """`x * (1 + x / sqrt(1 + x * x)) / 2`: shaped as SiLU, of operations that every machine rounds alike."""

    def forward(self, x: Values) -> Values:
        self._root = np.sqrt(1.0 + x * x)
        self._ratio = x / self._root
        return 0.5 * x * (1.0 + self._ratio)

    def backward(self, gradient: Values) -> Values:
        return gradient * (0.5 * (1.0 + self._ratio + self._ratio / (self._root * self._root)))


class TextEncoder:
    """Prompt -> context. Each word is seen with the one before it; the context is the words' mean."""

    def __init__(self, embedding: Values, layers: Mapping[str, Layer]) -> None:
        self.embedding = embedding
        self._layers = layers
        self._activation = _Activation()
        self.embedding_gradient: Values = None

    def forward(self, prompts: Sequence[str]) -> Values:
        """The contexts (n, CONTEXT) of n prompts."""
        read = [tokens(prompt) for prompt in prompts]
        self._lengths = np.array([len(one) for one in read])
        longest = int(self._lengths.max())
        self._words = np.array([one + (0,) * (longest - len(one)) for one in read])
        places = np.arange(longest)
        self._mask = (places < self._lengths[:, np.newaxis]).astype(self.embedding.dtype)[:, :, np.newaxis]
        words = self.embedding[self._words] * self._mask
        before = np.zeros_like(words)
        before[:, 1:] = words[:, :-1]
        both = np.concatenate((words, before), axis=2).reshape(-1, 2 * EMBEDDING)
        mixed = self._activation.forward(self._layers["mix"].forward(both))
        mixed = mixed.reshape(len(read), longest, -1) * self._mask
        return self._layers["project"].forward(mixed.sum(axis=1) / self._lengths[:, np.newaxis])

    def backward(self, gradient: Values, *, embedding: bool = False) -> None:
        """Takes the loss's gradient by the contexts; with `embedding` that by the embedding is kept, too."""
        by_mean = self._layers["project"].backward(gradient) / self._lengths[:, np.newaxis]
        by_word = (by_mean[:, np.newaxis, :] * self._mask).reshape(-1, by_mean.shape[1])
        by_input = self._layers["mix"].backward(self._activation.backward(by_word))
        if not embedding:
            return
        by_input = by_input.reshape(*self._words.shape, -1)
        by_words = by_input[:, :, :EMBEDDING].copy()
        by_words[:, :-1] += by_input[:, 1:, EMBEDDING:]
        flat = (by_words * self._mask).reshape(-1, EMBEDDING)
        is_token = self._words.reshape(1, -1) == np.arange(len(self.embedding))[:, np.newaxis]
        self.embedding_gradient = is_token.astype(flat.dtype) @ flat


class Denoiser:
    """Noisy picture, timestep and context -> velocity: residual blocks, modulated by timestep and context."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        self._layers = layers
        self._activations = {name: _Activation() for name in ("time", "condition", *map(str, range(BLOCKS)))}
        self._modulated: dict[int, tuple[Values, Values]] = {}

    def forward(self, noisy: Values, features: Values, context: Values) -> Values:
        """(n, SIZE), (n, FEATURES), (n, CONTEXT) -> (n, SIZE)."""
        layers, activations = self._layers, self._activations
        time = layers["time"].forward(features) + layers["context"].forward(context)
        condition = layers["condition"].forward(activations["time"].forward(time))
        condition = activations["condition"].forward(condition)
        hidden = layers["input"].forward(noisy)
        for block in range(BLOCKS):
            name = f"blocks.{block}."
            scale, shift = np.split(layers[name + "modulation"].forward(condition), 2, axis=1)
            raised = layers[name + "up"].forward(hidden)
            self._modulated[block] = raised, 1.0 + scale
            active = activations[str(block)].forward(raised * (1.0 + scale) + shift)
            hidden = hidden + layers[name + "down"].forward(active)
        return layers["output"].forward(hidden)

    def backward(self, gradient: Values) -> Values:
        """The loss's gradient by the velocity -> that by the context."""
        layers, activations = self._layers, self._activations
        by_hidden = layers["output"].backward(gradient)
        by_condition: Values = 0.0
        for block in reversed(range(BLOCKS)):
            name = f"blocks.{block}."
            raised, scale = self._modulated[block]
            by_sum = activations[str(block)].backward(layers[name + "down"].backward(by_hidden))
            by_modulation = np.concatenate((by_sum * raised, by_sum), axis=1)
            by_condition = by_condition + layers[name + "modulation"].backward(by_modulation)
            by_hidden = by_hidden + layers[name + "up"].backward(by_sum * scale)
        layers["input"].backward(by_hidden)
        by_time = layers["condition"].backward(activations["condition"].backward(by_condition))
        by_time = activations["time"].backward(by_time)
        layers["time"].backward(by_time)
        return layers["context"].backward(by_time)
