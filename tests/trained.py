"""Outcomes of trainings that nobody has to train, and runs of `loracle train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from checks import seed_page
from click.testing import CliRunner, Result

from loracle_mockserver.cli import main
from loracle_mockserver.trainer.adapter import Adapter, LoraLayer
from loracle_mockserver.trainer.network import DENOISER, TEXT_ENCODER
from loracle_mockserver.trainer.plan import TrainPlan, plan
from loracle_mockserver.trainer.training import Outcome


def layers(
    shapes: dict[str, tuple[int, int]], r: int, seed: int, scale: float = 0.05
) -> dict[str, LoraLayer]:
    random = np.random.default_rng(seed)
    return {
        name: LoraLayer(
            A=random.standard_normal((r, inputs)) * scale, B=random.standard_normal((outputs, r)) * scale
        )
        for name, (inputs, outputs) in shapes.items()
    }


def adapter(*, text_encoder: bool = False, r: int = 4, alpha: int = 16, seed: int = 0) -> Adapter:
    """An adapter of the base model whose numbers are drawn, not trained."""
    text = layers(TEXT_ENCODER, 8, seed + 1) if text_encoder else {}
    return Adapter(layers(DENOISER, r, seed), text, r, alpha, 8, 24)


def outcome(steps: int = 5, found: Adapter | None = None, losses: Any = None) -> Outcome:
    random = np.random.default_rng(1)
    return Outcome(
        adapter=found or adapter(),
        losses=tuple(random.random(steps).tolist()) if losses is None else losses,
        prior_losses=(),
        learning_rates=(1e-4,) * steps,
        samples_before=random.uniform(-1, 1, (4, 8, 8, 3)),
        samples_after=random.uniform(-1, 1, (4, 8, 8, 3)),
        class_images=np.zeros((0, 8, 8, 3)),
    )


def short_plan(**setting: Any) -> TrainPlan:
    body = seed_page()
    body["expert_setting"] |= {"with_prior_preservation": False, **setting}
    return plan(body)


def run_train(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    """A run of the command in this process; whatever it raises fails the test."""
    result = CliRunner().invoke(main, ["train", *map(str, arguments)], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
