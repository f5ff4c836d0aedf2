"""Servers that accept bodies whose other members are wrong."""

from __future__ import annotations

import json
import re
from typing import Any

from broken_servers_second.bodies import images, post, style, subject
from broken_servers_second.editing import accepts, arguments, components, editing
from broken_servers_second.wire import STYLE, SUBJECT, UPLOAD_URL, Answer, Handler, Next, Request, around
from broken_servers_unseen.defect import ASGIApp, Case, Defect

__all__ = ["CASES"]

_SUBJECT, _STYLE, _TARGET = "createSubjectTraining", "createStyleTraining", "createUploadUrl"
_ARGUMENTS = {
    "face_crop_region": ("ratio",),
    "resize": ("width", "height"),
    "face_restore": ("method", "upscale"),
}
_SETTINGS = frozenset(
    [
        "train_batch_size",
        "learning_rate",
        "max_train_steps",
        "seed",
        "lr_scheduler",
        "lr_warmup_steps",
        "instance_prompt",
        "class_prompt",
        "with_prior_preservation",
        "prior_loss_weight",
        "train_text_encoder",
        "lora_r",
        "lora_alpha",
        "lora_text_encoder_r",
        "lora_text_encoder_alpha",
    ]
)
_MEMBERS = frozenset(
    ["name", "base_model", "width", "height", "image_dataset_items", "expert_setting", "components"]
)


def _resize(value: str) -> list[dict[str, Any]]:
    return [{"name": "resize", "args": [{"name": "width", "value": value}]}]


def _crop(value: str) -> list[dict[str, Any]]:
    return [{"name": "face_crop_region", "args": [{"name": "ratio", "value": value}]}]


def _name_of_256(body: Any) -> None:
    if isinstance(body["name"], str) and len(body["name"]) == 256:
        body["name"] = body["name"][:255]


def _texts_of_scalars(body: Any) -> None:
    """Jackson makes a text of a number or a flag where the field is a String."""
    places = [(body, "name"), (body, "base_model")]
    if isinstance(body.get("expert_setting"), dict):
        places += [(body["expert_setting"], "instance_prompt"), (body["expert_setting"], "class_prompt")]
    for holder, name in places:
        if type(holder.get(name)) in (int, float, bool):
            holder[name] = json.dumps(holder[name])


def _empty_model(body: Any) -> None:
    if body["base_model"] == "":
        body["base_model"] = "v1-5-pruned-emaonly"


def _sizes_of_texts(body: Any) -> None:
    """Pydantic's lax mode, and Jackson's, read a number from a text."""
    for name in ("width", "height"):
        if isinstance(body.get(name), str) and re.fullmatch(r"\s*-?[0-9]{1,18}\s*", body[name]):
            body[name] = int(body[name])


def _no_components(body: Any) -> None:
    if body.get("components") is None:
        body["components"] = []


def _one_more_image(body: Any) -> None:
    if isinstance(body["image_dataset_items"], list) and len(body["image_dataset_items"]) == 51:
        body["image_dataset_items"].pop()


def _long_captions(body: Any) -> None:
    for item in _entries(body["image_dataset_items"]):
        if isinstance(item.get("caption"), str):
            item["caption"] = item["caption"][:1024]


def _negative_assets(body: Any) -> None:
    for item in _entries(body["image_dataset_items"]):
        if type(item.get("assets_id")) is int:
            item["assets_id"] = max(item["assets_id"], 0)


def _null_arguments(body: Any) -> None:
    for component in components(body):
        if "args" in component and component["args"] is None:
            component["args"] = []


def _known_components(body: Any) -> None:
    """A switch over the names that does nothing by default."""
    body["components"] = [
        entry
        for entry in body["components"]
        if not (
            isinstance(entry, dict) and isinstance(entry.get("name"), str) and entry["name"] not in _ARGUMENTS
        )
    ]


def _known_arguments(body: Any) -> None:
    """Each component looks its arguments up by name, and at no other."""
    for component in components(body):
        known = _ARGUMENTS.get(component.get("name", ""))
        if known and isinstance(component.get("args"), list):
            component["args"] = [
                entry
                for entry in component["args"]
                if not (
                    isinstance(entry, dict)
                    and isinstance(entry.get("name"), str)
                    and entry["name"] not in known
                )
            ]


def _zero_ratio(body: Any) -> None:
    """The pattern asks for digits, and nothing for more than none."""
    for component, argument in arguments(body):
        value = argument.get("value")
        if component == "face_crop_region" and isinstance(value, str) and re.fullmatch(r"0+(\.0+)?", value):
            argument["value"] = "1.0"


