"""Trains, loads the artefact through PEFT, and prints how far its predictions are from those in memory.

    python tests/peft_reload.py FOLDER

A program of its own, because torch and peft are installed where no other test needs them. It prints a JSON
object: `difference` from the prediction in memory, `effect` against the base model, and the `versions`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import peft
import torch
from torch import nn

from loracle_contracts import spec
from loracle_mockserver.trainer import diffusion
from loracle_mockserver.trainer.artefact import write
from loracle_mockserver.trainer.captions import tokens
from loracle_mockserver.trainer.images import built_in
from loracle_mockserver.trainer.network import BLOCKS, DENOISER, TEXT_ENCODER
from loracle_mockserver.trainer.plan import plan
from loracle_mockserver.trainer.pretrained import weights
from loracle_mockserver.trainer.training import predict, train

PROMPT = "a photo of sks person"


def linear(place: str, name: str) -> nn.Linear:
    """One layer of the base model, under its own name."""
    inputs, outputs = (DENOISER if place == "denoiser" else TEXT_ENCODER)[name]
    layer = nn.Linear(inputs, outputs, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights()[f"{place}.{name}.weight"]))
        layer.bias.copy_(torch.from_numpy(weights()[f"{place}.{name}.bias"]))
    return layer


def activation(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * x * (1.0 + x / torch.sqrt(1.0 + x * x))


class Block(nn.Module):
    def __init__(self, block: int) -> None:
        super().__init__()
        self.modulation = linear("denoiser", f"blocks.{block}.modulation")
        self.up = linear("denoiser", f"blocks.{block}.up")
        self.down = linear("denoiser", f"blocks.{block}.down")

    def forward(self, hidden: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        scale, shift = self.modulation(condition).chunk(2, dim=1)
        return hidden + self.down(activation(self.up(hidden) * (1.0 + scale) + shift))


class Denoiser(nn.Module):
    """The denoiser as a module of torch: written from its description, not from the engine's code path."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("time", "context", "condition", "input", "output"):
            self.add_module(name, linear("denoiser", name))
        self.blocks = nn.ModuleList(Block(block) for block in range(BLOCKS))

    def forward(self, noisy: torch.Tensor, features: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        condition = activation(self.time(features) + self.context(context))
        condition = activation(self.condition(condition))
        hidden = self.input(noisy)
        for block in self.blocks:
            hidden = block(hidden, condition)
        return self.output(hidden)


class TextEncoder(nn.Module):
    """The text encoder; its embedding is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = linear("text_encoder", "mix")
        self.project = linear("text_encoder", "project")

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        before = torch.cat((torch.zeros_like(words[:1]), words[:-1]))
        return self.project(activation(self.mix(torch.cat((words, before), dim=1))).mean(dim=0))


def main(folder: Path) -> dict[str, object]:
    """What is printed."""
    body = json.loads(spec.example("valid/createSubjectTraining/request/seed-page.json"))
    body["expert_setting"] |= {
        "max_train_steps": 60,
        "learning_rate": 1e-3,
        "train_text_encoder": True,
        "lora_r": 8,
        "lora_alpha": 32,
        "lora_text_encoder_r": 4,
        "lora_text_encoder_alpha": 12,
    }
    planned = plan(body)
    images = built_in(planned)
    outcome = train(planned, images)
    write(outcome, planned, images, folder)

    random = np.random.default_rng(3)
    noisy, t = random.standard_normal((16, 8, 8, 3)), np.linspace(0, 999, 16).astype(int)
    in_memory, by_base = predict(outcome.adapter, noisy, t, PROMPT), predict(None, noisy, t, PROMPT)
    denoiser = peft.PeftModel.from_pretrained(Denoiser(), folder)
    text_encoder = peft.PeftModel.from_pretrained(TextEncoder(), folder / "text_encoder")
    with torch.no_grad():
        words = torch.from_numpy(weights()["text_encoder.embedding"][list(tokens(PROMPT))])
        context = text_encoder(words).expand(len(t), -1)
        features = torch.from_numpy(np.asarray(diffusion.features(t), dtype=np.float64))
        reloaded = denoiser(torch.from_numpy(noisy.reshape(len(t), -1)), features, context).numpy()
    return {
        "difference": float(np.abs(reloaded.reshape(noisy.shape) - in_memory).max()),
        "effect": float(np.abs(in_memory - by_base).max()),
        "versions": {"torch": torch.__version__, "peft": peft.__version__},
    }


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1])), sys.stdout)
