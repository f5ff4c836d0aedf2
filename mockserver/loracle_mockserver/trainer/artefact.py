"""The trained adapter on disk, as PEFT keeps it: written with the same bytes for the same weights, and read.

The folder holds `adapter_config.json` and `adapter_model.safetensors` of the denoiser. A trained text
encoder has the same two files in `text_encoder/`, as in PEFT's own DreamBooth example. Beside them stand
`report.json` and `picture.png`. Source of the format: PEFT, `LoraConfig` and `get_peft_model_state_dict`.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from loracle_mockserver.trainer.adapter import Adapter, LoraLayer

if TYPE_CHECKING:
    from loracle_mockserver.trainer.images import TrainingImages
    from loracle_mockserver.trainer.planned import TrainPlan
    from loracle_mockserver.trainer.training import Outcome

__all__ = [
    "BASE",
    "CONFIG",
    "LORA",
    "PICTURE",
    "REPORT",
    "WEIGHTS",
    "ArtefactError",
    "adapter_files",
    "as_json",
    "check_place",
    "read",
    "write",
    "write_files",
]

CONFIG, WEIGHTS, REPORT, PICTURE = (
    "adapter_config.json",
    "adapter_model.safetensors",
    "report.json",
    "picture.png",
)
LORA = "pytorch_lora_weights.safetensors"
"""The adapter of the second engine, by the name that diffusers' `load_lora_weights` looks for."""
BASE = "loracle-reference-trainer"
"""What the adapter belongs to: the base model of this trainer, not the one that the request names."""

_TEXT_ENCODER = "text_encoder"
_PREFIX = "base_model.model."
_MATRICES = {"lora_A": "A", "lora_B": "B"}


class ArtefactError(ValueError):
    """A folder that holds no adapter that can be read; the text says what is wrong with which file."""


def write(outcome: Outcome, plan: TrainPlan, images: TrainingImages, out: Path) -> tuple[Path, ...]:
    """Writes the artefact into a folder, as a whole or not at all; answers the files.

    An artefact that stands there already is replaced; anything else is left alone. Raises OSError where
    nothing can be written, FileExistsError where something else stands there.
    """
    from loracle_mockserver.trainer.picture import picture  # noqa: PLC0415 - readers need no Pillow
    from loracle_mockserver.trainer.report import report  # noqa: PLC0415

    files = adapter_files(outcome.adapter)
    files[REPORT] = as_json(report(outcome, plan, images, files))
    files[PICTURE] = picture(outcome, plan, images)
    return write_files(files, out)


def write_files(files: Mapping[str, bytes], out: Path) -> tuple[Path, ...]:
    """Writes files by their names, as `write` does with those of an adapter."""
    check_place(out)
    with _replacing(out) as folder:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    return tuple(out / name for name in files)


def check_place(out: Path) -> None:
    """Raises OSError where no artefact can be written: FileExistsError where something else stands there.

    An empty folder and an artefact give way, and missing folders above are made.
    """
    if out.is_symlink() or out.exists():
        if out.is_symlink() or not out.is_dir():
            raise FileExistsError(f"{out} is no folder; name another place")
        if any(out.iterdir()) and not _is_artefact(out):
            raise FileExistsError(f"{out} holds something else; name a new or an empty folder")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir():
        raise FileExistsError(f"{above} is no folder, so {out} cannot be one in it")
    if not os.access(above, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(out))


def adapter_files(adapter: Adapter) -> dict[str, bytes]:
    """The files that PEFT reads, by their names. Weights are float32, as PEFT trains them."""
    files = _files(adapter.layers, adapter.r, adapter.alpha)
    if adapter.text_encoder_layers:
        found = _files(adapter.text_encoder_layers, adapter.text_encoder_r, adapter.text_encoder_alpha)
        files |= {f"{_TEXT_ENCODER}/{name}": data for name, data in found.items()}
    return files


