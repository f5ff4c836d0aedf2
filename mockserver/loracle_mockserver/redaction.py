"""Takes credentials out of what is shown: API keys wherever they stand, and secrets known by their name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from loracle_contracts.credentials import REDACTED, SCHEMES, Credentials

__all__ = ["REDACTED", "Credentials", "redacted_headers", "redacted_query"]

_HIDDEN = REDACTED.encode()
_SECRET_NAME = re.compile(rb"(?i)key|token|secret|authorization|password|cookie")


def redacted_headers(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers without secrets; those of Authorization break the same rules as before."""
    return list(_shown(tuple(headers)))


@lru_cache(maxsize=64)  # a client sends the same ones with all its requests
def _shown(headers: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[bytes, bytes], ...]:
    credentials = Credentials.of(headers)
    return tuple((name, _redacted_header(name, value, credentials)) for name, value in headers)


def _redacted_header(name: bytes, value: bytes, credentials: Credentials) -> bytes:
    if name.lower() == b"authorization":
        return _redacted_authorization(value)
    return _HIDDEN if _SECRET_NAME.search(name) else credentials.clean(value)


def _redacted_authorization(value: bytes) -> bytes:
    # Read as the contract's rules read it, so that the same is blank.
    scheme, blank, key = value.decode("utf-8", "replace").strip().partition(" ")
    shown = scheme if scheme.lower() in SCHEMES else REDACTED
    if blank and key.strip():
        return f"{shown} {REDACTED}".encode()
    if not scheme or scheme.lower() == "bearer":
        return scheme.encode()
    return _HIDDEN


def redacted_query(query: bytes, credentials: Credentials) -> bytes:
    """The raw query without secrets: those that their parameter's name gives away, and the keys."""
    pairs = []
    for pair in query.split(b"&"):
        name, equals, _ = pair.partition(b"=")
        is_secret = equals and _SECRET_NAME.search(unquote_to_bytes(name))
        pairs.append(name + b"=" + _HIDDEN if is_secret else pair)
    return credentials.clean(b"&".join(pairs))
