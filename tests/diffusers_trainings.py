"""Trains with the second engine in many ways, and prints what came of it.

    python tests/diffusers_trainings.py FOLDER [NAME...]

A program of its own, because torch and diffusers are installed where no other test needs them. It prints a
JSON object whose members are told at the functions that find them.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from click.testing import CliRunner
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from loracle_contracts import spec
from loracle_mockserver.cli import main as cli
from loracle_mockserver.trainer import schedulers
from loracle_mockserver.trainer.artefact import LORA
from loracle_mockserver.trainer.diffusers_artefact import write
from loracle_mockserver.trainer.diffusers_training import PipelineOutcome, train
from loracle_mockserver.trainer.events import Event, Step, as_line, read_line
from loracle_mockserver.trainer.images import built_in
from loracle_mockserver.trainer.pipeline_calls import predict
from loracle_mockserver.trainer.plan import Caps, plan
from loracle_mockserver.trainer.runner import DiffusersEngine, run_training
from loracle_mockserver.trainer.stable_diffusion import load

PROMPT = "a photo of sks person"
STRONG = {
    "max_train_steps": 10,
    "learning_rate": 2e-2,
    "train_text_encoder": True,
    "with_prior_preservation": False,
    "lora_r": 4,
    "lora_alpha": 16,
    "lora_text_encoder_r": 2,
    "lora_text_encoder_alpha": 10,
}
PRIOR = {"with_prior_preservation": True, "max_train_steps": 2, "class_prompt": "person"}


def request(name: str = "test", **setting: Any) -> dict[str, Any]:
    """A small one: what is sampled at the size of the seed page's takes minutes."""
    body: dict[str, Any] = json.loads(spec.example("valid/createSubjectTraining/request/seed-page.json"))
    body |= {"name": name, "width": 77, "height": 64}
    body["expert_setting"] |= {"instance_prompt": PROMPT, "with_prior_preservation": False, **setting}
    return body


def trained(folder: Path, base_model_dir: Path | None = None, **setting: Any) -> PipelineOutcome:
    planned = plan(request(**setting))
    images = built_in(planned, keep_whole=True)
    outcome = train(planned, images, base_model_dir=base_model_dir)
    write(outcome, planned, images, folder)
    return outcome


def predictions(pipeline: Any) -> np.ndarray:
    noisy = np.random.default_rng(3).standard_normal((8, 4, 16, 16))
    return predict(pipeline, noisy, np.linspace(0, 999, 8).astype(int).tolist(), PROMPT)


def reloaded(folder: Path) -> dict[str, float]:
    """How far predictions are from those in memory: with the adapter loaded, without what tells lora_alpha
    (as diffusers' plain saver leaves it), without its text encoder, and without any adapter.
    """
    in_memory = predictions(trained(folder, **STRONG).pipeline)
    sources: dict[str, Any] = {
        "loaded": folder,
        "without_alpha": load_file(folder / LORA),
        "base": None,
    }
    found = {}
    for name, source in sources.items():
        pipeline = load(None).pipeline
        if source is not None:
            pipeline.load_lora_weights(str(source) if isinstance(source, Path) else source)
        found[name] = float(np.abs(predictions(pipeline) - in_memory).max())
    pipeline = load(None).pipeline
    pipeline.load_lora_weights(str(folder))
    for part in pipeline.text_encoder.modules():
        if hasattr(part, "lora_B"):
            for matrix in part.lora_B.values():
                torch.nn.init.zeros_(matrix.weight)
    found["without_text_encoder"] = float(np.abs(predictions(pipeline) - in_memory).max())
    return found


def rates(folder: Path) -> dict[str, float]:
    """For each scheduler the largest difference from the reference trainer's rates, in units of the rate."""
    found = {}
    for name in schedulers.SCHEDULERS:
        outcome = trained(folder, lr_scheduler=name, max_train_steps=6, lr_warmup_steps=2, learning_rate=1e-3)
        warmup = 0 if name == "constant" else 2
        expected = [
            schedulers.learning_rate(name, step, rate=1e-3, warmup=warmup, steps=6) for step in range(6)
        ]
        found[name] = float(np.abs(np.subtract(outcome.learning_rates, expected)).max() / 1e-3)
    return found


def first_step(folder: Path) -> dict[str, float]:
    """After one step of AdamW, in units of the learning rate: the largest entry of all B, and the share of
    those within 1 % of the rate in the value layers. (Through the softmax of a network of random weights the
    gradients of queries and keys come near AdamW's epsilon, and their steps are shorter.)
    """
    layers = trained(folder, max_train_steps=1, learning_rate=1e-3).adapter.layers
    moved = {name: np.abs(layer.B).ravel() / 1e-3 for name, layer in layers.items()}
    values = np.concatenate([entries for name, entries in moved.items() if name.endswith("to_v")])
    return {
        "largest": float(max(entries.max() for entries in moved.values())),
        "share": float(np.mean(np.abs(values - 1.0) < 0.01)),
    }


