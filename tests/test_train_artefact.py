"""The adapter on disk: PEFT's format, the same bytes for the same weights, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load, save
from trained import adapter, outcome, short_plan

from loracle_mockserver.trainer import artefact
from loracle_mockserver.trainer.artefact import ArtefactError, adapter_files, read, write
from loracle_mockserver.trainer.images import TrainingImages, built_in
from loracle_mockserver.trainer.network import DENOISER, TEXT_ENCODER
from loracle_mockserver.trainer.picture import picture
from loracle_mockserver.trainer.training import predict

NAMES = ["adapter_config.json", "adapter_model.safetensors", "report.json", "picture.png"]
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def images() -> TrainingImages:
    return built_in(short_plan())


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


# --- the format


@pytest.mark.parametrize("text_encoder", [False, True])
def test_an_adapter_is_read_as_it_was_written(
    tmp_path: Path, images: TrainingImages, text_encoder: bool
) -> None:
    before = adapter(text_encoder=text_encoder)
    files = write(outcome(found=before), short_plan(), images, tmp_path / "out")
    text = [f"text_encoder/{name}" for name in NAMES[:2]] if text_encoder else []
    assert [path.relative_to(tmp_path / "out").as_posix() for path in files] == NAMES[:2] + text + NAMES[2:]
    assert sorted(files_of(tmp_path / "out")) == sorted(NAMES + text)
    after = read(tmp_path / "out")
    assert (after.r, after.alpha) == (4, 16)
    for one, other in (
        (before.layers, after.layers),
        (before.text_encoder_layers, after.text_encoder_layers),
    ):
        assert one.keys() == other.keys()
        for name in one:
            assert np.abs(one[name].A - other[name].A).max() < 1e-7
            assert np.abs(one[name].B - other[name].B).max() < 1e-7
    if text_encoder:
        assert (after.text_encoder_r, after.text_encoder_alpha) == (8, 24)


@pytest.mark.parametrize("text_encoder", [False, True])
def test_what_is_read_predicts_as_what_was_trained(
    tmp_path: Path, images: TrainingImages, text_encoder: bool
) -> None:
    before = adapter(text_encoder=text_encoder, r=8, alpha=32)
    write(outcome(found=before), short_plan(), images, tmp_path / "out")
    noisy = np.random.default_rng(5).standard_normal((6, 8, 8, 3))
    t = np.array([0, 100, 300, 500, 800, 999])
    expected = predict(before, noisy, t, "a photo of sks person")
    assert np.abs(predict(read(tmp_path / "out"), noisy, t, "a photo of sks person") - expected).max() <= 1e-5
    assert np.abs(predict(None, noisy, t, "a photo of sks person") - expected).max() >= 1e-2


def test_the_files_are_as_peft_has_them() -> None:
    files = adapter_files(adapter(text_encoder=True))
    config = json.loads(files["adapter_config.json"])
    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", 4, 16)
    assert config["target_modules"] == sorted(DENOISER)
    tensors = load(files["adapter_model.safetensors"])
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"float32"}
    assert sorted(tensors) == sorted(
        f"base_model.model.{name}.{matrix}.weight" for name in DENOISER for matrix in ("lora_A", "lora_B")
    )
    inputs, outputs = DENOISER["blocks.1.up"]
    assert tensors["base_model.model.blocks.1.up.lora_A.weight"].shape == (4, inputs)
    assert tensors["base_model.model.blocks.1.up.lora_B.weight"].shape == (outputs, 4)
    assert json.loads(files["text_encoder/adapter_config.json"])["target_modules"] == sorted(TEXT_ENCODER)


DIGEST = """
import hashlib
from trained import adapter, outcome, short_plan
from loracle_mockserver.trainer.artefact import write
from loracle_mockserver.trainer.images import built_in
from pathlib import Path
import sys
found = outcome(found=adapter(text_encoder=True))
for path in write(found, short_plan(), built_in(short_plan()), Path(sys.argv[1])):
    print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    def run(name: str, seed: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", DIGEST, str(tmp_path / name)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    assert run("a", "1") == run("b", "2")


def test_other_weights_are_other_bytes() -> None:
    one, other = adapter_files(adapter(seed=1)), adapter_files(adapter(seed=2))
    assert one["adapter_model.safetensors"] != other["adapter_model.safetensors"]


# --- what cannot be read


def spoiled(folder: Path, **config: Any) -> Path:
    files = adapter_files(adapter())
    values = {**json.loads(files["adapter_config.json"]), **config}
    (folder / "adapter_config.json").write_text(json.dumps(values))
    (folder / "adapter_model.safetensors").write_bytes(files["adapter_model.safetensors"])
    return folder


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"peft_type": "IA3"}, "not the configuration of a LoRA"),
        ({"r": 0}, "r is 0"),
        ({"r": 5}, "with r 5"),
        ({"lora_alpha": "16"}, "lora_alpha is '16'"),
        ({"use_rslora": True}, "uses use_rslora"),
        ({"rank_pattern": {"up": 2}}, "uses rank_pattern"),
        ({"bias": "all"}, "uses bias"),
    ],
)
def test_a_configuration_that_means_something_else_is_refused(tmp_path: Path, config: Any, told: str) -> None:
    read(spoiled(tmp_path))
    with pytest.raises(ArtefactError, match=told):
        read(spoiled(tmp_path, **config))


