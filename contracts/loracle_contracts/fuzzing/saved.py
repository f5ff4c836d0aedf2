"""Reads what a run saved, so that its findings can be repeated; whatever the file holds."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import orjson

from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing.options import LAYERS

__all__ = ["MAX_FILE", "Saved", "SavedError", "read_saved", "saved_request"]

MAX_FILE = 64 * 1024 * 1024
_MAX_BODY = 64 * 1024 * 1024
_VERSION = 1


class SavedError(ValueError):
    """The file holds no report, or the request in it is none; the text says so in one line."""


@dataclass(frozen=True)
class Saved:
    """The findings of a report, and the server and the options of its run where the file has them."""

    findings: tuple[dict[str, Any], ...]
    url: str | None = None
    options: dict[str, Any] | None = None


def read_saved(data: bytes) -> Saved:
    """What a JSON report, or one finding of it, holds. Raises SavedError."""
    if len(data) > MAX_FILE:
        raise SavedError(f"it is longer than {MAX_FILE} bytes")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise SavedError(f"it is no JSON: {error}") from None
    if not isinstance(value, dict) or not ({"check", "findings"} & value.keys()):
        raise SavedError("it is neither a report that loracle fuzz saved nor a finding of one")
    is_finding = "findings" not in value
    if not is_finding and value.get("version") != _VERSION:
        told = orjson.dumps(value.get("version")).decode()[:20]
        raise SavedError(f"it is a report of version {told}; this loracle reads version {_VERSION}")
    _check(value, is_finding=is_finding)
    if is_finding:
        return Saved((value,))
    return Saved(tuple(value["findings"]), value["url"], value["options"])


def _check(value: Any, *, is_finding: bool) -> None:
    error = next(iter(_validator(is_finding).iter_errors(value)), None)
    if error is not None:
        place = "".join(f"/{part}" for part in error.instance_path) or "the whole"
        raise SavedError(f"it is no report of loracle fuzz: {place}: {error.message[:200]}")
    for finding in [value] if is_finding else value["findings"]:
        if finding["layer"] not in LAYERS or not finding["exchanges"]:
            raise SavedError(f"the finding {finding['id'][:20]!r} is of no layer, or has no request")


@cache
def _validator(is_finding: bool) -> Any:
    from jsonschema_rs import Draft202012Validator  # noqa: PLC0415 - for a replay only

    folder = resources.files("loracle_contracts.fuzzing.report")
    schema = orjson.loads(folder.joinpath("fuzz-report-1.schema.json").read_bytes())
    if is_finding:
        schema = {"$schema": schema["$schema"], "$defs": schema["$defs"], "$ref": "#/$defs/finding"}
    return Draft202012Validator(schema)


def saved_request(told: dict[str, Any], put_in: Any) -> Request:
    """The request as it was sent; `put_in` puts the keys into a text. Raises SavedError."""
    headers = tuple((name, put_in(value)) for name, value in told["headers"])
    try:
        body = _body(told["body"], put_in)
        told["target"].encode("ascii")
        "".join(name + value for name, value in headers).encode("latin-1")
    except (ValueError, zlib.error) as error:
        raise SavedError(f"the request in the file cannot be read: {error}") from None
    target = put_in(told["target"])
    if not target.startswith("/") and target != "*":
        raise SavedError("the request in the file has no path")
    return Request(told["method"], target, headers, body)


def _body(told: dict[str, str], put_in: Any) -> bytes:
    if told["encoding"] == "base64":
        return base64.b64decode(told["data"], validate=True)
    if told["encoding"] == "text":
        text: str = put_in(told["data"])
        return text.encode()
    expanding = zlib.decompressobj()
    data = expanding.decompress(base64.b64decode(told["data"], validate=True), _MAX_BODY)
    if not expanding.eof:
        raise ValueError("its compressed body does not end, or is too long")
    try:
        text = put_in(data.decode())
    except UnicodeDecodeError:
        return data
    return text.encode()
