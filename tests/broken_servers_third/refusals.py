"""Servers that word their refusals wrongly, or do not refuse what they should."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from broken_servers_second.bodies import style
from broken_servers_second.editing import behaves
from broken_servers_second.wire import (
    MODELS,
    STYLE,
    SUBJECT,
    UPLOAD_URL,
    Answer,
    Handler,
    Next,
    Request,
    crash,
    envelope,
    read_strictly,
)
from broken_servers_unseen.defect import Case

from broken_servers_third.answering import refusing, sees

__all__ = ["CASES"]

_MEBIBYTE = 2**20
_UNKNOWN = "00000000-0000-4000-8000-000000000000"


def _list_of_messages(answer: Answer, error: dict[str, Any]) -> Answer:
    """class-validator's messages, as NestJS hands them on."""
    return answer.with_json({**error, "message": [error["message"]]})


def _problem(answer: Answer, error: dict[str, Any]) -> Answer:
    """Spring's ProblemDetail."""
    problem = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": error["message"]}
    return answer.with_json({**problem, "instance": SUBJECT}).with_type("application/problem+json")


def _unprocessable(answer: Answer, error: dict[str, Any]) -> Answer:
    """FastAPI's own status, in the API's envelope."""
    if error["reason"] != "INVALID_REQUEST_BODY":
        return answer
    return replace(answer.with_json({**error, "code": 422}), status=422)


def _fine(answer: Answer, _error: dict[str, Any]) -> Answer:
    """The status of the API is in its envelope, and HTTP's says that there is one."""
    return replace(answer, status=200)


def _array(answer: Answer) -> Answer:
    """PHP writes an empty map as a list."""
    return answer.with_body(answer.body.replace(b'"metadata":{}', b'"metadata":[]'))


def _php() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        return _array(answer) if answer.status >= 400 else answer

    return handler


def _crashing() -> Handler:
    """Nobody catches what the parser raises."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        if request.is_to("POST", STYLE) and request.is_judged:
            try:
                json.loads(request.body)
            except (ValueError, RecursionError):
                return crash()
        return await pass_on(request)

    return handler


def _unlimited() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        if not request.is_to("POST", STYLE) or len(request.body) <= _MEBIBYTE:
            return await pass_on(request)
        refusal = envelope(400, "INVALID_REQUEST_BODY", "The body is not valid.")
        try:
            body = read_strictly(request.body)
            if isinstance(body.get("base_model"), str):
                body["base_model"] = body["base_model"][:255]
            content = json.dumps(body).encode()
        except (ValueError, AttributeError):
            return refusal if request.is_authorised else await pass_on(request.with_body(b"{}"))
        if len(content) > _MEBIBYTE:
            return refusal if request.is_authorised else await pass_on(request.with_body(b"{}"))
        return await pass_on(request.with_body(content))

    return handler


def _json_only() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        wanted = request.header("accept").lower()
        is_fit = not wanted or any(kind in wanted for kind in ("*/*", "application/*", "application/json"))
        if request.is_to("GET", MODELS) and not is_fit:
            return Answer(406, (), b"").with_body(b"")
        return await pass_on(request)

    return handler


CASES: list[Case] = [
    behaves(
        "message-is-a-list",
        "createStyleTraining",
        refusing((STYLE,), 400, _list_of_messages),
        sees("POST", STYLE, {}),
    ),
    behaves(
        "missing-training-is-a-problem",
        "getSubjectTraining",
        refusing((SUBJECT,), 404, _problem),
        sees("GET", f"{SUBJECT}?task_id={_UNKNOWN}"),
    ),
    behaves(
        "bodies-are-422",
        "createSubjectTraining",
        refusing((SUBJECT,), 400, _unprocessable),
        sees("POST", SUBJECT, {}),
    ),
    behaves(
        "refusals-are-200",
        "createUploadUrl",
        refusing((UPLOAD_URL,), 400, _fine),
        sees("POST", UPLOAD_URL, {"file_extension": "exe"}),
    ),
    behaves("syntax-error-crashes", "createStyleTraining", _crashing, sees("POST", STYLE, b'{"name": ')),
    behaves("metadata-is-an-array", "", _php, sees("DELETE", MODELS)),
    behaves(
        "bodies-have-no-limit",
        "createStyleTraining",
        _unlimited,
        sees("POST", STYLE, json.dumps(style()).encode() + b" " * _MEBIBYTE),
        needs_create=True,
    ),
    behaves(
        "other-types-are-not-acceptable", "listModels", _json_only, sees("GET", MODELS, accept="text/html")
    ),
]
