"""Servers that refuse bodies that the contract allows."""

from __future__ import annotations

import json
import re
from typing import Any

from broken_servers_unseen.defect import Case

from broken_servers_second.bodies import expert, images, post, style, subject
from broken_servers_second.editing import arguments, components, rejects, settings
from broken_servers_second.wire import STYLE, SUBJECT

__all__ = ["CASES"]

_INTEGERS = ("train_batch_size", "max_train_steps", "seed", "lr_warmup_steps")
_RANKS = ("lora_r", "lora_alpha", "lora_text_encoder_r", "lora_text_encoder_alpha")
_INT32 = 2**31 - 1


def _sizes(body: Any) -> list[Any]:
    given = body.get("expert_setting") or {}
    return [body["width"], body["height"], *(given.get(name) for name in (*_INTEGERS, *_RANKS))]


def _has_decimal(body: Any) -> bool:
    return any(isinstance(value, float) for value in _sizes(body))


def _has_null_rank(body: Any) -> bool:
    return any(settings(body).get(name, 0) is None for name in _RANKS)


def _has_null_settings(body: Any) -> bool:
    return "expert_setting" in body and body["expert_setting"] is None


def _has_null_caption(body: Any) -> bool:
    return any(item.get("caption", "") is None for item in body["image_dataset_items"])


def _is_no_slug(body: Any) -> bool:
    return not re.fullmatch(r"[A-Za-z0-9_.-]+", body["name"])


def _has_long_caption(body: Any) -> bool:
    return any(len((item.get("caption") or "").encode()) > 1024 for item in body["image_dataset_items"])


def _has_long_name(body: Any) -> bool:
    return len(body["name"].encode("utf-16-le")) > 2 * 255


def _has_outer_blanks(body: Any) -> bool:
    return any(argument["value"] != argument["value"].strip() for _, argument in arguments(body))


def _has_no_arguments(body: Any) -> bool:
    return any(component["args"] == [] for component in components(body))


def _is_over_int32(body: Any) -> bool:
    return any(isinstance(value, int | float) and value > _INT32 for value in _sizes(body))


def _has_other_asset(body: Any) -> bool:
    ids = [item["assets_id"] for item in body["image_dataset_items"]]
    return any(isinstance(asset, str) and not re.fullmatch("[0-9a-f]{32}", asset) for asset in ids)


def _is_no_multiple(body: Any) -> bool:
    return body["width"] % 8 != 0 or body["height"] % 8 != 0


def _has_late_name(body: Any) -> bool:
    return any(next(iter(component), "name") != "name" for component in components(body))


def _has_component_twice(body: Any) -> bool:
    names = [component["name"] for component in components(body)]
    return len(names) != len(set(names))


def _has_heavy_loss(body: Any) -> bool:
    return (settings(body).get("prior_loss_weight") or 0) > 1


def _has_seed_zero(body: Any) -> bool:
    seed = settings(body).get("seed")
    return seed is not None and not seed


def _has_idle_warm_up(body: Any) -> bool:
    given = settings(body)
    return bool(given.get("lr_warmup_steps")) and given.get("lr_scheduler") in (None, "constant")


def _has_fifty_images(body: Any) -> bool:
    return len(body["image_dataset_items"]) >= 50


def _has_whole_ratio(body: Any) -> bool:
    return any(
        "." not in argument["value"] for component, argument in arguments(body) if component != "resize"
    )


def _has_wide_character(body: Any) -> bool:
    return any(ord(character) > 0xFFFF for character in json.dumps(body, ensure_ascii=False))


def _sized(value: str) -> dict[str, Any]:
    return {"name": "resize", "args": [{"name": "width", "value": value}]}


_LATE = [{"args": [], "name": "resize"}]
_ONE = [{"name": "face_crop_region", "args": [{"name": "ratio", "value": "1"}]}]
_CAPTION = [{"assets_id": 26, "caption": "é" * 1024}]

