"""Servers that refuse requests, and uploads, that the contract allows."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_plus

from broken_servers_unseen.defect import Case, Defect, Witness

from broken_servers_second.bodies import get, post, put
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
    envelope,
)

__all__ = ["CASES"]

_LISTED = {"pagination.limit", "pagination.cursor"}
_FILTERS = {
    f"filter.{name}" for name in ("visibility", "source", "types", "is_sdxl", "is_inpainting", "query")
}


def _refuses(
    name: str, operation: str, refusal: Callable[[Request], Answer | None], witness: Witness
) -> Case:
    def make() -> Handler:
        async def handler(request: Request, pass_on: Next) -> Answer:
            return refusal(request) or await pass_on(request)

        return handler

    return Case(Defect(name, "rejects-valid", operation, False, around(make)), witness)


def _page(title: str, status: int) -> Answer:
    text = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>{title}</body>\r\n</html>\r\n"
    return Answer(status, ((b"content-type", b"text/html"),), b"").with_body(text.encode())


def _pairs(request: Request) -> list[tuple[str, str]]:
    split = [pair.partition("=") for pair in request.query.split("&") if pair]
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in split]


def _invalid(name: str) -> Answer:
    return envelope(400, "INVALID_REQUEST_BODY", f"The parameter {name} is not valid.")


def _hundred(request: Request) -> Answer | None:
    is_full = ("pagination.limit", "100") in _pairs(request)
    return (
        _invalid("pagination.limit")
        if request.is_to("GET", TRAININGS) and request.is_authorised and is_full
        else None
    )


def _empty_cursor(request: Request) -> Answer | None:
    if (
        request.is_to("GET", MODELS)
        and request.is_authorised
        and ("pagination.cursor", "") in _pairs(request)
    ):
        return _invalid("pagination.cursor")
    return None


def _unknown_filter(request: Request) -> Answer | None:
    if request.is_to("GET", MODELS) and request.is_authorised:
        for name, _ in _pairs(request):
            if name not in _LISTED | _FILTERS:
                return _invalid(name)
    return None


def _body_of_get(request: Request) -> Answer | None:
    if request.method == "GET" and request.body and request.path in (SUBJECT, STYLE, TRAININGS, MODELS):
        return _page("403 ERROR: The request could not be satisfied", 403)
    return None


def _exact_type(request: Request) -> Answer | None:
    sent = request.header("content-type")
    is_json = sent.partition(";")[0].strip().lower() == "application/json"
    if request.is_to("POST", UPLOAD_URL) and request.is_authorised and is_json and sent != "application/json":
        return envelope(415, "UNSUPPORTED_MEDIA_TYPE", "Send application/json.")
    return None


def _large_upload(request: Request) -> Answer | None:
    is_upload = request.method == "PUT" and request.path.startswith("/_uploads/")
    return _page("413 Request Entity Too Large", 413) if is_upload and len(request.body) > 2**20 else None


def _untyped_upload(request: Request) -> Answer | None:
    is_upload = request.method == "PUT" and request.path.startswith("/_uploads/")
    if is_upload and not request.header("content-type").startswith("image/"):
        return envelope(400, "INVALID_IMAGE_FORMAT", "The upload is not an image.")
    return None


CASES: list[Case] = [
    # 2.6: "pagination.limit integer in (0, 100]"; < for <=
    _refuses("narrow-limit-hundred", "listTrainings", _hundred, get("/v3/training?pagination.limit=100")),
    # query.yaml: cursor "empty or absent for the first page"
    _refuses("narrow-empty-cursor", "listModels", _empty_cursor, get("/v3/model?pagination.cursor=")),
    # 6: "unknown or bracketed filters journalled", not refused; a query model that forbids extras
    _refuses(
        "narrow-known-filters", "listModels", _unknown_filter, get("/v3/model?filter%5Bsource%5D=training")
    ),
    # 0.9: "`GET` with a body: the body is ignored"; the content network refuses it
    _refuses("narrow-get-without-body", "", _body_of_get, get("/v3/training", content=b"{}")),
    # 0.9: 415 for "absent, not JSON, or an encoded body"; === 'application/json'
    _refuses(
        "narrow-exact-type",
        "createUploadUrl",
        _exact_type,
        post(UPLOAD_URL, {"file_extension": "png"}, content_type="application/json; charset=utf-8"),
    ),
    # 0.3: "an upload: 30 MiB"; nginx's client_max_body_size
    _refuses("narrow-small-upload", "putUpload", _large_upload, put(2**20 + 1)),
    # 2.1: "any or no Content-Type should go through"
    _refuses("narrow-typed-upload", "putUpload", _untyped_upload, put(10)),
]
