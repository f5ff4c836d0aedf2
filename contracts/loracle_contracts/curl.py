"""Writes a request as a curl command for a POSIX shell; pure, and on one line whatever the request holds."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

__all__ = ["curl_line", "is_token"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Text that means itself between double quotation marks.
_PLAIN = re.compile(r"[^\"$`\\!]*")
# What curl says by itself, or what belongs to one connection.
_NOT_REPEATED = (
    "host",
    "content-length",
    "connection",
    "transfer-encoding",
    "accept-encoding",
    "user-agent",
    "expect",
)


def is_token(text: str) -> bool:
    """Whether the text may be a method or the name of a header."""
    return _TOKEN.fullmatch(text) is not None


def curl_line(
    method: str,
    url: str,
    headers: Sequence[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    *,
    variables: Mapping[str, str] | None = None,
    request_target: str | None = None,
    not_repeated: Sequence[str] = _NOT_REPEATED,
) -> str:
    """The command that sends the request again.

    `variables` are texts in the URL, the headers and the body that stand for a variable of the shell, such
    as {"[redacted]": "$LORACLE_API_KEY"}. `request_target` replaces the URL's path on the wire. Headers of
    the names in `not_repeated`, in lower case, are left to curl. A body that a command line cannot hold
    comes from printf.
    """
    known = variables or {}
    parts = ["curl", "-sS", "--globoff", "--path-as-is"]
    parts += ["--head"] if method == "HEAD" else ["-X", shlex.quote(method)]
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1")
        if name.lower() not in not_repeated and is_token(name):
            parts += ["-H", _header(name, raw_value, known)]
    source = ""
    if body:
        if b"content-type" not in [name.lower() for name, _ in headers]:
            # Or curl would say that it is a form.
            parts += ["-H", "content-type:"]
        text = _text(body)
        if text is not None and text.isprintable() and not text.startswith("@"):
            parts += ["--data-binary", _word(text, known)]
        else:
            source = f"printf '{_printf_format(body)}' | "
            parts += ["--data-binary", "@-"]
    if request_target is not None:
        parts += ["--request-target", shlex.quote(request_target)]
    return source + " ".join([*parts, _word(url, known)])


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _header(name: str, raw: bytes, variables: Mapping[str, str]) -> str:
    try:
        value = raw.decode()
    except UnicodeDecodeError:
        # A shell's words are text; these bytes are none.
        return f"\"$(printf '{_printf_format(name.encode() + b': ' + raw)}')\""
    # curl drops a header that ends in a colon, and sends an empty one for a semicolon.
    return _word(f"{name}: {value}" if value.strip() else f"{name};", variables)


def _word(text: str, variables: Mapping[str, str]) -> str:
    """The text as a word of a shell, with the variables in it expanded by the shell."""
    if not any(mark in text for mark in variables):
        return shlex.quote(text)
    pieces = re.split("(" + "|".join(map(re.escape, variables)) + ")", text)
    if all(piece in variables or _PLAIN.fullmatch(piece) for piece in pieces):
        return '"' + "".join(variables.get(piece, piece) for piece in pieces) + '"'
    return "".join(
        f'"{variables[piece]}"' if piece in variables else shlex.quote(piece) for piece in pieces if piece
    )


def _printf_format(body: bytes) -> str:
    """The body as a format for printf: what is not plain ASCII as octal escapes."""
    special = {ord("%"): "%%", ord("\\"): "\\\\", ord("'"): "\\047", ord("\n"): "\\n"}
    text = "".join(special.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in body)
    # A format that begins with a hyphen would be an option.
    return f"\\055{text[1:]}" if text.startswith("-") else text
