"""The learning rates of the reference trainer are diffusers' own, and its optimizer is AdamW."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loracle_mockserver.trainer.optimizer import AdamW, clipped
from loracle_mockserver.trainer.schedulers import POLYNOMIAL_END, SCHEDULERS, learning_rate

TABLE = json.loads(
    (Path(__file__).parent / "tables" / "diffusers_schedules.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    "case",
    TABLE["cases"],
    ids=lambda case: f"{case['scheduler']}-{case['rate']:g}-{case['warmup']}-{case['steps']}",
)
def test_every_rate_is_that_of_diffusers(case: dict[str, Any]) -> None:
    rates = [
        learning_rate(case["scheduler"], step, rate=case["rate"], warmup=case["warmup"], steps=case["steps"])
        for step in range(case["steps"])  # those that a training uses
    ]
    assert rates == pytest.approx(case["rates"][: case["steps"]], rel=1e-13, abs=1e-22)


def test_the_table_has_all_schedulers() -> None:
    assert {case["scheduler"] for case in TABLE["cases"]} == set(SCHEDULERS)


@given(
    scheduler=st.sampled_from(sorted(SCHEDULERS)),
    rate=st.floats(2e-7, 1.0),
    warmup=st.integers(0, 50),
    steps=st.integers(1, 50),
)
def test_a_rate_is_never_outside_its_bounds(scheduler: str, rate: float, warmup: int, steps: int) -> None:
    for step in range(steps + 2):
        found = learning_rate(scheduler, step, rate=rate, warmup=warmup, steps=steps)
        assert 0.0 <= found <= rate * (1 + 1e-12)


def test_what_cannot_be_scheduled_is_refused() -> None:
    with pytest.raises(ValueError, match="there are constant, "):
        learning_rate("cosinus", 0, rate=1.0, warmup=0, steps=1)
    with pytest.raises(ValueError, match="not above it"):
        learning_rate("polynomial", 0, rate=POLYNOMIAL_END, warmup=0, steps=1)


def test_adamw_takes_the_steps_of_its_paper() -> None:
    weight = np.array([[1.0, -2.0]])
    optimizer = AdamW({"w": weight})
    expected, first, second = [1.0, -2.0], [0.0, 0.0], [0.0, 0.0]
    for step, (gradient, rate) in enumerate(
        [([0.5, -1e-9], 0.1), ([-0.25, 3.0], 0.01), ([0.0, 0.0], 0.3)], 1
    ):
        optimizer.step({"w": np.array([gradient])}, rate)
        for place, value in enumerate(gradient):
            first[place] = 0.9 * first[place] + 0.1 * value
            second[place] = 0.999 * second[place] + 0.001 * value**2
            mean, variance = first[place] / (1 - 0.9**step), second[place] / (1 - 0.999**step)
            expected[place] -= rate * 0.01 * expected[place]
            expected[place] -= rate * mean / (math.sqrt(variance) + 1e-8)
        assert weight[0].tolist() == pytest.approx(expected, rel=1e-12)


@given(size=st.floats(1e-6, 1e6))
def test_gradients_are_clipped_to_a_norm_of_one_over_all_of_them(size: float) -> None:
    gradients = {"a": np.full((2, 2), size), "b": np.array([[-size, 0.0]])}
    found = clipped(gradients)
    norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in found.values()))
    whole = size * math.sqrt(5)
    assert norm == pytest.approx(min(whole, whole / (whole + 1e-6)), rel=1e-9)
    ratio = found["a"][0, 0] / gradients["a"][0, 0]
    assert found["b"][0, 0] == pytest.approx(-size * ratio)
