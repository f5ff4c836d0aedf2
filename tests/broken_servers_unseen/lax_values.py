"""Servers that take wrong values: coercion, truthiness, bounds, enumerations."""

from __future__ import annotations

from typing import Any

from broken_servers_unseen.client import ABSENT, expert, style, subject
from broken_servers_unseen.schemas import accepts, settings_of

_STYLE = "createStyleTraining"
_ITEMS = "image_dataset_items"


def _height_cut(payload: Any) -> None:
    if isinstance(payload["height"], float):
        payload["height"] = int(payload["height"])


# Against height: "type: integer" (int() cuts 512.7 to 512)
accepts("height-is-cut-to-an-integer", _height_cut, subject({"height": 512.7}))


def _zero_width(payload: Any) -> None:
    payload.setdefault("width", 512)
    payload["width"] = payload["width"] or 512


# Against width: "required ... minimum: 1" (Go: a missing integer is 0, and 0 means the default)
accepts("missing-width-is-zero-is-the-default", _zero_width, style({"width": ABSENT}), _STYLE)


def _boolean_numbers(payload: Any) -> None:
    settings = settings_of(payload)
    if type(settings.get("with_prior_preservation")) is int:
        settings["with_prior_preservation"] = bool(settings["with_prior_preservation"])


# Against with_prior_preservation: "type: [boolean, null]" (truthiness)
accepts("numbers-for-booleans", _boolean_numbers, expert(with_prior_preservation=0))


def _falsy_batch(payload: Any) -> None:
    settings = settings_of(payload)
    if settings.get("train_batch_size") == 0 and settings["train_batch_size"] is not False:
        settings["train_batch_size"] = None


# Against train_batch_size: "minimum: 1" (`if batch and not 1 <= batch <= 4`)
accepts("zero-batch-is-not-checked", _falsy_batch, expert(train_batch_size=0))


def _alpha_above(payload: Any) -> None:
    settings = settings_of(payload)
    if settings.get("lora_text_encoder_alpha") == 129:
        settings["lora_text_encoder_alpha"] = 128


# Against lora_text_encoder_alpha: "maximum: 128" (off by one)
accepts("text-encoder-alpha-up-to-129", _alpha_above, expert(lora_text_encoder_alpha=129))


def _rank_boolean(payload: Any) -> None:
    settings = settings_of(payload)
    for name in ("seed", "lr_warmup_steps"):
        if type(settings.get(name)) is bool:
            settings[name] = int(settings[name])


# Against seed: "type: [integer, null]"; contract 0.3: "`true` ... not" (isinstance(True, int))
accepts("true-is-a-seed", _rank_boolean, expert(seed=True))


def _scheduler_case(payload: Any) -> None:
    settings = settings_of(payload)
    settings["lr_scheduler"] = settings["lr_scheduler"].lower()


# Against lr_scheduler: "enum: [constant, linear, cosine, ...]" (Spring: ACCEPT_CASE_INSENSITIVE_ENUMS)
accepts("scheduler-in-any-case", _scheduler_case, expert(lr_scheduler="Cosine"))


def _scheduler_empty(payload: Any) -> None:
    settings = settings_of(payload)
    if settings["lr_scheduler"] == "":
        settings["lr_scheduler"] = None


# Against lr_scheduler: "enum: [..., null]" (a form sends "" for nothing, so "" is null)
accepts("empty-scheduler-is-null", _scheduler_empty, style({"expert_setting/lr_scheduler": ""}), _STYLE)


def _zero_rate(payload: Any) -> None:
    settings = settings_of(payload)
    if settings["learning_rate"] == 0 and settings["learning_rate"] is not False:
        settings["learning_rate"] = 0.0001


# Against learning_rate: "exclusiveMinimum: 0" (minimum: 0)
accepts("learning-rate-of-zero", _zero_rate, expert(learning_rate=0))


def _unused_weight(payload: Any) -> None:
    settings = settings_of(payload)
    if not settings.get("with_prior_preservation") and isinstance(
        settings["prior_loss_weight"], (int, float)
    ):
        settings["prior_loss_weight"] = 1.0


# Against prior_loss_weight: "exclusiveMinimum: 0" (checked only where it is used)
accepts(
    "weight-is-checked-where-it-is-used",
    _unused_weight,
    expert(with_prior_preservation=False, prior_loss_weight=-1),
)


def _null_class_prompt(payload: Any) -> None:
    settings = settings_of(payload)
    if "class_prompt" in settings and settings["class_prompt"] is None:
        settings["class_prompt"] = "person"


# Against contract 0.7: "`class_prompt` must be a non-empty string when `with_prior_preservation` is true"
accepts("null-class-prompt-is-present", _null_class_prompt, expert(class_prompt=None))


def _falsy_settings(payload: Any) -> None:
    if payload["expert_setting"] == {}:
        payload["expert_setting"] = None


# Against expert_setting: "required: [instance_prompt]" (`if request.expert_setting:`)
accepts("empty-settings-are-absent", _falsy_settings, subject({"expert_setting": {}}))


def _numeric_caption(payload: Any) -> None:
    for item in payload[_ITEMS]:
        if type(item.get("caption")) in (int, float):
            item["caption"] = str(item["caption"])


# Against caption: "type: [string, null]" (z.coerce.string())
accepts("captions-are-coerced", _numeric_caption, subject({f"{_ITEMS}/3/caption": 7}))


def _stripped_caption(payload: Any) -> None:
    for item in payload[_ITEMS]:
        if isinstance(item.get("caption"), str):
            item["caption"] = item["caption"].strip()


# Against caption: "maxLength: 1024" (trimmed before it is measured)
accepts(
    "captions-are-trimmed-before-they-are-measured",
    _stripped_caption,
    subject({f"{_ITEMS}/0/caption": "a" * 1024 + " "}),
)


def _huge_side(payload: Any) -> None:
    if type(payload["height"]) is int and payload["height"] > 2**53 - 1:
        payload["height"] = 2**53 - 1


# Against height: "maximum: 9007199254740991" (a double has no such bound)
accepts("huge-height-loses-its-last-digits", _huge_side, style({"height": 2**53 + 1}), _STYLE)