CASES: list[Case] = [
    # 0.3: "`512.0` is an integer"; Go's int
    rejects("narrow-no-decimals", "createSubjectTraining", _has_decimal, post(SUBJECT, subject(width=512.0))),
    # 4.4: "nullable, with the English ranges"; .optional() without .nullable()
    rejects(
        "narrow-no-null-rank", "createSubjectTraining", _has_null_rank, post(SUBJECT, expert(lora_r=None))
    ),
    # 6: "expert_setting object y*", null = absent
    rejects(
        "narrow-no-null-settings",
        "createStyleTraining",
        _has_null_settings,
        post(STYLE, style(expert_setting=None)),
    ),
    # 4.7: "caption optional, nullable"
    rejects(
        "narrow-no-null-caption",
        "createStyleTraining",
        _has_null_caption,
        post(STYLE, style(image_dataset_items=[{"assets_id": 26, "caption": None}])),
    ),
    # 6: "name string 1..255", whatever its characters; a name that becomes a file's
    rejects(
        "narrow-slug-name", "createSubjectTraining", _is_no_slug, post(SUBJECT, subject(name="my avatar"))
    ),
    # 6: "caption 0..1024" characters; len() counts bytes
    rejects(
        "narrow-bytes-of-caption",
        "createSubjectTraining",
        _has_long_caption,
        post(SUBJECT, subject(image_dataset_items=_CAPTION)),
    ),
    # 6: "name 1..255" characters; .length counts halves of pairs
    rejects(
        "narrow-units-of-name", "createStyleTraining", _has_long_name, post(STYLE, style(name="😀" * 255))
    ),
    # 0.8: "outer blanks allowed (lint)"
    rejects(
        "narrow-no-blanks",
        "createSubjectTraining",
        _has_outer_blanks,
        post(SUBJECT, subject(components=[_sized("512 ")])),
    ),
    # 0.8: "`args: []` is legal"; @NotEmpty
    rejects(
        "narrow-some-arguments",
        "createStyleTraining",
        _has_no_arguments,
        post(STYLE, style(components=[{"name": "resize", "args": []}])),
    ),
    # 0.4: "integers up to 9007199254740991"; java.lang.Integer
    rejects("narrow-int32", "createSubjectTraining", _is_over_int32, post(SUBJECT, expert(seed=2**31))),
    # 4.1: "string (non-blank)"; only ids that the server itself makes
    rejects(
        "narrow-hex-asset",
        "createStyleTraining",
        _has_other_asset,
        post(STYLE, style(image_dataset_items=[{"assets_id": "100024"}])),
    ),
    # 4.3: "width, height integer >= 1"; the model wants multiples of eight
    rejects(
        "narrow-multiple-of-eight", "createStyleTraining", _is_no_multiple, post(STYLE, style(width=500))
    ),
    # 0.8: "a tagged union by `name`", and JSON objects have no order; System.Text.Json wants the tag first
    rejects(
        "narrow-tag-first", "createSubjectTraining", _has_late_name, post(SUBJECT, subject(components=_LATE))
    ),
    # 0.6: "duplicate components ... A lint never changes a status code"
    rejects(
        "narrow-component-once",
        "createSubjectTraining",
        _has_component_twice,
        post(SUBJECT, subject(components=[_sized("512"), _sized("512")])),
    ),
    # 4.4: prior_loss_weight "number > 0"; taken for a share
    rejects(
        "narrow-light-loss",
        "createSubjectTraining",
        _has_heavy_loss,
        post(SUBJECT, expert(prior_loss_weight=1.5)),
    ),
    # 4.10: seed "integer >= 0"; zero is falsy
    rejects(
        "narrow-seed-zero",
        "createStyleTraining",
        _has_seed_zero,
        post(STYLE, style(expert_setting={"seed": 0})),
    ),
    # 0.6: "warm-up steps with a scheduler that ignores them" are a lint
    rejects(
        "narrow-idle-warm-up",
        "createStyleTraining",
        _has_idle_warm_up,
        post(STYLE, style(expert_setting={"lr_warmup_steps": 10, "lr_scheduler": "constant"})),
    ),
    # 4.17: images "1..50"; < for <=
    rejects(
        "narrow-forty-nine",
        "createStyleTraining",
        _has_fifty_images,
        post(STYLE, style(image_dataset_items=images(50))),
    ),
    # 0.8: "ratio ... a positive decimal number"; a pattern that wants the point
    rejects(
        "narrow-ratio-point",
        "createSubjectTraining",
        _has_whole_ratio,
        post(SUBJECT, subject(components=_ONE)),
    ),
    # 6: texts have no alphabet; MySQL's utf8 holds three bytes a character
    rejects(
        "narrow-three-bytes",
        "createSubjectTraining",
        _has_wide_character,
        post(SUBJECT, subject(name="me 😀")),
    ),
]
