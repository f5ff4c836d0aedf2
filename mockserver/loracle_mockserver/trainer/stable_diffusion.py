"""The pipeline that the second engine trains: one from a folder of the user's, or a tiny one built here.

Nothing is ever downloaded: a folder is read with local files only, and its weights as safetensors only.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loracle_mockserver.trainer.planned import TrainPlan, Untrainable

__all__ = ["FOLDER_NOTE", "TINY_NOTE", "BaseModel", "check_folder", "load", "silent"]

TINY_NOTE = (
    "Trained by Loracle's second engine on a tiny pipeline that has the shape of Stable Diffusion and random "
    "weights. That is no trained model: the procedure is real, but nothing is learned of the world, and the "
    "adapter fits nothing else. --base-model-dir names a folder with a real one."
)
FOLDER_NOTE = (
    "Trained by Loracle's second engine, diffusers, on the CPU; the base model is the one in the folder that "
    "--base-model-dir names, whatever the request's base_model says."
)
_INDEX, _PIPELINE = "model_index.json", "StableDiffusionPipeline"
_WEIGHTS_SEED = 20_230_815
_MULTIPLE = 8  # pixels; the pipeline refuses other sizes
_TINY_SIDE = 64  # pixels; four to a latent
_START, _END = "<|startoftext|>", "<|endoftext|>"
_WORD_END = "</w>"
_TOKENS = 77
_PREDICTIONS = ("epsilon", "v_prediction")


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A diffusers StableDiffusionPipeline whose weights are frozen, and what is to be said of it.

    `side` is the fixed side of the pictures in pixels; None where the plan says how large they are.
    """

    pipeline: Any
    about: str
    side: int | None

    def size(self, plan: TrainPlan) -> tuple[int, int]:
        """Width and height of the pictures in pixels, as multiples of 8 and of what one latent stands for."""
        if self.side is not None:
            return self.side, self.side
        factor: int = math.lcm(_MULTIPLE, self.pipeline.vae_scale_factor)
        width, height = (max(1, side.effective // factor) * factor for side in (plan.width, plan.height))
        return width, height


def check_folder(folder: Path) -> None:
    """Raises Untrainable where a folder holds no Stable Diffusion pipeline of diffusers. Needs no torch."""
    try:
        index = json.loads((folder / _INDEX).read_bytes())
    except OSError as error:
        raise _unreadable(folder, f"{_INDEX} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise _unreadable(folder, f"{_INDEX} is no JSON: {error}") from None
    found = index.get("_class_name") if isinstance(index, dict) else None
    if found != _PIPELINE:
        raise _unreadable(folder, f"{_INDEX} names the pipeline {found!r}, and {_PIPELINE} is needed")


def load(folder: Path | None) -> BaseModel:
    """The pipeline of a folder, or the tiny one, ready for a training on the CPU in float32.

    Raises Untrainable (`base_model_unreadable`, `unsupported_base_model`).
    """
    if folder is not None:
        check_folder(folder)
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when the libraries are loaded
    import torch  # noqa: PLC0415 - after the check, which needs none of it

    with silent():
        if folder is None:
            torch.set_num_threads(1)  # so that sums are made in one order
            base = BaseModel(_tiny(), TINY_NOTE, _TINY_SIDE)
        else:
            base = BaseModel(_from_folder(folder), FOLDER_NOTE, None)
    predicted = base.pipeline.scheduler.config.get("prediction_type", "epsilon")
    if predicted not in _PREDICTIONS:
        message = f"The base model predicts {predicted!r}; {' and '.join(_PREDICTIONS)} can be trained."
        raise Untrainable("unsupported_base_model", message)
    for part in (base.pipeline.unet, base.pipeline.vae, base.pipeline.text_encoder):
        part.requires_grad_(requires_grad=False)
        part.eval()
    base.pipeline.set_progress_bar_config(disable=True)
    return base


def _unreadable(folder: Path, why: str) -> Untrainable:
    message = f"{folder}: {why}. Give a folder that StableDiffusionPipeline.save_pretrained has written."
    return Untrainable("base_model_unreadable", message)


def _from_folder(folder: Path) -> Any:
    import torch  # noqa: PLC0415 - of an extra
    from diffusers import StableDiffusionPipeline  # noqa: PLC0415
    from safetensors import SafetensorError  # noqa: PLC0415

    try:
        return StableDiffusionPipeline.from_pretrained(
            str(folder.absolute()),  # a relative name could be taken for one on a hub
            local_files_only=True,
            use_safetensors=True,
            torch_dtype=torch.float32,
            safety_checker=None,
            requires_safety_checker=False,
        )
    # What the libraries raise for files that are absent, damaged, or do not fit each other.
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        lines = str(error).strip().splitlines()
        why = lines[0].rstrip(".") if lines else type(error).__name__
        raise _unreadable(folder, why) from None


@contextmanager
def silent() -> Iterator[None]:
    """The libraries tell of progress and of what they lack on stderr; what matters here is raised."""
    import diffusers  # noqa: PLC0415 - of an extra
    import transformers  # noqa: PLC0415

    loggers = (diffusers.utils.logging, transformers.utils.logging)
    before = [logger.get_verbosity() for logger in loggers]
    for logger in loggers:
        logger.set_verbosity_error()
        logger.disable_progress_bar()
    try:
        yield
    finally:
        for logger, verbosity in zip(loggers, before, strict=True):
            logger.set_verbosity(verbosity)


def _tiny() -> Any:
    """A pipeline with all parts of Stable Diffusion, about 100,000 weights, always the same random ones."""
    import torch  # noqa: PLC0415 - of an extra
    from diffusers import DDIMScheduler, StableDiffusionPipeline  # noqa: PLC0415

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_WEIGHTS_SEED)
        unet, vae, text_encoder = (make() for make in _PARTS)
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=_tokenizer(),
        unet=unet,
        # That of Stable Diffusion 1.5.
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _unet() -> Any:
    from diffusers import UNet2DConditionModel  # noqa: PLC0415 - of an extra

    return UNet2DConditionModel(
        sample_size=_TINY_SIDE // 4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=4,
    )


def _vae() -> Any:
    from diffusers import AutoencoderKL  # noqa: PLC0415 - of an extra

    return AutoencoderKL(
        sample_size=_TINY_SIDE,
        block_out_channels=(8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        norm_num_groups=4,
    )


def _text_encoder() -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel  # noqa: PLC0415 - of an extra

    words = _vocabulary()
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(words),
            hidden_size=32,
            intermediate_size=64,
            projection_dim=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=_TOKENS,
            bos_token_id=words[_START],
            eos_token_id=words[_END],
            pad_token_id=words[_END],
        )
    )


_PARTS: tuple[Callable[[], Any], ...] = (_unet, _vae, _text_encoder)


def _vocabulary() -> dict[str, int]:
    """Every byte within a word and at its end: CLIP's vocabulary before the first merge.

    Bytes that are no printable letter stand as the letters from 256 on, as in GPT-2's `bytes_to_unicode`.
    """
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = range(256 - len(printable))
    letters = [*map(chr, printable), *(chr(256 + index) for index in others)]
    words = [*letters, *(letter + _WORD_END for letter in letters), _START, _END]
    return {word: index for index, word in enumerate(words)}


def _tokenizer() -> Any:
    from transformers import CLIPTokenizer  # noqa: PLC0415 - of an extra

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "vocab.json").write_text(json.dumps(_vocabulary()), encoding="utf-8")
        (home / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
        settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": _TOKENS}
        (home / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
