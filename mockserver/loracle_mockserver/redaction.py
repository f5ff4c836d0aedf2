"""Takes credentials out of what is shown: API keys wherever they stand, and secrets known by their name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from loracle_mockserver.key_spellings import SEARCHED, SHORTEST, beginning, end_of, whole

__all__ = ["REDACTED", "Credentials", "redacted_headers", "redacted_query"]

REDACTED = "[redacted]"
_HIDDEN = REDACTED.encode()
_SECRET_NAME = re.compile(rb"(?i)key|token|secret|authorization|password|cookie")
_SCHEMES = ("basic", "bearer", "digest", "token")
# Headers of 32 KB could name thousands, and each is looked for at every place of a text.
_MOST_KEYS = 20
_ELLIPSIS = re.compile(rb"\xe2\x80\xa6|\\u2026")
_END = re.compile(rb"\Z")


class Credentials:
    """The keys of one request, as its Authorization headers tell them."""

    __slots__ = ("_keys", "_starts", "_whole")

    def __init__(self, keys: Iterable[bytes]) -> None:
        found = {key for key in keys if len(key) >= SHORTEST}
        known = sorted(found, key=lambda key: (-len(key), key))[:_MOST_KEYS]
        self._keys = [key.decode("utf-8", "surrogateescape") for key in known]
        self._starts = [key[:SEARCHED] for key in known]
        patterns = b"|".join(b"(%b)" % whole(key) for key in self._keys)
        self._whole = re.compile(patterns) if known else None

    @classmethod
    def of(cls, headers: Sequence[tuple[bytes, bytes]]) -> Credentials:
        """The credentials that these headers carry."""
        return _credentials(tuple(value for name, value in headers if name.lower() == b"authorization"))

    def clean(self, text: bytes, *, is_cut: bool = False) -> bytes:
        """The text without the keys, however they are escaped in it.

        Where the text is cut, at its end or before an ellipsis, the beginning of a key goes, too.
        """
        if self._whole is None:
            return text
        if self._may_have_keys(text):
            text = self._without(self._whole, text)
        if _ELLIPSIS.search(text):
            text = self._cut_before(_ELLIPSIS).sub(_HIDDEN, text)
        return self._cut_before(_END).sub(_HIDDEN, text) if is_cut else text

    def _may_have_keys(self, text: bytes) -> bool:
        """False where surely none is there, which is quick to find out and so of most texts."""
        if b"\\" in text or b"%" in text or b"~" in text or b"+" in text:
            return True  # each other spelling of a key has one of these
        for start in self._starts:  # noqa: SIM110 - any() takes four times as long
            if start in text:
                return True
        return False

    def clean_text(self, text: str) -> str:
        """As `clean`."""
        if self._whole is None:
            return text
        return self.clean(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def _without(self, pattern: re.Pattern[bytes], text: bytes) -> bytes:
        pieces, done = [], 0
        while (found := pattern.search(text, done)) is not None:
            pieces += [text[done : found.start()], _HIDDEN]
            key = self._keys[(found.lastindex or 1) - 1]
            done = max(found.end(), end_of(key, text, found.start()))
        return b"".join([*pieces, text[done:]]) if pieces else text

    def _cut_before(self, end: re.Pattern[bytes]) -> re.Pattern[bytes]:
        return re.compile(b"(?:%b)(?=%b)" % (b"|".join(map(beginning, self._keys)), end.pattern))


@lru_cache(maxsize=256)
def _credentials(values: tuple[bytes, ...]) -> Credentials:
    keys: list[str] = []
    for value in values:
        text = value.decode("utf-8", "surrogateescape").strip()
        scheme, _, key = text.partition(" ")
        is_scheme = scheme.lower() in _SCHEMES
        # A key with blanks in it may be quoted in pieces.
        keys += [key.strip() if is_scheme else text, *text.split()[is_scheme:]]
    return Credentials(key.encode("utf-8", "surrogateescape") for key in keys)


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
    shown = scheme if scheme.lower() in _SCHEMES else REDACTED
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
