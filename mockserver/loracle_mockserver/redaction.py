"""Takes credentials out of what is shown: API keys wherever they stand, and secrets known by their name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import unquote_to_bytes

__all__ = ["REDACTED", "Credentials", "redacted_headers", "redacted_query"]

REDACTED = "[redacted]"
_HIDDEN = REDACTED.encode()
_SECRET_NAME = re.compile(rb"(?i)key|token|secret|authorization|password|cookie")
_SCHEMES = ("basic", "bearer", "digest", "token")
# Below this a text is no secret, and its removal would leave nothing readable.
_SHORTEST = 4
# A shorter one goes only where it stands alone: a test's key may be the beginning of its task's name.
_LONG = 8
_WORD = rb"[0-9A-Za-z_-]"
_JSON_ESCAPED = '"\\/'
_POINTER_ESCAPES = {"~": "~0", "/": "~1"}


class Credentials:
    """The keys of one request, as its Authorization headers tell them."""

    __slots__ = ("_keys", "_pattern")

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = sorted({key for key in keys if len(key) >= _SHORTEST}, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(_spellings, self._keys))) if self._keys else None

    @classmethod
    def of(cls, headers: Sequence[tuple[bytes, bytes]]) -> Credentials:
        """The credentials that these headers carry."""
        return _credentials(tuple(value for name, value in headers if name.lower() == b"authorization"))

    def clean(self, text: bytes, *, is_cut: bool = False) -> bytes:
        """The text without the keys, however they are escaped in it.

        Where the text is cut, the beginning of a key at its end goes, too.
        """
        if self._pattern is None:
            return text
        if self._may_have_keys(text):
            text = self._pattern.sub(_HIDDEN, text)
        if is_cut:
            for key in self._keys:
                for length in range(min(len(key), len(text)), _SHORTEST - 1, -1):
                    if text.endswith(key[:length]):
                        return text[:-length] + _HIDDEN
        return text

    def _may_have_keys(self, text: bytes) -> bool:
        """False where surely none is there, which is quick to find out and so of most texts."""
        if b"\\" in text or b"%" in text or b"~" in text or b"+" in text:
            return True  # each other spelling of a key has one of these
        for key in self._keys:  # noqa: SIM110 - any() takes four times as long
            if key in text:
                return True
        return False

    def clean_text(self, text: str) -> str:
        """As `clean`; a text that ends in an ellipsis is cut."""
        if self._pattern is None:
            return text
        stem = text.removesuffix("…")
        cleaned = self.clean(stem.encode("utf-8", "surrogatepass"), is_cut=stem != text)
        return cleaned.decode("utf-8", "surrogatepass") + text[len(stem) :]


@lru_cache(maxsize=256)
def _credentials(values: tuple[bytes, ...]) -> Credentials:
    keys: list[str] = []
    for value in values:
        text = value.decode("utf-8", "surrogateescape").strip()
        scheme, _, rest = text.partition(" ")
        is_scheme = scheme.lower() in _SCHEMES
        # A key with blanks in it may be quoted in pieces.
        keys += [rest.strip() if is_scheme else text, *text.split()[is_scheme:]]
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


def _spellings(key: bytes) -> bytes:
    """A pattern for the key as it may stand in a URL, in JSON, or in a JSON Pointer."""
    pattern = b"".join(map(_character, key.decode("utf-8", "surrogateescape")))
    return pattern if len(key) >= _LONG else rb"(?<!%b)%b(?!%b)" % (_WORD, pattern, _WORD)


def _character(character: str) -> bytes:
    raw = character.encode("utf-8", "surrogateescape")
    spellings = [re.escape(raw), b"".join(b"%%(?i:%02x)" % byte for byte in raw)]
    if not 0xDC80 <= ord(character) <= 0xDCFF:  # a byte that is no UTF-8, which JSON cannot hold
        units = character.encode("utf-16-be").hex()
        spellings.append(
            b"".join(rb"\\u(?i:%b)" % units[at : at + 4].encode() for at in range(0, len(units), 4))
        )
    if character in _JSON_ESCAPED:
        spellings.append(re.escape(f"\\{character}".encode()))
    if character in _POINTER_ESCAPES:
        spellings.append(_POINTER_ESCAPES[character].encode())
    if character == " ":
        spellings.append(rb"\+")
    return b"(?:" + b"|".join(spellings) + b")"
