"""The base model's weights: package data, made by `pretraining/pretrain.py`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load

from loracle_mockserver.trainer.adapter import Array

__all__ = ["FILE", "weights"]

FILE = Path(__file__).with_name("pretrained.safetensors")


@cache
def weights() -> dict[str, Array]:
    """The weights by their names, such as `denoiser.blocks.0.up.weight` (out, in). Not to be changed."""
    return {name: stored.astype(np.float64) for name, stored in load(FILE.read_bytes()).items()}
