"""The second engine: really trained with diffusers (long), and what is said without its libraries."""

from __future__ import annotations

import json
import struct
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from checks import SEED_PAGE
from safetensors.numpy import load, save
from torch_environment import printed
from trained import run_train, short_plan

from loracle_mockserver.trainer.artefact import check_place
from loracle_mockserver.trainer.diffusers_artefact import in_order
from loracle_mockserver.trainer.images import built_in
from loracle_mockserver.trainer.planned import Untrainable
from loracle_mockserver.trainer.stable_diffusion import check_folder

LIBRARIES = ("torch", "diffusers", "peft", "transformers")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("seed.json").write_bytes(SEED_PAGE)


# --- what is said without torch


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--base-model-dir base --out out", "--base-model-dir needs --engine diffusers"),
        ("--engine reference --base-model-dir base --dry-run", "--base-model-dir needs --engine diffusers"),
        ("--engine diffusers --export peft", "--engine does not go with --export"),
        ("--engine torch --out out", "--engine"),
        ("--engine diffusers", "--out names the folder"),
    ],
)
def test_wrong_usage_is_told(options: str, told: str) -> None:
    result = run_train("seed.json", *options.split())
    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_missing_library_is_told_with_its_install_line(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in LIBRARIES:
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, None if name == library else module)
    result = run_train("seed.json", "--engine", "diffusers", "--out", "out")
    assert result.exit_code == 3
    line = f"loracle train --engine diffusers needs {library}: pip install 'loracle[trainer-sd]'"
    assert result.stderr.strip().splitlines()[-1].endswith(line)
    assert not Path("out").exists()


def test_the_plan_is_the_same_for_both_engines() -> None:
    plans = [run_train("seed.json", "--dry-run", "--engine", name) for name in ("reference", "diffusers")]
    assert [one.exit_code for one in plans] == [0, 0]
    assert plans[0].stdout == plans[1].stdout


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (None, "model_index.json cannot be read"),
        (b"{", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b"[]", "names the pipeline None"),
        (b'{"_class_name": "FluxPipeline"}', "names the pipeline 'FluxPipeline'"),
    ],
)
def test_a_folder_without_a_pipeline_is_refused(tmp_path: Path, index: bytes | None, told: str) -> None:
    if index is not None:
        (tmp_path / "model_index.json").write_bytes(index)
    with pytest.raises(Untrainable, match="save_pretrained") as caught:
        check_folder(tmp_path)
    assert caught.value.reason == "base_model_unreadable"
    assert told in caught.value.message


def test_the_pictures_are_kept_whole_where_that_is_asked_for() -> None:
    planned = short_plan()
    (picture,) = built_in(planned, keep_whole=True).whole
    assert picture.size == (planned.width.effective, planned.height.effective)
    assert built_in(planned).whole == ()


@pytest.mark.parametrize("adapter", ["adapter_config.json", "pytorch_lora_weights.safetensors"])
def test_an_artefact_of_either_engine_gives_way(tmp_path: Path, adapter: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / adapter).write_bytes(b"")
    with pytest.raises(FileExistsError):
        check_place(out)
    (out / "report.json").write_bytes(b"")
    check_place(out)


def test_a_file_of_weights_has_its_metadata_in_order() -> None:
    tensors = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.ones(2, dtype=np.float32)}
    written = {in_order(save(tensors, metadata={"x": "é", "format": "pt", "y": "2"})) for _ in range(5)}
    (file,) = written
    (length,) = struct.unpack_from("<Q", file)
    header = json.loads(file[8 : 8 + length])
    assert list(header["__metadata__"].items()) == [("format", "pt"), ("x", "é"), ("y", "2")]
    assert length % 8 == 0
    read = load(file)
    assert {name: array.tolist() for name, array in read.items()} == {
        name: array.tolist() for name, array in tensors.items()
    }


# --- really trained


@pytest.fixture(scope="module")
def found(python_with_diffusers: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("diffusers")
    result: dict[str, Any] = printed(python_with_diffusers, "diffusers_trainings.py", folder)
    result["folder"] = folder
    return result


@pytest.mark.long
def test_diffusers_loads_the_adapter_at_the_strength_that_was_trained(found: dict[str, Any]) -> None:
    distance = found["reloaded"]
    assert distance["loaded"] <= 1e-5
    for name in ("base", "without_alpha", "without_text_encoder"):
        assert distance[name] >= 1e-2, name


@pytest.mark.long
def test_the_rates_are_those_of_the_reference_trainer(found: dict[str, Any]) -> None:
    assert len(found["rates"]) == 6
    assert max(found["rates"].values()) <= 1e-12


@pytest.mark.long
def test_one_step_moves_b_by_the_learning_rate(found: dict[str, Any]) -> None:
    assert found["first_step"]["share"] >= 0.95
    assert found["first_step"]["largest"] <= 1.001


@pytest.mark.long
def test_each_field_changes_the_adapter_and_the_name_does_not(found: dict[str, Any]) -> None:
    digests = found["digests"]
    assert digests.pop("name") == digests["base"]
    assert len(set(digests.values())) == len(digests)


@pytest.mark.long
def test_the_events_are_those_of_the_reference_trainer(found: dict[str, Any]) -> None:
    events = found["events"]
    assert [event["event"] for event in events["done"]] == ["started", "step", "step", "step", "done"]
    assert [event["step"] for event in events["done"][1:4]] == [1, 2, 3]
    assert sorted(events["done"][-1]["files"]) == [
        "picture.png",
        "pytorch_lora_weights.safetensors",
        "report.json",
    ]
    assert events["canceled"][-1] == {"event": "canceled", "step": 2}
    assert events["canceled_early"][-1] == {"event": "canceled", "step": 0}
    reasons = {name: events[name][-1]["reason"] for name in ("cpu", "diverged", "no_pipeline")}
    assert reasons == {"cpu": "cpu_time", "diverged": "diverged", "no_pipeline": "base_model_unreadable"}
    assert events["left"] == ["done", "empty"]


@pytest.mark.long
def test_the_pipeline_of_a_folder_is_trained_in_the_size_of_the_plan(found: dict[str, Any]) -> None:
    own = found["own_folder"]
    assert own["size"] == [2, 64, 72, 3]
    assert "--base-model-dir names" in own["about"]
    assert "72 x 64 pixels" in own["about"]
    assert own["loaded"] <= 1e-5
    assert own["base"] >= 1e-2


@pytest.mark.long
def test_the_tiny_pipeline_is_small(found: dict[str, Any]) -> None:
    assert found["weights"] * 4 <= 600_000  # bytes


@pytest.mark.long
def test_the_same_training_gives_the_same_bytes_in_every_process(
    python_with_diffusers: str, found: dict[str, Any], tmp_path: Path
) -> None:
    again = printed(python_with_diffusers, "diffusers_trainings.py", tmp_path, "file")
    assert again["file"] == found["file"]


@pytest.mark.long
def test_the_command_says_that_the_tiny_pipeline_is_no_trained_model(
    python_with_diffusers: str, tmp_path: Path
) -> None:
    told = printed(python_with_diffusers, "diffusers_trainings.py", tmp_path, "command")["command"]
    assert told["exit_code"] == 0, told
    assert "no trained model" in told["stderr"]
    assert "no trained model" in told["stdout"]
    assert "step 1 of 1" in told["stderr"]
    assert "pytorch_lora_weights.safetensors" in told["stdout"]
