"""Servers that refuse right values: types, bounds, lengths, lists of known names, lints made rules."""

from __future__ import annotations

import re
from typing import Any

from broken_servers_unseen.client import ABSENT, expert, style, subject
from broken_servers_unseen.schemas import refuses, settings_of

_STYLE = "createStyleTraining"
_ITEMS = "image_dataset_items"


def _captions(payload: Any) -> list[Any]:
    return [item["caption"] for item in payload[_ITEMS] if "caption" in item]


# Against contract 0.3: "`512.0` is an integer" (isinstance(width, int))
refuses(
    "width-with-a-decimal-point",
    lambda payload: isinstance(payload["width"], float),
    subject({"width": 512.0}),
)

# Against height: "type: integer, minimum: 1" (a latent has an eighth of the pixels)
refuses(
    "height-not-a-multiple-of-eight",
    lambda payload: payload["height"] % 8 != 0,
    style({"height": 500}),
    _STYLE,
)

# Against seed: "maximum: 9007199254740991" (int32)
refuses(
    "seed-beyond-32-bits",
    lambda payload: (settings_of(payload).get("seed") or 0) > 2**31 - 1,
    expert(seed=2**31),
)

# Against seed: "minimum: 0" (`if not seed`)
refuses("seed-of-zero", lambda payload: settings_of(payload).get("seed", 1) == 0, expert(seed=0))

# Against name: "maxLength: 255" counts characters (len(name.encode()))
refuses(
    "name-is-measured-in-bytes",
    lambda payload: len(payload["name"].encode()) > 255,
    subject({"name": "ü" * 200}),
)

# Against name: "maxLength: 255" (off by one)
refuses(
    "name-of-255-characters", lambda payload: len(payload["name"]) == 255, style({"name": "n" * 255}), _STYLE
)

# Against name: "type: string" without a pattern (names go into paths of files)
refuses(
    "name-is-a-slug",
    lambda payload: not re.fullmatch(r"[A-Za-z0-9_.-]+", payload["name"]),
    subject({"name": "my portrait"}),
)

# Against caption: "maxLength: 1024" counts characters (JavaScript's length counts UTF-16 units)
refuses(
    "caption-is-measured-in-utf-16",
    lambda payload: any(len((caption or "").encode("utf-16-le")) > 2048 for caption in _captions(payload)),
    subject({f"{_ITEMS}/9/caption": "\N{CAMERA}" * 600}),
)

# Against caption: "type: [string, null]" (Optional without None)
refuses(
    "null-caption",
    lambda payload: None in _captions(payload),
    subject({f"{_ITEMS}/0/caption": None}),
)

# Against caption: "an empty caption is legal" (required by the style page, so `if not caption`)
refuses(
    "empty-caption-of-a-style",
    lambda payload: "" in _captions(payload),
    style({f"{_ITEMS}/2/caption": ""}),
    _STYLE,
)

# Against SubjectTrainingRequest.expert_setting: "anyOf: ... type: null"
refuses(
    "null-expert-setting",
    lambda payload: "expert_setting" in payload and payload["expert_setting"] is None,
    subject({"expert_setting": None}),
)

# Against contract 0.6: lints: "learning rates ... outside the documented list"
refuses(
    "learning-rate-is-one-of-five",
    lambda payload: (settings_of(payload).get("learning_rate") or 1e-4) not in (1e-4, 2e-4, 5e-5, 1e-5, 1e-6),
    expert(learning_rate=0.0003),
)

# Against learning_rate: "type: number", with an exponent, too (a decimal parser)
refuses(
    "learning-rate-with-an-exponent",
    lambda _: False,
    b'{"name":"a","base_model":"m","width":1,"height":1,"image_dataset_items":[{"assets_id":1}],'
    b'"expert_setting":{"learning_rate":1e-4},"components":[]}',
    _STYLE,
    of_text=lambda text: bool(re.search(r'"learning_rate"\s*:\s*[0-9.]+[eE]', text)),
)

# Against max_train_steps: "minimum: 1"; contract 0.6: lints: "steps below the number of images"
refuses(
    "fewer-steps-than-images",
    lambda payload: (settings_of(payload).get("max_train_steps") or 2000) < len(payload[_ITEMS]),
    expert(max_train_steps=1),
)

# Against contract 0.6: lints: "warm-up steps with a scheduler that ignores them"
refuses(
    "warm-up-with-a-constant-scheduler",
    lambda payload: (
        settings_of(payload).get("lr_scheduler") == "constant"
        and bool(settings_of(payload).get("lr_warmup_steps"))
    ),
    expert(lr_scheduler="constant", lr_warmup_steps=10),
)

# Against class_prompt: "type: [string, null], minLength: 1"; "lint unless `person`"
refuses(
    "class-prompt-is-person",
    lambda payload: settings_of(payload).get("class_prompt") not in (None, "person"),
    expert(class_prompt="a dog"),
)

# Against prior_loss_weight: "exclusiveMinimum: 0" and no bound at 1 (taken for a share)
refuses(
    "weight-above-one",
    lambda payload: (settings_of(payload).get("prior_loss_weight") or 1) > 1,
    expert(prior_loss_weight=1.5),
)

# Against lora_alpha: "minimum: 4, maximum: 128" (a power of two is usual, and became a rule)
refuses(
    "alpha-is-a-power-of-two",
    lambda payload: bool(
        int(settings_of(payload).get("lora_alpha") or 4)
        & (int(settings_of(payload).get("lora_alpha") or 4) - 1)
    ),
    expert(lora_alpha=48),
)

# Against contract 0.6: lints: "base models outside the documented list"
refuses(
    "base-models-of-a-closed-list",
    lambda payload: payload["base_model"] not in ("v1-5-pruned-emaonly", "stable-diffusion-xl-base-1.0", "m"),
    style({"base_model": "sd_xl_turbo_1.0"}),
    _STYLE,
)

# Against StyleExpertSetting has no "required" (one class serves both)
refuses(
    "style-settings-need-an-instance-prompt",
    lambda payload: (
        isinstance(payload.get("expert_setting"), dict) and "instance_prompt" not in payload["expert_setting"]
    ),
    style({"expert_setting/instance_prompt": ABSENT}),
    _STYLE,
)
