"""The commands of the field's own scripts: every value arrives, and what cannot is said."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from checks import seed_page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trained import run_train

from loracle_contracts.strategies import training_requests
from loracle_mockserver.trainer.exporting import LAUNCHERS, SCRIPTS, UNCAPPED, Export, export
from loracle_mockserver.trainer.plan import Untrainable, plan

# The options that the scripts have, as their parsers declare them; True is a switch without a value.
_SHARED = {
    "pretrained_model_name_or_path": str, "instance_data_dir": str, "output_dir": str, "instance_prompt": str,
    "resolution": int, "center_crop": True, "train_batch_size": int, "max_train_steps": int,
    "learning_rate": float, "lr_scheduler": str, "lr_warmup_steps": int, "seed": int,
    "with_prior_preservation": True, "class_data_dir": str, "class_prompt": str, "prior_loss_weight": float,
    "num_class_images": int, "train_text_encoder": True,
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "peft": {
        **_SHARED, "use_lora": True, "lora_r": int, "lora_alpha": int, "lora_text_encoder_r": int,
        "lora_text_encoder_alpha": int,
    },
    "diffusers": {**_SHARED, "rank": int},
    "kohya": {
        "pretrained_model_name_or_path": str, "dataset_config": str, "output_dir": str, "output_name": str,
        "save_model_as": str, "network_module": str, "network_dim": int, "network_alpha": int,
        "max_train_steps": int, "learning_rate": float, "lr_scheduler": str, "lr_warmup_steps": int,
        "seed": int, "prior_loss_weight": float, "network_train_unet_only": True,
    },
}  # fmt: skip


def exported(
    script: str, *, launcher: str = "accelerate", images: str = "pictures", **members: Any
) -> Export:
    body = seed_page(**members)
    return export(plan(body, caps=UNCAPPED), script, images=images, out="out", launcher=launcher)


def setting(**changes: Any) -> dict[str, Any]:
    return {**seed_page()["expert_setting"], **changes}


def parsed(script: str, made: Export) -> dict[str, Any]:
    """The command as the script's own parser would take it."""
    parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    for name, kind in OPTIONS[script].items():
        if kind is True:
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(f"--{name}", type=kind)
    at = next(index for index, word in enumerate(made.command) if word.endswith(".py"))
    return vars(parser.parse_args(list(made.command[at + 1 :])))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_value_of_the_plan_arrives(script: str) -> None:
    values = setting(
        max_train_steps=5000, learning_rate=3e-5, lr_scheduler="cosine", lr_warmup_steps=9, seed=4, lora_r=8,
        lora_alpha=16, prior_loss_weight=0.5, train_batch_size=3,
    )  # fmt: skip
    found = parsed(script, exported(script, expert_setting=values))
    same = {"max_train_steps": 5000, "learning_rate": 3e-5, "lr_scheduler": "cosine", "lr_warmup_steps": 9}
    assert found.items() >= {**same, "seed": 4, "prior_loss_weight": 0.5}.items(), (
        "and no cap of this trainer"
    )
    rank, alpha = {"peft": ("lora_r", "lora_alpha"), "kohya": ("network_dim", "network_alpha")}.get(
        script, ("rank", None)
    )
    assert found[rank] == 8
    if alpha is not None:
        assert found[alpha] == 16
    if script != "kohya":
        assert found["instance_prompt"] == values["instance_prompt"]
        assert (found["train_batch_size"], found["resolution"], found["with_prior_preservation"]) == (
            3,
            512,
            True,
        )


def test_the_text_encoder_of_peft_has_its_own_rank_and_alpha() -> None:
    values = setting(train_text_encoder=True, lora_text_encoder_r=16, lora_text_encoder_alpha=64)
    found = parsed("peft", exported("peft", expert_setting=values))
    assert (found["train_text_encoder"], found["lora_text_encoder_r"]) == (True, 16)
    assert found["lora_text_encoder_alpha"] == 64
    assert parsed("peft", exported("peft"))["lora_text_encoder_r"] is None


def test_kohya_reads_its_images_from_a_file() -> None:
    made = exported("kohya", width=640, height=768)
    (dataset,) = tomllib.loads(made.files[parsed("kohya", made)["dataset_config"]])["datasets"]
    assert (dataset["resolution"], dataset["batch_size"]) == ([640, 768], 2)
    images, classes = dataset["subsets"]
    assert images == {
        "image_dir": "pictures",
        "class_tokens": seed_page()["expert_setting"]["instance_prompt"],
    }
    assert classes == {"is_reg": True, "image_dir": "out-class-images", "class_tokens": "person"}
    off = exported("kohya", expert_setting=setting(with_prior_preservation=False))
    assert len(tomllib.loads(off.files["dataset.toml"])["datasets"][0]["subsets"]) == 1


