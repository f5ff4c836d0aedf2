"""Servers that read heads, queries and texts which the contract refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from broken_servers_second.bodies import get, post, style, subject
from broken_servers_second.editing import rereading
from broken_servers_second.wire import MODELS, STYLE, SUBJECT, TRAININGS, UPLOAD_URL, Request
from broken_servers_unseen.defect import Case, Defect, Witness

from broken_servers_fourth.forms import asked, asking, takes

__all__ = ["CASES"]

_SUBJECT, _STYLE, _UPLOAD = "createSubjectTraining", "createStyleTraining", "createUploadUrl"
_KINDS = ("checkpoint", "lora", "vae", "controlnet", "upscaler", "textualinversion")


def _replaced_bytes(request: Request) -> Request:
    """Go's encoding/json puts U+FFFD for what is no UTF-8."""
    return request.with_body(request.body.decode("utf-8", "replace").encode())


def _detected_encoding(request: Request) -> Request:
    """Python's `json.loads(bytes)` and Jackson find out by themselves that a text is UTF-16 or UTF-32."""
    encoding = json.detect_encoding(request.body)
    if not encoding.startswith(("utf-16", "utf-32")):
        return request
    return request.with_body(request.body.decode(encoding).encode())


def _first_document(request: Request) -> Request:
    """`json.NewDecoder(r.Body).Decode(&v)` reads one value, and never looks at what follows."""
    text = request.body.decode().lstrip(" \t\r\n")
    _, end = json.JSONDecoder().raw_decode(text)
    return request.with_body(text[:end].encode()) if text[end:].strip() else request


def _json_suffix(request: Request) -> Request:
    """axum's Json and ASP.NET's formatter take each application/*+json."""
    media_type = request.header("content-type").partition(";")[0].strip().lower()
    if re.fullmatch(r"application/[^/+]+(?:\.[^/+]+)*\+json", media_type):
        return request.with_header("content-type", "application/json")
    return request


def _second_word(request: Request) -> Request:
    """`req.headers.authorization?.split(" ")[1]`, whatever the first word is."""
    sent = [value for name, value in request.headers if name.lower() == b"authorization"]
    words = sent[0].decode("latin-1").split(" ") if len(sent) == 1 else []
    if len(words) > 1 and words[1] and words[0].lower() != "bearer":
        return request.with_header("authorization", f"Bearer {words[1]}")
    return request


def _parsed_limit(request: Request) -> Request:
    """JavaScript's `parseInt` reads "10abc" and "9.5"."""
    if not request.is_to("GET", TRAININGS):
        return request
    found = re.match(r"\s*\+?([0-9]+)", asked(request).get("pagination.limit", ""))
    return asking(request, pagination__limit=found[1]) if found else request


def _split_kinds(request: Request) -> Request:
    """Spring binds "lora,vae" to a list of two."""
    kinds = asked(request).get("filter.types", "").split(",") if request.is_to("GET", MODELS) else []
    if len(kinds) < 2 or not set(kinds) <= set(_KINDS):
        return request
    return asking(request, filter__types="lora" if "lora" in kinds else kinds[0])


def _reads(name: str, operation: str, change: Callable[[Request], Request], witness: Witness) -> Case:
    plant = rereading([operation], change)
    return Case(Defect(name, "accepts-invalid", operation, False, plant), witness)


_UTF_16 = json.dumps({"file_extension": "png"}).encode("utf-16-le")

CASES: list[Case] = [
    _reads(
        "bytes-that-are-no-utf-8-are-replaced",
        _SUBJECT,
        _replaced_bytes,
        post(SUBJECT, json.dumps(subject(name="caf_")).encode().replace(b"caf_", b"caf\xe9")),
    ),
    _reads("encoding-is-detected", _UPLOAD, _detected_encoding, post(UPLOAD_URL, _UTF_16)),
    _reads(
        "text-after-the-document",
        _STYLE,
        _first_document,
        post(STYLE, json.dumps(style()).encode() + b"\n}"),
    ),
    takes(
        "types-that-end-in-json",
        "",
        _json_suffix,
        post(SUBJECT, subject(), content_type="application/vnd.api+json"),
    ),
    takes(
        "second-word-is-the-key", "", _second_word, get(TRAININGS, headers={"authorization": "Token key-one"})
    ),
    takes("limit-by-parse-int", "listTrainings", _parsed_limit, get(f"{TRAININGS}?pagination.limit=5x")),
    takes("kinds-with-commas", "listModels", _split_kinds, get(f"{MODELS}?filter.types=lora,vae")),
]
