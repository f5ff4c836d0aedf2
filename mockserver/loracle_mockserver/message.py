"""What goes into the engine and what comes out, without any HTTP framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from loracle_contracts import spec

__all__ = ["Reply", "Request", "error_reply", "json_reply"]

_INTERESTING = frozenset(
    (b"authorization", b"content-type", b"content-encoding", b"host", b"prefer", b"x-loracle-fault")
)
_JSON = (b"content-type", b"application/json")


@dataclass(slots=True, eq=False)
class Request:
    """One request as it came over the wire; header names are lower case.

    `path` is decoded, `query` is raw. `body` is empty until it was read.
    """

    method: str
    path: str
    query: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    scheme: str = "http"

    def interesting_headers(self) -> dict[bytes, list[bytes]]:
        """The values of those headers that decide on the answer, in order, by name."""
        found: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            if name in _INTERESTING:
                if name in found:
                    found[name].append(value)
                else:
                    found[name] = [value]
        return found


@dataclass(slots=True)
class Reply:
    """The answer: after `delay` seconds, `status`, `headers` and `body`."""

    status: int
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    delay: float = 0.0
    reason: str | None = None


def json_reply(value: Any) -> Reply:
    """A success with a JSON body; exactly 200, as the vendor's SDK wants it."""
    return Reply(200, orjson.dumps(value), [_JSON])


def error_reply(
    reason: str,
    message: str | None = None,
    metadata: dict[str, Any] | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Reply:
    """The error of this reason in the API's envelope, with the contract's text unless told another.

    Raises KeyError for a reason that the contract does not know.
    """
    known = spec.errors()[reason]
    envelope = {
        "code": known["code"],
        "reason": reason,
        "message": message or known["message"],
        "metadata": metadata or {},
    }
    return Reply(known["code"], orjson.dumps(envelope), [_JSON, *headers], reason=reason)
