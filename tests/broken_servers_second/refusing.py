"""Servers that refuse rightly, but say so wrongly, or in the wrong order."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
from broken_servers_unseen.defect import Case, Witness

from broken_servers_second.bodies import listed, start, style, subject
from broken_servers_second.editing import behaves
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
    crash,
    envelope,
    read_strictly,
)

__all__ = ["CASES"]

_ROUTES = (SUBJECT, STYLE, TRAININGS, UPLOAD_URL, MODELS)
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_HTML = (
    b"<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center>"
    b"<h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


def _answers(change: Callable[[Request, Answer], Answer]) -> Callable[[], Handler]:
    def make() -> Handler:
        async def handler(request: Request, pass_on: Next) -> Answer:
            return change(request, await pass_on(request))

        return handler

    return make


def _crashes(path: str, is_fatal: Callable[[Request], bool]) -> Callable[[], Handler]:
    def make() -> Handler:
        async def handler(request: Request, pass_on: Next) -> Answer:
            if request.is_to("POST", path) and request.is_judged and is_fatal(request):
                return crash()
            return await pass_on(request)

        return handler

    return make


def _is_no_object(request: Request) -> bool:
    try:
        return not isinstance(read_strictly(request.body), dict)
    except ValueError:
        return False


def _is_deep(request: Request) -> bool:
    depth = deepest = 0
    for bracket in re.findall(rb"[\[{}\]]", re.sub(rb'"(?:\\.|[^"\\])*"', b"", request.body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest > 64


def _has_half_pair(request: Request) -> bool:
    try:
        text = json.dumps(read_strictly(request.body), ensure_ascii=False)
    except ValueError:
        return False
    return bool(re.search("[\ud800-\udfff]", text))


def _reason(answer: Answer) -> str:
    try:
        return str(answer.json()["reason"])
    except (ValueError, KeyError, TypeError):
        return ""


def _uuid_column() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        asked = httpx.QueryParams(request.query).get("task_id", "")
        is_missed = request.is_to("GET", STYLE) and _reason(answer) == "TASK_NOT_FOUND"
        return crash() if is_missed and not _UUID.fullmatch(asked) else answer

    return handler


def _detail(request: Request, answer: Answer) -> Answer:
    if not request.is_to("GET", TRAININGS) or _reason(answer) != "INVALID_REQUEST_BODY":
        return answer
    detail = [{"type": "value_error", "loc": ["query"], "msg": "Input is not valid", "input": request.query}]
    return replace(answer, status=422).with_json({"detail": detail})


def _forbidden(request: Request, answer: Answer) -> Answer:
    if request.method != "GET" or _reason(answer) != "MISSING_API_KEY":
        return answer
    return envelope(403, "INVALID_API_KEY", "Not authenticated")


def _route_first() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        if (
            not request.is_authorised
            and not request.path.startswith("/_uploads/")
            and request.path not in _ROUTES
        ):
            return await pass_on(request.with_header("authorization", "Bearer nobody"))
        return await pass_on(request)

    return handler


def _body_first() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        if request.is_to("POST", STYLE) and not request.is_authorised:
            judged = await pass_on(request.with_header("authorization", "Bearer nobody"))
            if judged.status == 400:
                return judged
        return await pass_on(request)

    return handler


def _no_such_method(request: Request, answer: Answer) -> Answer:
    if _reason(answer) != "METHOD_NOT_ALLOWED" or request.path not in (TRAININGS, MODELS):
        return answer
    return envelope(404, "API_NOT_FOUND", "There is no such route.")


def _without_allow(_: Request, answer: Answer) -> Answer:
    return replace(answer, headers=tuple(pair for pair in answer.headers if pair[0] != b"allow"))


def _of_nginx(_: Request, answer: Answer) -> Answer:
    return answer.with_body(_HTML).with_type("text/html") if answer.status == 413 else answer


def _redirect(request: Request, answer: Answer) -> Answer:
    if not request.path.endswith("/") or request.path[:-1] not in _ROUTES or answer.status != 404:
        return answer
    headers = ((b"location", request.path[:-1].encode()),)
    return Answer(307, headers, b"").with_body(b"")


def _null_metadata(_: Request, answer: Answer) -> Answer:
    if not _reason(answer) or answer.json().get("metadata"):
        return answer
    return answer.with_json({**answer.json(), "metadata": None})


def _own_code(_: Request, answer: Answer) -> Answer:
    codes = {"TASK_NOT_FOUND": 40401, "INVALID_REQUEST_BODY": 40001}
    reason = _reason(answer)
    return answer.with_json({**answer.json(), "code": codes[reason]}) if reason in codes else answer


def _missing_but_fine(request: Request, answer: Answer) -> Answer:
    is_missed = request.is_to("GET", STYLE) and _reason(answer) == "TASK_NOT_FOUND"
    return replace(answer, status=200) if is_missed else answer


def _media_type_last() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("POST", UPLOAD_URL) and answer.status == 415:
            judged = await pass_on(request.with_header("content-type", "application/json"))
            return judged if judged.status == 400 else answer
        return answer

    return handler


def _kept_though_refused() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("POST", SUBJECT) and _reason(answer) == "INVALID_REQUEST_BODY":
            try:
                name = read_strictly(request.body)["name"]
            except (ValueError, TypeError, KeyError):
                return answer
            await pass_on(request.with_body(json.dumps(subject(name=name)).encode()))
        return answer

    return handler


def _asks(method: str, path: str, *, key: str | None = "Bearer key-one", **parts: Any) -> Witness:
    async def witness(client: httpx.AsyncClient) -> object:
        request = client.build_request(method, path, **parts)
        del request.headers["authorization"]
        if key is not None:
            request.headers["authorization"] = key
        answer = await client.send(request)
        kept = {name: answer.headers.get(name) for name in ("allow", "location", "content-type")}
        return answer.status_code, kept, answer.text

    return witness


def _posts(path: str, content: bytes, media_type: str = "application/json", **parts: Any) -> Witness:
    return _asks("POST", path, content=content, headers={"content-type": media_type}, **parts)


async def _refused_then_listed(client: httpx.AsyncClient) -> object:
    await start(client, name="right")
    await client.post(SUBJECT, json=subject(name="wrong", width=0))
    return [task["task_name"] for task in (await listed(client))["tasks"]]


_HALF = json.dumps(style()).replace("watercolours", "x\\ud83d").encode()
_NO_TASK = f"{STYLE}?task_id=00000000-0000-4000-8000-000000000000"
_LARGE = json.dumps(subject(base_model="x" * 2**20)).encode()

CASES: list[Case] = [
    # 0.9: "query, parse and schema (400 INVALID_REQUEST_BODY)"; body.get() of a list
    behaves(
        "crash-on-no-object",
        "createUploadUrl",
        _crashes(UPLOAD_URL, _is_no_object),
        _posts(UPLOAD_URL, b"[]"),
    ),
    # 0.3: "depth <= 64", else 400; an exception of the reader that nobody maps
    behaves(
        "crash-on-depth",
        "createSubjectTraining",
        _crashes(SUBJECT, _is_deep),
        _posts(SUBJECT, b'{"name":' + b"[" * 70 + b"]" * 70 + b"}"),
    ),
    # 0.3: "no lone surrogates", else 400; the database's driver encodes
    behaves(
        "crash-on-half-pair", "createStyleTraining", _crashes(STYLE, _has_half_pair), _posts(STYLE, _HALF)
    ),
    # query.yaml: "An id that names no task is a 404, whatever its form"; a column of type uuid
    behaves("crash-on-odd-id", "getStyleTraining", _uuid_column, _asks("GET", f"{STYLE}?task_id=none")),
    # 0.9: "400 INVALID_REQUEST_BODY, never 422"
    behaves(
        "detail-of-query", "listTrainings", _answers(_detail), _asks("GET", f"{TRAININGS}?pagination.limit=0")
    ),
    # 0.9: "No key 400 MISSING_API_KEY"; HTTPBearer answers 403
    behaves("no-key-is-forbidden", "", _answers(_forbidden), _asks("GET", TRAININGS, key=None)),
    # 0.9: "authentication -> route"; the router is asked before the guard
    behaves("route-before-key", "", _route_first, _asks("GET", "/v3/trainings", key=None)),
    # 0.9: "authentication -> ... -> query, parse and schema"; the guard is a dependency beside the body
    behaves("body-before-key", "createStyleTraining", _body_first, _posts(STYLE, b"{}", key=None)),
    # 0.9: "content type (415 ...) -> query, parse and schema"
    behaves("body-before-type", "createUploadUrl", _media_type_last, _posts(UPLOAD_URL, b"{}", "text/plain")),
    # 0.9: "method (405 METHOD_NOT_ALLOWED ...)"; gin answers 404 unless told
    behaves("wrong-method-is-missing", "", _answers(_no_such_method), _asks("DELETE", MODELS)),
    # 0.9: "405 METHOD_NOT_ALLOWED with Allow"
    behaves("no-allow", "", _answers(_without_allow), _asks("PUT", STYLE)),
    # 0.9: "Errors use the vendor's envelope"; nginx answers 413 itself
    behaves("page-of-nginx", "", _answers(_of_nginx), _posts(SUBJECT, _LARGE)),
    # 0.9: "A trailing slash is another route (404)"; redirect_slashes
    behaves("slash-redirects", "", _answers(_redirect), _asks("GET", f"{TRAININGS}/")),
    # 6: "code, reason, message, metadata: integer, string, string, object"; a nil map
    behaves("null-metadata", "", _answers(_null_metadata), _asks("GET", _NO_TASK)),
    # 0.9: "the HTTP status equal to `code`"; a table of the server's own codes
    behaves("own-codes", "", _answers(_own_code), _posts(UPLOAD_URL, b"{}")),
    # 0.9: "Unknown task 404 TASK_NOT_FOUND"; the error is in the body only
    behaves("missing-but-fine", "getStyleTraining", _answers(_missing_but_fine), _asks("GET", _NO_TASK)),
    # 0.9: 400 is a refusal, and task_list "the trainings of this key"; INSERT comes before validation
    behaves(
        "kept-though-refused",
        "createSubjectTraining",
        _kept_though_refused,
        _refused_then_listed,
        needs_create=True,
    ),
]