def digests(folder: Path) -> dict[str, str]:
    """The adapter's digest when one field is another."""
    changes: dict[str, dict[str, Any]] = {
        "base": {},
        "name": {"name": "another"},
        "seed": {"seed": 1},
        "learning_rate": {"learning_rate": 5e-4},
        "instance_prompt": {"instance_prompt": "a photo of zzz person"},
        "train_batch_size": {"train_batch_size": 3},
        "lora_r": {"lora_r": 8},
        "lora_alpha": {"lora_alpha": 8},
        "train_text_encoder": {"train_text_encoder": True},
        "lr_scheduler": {"lr_scheduler": "linear"},
        "with_prior_preservation": PRIOR,
        "class_prompt": {**PRIOR, "class_prompt": "cat"},
        "prior_loss_weight": {**PRIOR, "prior_loss_weight": 0.5},
    }
    return {
        name: trained(folder, **{"max_train_steps": 2, "learning_rate": 1e-3, **change}).adapter.digest
        for name, change in changes.items()
    }


def run(
    out: Path,
    *,
    stop: Callable[[list[Event]], bool] = lambda _: False,
    caps: Caps | None = None,
    base_model_dir: Path | None = None,
    **setting: Any,
) -> list[dict[str, Any]]:
    """The events of a training, each as a line of JSON that is read again."""
    heard: list[Event] = []
    ending = run_training(
        request(**setting),
        lambda planned, limits: built_in(planned, limits, keep_whole=True),
        out,
        caps=caps,
        emit=heard.append,
        is_canceled=lambda: stop(heard),
        engine=DiffusersEngine(base_model_dir),
    )
    assert heard[-1] == ending
    lines = [as_line(event) for event in heard]
    assert [read_line(line) for line in lines] == heard
    return [json.loads(line) for line in lines]


def events(folder: Path) -> dict[str, Any]:
    """The events of trainings that end well, by cancel (after two steps; while class images are made), by the
    cap of CPU time, because they diverge, and because the folder holds no pipeline; what stands there then.
    """
    empty = folder / "empty"
    empty.mkdir(parents=True)
    (empty / "model_index.json").write_text(
        '{"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0"}'
    )

    asked = 0

    def at_the_twentieth(_: list[Event]) -> bool:
        nonlocal asked
        asked += 1
        return asked == 20

    found = {
        "done": run(folder / "done", max_train_steps=3),
        "canceled": run(
            folder / "canceled",
            stop=lambda heard: sum(isinstance(event, Step) for event in heard) == 2,
            max_train_steps=9,
        ),
        "canceled_early": run(folder / "early", stop=at_the_twentieth, **PRIOR),
        "cpu": run(folder / "cpu", caps=Caps(cpu_seconds=1e-9), max_train_steps=9),
        "diverged": run(folder / "diverged", max_train_steps=50, learning_rate=1e30),
        "no_pipeline": run(folder / "none", base_model_dir=empty),
    }
    return {**found, "left": sorted(path.name for path in folder.iterdir())}


def own_folder(folder: Path) -> dict[str, Any]:
    """A folder's pipeline, trained: what is said of it, the size of the samples, and how far the predictions
    of the pipeline with the adapter loaded, and without it, are from those in memory.
    """
    pipeline = load(None).pipeline
    with torch.no_grad():
        for weight in pipeline.unet.parameters():
            weight.mul_(1.1)
    pipeline.save_pretrained(folder / "base")
    outcome = trained(folder / "out", folder / "base", max_train_steps=3, learning_rate=2e-2)
    again = StableDiffusionPipeline.from_pretrained(
        folder / "base", local_files_only=True, safety_checker=None
    )
    before = predictions(again)
    again.load_lora_weights(str(folder / "out"))
    in_memory = predictions(outcome.pipeline)
    return {
        "about": outcome.about,
        "size": list(outcome.samples_after.shape),
        "loaded": float(np.abs(predictions(again) - in_memory).max()),
        "base": float(np.abs(before - in_memory).max()),
    }


def file(folder: Path) -> str:
    """The SHA-256 of the file that a training leaves."""
    run(folder / "out", max_train_steps=2, train_text_encoder=True)
    return hashlib.sha256((folder / "out" / LORA).read_bytes()).hexdigest()


def command(folder: Path) -> dict[str, Any]:
    """What `loracle train --engine diffusers` says."""
    folder.mkdir()
    (folder / "request.json").write_text(json.dumps(request()))
    options = ["--engine", "diffusers", "--out", str(folder / "out")]
    result = CliRunner().invoke(cli, ["train", str(folder / "request.json"), *options])
    return {"exit_code": result.exit_code, "stdout": result.stdout, "stderr": result.stderr}


def weights(_: Path) -> int:
    """How many the tiny pipeline has."""
    pipeline = load(None).pipeline
    parts = (pipeline.unet, pipeline.vae, pipeline.text_encoder)
    return sum(weight.numel() for part in parts for weight in part.parameters())


FINDINGS = (reloaded, rates, first_step, digests, events, own_folder, file, command, weights)


def main(folder: Path, *names: str) -> dict[str, Any]:
    """What is printed: all findings, or those named."""
    torch.manual_seed(time.time_ns())  # what happened in the process before is to change nothing
    return {
        find.__name__: find(folder / find.__name__)
        for find in FINDINGS
        if not names or find.__name__ in names
    }


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1]), *sys.argv[2:]), sys.stdout)
