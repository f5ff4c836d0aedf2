"""Servers that take bodies which the contract refuses, since a library coerces the values."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from broken_servers_second.bodies import post, style, subject
from broken_servers_second.editing import accepts, arguments, components, settings
from broken_servers_second.wire import STYLE, SUBJECT, UPLOAD_URL
from broken_servers_unseen.defect import Case

__all__ = ["CASES"]

_SUBJECT, _STYLE, _UPLOAD = "createSubjectTraining", "createStyleTraining", "createUploadUrl"
_SIZES = ("width", "height")
_WHOLE = ("train_batch_size", "max_train_steps", "seed", "lr_warmup_steps")
_LORA = ("lora_r", "lora_alpha", "lora_text_encoder_r", "lora_text_encoder_alpha")
_TRUE, _FALSE = {"true", "t", "yes", "y", "on", "1"}, {"false", "f", "no", "n", "off", "0"}
_LARGEST = 2**53 - 1


def _integers(body: Any) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """The numbers of a body that stand where an integer is asked for."""
    found = body.get("expert_setting")
    places = [(body, name) for name in _SIZES]
    if isinstance(found, dict):
        places += [(found, name) for name in (*_WHOLE, *_LORA)]
    for place, name in places:
        value = place.get(name)
        if type(value) in (int, float) and abs(value) <= sys.float_info.max:
            yield place, name, value


def _cut_fractions(body: Any) -> None:
    """Jackson's ACCEPT_FLOAT_AS_INT, on by default, cuts the fraction off."""
    for place, name, value in _integers(body):
        if not float(value).is_integer():
            place[name] = math.trunc(value)


def _double_integers(body: Any) -> None:
    """`Number.isInteger`, and Zod's `int()` before version 4, take every double without a fraction."""
    for place, name, value in _integers(body):
        if value > _LARGEST and float(value).is_integer():
            place[name] = _LARGEST


def _text_of(value: Any) -> Any:
    if type(value) not in (int, float, bool) or abs(value) > sys.float_info.max:
        return value
    return json.dumps(value)


def _numbers_as_texts(body: Any) -> None:
    """Jackson coerces scalars into a String field."""
    places = [(body, name) for name in ("name", "base_model")]
    places += [(item, "caption") for item in body["image_dataset_items"]]
    places += [(argument, "value") for _, argument in arguments(body)]
    found = body.get("expert_setting")
    if isinstance(found, dict):
        places += [(found, name) for name in ("instance_prompt", "class_prompt")]
    for place, name in places:
        if name in place:
            place[name] = _text_of(place[name])


def _worded_flags(body: Any) -> None:
    """Pydantic's lax mode reads these words, and 0 and 1, as booleans."""
    found = settings(body)
    for name in ("with_prior_preservation", "train_text_encoder"):
        value = found.get(name)
        word = value.lower() if isinstance(value, str) else str(value) if type(value) is int else ""
        if word in _TRUE | _FALSE:
            found[name] = word in _TRUE


def _null_for_empty(body: Any) -> None:
    """Laravel's ConvertEmptyStringsToNull goes over the whole input."""

    def mended(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: mended(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [mended(inner) for inner in value]
        return None if value == "" else value

    changed = mended(body)
    body.clear()
    body.update(changed)


def _lists_of_one(body: Any) -> None:
    """Jackson's ACCEPT_SINGLE_VALUE_AS_ARRAY."""
    for name in ("image_dataset_items", "components"):
        if isinstance(body.get(name), dict):
            body[name] = [body[name]]
    for component in components(body):
        if isinstance(component.get("args"), dict):
            component["args"] = [component["args"]]


def _begun_numbers(body: Any) -> None:
    """JavaScript's `parseInt` and `parseFloat` read as far as there is a number."""
    for component, argument in arguments(body):
        form = r"\s*\+?([0-9]+)" if component == "resize" else r"\s*\+?([0-9]+(?:\.[0-9]+)?)"
        found = re.match(form, argument["value"]) if argument.get("name") != "method" else None
        if found:
            argument["value"] = found[1]


def _dotted_extension(body: Any) -> None:
    """Node's `path.extname` and Python's `suffix` give the extension with its dot; so the server takes it."""
    extension = PurePosixPath("image" + body["file_extension"]).suffix
    if extension == body["file_extension"]:
        body["file_extension"] = extension[1:]


def _resized(value: str) -> dict[str, Any]:
    return subject(components=[{"name": "resize", "args": [{"name": "width", "value": value}]}])


CASES: list[Case] = [
    accepts("fractions-are-cut", _STYLE, _cut_fractions, post(STYLE, style(width=512.7))),
    accepts(
        "integers-as-far-as-doubles",
        _STYLE,
        _double_integers,
        post(STYLE, style(expert_setting={"seed": 2**53 + 4})),
    ),
    accepts("numbers-for-texts", _SUBJECT, _numbers_as_texts, post(SUBJECT, subject(name=1208))),
    accepts(
        "flags-in-words",
        _STYLE,
        _worded_flags,
        post(STYLE, style(expert_setting={"train_text_encoder": "yes"})),
    ),
    accepts(
        "empty-texts-become-null",
        _STYLE,
        _null_for_empty,
        post(STYLE, style(expert_setting={"instance_prompt": ""})),
    ),
    accepts(
        "one-value-for-a-list",
        _SUBJECT,
        _lists_of_one,
        post(SUBJECT, subject(image_dataset_items={"assets_id": 26})),
    ),
    accepts("numbers-only-begin-the-value", _SUBJECT, _begun_numbers, post(SUBJECT, _resized("512px"))),
    accepts(
        "extension-with-its-dot", _UPLOAD, _dotted_extension, post(UPLOAD_URL, {"file_extension": ".png"})
    ),
]
