"""Servers that refuse bodies which are right, since their columns, types or validators are narrower."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from broken_servers_second.bodies import post, style, subject
from broken_servers_second.editing import components, rejects, settings
from broken_servers_second.wire import STYLE, SUBJECT, UPLOAD_URL
from broken_servers_unseen.defect import Case

__all__ = ["CASES"]

_SUBJECT, _STYLE, _UPLOAD = "createSubjectTraining", "createStyleTraining", "createUploadUrl"


def _large_seed(body: Any) -> object:
    """The column, or the field of the class, is an int of 32 bits."""
    return settings(body)["seed"] > 2**31 - 1


def _beyond_the_plane(body: Any) -> object:
    """MySQL's charset utf8 has three bytes for a character: no emoji, no rare ideograph."""
    texts = [body["name"], *(item.get("caption") or "" for item in body["image_dataset_items"])]
    return any(character > "\uffff" for text in texts for character in text)


def _long_in_bytes(body: Any) -> object:
    """PHP's `strlen` and Go's `len` count bytes."""
    return any(len((item.get("caption") or "").encode()) > 1024 for item in body["image_dataset_items"])


def _empty_list(body: Any) -> object:
    """Laravel's rule `required` takes an empty array for none."""
    return not body["components"] or any(not component["args"] for component in components(body))


def _mixed_ids(body: Any) -> object:
    """A generic list has one type for all of its items; the first item chooses it."""
    return len({type(item["assets_id"]) for item in body["image_dataset_items"]}) > 1


def _other_id(body: Any) -> object:
    """The column is a CHAR(32) of hexadecimal digits, as all ids are that this server gives."""
    ids = [item["assets_id"] for item in body["image_dataset_items"]]
    return any(isinstance(each, str) and not re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)


def _image_twice(body: Any) -> object:
    """The table of images has a unique index over the task and the asset."""
    ids = [str(item["assets_id"]) for item in body["image_dataset_items"]]
    return len(set(ids)) < len(ids)


def _many_decimals(body: Any) -> object:
    """Django's DecimalField(decimal_places=6), which says so in its refusal."""
    exponent = Decimal(repr(settings(body)["learning_rate"])).as_tuple().exponent
    return isinstance(exponent, int) and exponent < -6


def _webp(body: Any) -> object:
    """Python's `mimetypes` did not know the kind before 3.13, nor do many old tables."""
    return body["file_extension"] == "webp"


_EMOJI = [{"assets_id": 26, "caption": "a woman who smiles \U0001f600"}]
_ACCENTS = [{"assets_id": 26, "caption": "é" * 600}]

CASES: list[Case] = [
    rejects("seed-of-32-bits", _STYLE, _large_seed, post(STYLE, style(expert_setting={"seed": 2**31}))),
    rejects(
        "characters-of-four-bytes",
        _SUBJECT,
        _beyond_the_plane,
        post(SUBJECT, subject(image_dataset_items=_EMOJI)),
    ),
    rejects("captions-in-bytes", _STYLE, _long_in_bytes, post(STYLE, style(image_dataset_items=_ACCENTS))),
    rejects("empty-list-is-missing", _SUBJECT, _empty_list, post(SUBJECT, subject(components=[]))),
    rejects(
        "ids-of-one-type",
        _SUBJECT,
        _mixed_ids,
        post(SUBJECT, subject(image_dataset_items=[{"assets_id": 26}, {"assets_id": "27"}])),
    ),
    rejects(
        "ids-of-32-digits",
        _STYLE,
        _other_id,
        post(STYLE, style(image_dataset_items=[{"assets_id": "100024"}])),
    ),
    rejects(
        "image-twice-in-a-training",
        _SUBJECT,
        _image_twice,
        post(SUBJECT, subject(image_dataset_items=[{"assets_id": 26}, {"assets_id": 26}])),
    ),
    rejects(
        "rate-of-seven-decimals",
        _STYLE,
        _many_decimals,
        post(STYLE, style(expert_setting={"learning_rate": 0.0000005})),
    ),
    rejects("webp-is-no-image", _UPLOAD, _webp, post(UPLOAD_URL, {"file_extension": "webp"})),
]