def test_broken_weights_are_refused(tmp_path: Path) -> None:
    path = spoiled(tmp_path) / "adapter_model.safetensors"
    tensors = load(path.read_bytes())
    key = "base_model.model.time.lora_A.weight"
    for data, told in (
        (path.read_bytes()[:-9], "cannot be read"),
        (save({**tensors, "conv.weight": np.zeros(3)}), "no weight of a LoRA"),
        (save({name: tensor for name, tensor in tensors.items() if name != key}), "no matrices A"),
        (save({**tensors, key: np.zeros(3, dtype=np.float32)}), "no matrices A"),
    ):
        path.write_bytes(data)
        with pytest.raises(ArtefactError, match=told):
            read(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{")
    with pytest.raises(ArtefactError, match="is no JSON"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nothing")


# --- whole or not at all


def test_an_artefact_is_replaced_and_anything_else_left_alone(tmp_path: Path, images: TrainingImages) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write(outcome(found=adapter(text_encoder=True)), short_plan(), images, out)
    write(outcome(), short_plan(), images, out)
    assert sorted(files_of(out)) == sorted(NAMES), "nothing is left of the first one"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(out)
    for name in ("mine", "file", "link"):
        with pytest.raises(FileExistsError):
            write(outcome(), short_plan(), images, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "mine", "out"]
    assert files_of(tmp_path / "mine") == {"thesis.txt": b"mine"}


@pytest.mark.parametrize("failing", ["write_bytes", "rename"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_end_in_the_middle_leaves_what_stood_there(
    tmp_path: Path,
    images: TrainingImages,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    error: type[BaseException],
) -> None:
    out = tmp_path / "out"
    write(outcome(), short_plan(), images, out)
    before, calls = files_of(out), []
    real = getattr(Path, failing)

    def breaks(path: Path, *arguments: Any) -> Any:
        calls.append(path)
        if len(calls) == 2:
            raise error
        return real(path, *arguments)

    monkeypatch.setattr(Path, failing, breaks)
    with pytest.raises(error):
        write(outcome(found=adapter(seed=9)), short_plan(), images, out)
    monkeypatch.undo()
    assert files_of(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# --- the report and the picture


def test_the_report_tells_plan_pictures_steps_and_files(tmp_path: Path, images: TrainingImages) -> None:
    made = outcome(3, losses=(0.5, math.nan, 0.25))
    write(made, short_plan(), images, tmp_path)
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert report["format"] == "loracle-train-report-1"
    assert "not Stable Diffusion" in report["about"]
    assert report["plan"] == json.loads(json.dumps(short_plan().as_dict()))
    assert report["training"]["losses"] == [0.5, None, 0.25]
    assert report["adapter"]["digest"] == made.adapter.digest
    assert report["images"]["source"] == "built-in avatars"
    assert {record["component"] for record in report["images"]["records"]} >= {"resize", "face_restore"}
    for name, digest in report["adapter"]["files"].items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    "losses", [(0.5,), (0.5, 0.5), (math.nan,), (math.inf, 1.0, 2.0), (1e308, -1e308), tuple(range(3000)), ()]
)
def test_any_course_of_the_loss_can_be_drawn(images: TrainingImages, losses: tuple[float, ...]) -> None:
    data = picture(outcome(len(losses), losses=losses), short_plan(), images)
    with Image.open(io.BytesIO(data)) as drawn:
        assert drawn.format == "PNG"
        assert drawn.width == 672
        colours = {colour for _, colour in drawn.convert("RGB").getcolors(2**20) or []}
    has_curve = any(math.isfinite(loss) for loss in losses)
    assert ((0x1F, 0x5F, 0xB0) in colours) == has_curve


def test_the_samples_are_in_the_picture(images: TrainingImages) -> None:
    made = outcome()
    with Image.open(io.BytesIO(picture(made, short_plan(), images))) as drawn:
        colours = {colour for _, colour in drawn.getcolors(2**20) or []}
    for samples in (made.samples_before, made.samples_after):
        shown = np.rint((samples + 1) * 127.5).astype(int)
        assert {tuple(pixel.tolist()) for pixel in shown.reshape(-1, 3)} <= colours


def test_the_names_of_the_files_are_said_once() -> None:
    assert [artefact.CONFIG, artefact.WEIGHTS, artefact.REPORT, artefact.PICTURE] == NAMES
