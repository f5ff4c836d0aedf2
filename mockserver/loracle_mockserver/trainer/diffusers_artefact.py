"""What the second engine leaves behind: a LoRA that diffusers loads with its lora_alpha, report and picture.

diffusers keeps r and lora_alpha in the file's metadata where they are given to `save_lora_weights`; without
them the loader takes alpha = r, and the adapter works at another strength than it was trained at.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loracle_mockserver.trainer.artefact import LORA, PICTURE, REPORT, as_json, write_files
from loracle_mockserver.trainer.report import report

if TYPE_CHECKING:
    from loracle_mockserver.trainer.diffusers_training import PipelineOutcome
    from loracle_mockserver.trainer.images import TrainingImages
    from loracle_mockserver.trainer.planned import TrainPlan

__all__ = ["in_order", "write"]

_LIBRARIES = ("loracle", "numpy", "pillow", "safetensors", "torch", "diffusers", "peft", "transformers")


def write(outcome: PipelineOutcome, plan: TrainPlan, images: TrainingImages, out: Path) -> tuple[Path, ...]:
    """Writes the artefact into a folder as `artefact.write` does; answers the files. Raises OSError."""
    from loracle_mockserver.trainer.picture import picture  # noqa: PLC0415 - as the other artefact does

    files = {LORA: _lora_file(outcome)}
    told = report(outcome, plan, images, files, about=outcome.about, libraries=_LIBRARIES)
    files[REPORT] = as_json(told)
    files[PICTURE] = picture(outcome, plan, images)
    return write_files(files, out)


def _lora_file(outcome: PipelineOutcome) -> bytes:
    from diffusers.utils import convert_state_dict_to_diffusers  # noqa: PLC0415 - of an extra
    from peft import get_peft_model_state_dict  # noqa: PLC0415

    pipeline, parts = outcome.pipeline, {"unet": outcome.pipeline.unet}
    if outcome.adapter.text_encoder_layers:
        parts["text_encoder"] = pipeline.text_encoder
    arguments: dict[str, Any] = {}
    for name, part in parts.items():
        state = convert_state_dict_to_diffusers(get_peft_model_state_dict(part))
        arguments[f"{name}_lora_layers"] = {key: tensor.contiguous() for key, tensor in state.items()}
        arguments[f"{name}_lora_adapter_metadata"] = _metadata(part)
    with tempfile.TemporaryDirectory() as folder:
        type(pipeline).save_lora_weights(folder, weight_name=LORA, **arguments)
        return in_order((Path(folder) / LORA).read_bytes())


def _metadata(part: Any) -> dict[str, Any]:
    """What the loader makes a LoraConfig of: no more than what was chosen, so that other versions read it."""
    (config,) = part.peft_config.values()
    return {
        "r": config.r,
        "lora_alpha": config.lora_alpha,
        "target_modules": sorted(config.target_modules),
    }


def in_order(file: bytes) -> bytes:
    """A safetensors file with its metadata in order of names.

    The library keeps them in a hash map, whose order differs from process to process.
    Source of the format: a header's length (8 bytes, little-endian), the header as JSON, the tensors.
    """
    length = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + file[8 + length :]
