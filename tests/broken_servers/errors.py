"""Servers that refuse what is wrong, but not in the contract's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from broken_servers.changes import SUBJECT, Make, behaviour, failed
from broken_servers.defect import Corpus, Witness
from broken_servers.scripts import NOBODY, sent
from broken_servers.wire import Answer, Change, Forward, Request, as_json, operation_of

__all__ = ["CASES"]

CASES = Corpus()
_PATH = "/v3/training/subject"
_WRONG = sent("POST", _PATH, {"name": "wrong", "width": "512"})
_UNKNOWN = sent("GET", f"{_PATH}?task_id={NOBODY}")
_NO_ROUTE = sent("GET", "/v3/nothing")
_NO_METHOD = sent("PATCH", _PATH, {})
_NO_TYPE = sent("POST", _PATH, b"{}", content_type="text/plain")
_TRACE = (
    "Traceback (most recent call last):\n"
    '  File "/srv/app/training/views.py", line 88, in create\n    width = int(body["width"])\n'
    "ValueError: invalid literal for int() with base 10: 'x'"
)


def _of(reason: str) -> Callable[[Answer], bool]:
    return lambda answer: f'"{reason}"'.encode() in answer.body


_INVALID, _TASK = _of("INVALID_REQUEST_BODY"), _of("TASK_NOT_FOUND")


def _with(is_meant: Callable[[Answer], bool] = _INVALID, **changes: Any) -> Make:
    """The envelope with other members."""
    return failed(lambda answer: answer.with_value({**answer.value(), **changes}), is_meant)


def _without(name: str) -> Make:
    def edit(answer: Answer) -> Answer:
        return answer.with_value({key: value for key, value in answer.value().items() if key != name})

    return failed(edit, _INVALID)


def _status(status: int, is_meant: Callable[[Answer], bool] = _INVALID, reason: str | None = None) -> Make:
    """Another status, which the code agrees with."""

    def edit(answer: Answer) -> Answer:
        value = answer.value() | {"code": status} | ({"reason": reason} if reason else {})
        return replace(answer.with_value(value), status=status)

    return failed(edit, is_meant)


def _other(answer: Answer, is_meant: Callable[[Answer], bool] = _INVALID) -> Make:
    return failed(lambda _: answer, is_meant)


def _text(status: int, text: str, media_type: str = "text/plain") -> Answer:
    return Answer(status, text.encode(), ((b"content-type", media_type.encode()),))


_HTML = "<html><body><h1>400 Bad Request</h1><hr>nginx</body></html>"
_DETAIL = {"detail": [{"loc": ["body", "width"], "msg": "value is not a valid integer"}]}
_DEFECTS: list[tuple[str, str, Make, Witness]] = [
    ("code-unlike-status", "", _with(code=422), _WRONG),
    ("code-zero", "", _with(code=0), _WRONG),
    ("code-as-text", "", _with(code="400"), _WRONG),
    ("code-missing", "", _without("code"), _WRONG),
    ("reason-undocumented", "", _with(reason="BAD_REQUEST"), _WRONG),
    ("reason-of-another-status", "", _with(reason="TASK_NOT_FOUND"), _WRONG),
    ("reason-of-another-case", "", _with(reason="MISSING_API_KEY"), _WRONG),
    ("reason-lower-case", "", _with(reason="invalid_request_body"), _WRONG),
    ("reason-as-sentence", "", _with(reason="the body is invalid"), _WRONG),
    ("reason-empty", "", _with(reason=""), _WRONG),
    ("reason-null", "", _with(reason=None), _WRONG),
    ("reason-missing", "", _without("reason"), _WRONG),
    ("message-missing", "", _without("message"), _WRONG),
    ("message-null", "", _with(message=None), _WRONG),
    ("message-as-list", "", _with(message=["wrong"]), _WRONG),
    ("metadata-missing", "", _without("metadata"), _WRONG),
    ("metadata-null", "", _with(metadata=None), _WRONG),
    ("metadata-as-list", "", _with(metadata=[]), _WRONG),
    ("error-in-an-envelope", "", failed(lambda a: a.with_value({"error": a.value()}), _INVALID), _WRONG),
    ("error-as-text", "", _other(_text(400, "Bad Request")), _WRONG),
    ("error-as-html", "", _other(_text(400, _HTML, "text/html")), _WRONG),
    ("error-as-problem", "", failed(lambda a: a.with_type("application/problem+json"), _INVALID), _WRONG),
    ("error-without-type", "", failed(lambda a: a.with_type(None), _INVALID), _WRONG),
    ("error-empty", "", failed(lambda a: replace(a, body=b""), _INVALID), _WRONG),
    ("error-of-a-framework", "", _other(as_json(_DETAIL, 400)), _WRONG),
    ("error-truncated", "", failed(lambda a: replace(a, body=a.body[:40]), _INVALID), _WRONG),
    ("invalid-422", "", _status(422), _WRONG),
    ("invalid-422-of-a-framework", "", _other(as_json(_DETAIL, 422)), _WRONG),
    ("invalid-500", "", _status(500, reason="CREATE_TASK_FAILED"), _WRONG),
    ("invalid-200", "", failed(lambda a: replace(a, status=200), _INVALID), _WRONG),
    ("invalid-404", "", _status(404, reason="API_NOT_FOUND"), _WRONG),
    ("stack-trace-told", "", _with(message=_TRACE), _WRONG),
    ("stack-trace-in-metadata", "", _with(metadata={"trace": _TRACE.splitlines()}), _WRONG),
    ("file-path-told", "", _with(message="cannot write /var/lib/training/tasks.db"), _WRONG),
    ("windows-path-told", "", _with(message="at C:\\inetpub\\training\\Startup.cs:line 40"), _WRONG),
    ("statement-told", "", _with(message="SQLSTATE[42000]: near INSERT INTO tasks (name"), _WRONG),
    ("unknown-task-200", "", failed(lambda a: replace(a, status=200), _TASK), _UNKNOWN),
    ("unknown-task-400", "", _status(400, _TASK, "INVALID_REQUEST_BODY"), _UNKNOWN),
    ("unknown-task-500", "", _status(500, _TASK, "QUERY_TASK_STATUS_FAILED"), _UNKNOWN),
    ("unknown-task-null", "", _other(as_json(None), _TASK), _UNKNOWN),
    ("unknown-task-empty", "", _other(as_json({}), _TASK), _UNKNOWN),
    ("unknown-task-reason-of-routes", "", _with(_TASK, reason="API_NOT_FOUND"), _UNKNOWN),
    ("unknown-task-as-text", "", _other(_text(404, "not found"), _TASK), _UNKNOWN),
    ("unknown-route-as-text", "", _other(_text(404, "404 page not found"), _of("API_NOT_FOUND")), _NO_ROUTE),
    (
        "unknown-route-of-a-framework",
        "",
        _other(as_json({"detail": "Not Found"}, 404), _of("API_NOT_FOUND")),
        _NO_ROUTE,
    ),
    ("unknown-route-500", "", _status(500, _of("API_NOT_FOUND"), "BILLING_FAILED"), _NO_ROUTE),
    (
        "unknown-route-200",
        "",
        _other(_text(200, "<html></html>", "text/html"), _of("API_NOT_FOUND")),
        _NO_ROUTE,
    ),
    ("wrong-method-as-text", "", _other(_text(405, "method"), _of("METHOD_NOT_ALLOWED")), _NO_METHOD),
    ("wrong-type-400", "", _status(400, _of("UNSUPPORTED_MEDIA_TYPE"), "INVALID_REQUEST_BODY"), _NO_TYPE),
    ("wrong-type-500", "", _status(500, _of("UNSUPPORTED_MEDIA_TYPE"), "CREATE_TASK_FAILED"), _NO_TYPE),
    ("wrong-type-as-text", "", _other(_text(415, "type"), _of("UNSUPPORTED_MEDIA_TYPE")), _NO_TYPE),
]


def _unknown_as_queued() -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if operation_of(request) == "getSubjectTraining" and _TASK(answer):
            asked = request.query.decode("latin-1").rpartition("task_id=")[2]
            value = {"task_id": asked, "task_status": "UNKNOWN", "model_type": "lora", "models": []}
            return as_json(value)
        return answer

    return change


def _echoes_key() -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if answer.status < 400:
            return answer
        key = (request.header("authorization") or b"no key").decode("latin-1")
        return answer.with_value({**answer.value(), "message": f"refused for {key}"})

    return change


def _echoes_headers() -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if not _INVALID(answer):
            return answer
        shown = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        value = answer.value()
        return answer.with_value({**value, "metadata": {**value["metadata"], "request": json.dumps(shown)}})

    return change


def _fill() -> None:
    for slug, operation, make, witness in _DEFECTS:
        behaviour(CASES, slug, operation, make, witness)
    behaviour(CASES, "unknown-task-as-unknown", "getSubjectTraining", _unknown_as_queued, _UNKNOWN)
    behaviour(CASES, "key-echoed-in-errors", "", _echoes_key, _UNKNOWN)
    behaviour(CASES, "headers-echoed-in-errors", SUBJECT, _echoes_headers, _WRONG)


_fill()
