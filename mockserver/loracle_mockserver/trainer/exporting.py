"""The same training for the field's own scripts: the command to launch on the user's own machines. Pure.

Sources: PEFT `examples/lora_dreambooth/train_dreambooth.py`, diffusers
`examples/dreambooth/train_dreambooth_lora.py` and `train_dreambooth_lora_sdxl.py`, kohya-ss sd-scripts
`train_network.py`, `sdxl_train_network.py` and `docs/config_README-en.md`.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from loracle_mockserver.trainer.planned import Caps, TrainPlan

__all__ = ["LAUNCHERS", "SCRIPTS", "UNCAPPED", "Export", "export"]

SCRIPTS = ("peft", "diffusers", "kohya")
LAUNCHERS = {
    "accelerate": ["accelerate", "launch"],
    "torchrun": ["torchrun", "--nproc-per-node=1"],
}
UNCAPPED = Caps(max_steps=2**63, max_pixels=2**126, max_images=2**63)
"""The caps are those of the CPU trainer; what is exported runs elsewhere."""

_CLASS_IMAGES = 100
"""How many class images the scripts sample where nobody says how many."""
_SEEDS = 2**32
_DATASET = "dataset.toml"


@dataclass(frozen=True, slots=True)
class Export:
    """A command, a file that it reads, if any, and what it cannot be told."""

    command: tuple[str, ...]
    files: dict[str, str]
    notes: tuple[str, ...]

    def as_shell(self) -> str:
        """Lines for a POSIX shell: the notes as comments, the files as here-documents, the command."""
        lines = [f"# {_printable(note)}" for note in self.notes]
        for name, text in self.files.items():
            lines += [f"cat > {shlex.quote(name)} <<'END_OF_FILE'", text.rstrip("\n"), "END_OF_FILE"]
        return "\n".join([*lines, " \\\n  ".join(_in_lines(self.command))]) + "\n"


def export(plan: TrainPlan, script: str, *, images: str, out: str, launcher: str = "accelerate") -> Export:
    """The command of one of SCRIPTS for a plan that was made with UNCAPPED; folders as the user names them.

    Raises KeyError for an unknown script or launcher.
    """
    make = {"peft": _peft, "diffusers": _diffusers, "kohya": _kohya}[script]
    arguments, files, notes = make(plan, images, out)
    told = [*_general_notes(plan, images, launcher), *notes]
    if any("\0" in argument for argument in arguments):
        arguments = [argument.replace("\0", "") for argument in arguments]
        told.append("No command can hold the character NUL: it was left out.")
    return Export((*LAUNCHERS[launcher], *arguments), files, tuple(told))


def _printable(note: str) -> str:
    """A note that is one line, whatever the request's texts hold."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in note)


def _in_lines(command: tuple[str, ...]) -> list[str]:
    """The launcher and the script in one line, then an argument a line."""
    first = next(index for index, word in enumerate(command) if word.endswith(".py")) + 1
    return [shlex.join(command[:first]), *(shlex.quote(word) for word in command[first:])]


def _general_notes(plan: TrainPlan, images: str, launcher: str) -> list[str]:
    notes = [f"base_model {plan.base_model!r}: give the script a folder or a model id that it knows."]
    if plan.components:
        names = ", ".join(component.name for component in plan.components)
        notes.append(f"The script knows no components; apply them to {images} first: {names}.")
    if plan.seed.effective >= _SEEDS:
        notes.append(
            f"The script's libraries take seeds below 2**32: {plan.seed.effective} became {_seed(plan)}."
        )
    if launcher == "torchrun":
        notes.append("More processes: --nproc-per-node; more machines: --nnodes and --rdzv-endpoint.")
    else:
        notes.append("More processes and machines: accelerate config, or --num_processes and --num_machines.")
    return notes


def _seed(plan: TrainPlan) -> int:
    return plan.seed.effective % _SEEDS


def _training(plan: TrainPlan) -> list[str]:
    """The arguments that all three scripts spell alike."""
    return [
        f"--max_train_steps={plan.max_train_steps.effective}",
        f"--learning_rate={plan.learning_rate.effective!r}",
        f"--lr_scheduler={plan.lr_scheduler.effective}",
        f"--lr_warmup_steps={plan.lr_warmup_steps.effective}",
        f"--seed={_seed(plan)}",
    ]


def _dreambooth(plan: TrainPlan, images: str, out: str) -> list[str]:
    """The arguments that the DreamBooth scripts of PEFT and diffusers share."""
    arguments = [
        f"--pretrained_model_name_or_path={plan.base_model}",
        f"--instance_data_dir={images}",
        f"--output_dir={out}",
        f"--instance_prompt={plan.instance_prompt.effective}",
        f"--resolution={min(plan.width.effective, plan.height.effective)}",
        "--center_crop",
        f"--train_batch_size={plan.train_batch_size.effective}",
        *_training(plan),
    ]
    if plan.with_prior_preservation.effective:
        arguments += [
            "--with_prior_preservation",
            f"--class_data_dir={out}-class-images",
            f"--class_prompt={plan.class_prompt.effective}",
            f"--prior_loss_weight={plan.prior_loss_weight.effective!r}",
            f"--num_class_images={_CLASS_IMAGES}",
        ]
    if plan.train_text_encoder.effective:
        arguments.append("--train_text_encoder")
    return arguments


