"""Servers that refuse bodies whose other members are right."""

from __future__ import annotations

import json
import re
from typing import Any

from broken_servers_second.bodies import images, post, style, subject
from broken_servers_second.editing import arguments, rejects
from broken_servers_second.wire import (
    STYLE,
    SUBJECT,
    UPLOAD_URL,
    Answer,
    Handler,
    Next,
    Request,
    around,
    envelope,
)
from broken_servers_unseen.defect import Case, Defect

__all__ = ["CASES"]

_SUBJECT, _STYLE, _TARGET = "createSubjectTraining", "createStyleTraining", "createUploadUrl"
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def _component(name: str, argument: str, value: str) -> list[dict[str, Any]]:
    return [{"name": name, "args": [{"name": argument, "value": value}]}]


def _captions(body: Any) -> list[str]:
    return [item.get("caption") or "" for item in body["image_dataset_items"]]


def _image(**members: Any) -> list[dict[str, Any]]:
    return [{"assets_id": 26, **members}]


def _no_caption(body: Any) -> object:
    """As the English page on style training says."""
    return any("caption" not in item for item in body["image_dataset_items"])


def _full_caption(body: Any) -> object:
    return any(len(caption) >= 1024 for caption in _captions(body))


def _markup(body: Any) -> object:
    """A web application firewall takes it for a script."""
    return any(re.search(r"<\w", caption) for caption in _captions(body))


def _number_of_an_asset(body: Any) -> object:
    """As the English page on subject training says."""
    return any(not isinstance(item["assets_id"], str) for item in body["image_dataset_items"])


def _asset_zero(body: Any) -> object:
    """`if (!item.assets_id)` takes zero for nothing."""
    return any(item["assets_id"] == 0 for item in body["image_dataset_items"])


def _large_size(body: Any) -> object:
    return body["width"] > 2048 or body["height"] > 2048


def _odd_model(body: Any) -> object:
    return not re.fullmatch(r"[A-Za-z0-9_.-]+", body["base_model"])


def _no_components(body: Any) -> object:
    return body["components"] == []


def _small_ratio(body: Any) -> object:
    return any(
        argument["name"] == "ratio" and float(argument["value"]) < 1 for _, argument in arguments(body)
    )


def _leading_zero(body: Any) -> object:
    found = [argument["value"].strip() for name, argument in arguments(body) if name == "resize"]
    return any(value.startswith("0") for value in found)


def _other_size(body: Any) -> object:
    found = [argument for name, argument in arguments(body) if name == "resize"]
    return any(int(argument["value"]) != body[argument["name"]] for argument in found)


def _few_images(body: Any) -> object:
    return len(body["image_dataset_items"]) < 6


def _webp(body: Any) -> object:
    return body["file_extension"] == "webp"


def _no_escaped_pairs() -> Handler:
    """A half of a pair is looked for in the text, where both halves are."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        if request.is_to("POST", STYLE) and request.is_judged and _HALF.search(request.body):
            return envelope(400, "INVALID_REQUEST_BODY", "The body is not valid Unicode.")
        return await pass_on(request)

    return handler


CASES: list[Case] = [
    rejects("captions-are-demanded", _STYLE, _no_caption, post(STYLE, style(image_dataset_items=_image()))),
    rejects(
        "caption-of-1024-characters",
        _SUBJECT,
        _full_caption,
        post(SUBJECT, subject(image_dataset_items=_image(caption="c" * 1024))),
    ),
    rejects(
        "caption-with-a-tag",
        _SUBJECT,
        _markup,
        post(SUBJECT, subject(image_dataset_items=_image(caption="<lora:coat:1> a red coat"))),
    ),
    rejects("asset-is-a-number", _SUBJECT, _number_of_an_asset, post(SUBJECT, subject())),
    rejects("asset-of-zero", _STYLE, _asset_zero, post(STYLE, style(image_dataset_items=[{"assets_id": 0}]))),
    rejects("size-beyond-2048", _SUBJECT, _large_size, post(SUBJECT, subject(width=4096, height=4096))),
    rejects(
        "base-model-with-a-slash",
        _SUBJECT,
        _odd_model,
        post(SUBJECT, subject(base_model="stabilityai/stable-diffusion-2-1")),
    ),
    rejects("no-components", _SUBJECT, _no_components, post(SUBJECT, subject(components=[]))),
    rejects(
        "ratio-below-one",
        _SUBJECT,
        _small_ratio,
        post(SUBJECT, subject(components=_component("face_crop_region", "ratio", "0.8"))),
    ),
    rejects(
        "size-with-a-leading-zero",
        _STYLE,
        _leading_zero,
        post(STYLE, style(components=_component("resize", "width", "0512"))),
    ),
    rejects(
        "size-unlike-resize",
        _SUBJECT,
        _other_size,
        post(SUBJECT, subject(width=1024, components=_component("resize", "width", "512"))),
    ),
    rejects("fewer-than-six-images", _STYLE, _few_images, post(STYLE, style(image_dataset_items=images(5)))),
    rejects("webp-is-no-image", _TARGET, _webp, post(UPLOAD_URL, {"file_extension": "webp"})),
    Case(
        Defect("escaped-pair-is-a-half", "rejects-valid", _STYLE, False, around(_no_escaped_pairs)),
        post(STYLE, json.dumps(style(name="portrait 😀")).encode()),
    ),
]