def read(folder: Path) -> Adapter:
    """The adapter of a folder in PEFT's format. Raises ArtefactError, OSError."""
    layers, r, alpha = _read_part(folder)
    text_layers: dict[str, LoraLayer] = {}
    text_r, text_alpha = r, alpha
    if (folder / _TEXT_ENCODER / CONFIG).exists():
        text_layers, text_r, text_alpha = _read_part(folder / _TEXT_ENCODER)
    return Adapter(layers, text_layers, r, alpha, text_r, text_alpha)


def _is_artefact(folder: Path) -> bool:
    """Whether it holds what one of the engines has written."""
    return (folder / REPORT).is_file() and any((folder / name).is_file() for name in (CONFIG, LORA))


def _files(layers: Mapping[str, LoraLayer], r: int, alpha: int) -> dict[str, bytes]:
    config: dict[str, Any] = {
        "alpha_pattern": {},
        "auto_mapping": None,
        "base_model_name_or_path": BASE,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "layers_pattern": None,
        "layers_to_transform": None,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": r,
        "rank_pattern": {},
        "revision": None,
        "target_modules": sorted(layers),
        "task_type": None,
        "use_dora": False,
        "use_rslora": False,
    }
    tensors = {
        f"{_PREFIX}{name}.{long}.weight": np.ascontiguousarray(getattr(layers[name], short), dtype="<f4")
        for name in sorted(layers)
        for long, short in _MATRICES.items()
    }
    # One member only: safetensors keeps metadata in a hash map, whose order differs from process to process.
    return {CONFIG: as_json(config), WEIGHTS: save(tensors, metadata={"format": "pt"})}


def _read_part(folder: Path) -> tuple[dict[str, LoraLayer], int, int]:
    config = _config(folder / CONFIG)
    path = folder / WEIGHTS
    try:
        tensors = load(path.read_bytes())
    except SafetensorError as error:
        raise ArtefactError(f"{path} cannot be read: {error}") from None
    found: dict[str, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        name, _, matrix = key.removeprefix(_PREFIX).removesuffix(".weight").rpartition(".")
        if not key.startswith(_PREFIX) or matrix not in _MATRICES:
            raise ArtefactError(f"{path}: {key!r} is no weight of a LoRA")
        found.setdefault(name, {})[_MATRICES[matrix]] = tensor.astype(np.float64)
    r = config["r"]
    for name, matrices in found.items():
        shapes = {letter: matrix.shape for letter, matrix in matrices.items()}
        if set(shapes) != {"A", "B"} or shapes["A"][:1] != (r,) or shapes["B"][1:] != (r,):
            raise ArtefactError(
                f"{path}: {name!r} has no matrices A (r, in) and B (out, r) with r {r}: {shapes}"
            )
    return {name: LoraLayer(**matrices) for name, matrices in sorted(found.items())}, r, config["lora_alpha"]


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except ValueError as error:
        raise ArtefactError(f"{path} is no JSON: {error}") from None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise ArtefactError(f"{path} is not the configuration of a LoRA")
    for name in ("r", "lora_alpha"):
        if type(config.get(name)) is not int or config[name] < 1:
            raise ArtefactError(f"{path}: {name} is {config.get(name)!r}, and not a whole number from 1")
    different = [
        name for name in ("rank_pattern", "alpha_pattern", "use_rslora", "use_dora") if config.get(name)
    ]
    if different or config.get("bias", "none") != "none":
        raise ArtefactError(f"{path} uses {', '.join(different) or 'bias'}, which this trainer never writes")
    return config


def as_json(value: Any) -> bytes:
    """Indented JSON in UTF-8. Raises ValueError for what is no finite number."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A new folder beside the place, which takes it in one step when all is written, or goes away."""
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    try:
        part.mkdir()
        yield part
        if out.exists():
            out.rename(old)
        part.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:  # Ctrl-C included: what stood there comes back
        if old.exists() and not out.exists():
            old.rename(out)
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
