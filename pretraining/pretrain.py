"""Makes the reference trainer's base model: trained on drawn, captioned avatars, and written as float16.

python pretraining/pretrain.py            trains it (minutes of CPU) and writes the package data
python pretraining/pretrain.py --check    trains its first steps only, and compares them with what is recorded
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = (
    "1"  # before numpy: the order of a sum, so that a rebuild gives the same bytes
)

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from loracle_mockserver.trainer.arithmetic import on_grid
from loracle_mockserver.trainer.avatars import draw, random_scene, random_sitter
from loracle_mockserver.trainer.captions import TOKENS, describe
from loracle_mockserver.trainer.diffusion import SIDE, SIZE, TIMESTEPS, features, noised, velocity
from loracle_mockserver.trainer.network import DENOISER, EMBEDDING, TEXT_ENCODER, Denoiser, TextEncoder
from loracle_mockserver.trainer.optimizer import AdamW, clipped
from loracle_mockserver.trainer.pretrained import FILE

SEED = 20231208
STEPS = 8_000
BATCH = 192
RATE = 2e-3
AVATARS = 40_000
DRAWN_SIDE = 32  # a multiple of the model's 8, and fine enough for its averages
UNCAPTIONED = 0.1
CHECKED_STEPS = 40
Values = Any


class Trained:
    """A linear layer that is trained itself, in float32."""

    def __init__(self, shape: tuple[int, int], random: np.random.Generator, gain: float = 1.0) -> None:
        inputs, outputs = shape
        weight = random.standard_normal((outputs, inputs)) * (gain / np.sqrt(inputs))
        self.weight = weight.astype(np.float32)
        self.bias = np.zeros(outputs, dtype=np.float32)

    def forward(self, x: Values) -> Values:
        self._x = x
        return x @ self.weight.T + self.bias

    def backward(self, gradient: Values) -> Values:
        self.by_weight = gradient.T @ self._x
        self.by_bias = gradient.sum(axis=0)
        return gradient @ self.weight


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare with what is recorded; write nothing")
    parser.add_argument(
        "--steps", type=int, default=STEPS, help="for trials; the committed model has the default"
    )
    parser.add_argument("--output", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    weights, losses = train(CHECKED_STEPS if options.check else options.steps, options.steps)
    first = [float(f"{loss:.6g}") for loss in losses[:CHECKED_STEPS]]
    if options.check:
        return check(first, options.output)
    record = {
        "seed": SEED,
        "steps": options.steps,
        "first_losses": first,
        "loss": float(np.mean(losses[-500:])),
    }
    metadata = {key: json.dumps(value) for key, value in sorted(record.items())}
    options.output.write_bytes(save(weights, metadata=metadata))
    print(f"{options.output}: {options.output.stat().st_size:,} bytes, loss {record['loss']:.4f}")
    return 0


def check(first: list[float], file: Path) -> int:
    """0 where the recorded losses of the first steps are those of this script, up to a machine's rounding."""
    content = file.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    recorded = json.loads(header["__metadata__"]["first_losses"])
    if np.allclose(first, recorded, rtol=1e-3, atol=0.0):
        print(f"the first {len(first)} losses are as recorded")
        return 0
    print(
        f"the base model was not made by this script: {first[-1]} != {recorded[-1]}; run it again",
        file=sys.stderr,
    )
    return 1


def train(steps: int, planned: int) -> tuple[dict[str, Values], list[float]]:
    """The first `steps` of `planned` steps: the weights in float16, and the loss of each step."""
    random = np.random.default_rng(SEED)
    denoiser_layers = {name: Trained(shape, random, _gain(name)) for name, shape in DENOISER.items()}
    text_layers = {name: Trained(shape, random) for name, shape in TEXT_ENCODER.items()}
    embedding = random.standard_normal((TOKENS, EMBEDDING)).astype(np.float32)
    encoder, denoiser = TextEncoder(embedding, text_layers), Denoiser(denoiser_layers)
    layers = {**_named("denoiser", denoiser_layers), **_named("text_encoder", text_layers)}
    weights: dict[str, Values] = {"text_encoder.embedding": embedding}
    for name, layer in layers.items():
        weights |= {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias}
    average = {name: weight.astype(np.float64) for name, weight in weights.items()}
    optimizer = AdamW(weights, betas=(0.9, 0.99), weight_decay=1e-4)
    losses = []
    began = time.monotonic()
    for step, (pictures, captions) in enumerate(batches(random, steps)):
        t = random.integers(TIMESTEPS, size=BATCH)
        noise: Values = random.standard_normal((BATCH, SIZE)).astype(np.float32)
        target = velocity(pictures, noise, t).astype(np.float32)
        context = encoder.forward(captions)
        predicted = denoiser.forward(
            noised(pictures, noise, t).astype(np.float32), features(t).astype(np.float32), context
        )
        error = predicted - target
        losses.append(float(np.mean(error * error)))
        encoder.backward(denoiser.backward(error * np.float32(2.0 / error.size)), embedding=True)
        gradients = {"text_encoder.embedding": encoder.embedding_gradient}
        for name, layer in layers.items():
            gradients |= {f"{name}.weight": layer.by_weight, f"{name}.bias": layer.by_bias}
        optimizer.step(clipped(gradients), _rate(step, planned))
        keep = min(0.999, step / (step + 10))
        for name, weight in weights.items():
            average[name] += (1.0 - keep) * (weight - average[name])
        if step % 500 == 499:
            print(
                f"step {step + 1}: loss {np.mean(losses[-500:]):.4f}, {time.monotonic() - began:.0f} s",
                flush=True,
            )
    return {name: _stored(name, weight).astype(np.float16) for name, weight in average.items()}, losses


def batches(random: np.random.Generator, steps: int) -> Iterator[tuple[Values, list[str]]]:
    """Pictures (BATCH, SIZE), mirrored by chance, and captions that are made anew each time."""
    sitters = [random_sitter(random) for _ in range(AVATARS)]
    scenes = [random_scene(random) for _ in range(AVATARS)]
    drawn: dict[int, np.ndarray] = {}
    for _ in range(steps):
        chosen = random.integers(AVATARS, size=BATCH)
        pictures = np.empty((BATCH, SIDE, SIDE, 3), dtype=np.float32)
        captions = []
        for place, index in enumerate(chosen.tolist()):
            if index not in drawn:
                drawn[index] = _small(draw(sitters[index], scenes[index], DRAWN_SIDE))
            pictures[place] = drawn[index][:, ::-1] if random.random() < 0.5 else drawn[index]
            is_told = random.random() >= UNCAPTIONED
            captions.append(describe(sitters[index], scenes[index], random) if is_told else "")
        yield pictures.reshape(BATCH, SIZE), captions


def _small(picture: Values) -> Values:
    """The area average of a picture, from -1 to 1."""
    block = DRAWN_SIDE // SIDE
    average = picture.reshape(SIDE, block, SIDE, block, 3).mean(axis=(1, 3))
    return (average / 127.5 - 1.0).astype(np.float32)


def _gain(name: str) -> float:
    return 0.1 if name.endswith(("down", "modulation", "output")) else 1.0


def _rate(step: int, steps: int) -> float:
    return RATE * min(1.0, (step + 1) / 200) * max(0.02, 0.5 * (1.0 + math.cos(math.pi * step / steps)))


def _named(place: str, layers: dict[str, Trained]) -> dict[str, Trained]:
    return {f"{place}.{name}": layer for name, layer in layers.items()}


def _stored(name: str, weight: Values) -> Values:
    return on_grid(weight) if name.endswith(".weight") else weight


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
