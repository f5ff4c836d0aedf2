"""What no report may show: the keys of the run, and the signatures in the addresses of uploads."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from loracle_contracts.credentials import REDACTED, Credentials
from loracle_contracts.exchange import Answer
from loracle_contracts.parse import parse

__all__ = ["KEY", "OTHER_KEY", "Secrets", "signatures"]

KEY = "$LORACLE_API_KEY"
"""Stands for the key of the run, in reports and in what a shell is to run."""
OTHER_KEY = "$LORACLE_OTHER_API_KEY"
_SECRET_NAME = re.compile(r"(?i)key|token|secret|signature|credential|password|policy|\bsig\b")
_SHORTEST = 8
# A parameter of a URL, also where JSON or HTML escapes the ampersand.
_PARAMETER = re.compile(
    r"(?i)((?:[?&;]|\\u0026)(?:amp;)?[\w.%~-]*(?:key|token|secret|signature|credential|password|policy|\bsig)"
    r"[\w.%~-]*=)(?!\$LORACLE)[^&\"'\s\\<>;]+"
)


def signatures(url: str | None, outcome: Any) -> set[str]:
    """The secrets in the address of an upload, and in all addresses that an answer has."""
    found = set(_secrets_of(url)) if url else set()
    if isinstance(outcome, Answer) and b"://" in outcome.body.replace(b"\\/", b"/"):
        for text in _strings(parse(outcome.body).value):
            found.update(_secrets_of(text))
    return found


def _secrets_of(text: str) -> Iterator[str]:
    if "://" not in text or "?" not in text:
        return
    try:
        query = urlsplit(text).query
    except ValueError:
        return
    for name, value in parse_qsl(query):
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST:
            yield value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


class Secrets:
    """Takes the secrets of a run out of texts.

    A key that stands in a request as it is gets a name (KEY, OTHER_KEY), by which it can be put in again;
    in other spellings, in answers and elsewhere secrets are redacted.
    """

    def __init__(self, key: str | None, other_key: str | None = None, signed: Iterable[str] = ()) -> None:
        named = {KEY: key, OTHER_KEY: other_key}
        # The longer first, since one may be the beginning of the other.
        self._named = sorted(
            ((value, name) for name, value in named.items() if value), key=lambda pair: -len(pair[0])
        )
        keys = [value for value, _ in self._named]
        encoded = [text for key in keys for text in _in_base64(key) if len(text) >= _SHORTEST]
        self._credentials = Credentials(text.encode("utf-8", "surrogateescape") for text in [*keys, *encoded])
        long = [key for key in keys if len(key) >= _SHORTEST]
        self._any_case = re.compile("|".join(map(re.escape, long)), re.IGNORECASE) if long else None
        forms = {form for value in signed for form in (value, quote(value, safe=""), unquote(value))}
        self._signed = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)

    def named(self, text: str) -> str:
        """The text of a request with the keys by their names, and without what else is secret."""
        pieces = [text]
        for value, name in self._named:
            pieces = [
                part
                for piece in pieces
                for part in ([piece] if piece in (KEY, OTHER_KEY) else _split(piece, value, name))
            ]
        return "".join(piece if piece in (KEY, OTHER_KEY) else self.clean_whole(piece) for piece in pieces)

    def clean(self, text: str) -> str:
        """A text that may be cut, at its end or where it quotes, without secrets and their beginnings."""
        return self._clean(text, is_cut=True)

    def clean_whole(self, text: str) -> str:
        """A text that is whole, without secrets, however they are spelled there."""
        return self._clean(text, is_cut=False)

    def _clean(self, text: str, *, is_cut: bool) -> str:
        for form in self._signed:
            text = text.replace(form, REDACTED)
        text = _PARAMETER.sub(rf"\g<1>{REDACTED}", text)
        if self._any_case is not None:
            text = self._any_case.sub(REDACTED, text)
        data = text.encode("utf-8", "surrogatepass")
        return self._credentials.clean(data, is_cut=is_cut).decode("utf-8", "surrogatepass")

    def clean_bytes(self, data: bytes) -> bytes:
        """As `clean_whole`, of bytes that need be no text."""
        for form in self._signed:
            data = data.replace(form.encode(), REDACTED.encode())
        return self._credentials.clean(data)

    def put_in(self, text: str) -> str:
        """The text with the keys where their names stand; the reverse of `named`."""
        for value, name in self._named:
            text = text.replace(name, value)
        return text


def _in_base64(key: str) -> Iterator[str]:
    """What base64 has of a key, whatever stands before and behind it in the same word."""
    data = key.encode("utf-8", "surrogateescape")
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        # The characters at the ends hold bits of what is around.
        whole = encoded[-(-8 * before // 6) : 8 * (before + len(data)) // 6]
        yield from {whole, whole.replace("+", "-").replace("/", "_")}


def _split(text: str, value: str, name: str) -> list[str]:
    pieces = text.split(value)
    return [part for piece in pieces for part in (piece, name)][:-1]
