"""The base model that ships: made by its script, small, and able to tell what it is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from trainings import small, strangers

from loracle_mockserver.trainer import avatars, captions
from loracle_mockserver.trainer.evaluation import loss
from loracle_mockserver.trainer.model import Model
from loracle_mockserver.trainer.network import DENOISER, TEXT_ENCODER
from loracle_mockserver.trainer.pretrained import FILE, weights

SCRIPT = Path(__file__).parents[1] / "pretraining" / "pretrain.py"
MOST_BYTES = 660_000


def _pretrain(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )


def _another(file: Path) -> Path:
    """A copy that tells another loss of the last step that is checked."""
    content = FILE.read_bytes()
    with safe_open(FILE, "numpy") as opened:
        recorded = json.loads(opened.metadata()["first_losses"])
    told, other = f"{recorded[-1]}]".encode(), f"{1 - recorded[-1]:.6g}".encode()
    assert content.count(told) == 1
    file.write_bytes(content.replace(told, other[: len(told) - 1].ljust(len(told) - 1, b"1") + b"]"))
    return file


def test_the_script_makes_the_model_that_ships(tmp_path: Path) -> None:
    done = _pretrain("--check")
    assert (done.returncode, done.stderr) == (0, "")
    refused = _pretrain("--check", "--output", str(_another(tmp_path / "other.safetensors")))
    assert refused.returncode == 1
    assert "was not made by this script" in refused.stderr


@pytest.mark.long
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="it takes minutes of one processor")
def test_the_script_makes_a_model_as_good_as_the_one_that_ships(tmp_path: Path) -> None:
    made = tmp_path / "made.safetensors"
    assert _pretrain("--output", str(made)).returncode == 0
    told = []
    for file in (made, FILE):
        with safe_open(file, "numpy") as opened:
            told.append(json.loads(opened.metadata()["loss"]))
    assert told[0] == pytest.approx(told[1], rel=0.02)  # another processor rounds otherwise


def test_the_model_is_small_and_whole() -> None:
    assert FILE.stat().st_size <= MOST_BYTES
    named = {f"denoiser.{name}": shape for name, shape in DENOISER.items()}
    named |= {f"text_encoder.{name}": shape for name, shape in TEXT_ENCODER.items()}
    found = weights()
    assert {name: found[f"{name}.weight"].shape[::-1] for name in named} == named
    assert len(found) == 2 * len(named) + 1
    assert all(np.isfinite(weight).all() for weight in found.values())


def test_the_model_knows_what_it_sees_and_what_it_is_told() -> None:
    people, cats = strangers(), strangers(kinds=("cat",))
    known = loss(None, people, ["a person"] * len(people))
    assert known < 0.25
    assert known < 0.9 * loss(None, people, ["a cat"] * len(people))
    assert loss(None, cats, ["a cat"] * len(cats)) < 0.9 * loss(None, cats, ["a person"] * len(cats))
    noise = np.random.default_rng(0).uniform(-1.0, 1.0, people.shape)
    assert known < 0.25 * loss(None, noise, ["a person"] * len(noise))


def test_captions_with_more_words_help_the_model() -> None:
    random = np.random.default_rng(8)
    drawn, told = [], []
    for _ in range(24):
        sitter, scene = avatars.random_sitter(random, ("man", "woman")), avatars.random_scene(random)
        drawn.append(avatars.draw(sitter, scene, 64))
        words = f"{sitter.hair} hair and a {sitter.clothes} shirt on a {scene.background} background"
        told.append(f"a {sitter.kind} with {words}")
    pictures = small(drawn)
    assert loss(None, pictures, told) < 0.85 * loss(None, pictures, ["person"] * 24)
    assert loss(None, pictures, told[1:] + told[:1]) > loss(None, pictures, ["person"] * 24)


def test_words_that_mean_nothing_change_little() -> None:
    people = strangers()
    plain = loss(None, people, ["a person"] * len(people))
    assert captions.tokens("a sks person") != captions.tokens("a person")
    assert loss(None, people, ["a sks person"] * len(people)) == pytest.approx(plain, rel=0.1)


def test_what_is_sampled_differs_and_is_as_bright_as_what_was_drawn() -> None:
    made = Model().sample(["person"] * 32, np.random.default_rng(1))
    assert made.shape == (32, 8, 8, 3)
    assert np.abs(made).max() <= 1.0
    drawn = strangers(count=64)
    assert made.mean() == pytest.approx(drawn.mean(), abs=0.15)
    assert made.std(axis=0).mean() > 0.6 * drawn.std(axis=0).mean()
