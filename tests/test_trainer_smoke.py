"""The smoke check of the reference trainer: it passes, and each of five broken trainers fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from trainer_smoke import failures, learns_at_the_rate, learns_the_subject
from trainings import Pictures, subject

from loracle_mockserver.trainer import diffusion, training
from loracle_mockserver.trainer.adapter import Array
from loracle_mockserver.trainer.model import Model
from loracle_mockserver.trainer.planned import Planned, TrainPlan
from loracle_mockserver.trainer.training import Batch, Losses, Outcome


def images_ignored(plan: TrainPlan, _images: Pictures) -> Outcome:
    """Trains on pictures of its own, whatever it is given."""
    return training.train(plan, Pictures(subject(seed=1000), (plan.instance_prompt.effective,) * 4))


def prior_ignored(plan: TrainPlan, images: Pictures) -> Outcome:
    """Does without the class images."""
    without = dataclasses.replace(
        plan, with_prior_preservation=Planned(True, effective=False, source="request")
    )
    return training.train(without, images)


def class_only(plan: TrainPlan, images: Pictures) -> Outcome:
    """Computes its loss from the class images alone."""
    kept = training.gradients_of

    def gradients_of(
        model: Model, batch: Batch, weight: float, random: np.random.Generator
    ) -> tuple[Losses, dict[str, Array]]:
        pictures, prompts = batch.pictures[batch.instances :], batch.prompts[batch.instances :]
        if not len(pictures):
            return kept(model, batch, weight, random)
        return kept(model, Batch(pictures, prompts, len(pictures)), weight, random)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "gradients_of", gradients_of)
        return training.train(plan, images)


def wrong_target(plan: TrainPlan, images: Pictures) -> Outcome:
    """Learns to predict the noise, where the model's prediction is used as a velocity."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusion, "velocity", lambda _x, noise, _t: noise)
        return training.train(plan, images)


def rate_ignored(plan: TrainPlan, images: Pictures) -> Outcome:
    """Always trains with the rate that the seed page's example has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "learning_rate", lambda *_arguments, **_keywords: 1e-4)
        return training.train(plan, images)


def test_the_rate_is_kept_at_one_step() -> None:
    assert learns_at_the_rate(training.train) == set()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_subject_is_learned_and_the_class_kept(seed: int) -> None:
    assert learns_the_subject(training.train, seed) == set()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3, 13))
def test_the_subject_is_learned_and_the_class_kept_with_any_seed(seed: int) -> None:
    assert learns_the_subject(training.train, seed) == set()


@pytest.mark.parametrize("broken", [images_ignored, class_only, wrong_target])
def test_a_trainer_that_learns_something_else_is_found(
    broken: Callable[[TrainPlan, Pictures], Outcome],
) -> None:
    assert "subject" in learns_the_subject(broken, seed=0)


def test_a_trainer_that_ignores_the_prior_is_found_twice() -> None:
    assert learns_the_subject(prior_ignored, seed=0, without={"class"}) == {"class", "prior"}


def test_a_trainer_that_ignores_the_rate_is_found() -> None:
    assert failures(rate_ignored, seeds=()) == {"rate"}
