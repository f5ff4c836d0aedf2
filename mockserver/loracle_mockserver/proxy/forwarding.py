"""Which headers a proxy passes on, drops and adds (RFC 9110, sections 7.6 and 10.1.1)."""

from __future__ import annotations

from collections.abc import Sequence

from loracle_mockserver.proxy.connection import Headers

__all__ = ["VERDICT", "VIA", "answer_headers", "length_of", "request_headers"]

VERDICT = b"x-loracle-verdict"
VIA = b"1.1 loracle"
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
# Said anew for the next hop, or already dealt with on this one.
_MADE_ANEW = frozenset((b"host", b"content-length", b"expect"))
_NOT_PASSED_ON = _HOP_BY_HOP | _MADE_ANEW
_NOT_PASSED_BACK = _HOP_BY_HOP | {b"content-length", VERDICT}
# As the proxy's own HTTP server spells an offer to upgrade that it does not take (protocol.py).
_IGNORED_UPGRADE = b"ignored"
_READABLE = b"gzip, deflate"
_FORWARDED = (b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto")


def request_headers(
    received: Sequence[tuple[bytes, bytes]],
    client: str | None = None,
    *,
    is_forwarded_told: bool = False,
    is_read: bool = False,
) -> Headers:
    """The headers of a request for the server, but Host and those of the framing, which the hop adds.

    With `is_forwarded_told` X-Forwarded-For, -Host and -Proto tell of the `client`. With `is_read` the answer
    may come in those encodings only that the proxy can read.
    """
    left_out = _NOT_PASSED_ON | _connection_options(received)
    passed = [header for header in received if header[0] not in left_out]
    if is_forwarded_told:
        host = next((value for name, value in received if name == b"host"), b"")
        before = [value for name, value in passed if name == b"x-forwarded-for"]
        passed = [header for header in passed if header[0] not in _FORWARDED]
        passed.append((b"x-forwarded-for", b", ".join([*before, (client or "unknown").encode()])))
        passed += [(b"x-forwarded-host", host), (b"x-forwarded-proto", b"http")]
    if is_read and any(name == b"accept-encoding" for name, _ in passed):
        passed = [header for header in passed if header[0] != b"accept-encoding"]
        passed.append((b"accept-encoding", _READABLE))
    passed.append((b"via", VIA))
    return passed


def answer_headers(received: Sequence[tuple[bytes, bytes]]) -> Headers:
    """The headers of an answer for the client, but the length and the verdict; names in lower case."""
    lowered = [(name.lower(), value) for name, value in received]
    left_out = _NOT_PASSED_BACK | _connection_options(lowered)
    return [header for header in lowered if header[0] not in left_out]


def length_of(headers: Sequence[tuple[bytes, bytes]]) -> int | None:
    """What Content-Length says, or None where it does not."""
    for name, value in headers:
        if name.lower() == b"content-length":
            return int(value) if value.isdigit() else None
    return None


def _connection_options(headers: Sequence[tuple[bytes, bytes]]) -> set[bytes]:
    """The names of the headers that are for this hop only, as Connection lists them."""
    options: set[bytes] = set()
    for name, value in headers:
        if name == b"connection":
            options.update(option.strip().lower() for option in value.split(b","))
    if b"upgrade" in options:
        options.add(_IGNORED_UPGRADE)
    return options
