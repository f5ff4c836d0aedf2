"""The API keys of a request, and texts without them, however the keys are spelled there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from loracle_contracts.key_spellings import SEARCHED, SHORTEST, beginning, end_of, whole

__all__ = ["REDACTED", "SCHEMES", "Credentials"]

REDACTED = "[redacted]"
SCHEMES = ("basic", "bearer", "digest", "token")
_HIDDEN = REDACTED.encode()
# Headers of 32 KB could name thousands, and each is looked for at every place of a text.
_MOST_KEYS = 20
_ELLIPSIS = re.compile(rb"\xe2\x80\xa6|\\u2026")
# The end, or that of a quotation: 'the first' and 20 bytes more
_END = re.compile(rb"(?:['\"](?: and [0-9]+ bytes more)?)?\Z")


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
        is_scheme = scheme.lower() in SCHEMES
        # A key with blanks in it may be quoted in pieces.
        keys += [key.strip() if is_scheme else text, *text.split()[is_scheme:]]
    return Credentials(key.encode("utf-8", "surrogateescape") for key in keys)
