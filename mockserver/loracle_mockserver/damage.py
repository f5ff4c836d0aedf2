"""What a fault makes of an answer: another body, or a wrong way of sending it."""

from __future__ import annotations

from typing import Any

import orjson

from loracle_mockserver.faults import Fault
from loracle_mockserver.message import JSON_TYPE, Reply

__all__ = ["HANG_SECONDS", "damaged"]

HANG_SECONDS = 60.0
_DRIP_SECONDS = 5.0
_HTML_TYPE = (b"content-type", b"text/html; charset=utf-8")
_BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1>"
    b"</center>\r\n</body>\r\n</html>\r\n"
)
_PORTAL = (
    b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head>"
    b"<body><h1>Sign in to go on</h1></body></html>\n"
)


def damaged(reply: Reply, fault: Fault) -> Reply:
    """The answer with what the fault does to it; `delay` and a task fault leave it whole."""
    reply.delay += fault.delay
    kind = fault.kind
    if kind is None:
        return reply
    if kind.family == "network":
        reply.transmission = kind.name
        reply.seconds = fault.seconds or (_DRIP_SECONDS if kind.name == "slow-drip" else HANG_SECONDS)
    elif kind.name == "html-error":
        return Reply(502, _BAD_GATEWAY, [_HTML_TYPE], reply.delay)
    elif kind.name == "html-success":
        return Reply(200, _PORTAL, [_HTML_TYPE], reply.delay)
    elif kind.family == "body" and reply.status == 200 and reply.body:
        reply.body = _DAMAGES[kind.name](reply.body)
        reply.headers = [JSON_TYPE]
    return reply


def _malformed(body: bytes) -> bytes:
    return body[: max(1, len(body) - 2)]


def _wrong_type(body: bytes) -> bytes:
    return orjson.dumps({key: _other_type(value) for key, value in orjson.loads(body).items()})


def _other_type(value: Any) -> Any:
    if isinstance(value, str):
        return 12345
    return "none" if isinstance(value, (list, dict)) else str(value)


def _without_members(body: bytes) -> bytes:
    # `extra` is the one member at the top of an answer that the contract does not require.
    return orjson.dumps({key: value for key, value in orjson.loads(body).items() if key == "extra"})


def _wrapped(body: bytes) -> bytes:
    return orjson.dumps({"code": 0, "msg": "", "data": orjson.loads(body)})


_DAMAGES = {
    "malformed": _malformed,
    "wrong-type": _wrong_type,
    "missing-members": _without_members,
    "wrapped": _wrapped,
}