@pytest.mark.parametrize(
    ("script", "members", "told"),
    [
        ("peft", {"width": 640}, "trains on squares: of 640 x 512"),
        (
            "diffusers",
            {"image_dataset_items": [{"assets_id": 1, "caption": "hers"}]},
            "captions of the items",
        ),
        ("diffusers", {"expert_setting": setting(lora_alpha=8)}, "lora_alpha 8 is not used"),
        (
            "diffusers",
            {"expert_setting": setting(train_text_encoder=True, lora_text_encoder_r=8)},
            "one rank",
        ),
        (
            "kohya",
            {"expert_setting": setting(train_text_encoder=True, lora_text_encoder_r=8)},
            "one rank and",
        ),
        ("kohya", {}, "samples no class images"),
        ("peft", {"expert_setting": setting(seed=2**32 + 5)}, "4294967301 became 5"),
        ("peft", {}, "components; apply them to pictures first: face_crop_region, resize, face_restore"),
        ("peft", {}, "base_model 'v1-5-pruned-emaonly'"),
    ],
)
def test_what_a_script_cannot_be_told_is_said(script: str, members: Any, told: str) -> None:
    assert told in " ".join(exported(script, **members).notes)


def test_what_arrives_is_not_complained_about() -> None:
    notes = " ".join(exported("peft", components=[]).notes)
    for told in ("squares", "captions", "became", "components"):
        assert told not in notes


@pytest.mark.parametrize(("launcher", "words"), LAUNCHERS.items())
def test_the_launcher_is_chosen(launcher: str, words: list[str]) -> None:
    assert list(exported("peft", launcher=launcher).command[: len(words)]) == words


@pytest.mark.parametrize(
    ("script", "name"), [("diffusers", "train_dreambooth_lora_sdxl.py"), ("kohya", "sdxl_train_network.py")]
)
def test_a_model_named_xl_has_the_script_for_it(script: str, name: str) -> None:
    assert name in exported(script, base_model="stable-diffusion-xl-base-1.0").command
    assert name not in exported(script).command


def through_the_shell(made: Export, folder: Path) -> list[str]:
    """The arguments that a shell hands over."""
    functions = "accelerate() { printf '%s\\0' accelerate \"$@\"; }\n"
    done = subprocess.run(
        ["sh", "-c", functions + made.as_shell()], cwd=folder, capture_output=True, check=True, timeout=60
    )
    assert done.stderr == b"", "a comment became a command"
    return done.stdout.decode().split("\0")[:-1]


NASTY = 'it\'s $(rm -rf /) `x` "q" \\ \nEND_OF_FILE\n# -- ; é 😀 %s'


@pytest.mark.parametrize("script", SCRIPTS)
def test_nothing_in_a_request_gets_out_of_its_quotes(script: str, tmp_path: Path) -> None:
    prompts = setting(instance_prompt=NASTY, class_prompt=NASTY)
    made = exported(script, images=NASTY, base_model=NASTY, expert_setting=prompts)
    assert through_the_shell(made, tmp_path) == list(made.command)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(made.files)
    for name, text in made.files.items():
        assert (tmp_path / name).read_text(encoding="utf-8") == text
        assert tomllib.loads(text)["datasets"][0]["subsets"][0]["class_tokens"] == NASTY


@pytest.mark.parametrize("script", SCRIPTS)
def test_any_valid_request_is_a_command_that_its_script_takes(script: str) -> None:
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(training_requests(), st.sampled_from(list(LAUNCHERS)))
    def holds(body: dict[str, Any], launcher: str) -> None:
        try:
            planned = plan(body, caps=UNCAPPED)
        except Untrainable:
            return
        made = export(planned, script, images="a b", out="c/d", launcher=launcher)
        assert parsed(script, made)["max_train_steps"] == planned.max_train_steps.effective
        assert not any("\0" in word for word in made.command)
        commented = [line for line in made.as_shell().splitlines() if line.startswith("# ")]
        assert len(commented) >= len(made.notes)
        for text in made.files.values():
            tomllib.loads(text)

    holds()


def test_the_command_prints_it(tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps(seed_page()))
    where = ["--images", "my pictures", "--out", "runs/one"]
    shell = run_train(request, "--export", "kohya", *where).stdout
    assert "--output_dir=runs" in shell
    assert 'image_dir = "my pictures"' in shell
    found = json.loads(run_train(request, "--export", "peft", "--format", "json", *where).stdout)
    assert "--instance_data_dir=my pictures" in found["command"]
    torchrun = run_train(request, "--export", "peft", "--launcher", "torchrun").stdout
    assert shlex.split(torchrun.partition("torchrun")[2])[0] == "--nproc-per-node=1"
    assert not (tmp_path / "runs").exists()
