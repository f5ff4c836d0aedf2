"""Small trainings for the tests of the reference trainer, and what is measured of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loracle_mockserver.trainer import avatars, training
from loracle_mockserver.trainer.adapter import Array
from loracle_mockserver.trainer.plan import plan
from loracle_mockserver.trainer.planned import TrainPlan

INSTANCE = "a photo of sks person"
CLASS = "person"
PEOPLE = ("man", "woman")


@dataclass(frozen=True)
class Pictures:
    """What the engine needs of TrainingImages."""

    pixels: Array
    captions: Sequence[str]


def small(pictures: Sequence[avatars.Pixels]) -> Array:
    """The area averages (n, 8, 8, 3) of drawn pictures whose side is a multiple of 8."""
    stacked = np.stack(pictures).astype(np.float64)
    count, side = stacked.shape[:2]
    parts = stacked.reshape(count, 8, side // 8, 8, side // 8, 3)
    return np.asarray(parts.mean(axis=(2, 4)) / 127.5 - 1.0)


def subject(seed: int = 0, count: int = 4) -> Array:
    return small(avatars.built_in(count, seed=seed, side=64))


def strangers(seed: int = 0, count: int = 12, kinds: tuple[str, ...] = PEOPLE) -> Array:
    random = np.random.default_rng([seed, 99])
    return small(
        [
            avatars.draw(avatars.random_sitter(random, kinds), avatars.random_scene(random), 64)
            for _ in range(count)
        ]
    )


def request(images: int = 4, *, name: str = "test", **setting: Any) -> dict[str, Any]:
    """A valid request; `setting` are members of expert_setting."""
    return {
        "name": name,
        "base_model": "v1-5-pruned-emaonly",
        "width": 512,
        "height": 512,
        "image_dataset_items": [{"assets_id": "26", "caption": ""}] * images,
        "components": [],
        "expert_setting": {
            "instance_prompt": INSTANCE,
            "class_prompt": CLASS,
            "with_prior_preservation": True,
            "train_batch_size": 2,
            "learning_rate": 1e-3,
            "max_train_steps": 200,
            **setting,
        },
    }


def planned(images: int = 4, **setting: Any) -> TrainPlan:
    return plan(request(images, **setting))


def run(pixels: Array, **setting: Any) -> training.Outcome:
    """Trains on these pictures, as a request with these settings asks."""
    decided = planned(len(pixels), **setting)
    return training.train(decided, Pictures(pixels, decided.captions))
