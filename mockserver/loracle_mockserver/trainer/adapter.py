"""The trained LoRA: what a training gives, and what an artefact is written from and read into."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Adapter", "Array", "LoraLayer", "digest_of"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LoraLayer:
    """The two matrices of a linear layer (out, in), which computes with `weight + alpha / r * (B @ A)`."""

    A: Array
    """Shape (r, in)."""
    B: Array
    """Shape (out, r)."""


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """A trained LoRA of the denoiser, and of the text encoder where that was trained, too.

    Layers are named by their module path within the denoiser (`blocks.0.up`) or the text encoder (`mix`).
    Without a trained text encoder `text_encoder_layers` is empty.
    """

    layers: Mapping[str, LoraLayer]
    text_encoder_layers: Mapping[str, LoraLayer]
    r: int
    alpha: int
    text_encoder_r: int
    text_encoder_alpha: int

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the names, shapes and bytes of the weights."""
        return digest_of(self.layers, self.text_encoder_layers)


def digest_of(layers: Mapping[str, LoraLayer], text_encoder_layers: Mapping[str, LoraLayer]) -> str:
    """SHA-256 (hex) over names, shapes and bytes (little-endian float64) of all matrices, by their names."""
    digest = hashlib.sha256()
    for place, of in (("denoiser", layers), ("text_encoder", text_encoder_layers)):
        for name in sorted(of):
            for letter, matrix in (("A", of[name].A), ("B", of[name].B)):
                digest.update(f"{place} {name} {letter} {matrix.shape}\n".encode())
                digest.update(np.ascontiguousarray(matrix, dtype="<f8").tobytes())
    return digest.hexdigest()
