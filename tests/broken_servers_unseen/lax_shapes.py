"""Servers that take wrong shapes: arrays, members, component texts, JSON itself, queries."""

from __future__ import annotations

import json
import re
from typing import Any

from broken_servers_unseen.client import ABSENT, subject
from broken_servers_unseen.schemas import accepts, accepts_bytes, accepts_query

_ITEMS = "image_dataset_items"
_RATIO = "components/0/args/0"


def _first_item_only(payload: Any) -> None:
    for item in payload[_ITEMS][1:]:
        for name in set(item) - {"assets_id", "caption"}:
            del item[name]


# Against ImageDatasetItem: "additionalProperties: false" (the schema of the first item is checked alone)
accepts("only-the-first-item-is-closed", _first_item_only, subject({f"{_ITEMS}/1/url": "x"}))


def _numbered_object(payload: Any) -> None:
    items = payload[_ITEMS]
    if isinstance(items, dict) and list(items) == [str(n) for n in range(len(items))]:
        payload[_ITEMS] = list(items.values())


# Against image_dataset_items: "type: array" (PHP knows no difference)
accepts("numbered-object-is-a-list", _numbered_object, subject({_ITEMS: {"0": {"assets_id": 26}}}))


def _single_component(payload: Any) -> None:
    if isinstance(payload["components"], dict):
        payload["components"] = [payload["components"]]


# Against components: "type: array" (Jackson: ACCEPT_SINGLE_VALUE_AS_ARRAY)
accepts(
    "one-component-without-a-list", _single_component, subject({"components": subject()["components"][1]})
)


def _known_members(payload: Any) -> None:
    for name in list(payload):
        known = name.lower()
        if known != name and known in subject() and known not in payload:
            payload[known] = payload.pop(name)


# Against SubjectTrainingRequest: "additionalProperties: false" (Go's encoding/json matches names in any case)
accepts("member-names-in-any-case", _known_members, subject({"base_model": ABSENT, "Base_Model": "m"}))


def _open_arguments(payload: Any) -> None:
    for component in payload["components"]:
        for argument in component["args"]:
            for name in set(argument) - {"name", "value"}:
                del argument[name]


# Against RatioArgument and the others: "additionalProperties: false" (closed everywhere but at the bottom)
accepts(
    "arguments-are-open",
    _open_arguments,
    subject({_RATIO: {"name": "ratio", "value": "1.0", "type": "float"}}),
)


def _float_ratio(payload: Any) -> None:
    for component in payload["components"]:
        for argument in component["args"]:
            if argument["name"] == "ratio" and float(argument["value"]) > 0:
                argument["value"] = "1.0"


# Against ratio: "a positive decimal number as text" (float(): exponents, signs, underscores, inf)
accepts("ratio-by-float", _float_ratio, subject({f"{_RATIO}/value": "1e0"}))


def _open_pattern(payload: Any) -> None:
    for component in payload["components"]:
        for argument in component["args"]:
            if component["name"] == "resize" and re.match(r"\s*[1-9][0-9]*", argument["value"]):
                argument["value"] = "512"


# Against resize value: "a positive integer as text" (re.match without an end)
accepts("size-pattern-has-no-end", _open_pattern, subject({"components/1/args/0/value": "512px"}))


def _loose_dot(payload: Any) -> None:
    for component in payload["components"]:
        for argument in component["args"]:
            if argument["name"] == "method" and re.fullmatch(r"\s*gfpgan_1.4\s*", argument["value"]):
                argument["value"] = "gfpgan_1.4"


# Against method value: "the text gfpgan_1.4" (a dot that is not escaped)
accepts(
    "dot-of-the-method-is-any-character", _loose_dot, subject({"components/2/args/0/value": "gfpgan_1_4"})
)


def _last_wins(body: bytes) -> bytes:
    return json.dumps(json.loads(body), allow_nan=False).encode()


def _twice(name: str) -> bytes:
    return b'{"width":0,' + json.dumps(subject({"name": name})).encode()[1:]


def _duplicates_only(body: bytes) -> bytes:
    # A plain parser that is strict in all other things.
    body.decode()
    return _last_wins(body)


# Against contract 0.3: "no duplicate keys" (JSON.parse: the last one wins)
accepts_bytes("last-of-two-members-wins", _duplicates_only, _twice("portrait"))


def _first_document(body: bytes) -> bytes:
    text = body.decode()
    _, end = json.JSONDecoder().raw_decode(text)
    return text[:end].encode() if text[end:].strip() else body


# Against contract 0.3: "strictly parsed JSON" (Go's Decoder reads one value, and leaves the rest)
accepts_bytes("rest-of-the-body-is-not-read", _first_document, json.dumps(subject()).encode() + b" }")


def _encoded(body: bytes) -> bytes:
    encoding = json.detect_encoding(body)
    return body if encoding == "utf-8" else body.decode(encoding).encode()


# Against contract 0.3: "UTF-8 without BOM" (Python's json.loads detects UTF-16, UTF-32 and a BOM)
accepts_bytes(
    "encoding-is-detected",
    _encoded,
    json.dumps({"file_extension": "png"}).encode("utf-16"),
    "createUploadUrl",
)


def _extension(payload: Any) -> None:
    payload["file_extension"] = payload["file_extension"].lstrip(".").lower()


# Against file_extension: "enum: [png, webp, jpeg]" (normalised first)
accepts("extension-is-normalised", _extension, {"file_extension": ".PNG"}, "createUploadUrl")


def _parsed_limit(parameters: dict[str, str]) -> None:
    found = re.match(r"\s*\d+", parameters.get("pagination.limit", ""))
    if found and 1 <= int(found[0]) <= 100:
        parameters["pagination.limit"] = str(int(found[0]))


# Against pagination.limit: "type: integer" (parseInt: "5abc" is 5)
accepts_query("limit-by-parse-int", "listTrainings", _parsed_limit, "/v3/training?pagination.limit=5abc")


def _clamped(parameters: dict[str, str]) -> None:
    if parameters.get("pagination.limit", "").isdecimal() and int(parameters["pagination.limit"]) > 100:
        parameters["pagination.limit"] = "100"


# Against pagination.limit: "maximum: 100" (Math.min(limit, 100))
accepts_query("limit-is-clamped", "listModels", _clamped, "/v3/model?pagination.limit=101")


def _flags(parameters: dict[str, str]) -> None:
    words = {"1": "true", "0": "false", "True": "true", "False": "false", "TRUE": "true", "FALSE": "false"}
    value = parameters.get("filter.is_inpainting", "")
    if value in words:
        parameters["filter.is_inpainting"] = words[value]


# Against filter.is_inpainting: "enum: [true, false]" (strconv.ParseBool)
accepts_query("flags-by-parse-bool", "listModels", _flags, "/v3/model?filter.is_inpainting=1")
