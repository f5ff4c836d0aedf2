"""Servers that refuse expert settings which are right."""

from __future__ import annotations

from typing import Any

from broken_servers_second.bodies import expert, post, style
from broken_servers_second.editing import rejects, settings
from broken_servers_second.wire import STYLE, SUBJECT
from broken_servers_unseen.defect import Case

__all__ = ["CASES"]

_SUBJECT, _STYLE = "createSubjectTraining", "createStyleTraining"
_ENCODER = ("lora_text_encoder_r", "lora_text_encoder_alpha")


def _styled(**changes: Any) -> dict[str, Any]:
    return style(expert_setting=changes)


def _full_batch(body: Any) -> object:
    return settings(body).get("train_batch_size") == 4


def _full_rank(body: Any) -> object:
    return settings(body).get("lora_r") == 128


def _whole_weight(body: Any) -> object:
    return type(settings(body).get("prior_loss_weight")) is int


def _null_scheduler(body: Any) -> object:
    return settings(body).get("lr_scheduler", "") is None


def _null_flag(body: Any) -> object:
    found = settings(body)
    return any(found.get(name, False) is None for name in ("with_prior_preservation", "train_text_encoder"))


def _no_class(body: Any) -> object:
    """As the English page's table says."""
    return settings(body).get("class_prompt") is None


def _no_settings(body: Any) -> object:
    return "expert_setting" not in body


def _no_warm_up(body: Any) -> object:
    """`if not steps` takes zero for nothing."""
    return settings(body).get("lr_warmup_steps") == 0


def _many_steps(body: Any) -> object:
    """The console's slider ends there."""
    return settings(body)["max_train_steps"] > 10_000


def _idle_encoder(body: Any) -> object:
    found = settings(body)
    return not found.get("train_text_encoder") and any(found.get(name) is not None for name in _ENCODER)


def _long_warm_up(body: Any) -> object:
    found = settings(body)
    return found["lr_warmup_steps"] > found["max_train_steps"]


def _long_prompt(body: Any) -> object:
    """The column is a VARCHAR(255)."""
    return any(len(settings(body).get(name) or "") > 255 for name in ("instance_prompt", "class_prompt"))


_LONG = {"lr_warmup_steps": 500, "max_train_steps": 400, "lr_scheduler": "cosine"}

CASES: list[Case] = [
    rejects("batch-of-four", _SUBJECT, _full_batch, post(SUBJECT, expert(train_batch_size=4))),
    rejects("rank-of-128", _STYLE, _full_rank, post(STYLE, _styled(lora_r=128))),
    rejects("weight-of-a-whole-number", _SUBJECT, _whole_weight, post(SUBJECT, expert(prior_loss_weight=1))),
    rejects("null-scheduler", _SUBJECT, _null_scheduler, post(SUBJECT, expert(lr_scheduler=None))),
    rejects("null-flag", _SUBJECT, _null_flag, post(SUBJECT, expert(train_text_encoder=None))),
    rejects("class-prompt-is-demanded", _SUBJECT, _no_class, post(SUBJECT, expert())),
    rejects(
        "settings-are-demanded",
        _STYLE,
        _no_settings,
        post(STYLE, {name: value for name, value in style().items() if name != "expert_setting"}),
    ),
    rejects("warm-up-of-zero", _SUBJECT, _no_warm_up, post(SUBJECT, expert(lr_warmup_steps=0))),
    rejects("steps-beyond-10000", _STYLE, _many_steps, post(STYLE, _styled(max_train_steps=12_000))),
    rejects(
        "encoder-settings-without-effect", _STYLE, _idle_encoder, post(STYLE, _styled(lora_text_encoder_r=8))
    ),
    rejects("warm-up-longer-than-training", _SUBJECT, _long_warm_up, post(SUBJECT, expert(**_LONG))),
    rejects(
        "prompt-of-256-characters", _SUBJECT, _long_prompt, post(SUBJECT, expert(instance_prompt="p" * 256))
    ),
]
