"""What goes into the engine and what comes out, without any HTTP framework."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from loracle_contracts import spec

__all__ = ["Reply", "Request", "error_reply", "json_reply"]

_INTERESTING = frozenset(
    b"authorization content-type content-encoding content-length host prefer x-loracle-fault".split()
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
    headers: Iterable[tuple[bytes, bytes]] = ()
    body: bytes = b""
    scheme: str = "http"
    _head: Head | None = None

    @property
    def head(self) -> Head:
        """What the headers say, read once."""
        if self._head is None:
            self._head = _read_head(self)
        return self._head


class Head(NamedTuple):
    """What the head of a request says.

    `size` counts the bytes of path, query and headers, `length` is what was announced for the body (0
    where nothing was), `values` are those of the headers that decide on the answer, in order, by name.
    """

    size: int
    length: int
    values: dict[bytes, list[bytes]]


def _read_head(request: Request) -> Head:
    size = len(request.path) + len(request.query)
    values: dict[bytes, list[bytes]] = {}
    for name, value in request.headers:
        size += len(name) + len(value) + 4
        if name in _INTERESTING:
            if name in values:
                values[name].append(value)
            else:
                values[name] = [value]
    lengths = values.get(b"content-length")
    return Head(size, int(lengths[0]) if lengths and lengths[0].isdigit() else 0, values)


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