def _plus(body: Any) -> None:
    """Go's strconv.Atoi takes a sign."""
    for component, argument in arguments(body):
        value = argument.get("value")
        if component == "resize" and isinstance(value, str) and re.fullmatch(r"\+[0-9]+", value):
            argument["value"] = value[1:]


def _more_kinds(body: Any) -> None:
    if body["file_extension"] in ("gif", "bmp", "tiff", "avif", "heic"):
        body["file_extension"] = "png"


def _entries(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _keep(value: Any, names: frozenset[str]) -> None:
    if isinstance(value, dict):
        for name in value.keys() - names:
            del value[name]


def _known_members(body: Any) -> None:
    """Go, Jackson in Spring Boot and Pydantic do not look at members that they do not know."""
    _keep(body, frozenset(["file_extension"]) if "file_extension" in body else _MEMBERS)
    _keep(body.get("expert_setting"), _SETTINGS)
    for item in _entries(body.get("image_dataset_items")):
        _keep(item, frozenset(["assets_id", "caption"]))
    for component in _entries(body.get("components")):
        _keep(component, frozenset(["name", "args"]))
        for argument in _entries(component.get("args")):
            _keep(argument, frozenset(["name", "value"]))


def _everywhere(app: ASGIApp) -> ASGIApp:
    for operation in (_SUBJECT, _STYLE, _TARGET):
        app = editing(operation, _known_members)(app)
    return app


def _json_suffix() -> Handler:
    """FastAPI reads every type that ends in +json."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        media_type = request.header("content-type").partition(";")[0].strip().lower()
        if re.fullmatch(r"application/[a-z0-9.-]+\+json", media_type):
            request = request.with_header("content-type", "application/json")
        return await pass_on(request)

    return handler


_MERGE = "application/merge-patch+json"

CASES: list[Case] = [
    accepts("name-of-256-characters", _SUBJECT, _name_of_256, post(SUBJECT, subject(name="n" * 256))),
    accepts("texts-from-scalars", _SUBJECT, _texts_of_scalars, post(SUBJECT, subject(name=1208))),
    accepts("base-model-may-be-empty", _STYLE, _empty_model, post(STYLE, style(base_model=""))),
    accepts("sizes-from-texts", _SUBJECT, _sizes_of_texts, post(SUBJECT, subject(width="512"))),
    accepts("components-are-optional", _SUBJECT, _no_components, post(SUBJECT, subject(components=None))),
    accepts("fifty-one-images", _STYLE, _one_more_image, post(STYLE, style(image_dataset_items=images(51)))),
    accepts(
        "captions-have-no-limit",
        _SUBJECT,
        _long_captions,
        post(SUBJECT, subject(image_dataset_items=[{"assets_id": 1, "caption": "c" * 1025}])),
    ),
    accepts(
        "assets-below-zero",
        _STYLE,
        _negative_assets,
        post(STYLE, style(image_dataset_items=[{"assets_id": -1}])),
    ),
    accepts(
        "arguments-may-be-null",
        _STYLE,
        _null_arguments,
        post(STYLE, style(components=[{"name": "resize", "args": None}])),
    ),
    accepts(
        "unknown-component-is-skipped",
        _STYLE,
        _known_components,
        post(STYLE, style(components=[{"name": "denoise", "args": []}])),
    ),
    accepts(
        "unknown-argument-is-skipped",
        _SUBJECT,
        _known_arguments,
        post(SUBJECT, subject(components=[{"name": "resize", "args": [{"name": "depth", "value": "1"}]}])),
    ),
    accepts("ratio-of-zero", _STYLE, _zero_ratio, post(STYLE, style(components=_crop("0.0")))),
    accepts("sign-before-a-size", _SUBJECT, _plus, post(SUBJECT, subject(components=_resize("+512")))),
    accepts("more-kinds-of-images", _TARGET, _more_kinds, post(UPLOAD_URL, {"file_extension": "gif"})),
    Case(
        Defect("unknown-members-are-not-read", "accepts-invalid", "", False, _everywhere),
        post(SUBJECT, subject(callback_url="https://client.test")),
    ),
    Case(
        Defect("any-json-suffix", "accepts-invalid", "", False, around(_json_suffix)),
        post(UPLOAD_URL, {"file_extension": "png"}, content_type=_MERGE),
    ),
]
