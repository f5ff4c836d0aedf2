"""Servers that refuse heads and queries which are right."""

from __future__ import annotations

from broken_servers_second.bodies import get, post, put, subject
from broken_servers_second.wire import MODELS, SUBJECT, TRAININGS, Answer, Request, envelope
from broken_servers_unseen.defect import Case

from broken_servers_fourth.forms import asked, turns_down

__all__ = ["CASES"]

_FILTERS = ("visibility", "source", "types", "is_sdxl", "is_inpainting", "query")
_KNOWN = {"pagination.limit", "pagination.cursor", *(f"filter.{name}" for name in _FILTERS)}


def _quoted_charset(request: Request) -> Answer | None:
    """A parameter's value may be quoted; who splits at "=" compares the quotes, too."""
    if request.method == "POST" and request.is_judged and 'charset="' in request.header("content-type"):
        return envelope(415, "UNSUPPORTED_MEDIA_TYPE", "This charset is not supported.")
    return None


def _two_blanks(request: Request) -> Answer | None:
    """`parts = header.split(" ")`, and then `len(parts) != 2`."""
    has_key = request.is_authorised and request.path.startswith("/v3/")
    if has_key and len(request.header("authorization").strip().split(" ")) != 2:
        return envelope(403, "INVALID_API_KEY", "The API key was refused.")
    return None


def _empty_cursor(request: Request) -> Answer | None:
    """`@NotBlank` beside `required = false`: absent is right, empty is wrong."""
    is_judged = request.is_to("GET", TRAININGS) and request.is_authorised
    if is_judged and asked(request).get("pagination.cursor") == "":
        return envelope(400, "INVALID_REQUEST_BODY", "pagination.cursor must not be blank.")
    return None


def _unknown_parameter(request: Request) -> Answer | None:
    """NestJS with `forbidNonWhitelisted`, or a Zod object that is strict."""
    if request.is_to("GET", MODELS) and request.is_authorised:
        unknown = sorted(set(asked(request)) - _KNOWN)
        if unknown:
            return envelope(400, "INVALID_REQUEST_BODY", f"property {unknown[0]} should not exist")
    return None


def _get_with_a_body(request: Request) -> Answer | None:
    """CloudFront and some gateways refuse a GET that has a body."""
    if request.method == "GET" and request.is_authorised and 0 < len(request.body) <= 2**20:
        return envelope(400, "INVALID_REQUEST_BODY", "A GET request has no body.")
    return None


def _other_upload(request: Request) -> Answer | None:
    """The filter of an upload library (`multer`, `express-fileupload`) looks at the type, if there is one."""
    if request.method == "PUT" and request.path.startswith("/_uploads/"):
        sent = request.header("content-type")
        if sent and not sent.lower().startswith(("image/", "application/octet-stream")):
            return envelope(415, "UNSUPPORTED_MEDIA_TYPE", "Only images can be uploaded.")
    return None


CASES: list[Case] = [
    turns_down(
        "charset-in-quotes",
        "",
        _quoted_charset,
        post(SUBJECT, subject(), content_type='application/json; charset="utf-8"'),
    ),
    turns_down(
        "two-blanks-before-the-key",
        "",
        _two_blanks,
        get(TRAININGS, headers={"authorization": "Bearer  key-one"}),
    ),
    turns_down(
        "empty-cursor-is-blank", "listTrainings", _empty_cursor, get(f"{TRAININGS}?pagination.cursor=")
    ),
    turns_down("unknown-parameter", "listModels", _unknown_parameter, get(f"{MODELS}?locale=en")),
    turns_down("get-with-a-body", "", _get_with_a_body, get(TRAININGS, content=b"{}")),
    turns_down(
        "upload-of-another-type",
        "putUpload",
        _other_upload,
        put(64, **{"content-type": "application/x-www-form-urlencoded"}),
    ),
]
