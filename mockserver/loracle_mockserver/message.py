"""What goes into the engine and what comes out, without any HTTP framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from loracle_contracts import spec

__all__ = ["JSON_TYPE", "Reply", "Request", "error_reply", "json_reply"]

_INTERESTING = frozenset(
    b"authorization content-type content-encoding content-length host prefer x-forwarded-proto "
    b"x-loracle-fault".split()
)
JSON_TYPE = (b"content-type", b"application/json")


@dataclass(slots=True, eq=False)
class Request:
    """One request as it came over the wire; header names are lower case.

    `path` is decoded, `query` is raw. `body` is empty until it was read.
    """

    method: str
    path: str
    query: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""
    scheme: str = "http"
    _values: dict[bytes, list[bytes]] | None = None
    _head_size: int = 0

    @property
    def values(self) -> dict[bytes, list[bytes]]:
        """Those headers that decide on the answer: their values, in order, by name."""
        return self._values if self._values is not None else self._read_headers()

    @property
    def head_size(self) -> int:
        """Bytes of path, query and headers, with the four that separate each header."""
        if self._values is None:
            self._read_headers()
        return self._head_size

    def _read_headers(self) -> dict[bytes, list[bytes]]:
        # Once, for both: a mock reads the headers of every request, and little else costs as much.
        values: dict[bytes, list[bytes]] = {}
        size = len(self.path) + len(self.query)
        for name, value in self.headers:
            size += len(name) + len(value) + 4
            if name in _INTERESTING:
                if name in values:
                    values[name].append(value)
                else:
                    values[name] = [value]
        self._values, self._head_size = values, size
        return values

    @property
    def announced_length(self) -> int:
        """How long the body is to be, in bytes; 0 where nothing was said."""
        lengths = self.values.get(b"content-length")
        return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


@dataclass(slots=True)
class Reply:
    """The answer: after `delay` seconds, `status`, `headers` and `body`.

    `transmission` names a network fault that befalls it on its way; one that takes time lasts `seconds`.
    """

    status: int
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    delay: float = 0.0
    reason: str | None = None
    transmission: str | None = None
    seconds: float = 0.0


def json_reply(value: Any) -> Reply:
    """A success with a JSON body; exactly 200, as the vendor's SDK wants it."""
    return Reply(200, orjson.dumps(value), [JSON_TYPE])


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
    return Reply(known["code"], orjson.dumps(envelope), [JSON_TYPE, *headers], reason=reason)
