"""Servers that refuse right shapes: arrays, order, component texts, uploads, queries."""

from __future__ import annotations

import re
from typing import Any

from broken_servers_unseen.client import style, subject
from broken_servers_unseen.schemas import refuses, refuses_query

_STYLE = "createStyleTraining"
_ITEMS = "image_dataset_items"


def _ids(payload: Any) -> list[Any]:
    return [item["assets_id"] for item in payload[_ITEMS]]


def _arguments(payload: Any, component: str) -> list[list[Any]]:
    return [
        [argument.get("name") for argument in found["args"]]
        for found in payload["components"]
        if found["name"] == component
    ]


def _values(payload: Any) -> list[str]:
    return [argument["value"] for found in payload["components"] for argument in found["args"]]


# Against image_dataset_items: "maxItems: 50" (range(1, 50))
refuses(
    "fifty-images",
    lambda payload: len(payload[_ITEMS]) == 50,
    subject({_ITEMS: [{"assets_id": n} for n in range(50)]}),
)

# Against image_dataset_items: no "uniqueItems" (a set is made of the ids, and its size compared)
refuses(
    "an-image-that-comes-twice",
    lambda payload: len(set(map(str, _ids(payload)))) < len(payload[_ITEMS]),
    subject({f"{_ITEMS}/1/assets_id": f"{1:032x}"}),
)

# Against contract 4.1: "string (non-blank) or integer >= 0" (the array has one type of ids)
refuses(
    "ids-of-both-kinds",
    lambda payload: len({isinstance(asset, str) for asset in _ids(payload)}) > 1,
    style({f"{_ITEMS}/5/assets_id": 26}),
    _STYLE,
)

# Against contract 0.8: "`args: []` is legal"
refuses(
    "component-without-arguments",
    lambda payload: any(not found["args"] for found in payload["components"]),
    subject({"components/2/args": []}),
)

# Against contract 0.8: "outer blanks allowed (lint)"
refuses(
    "argument-with-an-outer-blank",
    lambda payload: any(value != value.strip() for value in _values(payload)),
    subject({"components/1/args/0/value": "512 "}),
)

# Against contract 5: "arg order is free (the SDK sends height before width)"
refuses(
    "height-before-width",
    lambda payload: ["height", "width"] in _arguments(payload, "resize"),
    subject({"components/1/args": [{"name": "height", "value": "512"}, {"name": "width", "value": "512"}]}),
)

# Against JSON objects have no order (Jackson's old tagged unions: the tag must come first)
refuses(
    "tag-is-not-the-first-member",
    lambda payload: any(next(iter(found)) != "name" for found in payload["components"]),
    subject({"components/0": {"args": [{"name": "ratio", "value": "1.4"}], "name": "face_crop_region"}}),
)

# Against "file_extension: enum: [png, webp, jpeg]" (an escape is the same text; compared before it is read)
refuses(
    "escaped-text",
    lambda _: False,
    b'{"file_extension":"\\u0070ng"}',
    "createUploadUrl",
    of_text=lambda text: bool(re.search(r"\\u00[2-7]", text)),
)

# Against pagination.cursor: "empty or absent for the first page"
refuses_query(
    "empty-cursor",
    "listTrainings",
    lambda query: query.get("pagination.cursor") == "",
    "/v3/training?pagination.cursor=",
)

# Against pagination.limit: "maximum: 100" (`< 100`)
refuses_query(
    "limit-of-100",
    "listModels",
    lambda query: query.get("pagination.limit") == "100",
    "/v3/model?pagination.limit=100",
)
