"""The answers that the proxy gives itself: refusals as the mock words them, and failures of the way."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import orjson

from loracle_contracts import spec
from loracle_contracts.answers import Mismatch
from loracle_contracts.exchange import Request
from loracle_contracts.oracle import MAX_UPLOAD, UPLOADS, Expectation
from loracle_contracts.parse import MAX_BODY
from loracle_mockserver.message import JSON_TYPE, Reply
from loracle_mockserver.proxy.connection import UpstreamError
from loracle_mockserver.refusals import (
    body_too_large,
    breaks_rules,
    headers_too_large,
    no_route,
    refused_header,
    wrong_method,
)

__all__ = ["BROKEN_ANSWER", "failure", "refusal", "refused_answer"]

BROKEN_ANSWER = "BAD_GATEWAY"
_LISTED = 100
# By the cause of an UpstreamError: status and reason. 502 and 504 are what HTTP has for proxies.
_FAILURES = {"timeout": (504, "GATEWAY_TIMEOUT")}
_OTHER_FAILURE = (502, "SERVICE_UNAVAILABLE")


def refusal(expectation: Expectation, request: Request) -> Reply:
    """The answer that the contract demands to a request that breaks it, worded as the mock does."""
    refused = expectation.refusal
    if refused is None:
        raise ValueError("the request is valid; there is nothing to refuse")
    path = unquote(request.path)
    match refused.reason:
        case "HEADERS_TOO_LARGE":
            return headers_too_large()
        case "REQUEST_TOO_LARGE":
            return body_too_large(MAX_UPLOAD if path.startswith(UPLOADS) else MAX_BODY)
        case "API_NOT_FOUND":
            return no_route(path)
        case "METHOD_NOT_ALLOWED":
            return wrong_method(_methods(path))
        case "INVALID_REQUEST_BODY":
            return breaks_rules(expectation.violations)
        case reason:
            return refused_header(reason, expectation.violations[0])


def refused_answer(status: int, mismatches: list[Mismatch]) -> Reply:
    """What a client gets instead of an answer that breaks the contract."""
    first = mismatches[0]
    many = "in 1 way" if len(mismatches) == 1 else f"in {len(mismatches)} ways"
    text = (
        f"The server answered {status}, and its answer breaks the contract {many}. "
        f"First, {first.check}: expected {first.expected}, got {first.got}."
    )
    listed = [mismatch._asdict() for mismatch in mismatches[:_LISTED]]
    return _own(502, BROKEN_ANSWER, text, {"cause": "answer", "answer_violations": listed})


def failure(error: UpstreamError) -> Reply:
    """What a client gets where the server gave no answer, or no whole one."""
    status, reason = _FAILURES.get(error.cause, _OTHER_FAILURE)
    return _own(status, reason, str(error), {"cause": error.cause})


def _own(status: int, reason: str, message: str, metadata: dict[str, Any]) -> Reply:
    envelope = {
        "code": status,
        "reason": reason,
        "message": message,
        "metadata": {"by": "loracle proxy", **metadata},
    }
    return Reply(status, orjson.dumps(envelope), [JSON_TYPE], reason=reason)


def _methods(path: str) -> list[str]:
    is_upload = path.startswith(UPLOADS)
    plain = "/" + path.lstrip("/")
    return [
        operation.method
        for operation in spec.operations().values()
        if operation.path == plain or (is_upload and operation.path.startswith(UPLOADS))
    ]