def _dreambooth_notes(plan: TrainPlan) -> list[str]:
    notes = []
    if any(caption != plan.instance_prompt.effective for caption in plan.captions):
        notes.append("The script has one prompt for all images; the captions of the items are not used.")
    if plan.width.effective != plan.height.effective:
        size = f"{plan.width.effective} x {plan.height.effective}"
        notes.append(f"The script trains on squares: of {size} the shorter side is taken.")
    return notes


def _peft(plan: TrainPlan, images: str, out: str) -> tuple[list[str], dict[str, str], list[str]]:
    arguments = [
        "train_dreambooth.py",
        *_dreambooth(plan, images, out),
        "--use_lora",
        f"--lora_r={plan.lora_r.effective}",
        f"--lora_alpha={plan.lora_alpha.effective}",
    ]
    if plan.train_text_encoder.effective:
        arguments += [
            f"--lora_text_encoder_r={plan.lora_text_encoder_r.effective}",
            f"--lora_text_encoder_alpha={plan.lora_text_encoder_alpha.effective}",
        ]
    notes = ["train_dreambooth.py is PEFT's examples/lora_dreambooth/train_dreambooth.py."]
    return arguments, {}, notes + _dreambooth_notes(plan)


def _diffusers(plan: TrainPlan, images: str, out: str) -> tuple[list[str], dict[str, str], list[str]]:
    script = "train_dreambooth_lora_sdxl.py" if _is_xl(plan) else "train_dreambooth_lora.py"
    arguments = [script, *_dreambooth(plan, images, out), f"--rank={plan.lora_r.effective}"]
    notes = [f"{script} is diffusers' examples/dreambooth/{script}."]
    if plan.lora_alpha.effective != plan.lora_r.effective:
        notes.append(
            f"The script uses its rank as alpha; lora_alpha {plan.lora_alpha.effective} is not used."
        )
    text_encoder = {plan.lora_text_encoder_r.effective, plan.lora_text_encoder_alpha.effective}
    if plan.train_text_encoder.effective and text_encoder != {plan.lora_r.effective}:
        notes.append(
            "The script uses one rank; lora_text_encoder_r and lora_text_encoder_alpha are not used."
        )
    return arguments, {}, notes + _dreambooth_notes(plan)


def _kohya(plan: TrainPlan, images: str, out: str) -> tuple[list[str], dict[str, str], list[str]]:
    script = "sdxl_train_network.py" if _is_xl(plan) else "train_network.py"
    folder, _, name = out.rstrip("/").rpartition("/")
    arguments = [
        script,
        f"--pretrained_model_name_or_path={plan.base_model}",
        f"--dataset_config={_DATASET}",
        f"--output_dir={folder or ('/' if out.startswith('/') else '.')}",
        f"--output_name={name}",
        "--save_model_as=safetensors",
        "--network_module=networks.lora",
        f"--network_dim={plan.lora_r.effective}",
        f"--network_alpha={plan.lora_alpha.effective}",
        *_training(plan),
    ]
    notes = [
        f"{script} is kohya-ss/sd-scripts' {script}.",
        "A caption stands in a .txt file beside its image; an image without one gets the instance prompt.",
    ]
    if plan.with_prior_preservation.effective:
        arguments.append(f"--prior_loss_weight={plan.prior_loss_weight.effective!r}")
        notes.append(f"The script samples no class images: put some into {out}-class-images.")
    if not plan.train_text_encoder.effective:
        arguments.append("--network_train_unet_only")
    elif (plan.lora_text_encoder_r.effective, plan.lora_text_encoder_alpha.effective) != (
        plan.lora_r.effective,
        plan.lora_alpha.effective,
    ):
        notes.append("The script uses one rank and alpha; those of the text encoder are not used.")
    return arguments, {_DATASET: _dataset(plan, images, f"{out}-class-images")}, notes


def _dataset(plan: TrainPlan, images: str, class_images: str) -> str:
    lines = [
        "[general]",
        'caption_extension = ".txt"',
        "",
        "[[datasets]]",
        f"resolution = [{plan.width.effective}, {plan.height.effective}]",
        f"batch_size = {plan.train_batch_size.effective}",
        "",
        "  [[datasets.subsets]]",
        f"  image_dir = {_toml(images)}",
        f"  class_tokens = {_toml(plan.instance_prompt.effective)}",
    ]
    if plan.with_prior_preservation.effective:
        lines += [
            "",
            "  [[datasets.subsets]]",
            "  is_reg = true",
            f"  image_dir = {_toml(class_images)}",
            f"  class_tokens = {_toml(plan.class_prompt.effective)}",
        ]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    """A basic string of TOML: escaped as in JSON, and the one control character that JSON leaves alone."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_xl(plan: TrainPlan) -> bool:
    """Whether the name of the base model says that it is an SDXL model."""
    return "xl" in plan.base_model.lower()
