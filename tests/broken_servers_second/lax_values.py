"""Servers that take values that the contract refuses, because their types are lax."""

from __future__ import annotations

import math
import re
from typing import Any

from broken_servers_unseen.defect import Case

from broken_servers_second.bodies import expert, post, style, subject
from broken_servers_second.editing import accepts, arguments, components, settings
from broken_servers_second.wire import STYLE, SUBJECT, UPLOAD_URL

__all__ = ["CASES"]

_INTEGERS = (
    "train_batch_size", "max_train_steps", "seed", "lr_warmup_steps",
    "lora_r", "lora_alpha", "lora_text_encoder_r", "lora_text_encoder_alpha",
)  # fmt: skip
_FLAGS = ("with_prior_preservation", "train_text_encoder")
_WORDS = {
    "true": True,
    "1": True,
    "on": True,
    "yes": True,
    "false": False,
    "0": False,
    "off": False,
    "no": False,
}
_SAFE = 2**53 - 1


def _texts_of_integers(body: Any) -> None:
    for name, value in settings(body).items():
        if name in _INTEGERS and isinstance(value, str) and re.fullmatch(r"\s*[0-9]+\s*", value):
            body["expert_setting"][name] = int(value)


def _truths_as_integers(body: Any) -> None:
    for place, names in ((body, ("width", "height")), (body.get("expert_setting") or {}, _INTEGERS)):
        for name in names:
            if isinstance(place.get(name), bool):
                # Python's int: what is left is judged against the range.
                place[name] = int(place[name])


def _fractions_cut_off(body: Any) -> None:
    for place, names in ((body, ("width", "height")), (body.get("expert_setting") or {}, _INTEGERS)):
        for name in names:
            if isinstance(place.get(name), float) and math.isfinite(place[name]):
                place[name] = int(place[name])


def _words_for_flags(body: Any) -> None:
    for name in _FLAGS:
        value = settings(body).get(name)
        if isinstance(value, str) and value.lower() in _WORDS:
            body["expert_setting"][name] = _WORDS[value.lower()]
        elif type(value) is int and value in (0, 1):
            body["expert_setting"][name] = bool(value)


def _zero_sizes(body: Any) -> None:
    for name in ("width", "height"):
        if body.get(name) in (None, 0) and body.get(name) is not False:
            body[name] = 512


def _long_integers(body: Any) -> None:
    for place, names in ((body, ("width", "height")), (body.get("expert_setting") or {}, _INTEGERS[1:4])):
        for name in names:
            if type(place.get(name)) is int and _SAFE < place[name] < 2**63:
                place[name] = _SAFE


def _cut_name(body: Any) -> None:
    body["name"] = body["name"][:255]


def _blank_assets(body: Any) -> None:
    for item in body["image_dataset_items"]:
        if (
            item.get("assets_id") != ""
            and isinstance(item.get("assets_id"), str)
            and not item["assets_id"].strip()
        ):
            item["assets_id"] = "blank"


def _leading_integer(body: Any) -> None:
    for component, argument in arguments(body):
        found = re.match(r"\s*\+?(0*[1-9][0-9]*)", argument["value"]) if component == "resize" else None
        if found:
            argument["value"] = found[1]


def _ratio_as_float(body: Any) -> None:
    for component, argument in arguments(body):
        if component == "face_crop_region" and isinstance(argument.get("value"), str):
            float(argument["value"])
            argument["value"] = "1.0"


def _numbers_as_arguments(body: Any) -> None:
    for _, argument in arguments(body):
        if type(argument.get("value")) in (int, float):
            argument["value"] = str(argument["value"])


def _any_argument(body: Any) -> None:
    known = ("ratio", "width", "height", "method", "upscale")
    own = {
        "face_crop_region": ("ratio",),
        "resize": ("width", "height"),
        "face_restore": ("method", "upscale"),
    }
    for component in components(body):
        component["args"] = [
            argument
            for argument in component["args"]
            if argument.get("name") not in known or argument["name"] in own.get(component.get("name"), known)
        ]


def _null_class_prompt(body: Any) -> None:
    values = settings(body)
    if values.get("with_prior_preservation") is True and values.get("class_prompt", "") is None:
        values["class_prompt"] = "person"


def _negative_seed(body: Any) -> None:
    if type(settings(body).get("seed")) is int and settings(body)["seed"] < 0:
        body["expert_setting"]["seed"] = None


