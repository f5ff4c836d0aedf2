"""Servers that take bodies and requests of a shape that the contract refuses."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from broken_servers_unseen.defect import Case, Defect, Witness

from broken_servers_second.bodies import get, post, style, subject
from broken_servers_second.editing import accepts, components, rereading
from broken_servers_second.wire import (
    MODELS,
    STYLE,
    SUBJECT,
    TRAININGS,
    UPLOAD_URL,
    Answer,
    Handler,
    Next,
    Request,
    around,
)

__all__ = ["CASES"]

_ROOT = ("name", "base_model", "width", "height", "image_dataset_items", "expert_setting", "components")
_CREATES = ("createSubjectTraining", "createStyleTraining", "createUploadUrl")


def _extras_dropped(body: Any) -> None:
    for component in components(body):
        for argument in component["args"]:
            for name in set(argument) - {"name", "value"}:
                del argument[name]
        for name in set(component) - {"name", "args"}:
            del component[name]


def _one_for_many(body: Any) -> None:
    for name in ("image_dataset_items", "components"):
        if isinstance(body.get(name), dict):
            body[name] = [body[name]]


def _renamed(body: Any, known: Callable[[str], str]) -> None:
    for name in list(body):
        if known(name) in _ROOT and known(name) not in body:
            body[known(name)] = body.pop(name)


def _any_case(body: Any) -> None:
    _renamed(body, str.lower)


def _camel_case(body: Any) -> None:
    _renamed(
        body, lambda name: re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower() if name[:1].islower() else name
    )


def _list_for_object(body: Any) -> None:
    if body.get("expert_setting") == []:
        body["expert_setting"] = {}


def _nulls_dropped(body: Any) -> None:
    for name in ("image_dataset_items", "components"):
        body[name] = [entry for entry in body[name] if entry is not None]


def _last_duplicate(request: Request) -> Request:
    body = json.loads(request.body.decode("utf-8"), parse_constant=_refuse)
    return request.with_body(json.dumps(body).encode())


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _first_document(request: Request) -> Request:
    text = request.body.decode("utf-8").lstrip(" \t\r\n")
    _, end = json.JSONDecoder().raw_decode(text)
    return request.with_body(text[:end].encode())


def _replaced_bytes(request: Request) -> Request:
    return request.with_body(request.body.decode("utf-8", "replace").encode())


def _whole_characters(request: Request) -> Request:
    text = json.dumps(json.loads(request.body.decode("utf-8")), ensure_ascii=False)
    if not re.search("[\ud800-\udfff]", text):
        return request
    return request.with_body(re.sub("[\ud800-\udfff]", "\ufffd", text).encode())


def _any_charset(request: Request) -> Request:
    media_type = request.header("content-type").partition(";")[0]
    return request.with_header("content-type", media_type) if media_type else request


def _sniffed(request: Request) -> Request:
    if request.header("content-type").partition(";")[0].strip().lower() not in ("", "text/plain"):
        return request
    json.loads(request.body)
    return request.with_header("content-type", "application/json")


def _inflated(request: Request) -> Request:
    if request.header("content-encoding").strip().lower() != "gzip":
        return request
    return request.with_header("content-encoding", None).with_body(gzip.decompress(request.body))


def _without_comments(request: Request) -> Request:
    text = request.body.decode("utf-8")
    token = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)
    return request.with_body(token.sub(lambda match: match[1] or "", text).encode())


def _rereads(name: str, operation: str, reread: Callable[[Request], Request], witness: Witness) -> Case:
    paths = (operation,) if operation else _CREATES
    return Case(Defect(name, "accepts-invalid", operation, False, rereading(paths, reread)), witness)


def _rewrites(name: str, operation: str, rewrite: Callable[[Request], Request], witness: Witness) -> Case:
    def make() -> Handler:
        async def handler(request: Request, pass_on: Next) -> Answer:
            return await pass_on(rewrite(request))

        return handler

    return Case(Defect(name, "accepts-invalid", operation, False, around(make)), witness)


def _clamped(request: Request) -> Request:
    if not request.is_to("GET", TRAININGS):
        return request

    def clamp(match: re.Match[str]) -> str:
        return f"{match[1]}{min(max(int(match[2]), 1), 100)}"

    query = re.sub(r"(?<![^&])(pagination\.limit=)(-?[0-9]{1,18})(?=&|$)", clamp, request.query)
    return replace(request, query=query)


def _without_unknown_kind(request: Request) -> Request:
    if not request.is_to("GET", TRAININGS):
        return request
    pairs = [
        pair
        for pair in request.query.split("&")
        if not pair.startswith("task_type=") or pair in ("task_type=subject", "task_type=style")
    ]
    return replace(request, query="&".join(pairs))


def _last_parameter(request: Request) -> Request:
    if not request.is_to("GET", MODELS):
        return request
    pairs = {pair.partition("=")[0]: pair for pair in request.query.split("&")}
    return replace(request, query="&".join(pairs.values()))


def _without_slash(request: Request) -> Request:
    known = (SUBJECT, STYLE, TRAININGS, UPLOAD_URL, MODELS)
    is_ours = request.path.endswith("/") and request.path[:-1] in known
    return replace(request, path=request.path[:-1]) if is_ours else request


def _any_scheme(request: Request) -> Request:
    scheme, _, key = request.header("authorization").strip().partition(" ")
    if scheme.lower() in ("token", "basic", "apikey", "key") and key.strip():
        return request.with_header("authorization", f"Bearer {key.strip()}")
    return request


_EXTRA = [{"name": "resize", "args": [], "enabled": True}]
_TEXT = json.dumps(subject())
_STYLE_TEXT = json.dumps(style())
_LOWER = {("Width" if name == "width" else name): value for name, value in subject().items()}
_CAMEL = {("baseModel" if name == "base_model" else name): value for name, value in style().items()}
_HALF_PAIR = _STYLE_TEXT.replace("watercolours", "x\\ud83d").encode()

CASES: list[Case] = [
    # 4.15: unknown members "forbidden" in strict; extra="forbid" is not inherited by nested models
    accepts(
        "lax-nested-extras",
        "createSubjectTraining",
        _extras_dropped,
        post(SUBJECT, subject(components=_EXTRA)),
    ),
    # 6: "components array", "image_dataset_items array"; ACCEPT_SINGLE_VALUE_AS_ARRAY
    accepts(
        "lax-one-for-many",
        "createStyleTraining",
        _one_for_many,
        post(STYLE, style(image_dataset_items={"assets_id": 1})),
    ),
    # 4.15: unknown members "forbidden"; encoding/json matches names in any case
    accepts("lax-any-case", "createSubjectTraining", _any_case, post(SUBJECT, _LOWER)),
    # 4.15: unknown members "forbidden"; aliases beside names
    accepts("lax-camel-case", "createStyleTraining", _camel_case, post(STYLE, _CAMEL)),
    # 6: "expert_setting object"; PHP has one empty array for both
    accepts(
        "lax-empty-array", "createStyleTraining", _list_for_object, post(STYLE, style(expert_setting=[]))
    ),
    # 6: "image_dataset_items ... array" of objects; compact() before validation
    accepts(
        "lax-null-entries", "createSubjectTraining", _nulls_dropped, post(SUBJECT, subject(components=[None]))
    ),
    # 0.3: "no duplicate keys"; the last one wins
    _rereads(
        "lax-last-key",
        "createSubjectTraining",
        _last_duplicate,
        post(SUBJECT, (_TEXT[:-1] + ', "width": 512}').encode()),
    ),
    # 0.3: "strictly parsed JSON"; json.Decoder reads one document and looks no further
    _rereads(
        "lax-first-document",
        "createUploadUrl",
        _first_document,
        post(UPLOAD_URL, b'{"file_extension": "png"} {"file_extension": "gif"}'),
    ),
    # 0.3: "UTF-8"; TextDecoder puts U+FFFD for what it cannot read
    _rereads(
        "lax-replaced-bytes",
        "createStyleTraining",
        _replaced_bytes,
        post(STYLE, _STYLE_TEXT.encode().replace(b"watercolours", b"aquarell\xe9")),
    ),
    # 0.3: "no lone surrogates"; Go puts U+FFFD for half a pair
    _rereads("lax-half-pairs", "createStyleTraining", _whole_characters, post(STYLE, _HALF_PAIR)),
    # 0.3: "strictly parsed JSON"; a parser that is made for configuration files
    _rereads(
        "lax-trailing-commas",
        "createSubjectTraining",
        _without_comments,
        post(SUBJECT, (_TEXT[:-1] + ",}").encode()),
    ),
    # 0.9: "415: absent, not JSON, or an encoded body"; the charset is never looked at
    _rereads(
        "lax-any-charset",
        "",
        _any_charset,
        post(SUBJECT, subject(), content_type="application/json; charset=iso-8859-1"),
    ),
    # 0.9: "415: absent, not JSON"; request.json() whatever was declared
    _rereads(
        "lax-sniffed-json", "createStyleTraining", _sniffed, post(STYLE, style(), content_type="text/plain")
    ),
    # 0.9: 415 for "an encoded body"; express.json() inflates
    _rereads(
        "lax-inflated",
        "",
        _inflated,
        post(UPLOAD_URL, gzip.compress(b'{"file_extension": "png"}', mtime=0), content_encoding="gzip"),
    ),
    # 6: "pagination.limit integer 1..100"; clamped for the client's comfort
    _rewrites("lax-clamped-limit", "listTrainings", _clamped, get("/v3/training?pagination.limit=101")),
    # 4.23: "`subject` or `style`"; a switch with a default branch
    _rewrites("lax-unknown-kind", "listTrainings", _without_unknown_kind, get("/v3/training?task_type=lora")),
    # query.duplicate: "each query parameter once"; a dictionary of the query
    _rewrites(
        "lax-last-parameter",
        "listModels",
        _last_parameter,
        get("/v3/model?pagination.limit=5&pagination.limit=6"),
    ),
    # 0.9: "A trailing slash is another route (404)"; strict routing is off
    _rewrites("lax-trailing-slash", "", _without_slash, get("/v3/training/")),
    # 0.9: "another scheme, a bare or a wrong key 403"; split(" ")[1]
    _rewrites(
        "lax-any-scheme", "", _any_scheme, get("/v3/training", headers={"authorization": "Token key-one"})
    ),
]