def _zero_weights(body: Any) -> None:
    for name in ("prior_loss_weight", "learning_rate"):
        value = settings(body).get(name)
        if type(value) in (int, float) and value == 0:
            body["expert_setting"][name] = 1


def _kind_in_capitals(body: Any) -> None:
    body["file_extension"] = body["file_extension"].lower().removeprefix(".")


def _sized(value: Any) -> list[Any]:
    return [{"name": "resize", "args": [{"name": "width", "value": value}]}]


_RATIO = [{"name": "face_crop_region", "args": [{"name": "ratio", "value": "-0.5"}]}]
_ALIEN = [{"name": "face_crop_region", "args": [{"name": "width", "value": "512"}]}]
_PRIOR = expert(with_prior_preservation=True, class_prompt=None)
_INT64 = style(expert_setting={"seed": 2**53 + 5})

CASES: list[Case] = [
    # 0.3: "`true` and `"512"` are not" integers; Pydantic's lax mode for nested settings
    accepts(
        "lax-text-settings", "createSubjectTraining", _texts_of_integers, post(SUBJECT, expert(seed="7"))
    ),
    # 0.3: "`true` ... [is] not" an integer; isinstance(True, int)
    accepts("lax-true-is-one", "createStyleTraining", _truths_as_integers, post(STYLE, style(width=True))),
    # 0.3: "`512.0` is an integer", 512.7 is none; Jackson's ACCEPT_FLOAT_AS_INT
    accepts("lax-cut-fractions", "createStyleTraining", _fractions_cut_off, post(STYLE, style(height=512.7))),
    # 6: "with_prior_preservation boolean"; Pydantic's words for booleans
    accepts(
        "lax-words-for-flags",
        "createSubjectTraining",
        _words_for_flags,
        post(SUBJECT, expert(train_text_encoder="yes")),
    ),
    # 6: "width, height integer, not nullable, >= 1"; Go's zero value stands for the default
    accepts("lax-zero-size", "createStyleTraining", _zero_sizes, post(STYLE, style(width=None))),
    # 0.4: "integers up to 9007199254740991"; int64
    accepts("lax-int64", "createStyleTraining", _long_integers, post(STYLE, _INT64)),
    # 6: "name 1..255"; MySQL without strict mode cuts
    accepts("lax-cut-name", "createStyleTraining", _cut_name, post(STYLE, style(name="n" * 256))),
    # 4.1: "string (non-blank)"; only the empty text counts as absent
    accepts(
        "lax-blank-asset",
        "createStyleTraining",
        _blank_assets,
        post(STYLE, style(image_dataset_items=[{"assets_id": "  "}])),
    ),
    # 0.8: "width and height a positive integer, ... anything else refused"; parseInt
    accepts(
        "lax-parse-int",
        "createSubjectTraining",
        _leading_integer,
        post(SUBJECT, subject(components=_sized("512px"))),
    ),
    # 0.8: "ratio ... a positive decimal number"; float() takes signs and exponents
    accepts(
        "lax-float-ratio", "createSubjectTraining", _ratio_as_float, post(SUBJECT, subject(components=_RATIO))
    ),
    # 0.8: "Values are text"; coerce_numbers_to_str
    accepts(
        "lax-number-argument",
        "createStyleTraining",
        _numbers_as_arguments,
        post(STYLE, style(components=_sized(512))),
    ),
    # 0.8: "Argument names are closed per component"; one argument model for all
    accepts(
        "lax-shared-arguments", "createStyleTraining", _any_argument, post(STYLE, style(components=_ALIEN))
    ),
    # 0.7: "class_prompt must be a non-empty string when with_prior_preservation is true"; `in`, not a value
    accepts("lax-null-class-prompt", "createSubjectTraining", _null_class_prompt, post(SUBJECT, _PRIOR)),
    # 6: "seed >= 0"; -1 means "random" in the tools around Stable Diffusion
    accepts(
        "lax-negative-seed",
        "createStyleTraining",
        _negative_seed,
        post(STYLE, style(expert_setting={"seed": -1})),
    ),
    # 0.7: "prior_loss_weight > 0"; ge=0 for gt=0
    accepts(
        "lax-zero-weight",
        "createSubjectTraining",
        _zero_weights,
        post(SUBJECT, expert(prior_loss_weight=0.0)),
    ),
    # 2.1: "one of png, webp, jpeg"; toLowerCase() before the look-up
    accepts(
        "lax-kind-in-capitals",
        "createUploadUrl",
        _kind_in_capitals,
        post(UPLOAD_URL, {"file_extension": "JPEG"}),
    ),
]
