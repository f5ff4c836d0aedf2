"""How a key may be spelled where something quotes it: in a URL, in JSON, in a JSON Pointer, in a message.

Every pattern takes time that grows with the text only: whoever sends a key also sends the text in which
it is looked for, and could choose both so that the search never ends.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["SEARCHED", "SHORTEST", "beginning", "end_of", "whole"]

# Below this a text is no secret, and its removal would leave nothing readable.
SHORTEST = 4
# A shorter one goes only where it stands alone: a test's key may be the beginning of its task's name.
_LONG = 8
# So many parts are looked for at once; how far a longer key goes on is seen where they are found.
SEARCHED = 32
# Backslashes belong together with the quotation mark behind them: escaping changes how many there are.
_PARTS = re.compile(r"\\*[\"'/]|\\+|.", re.DOTALL)
# What is left of the next character where the text was cut in the middle of how it is spelled.
_HALF_ESCAPED = rb"(?:\\+(?:u[0-9A-Fa-f]{0,3})?|%[0-9A-Fa-f]?)?"
_WORD = rb"[0-9A-Za-z_-]"


def whole(key: str) -> bytes:
    """A pattern for the key, or for the beginning of a long one."""
    pattern = b"".join(map(_spelled, _PARTS.findall(key)[:SEARCHED]))
    return pattern if len(key) >= _LONG else rb"(?<!%b)%b(?!%b)" % (_WORD, pattern, _WORD)


def end_of(key: str, text: bytes, start: int) -> int:
    """Where a key that begins at `start` ends in the text, or where the text goes on in another way."""
    ends = {start}
    for part in _PARTS.finditer(key):
        # Several spellings may fit, and only what follows tells which was meant.
        further = {
            found.end()
            for spelling in _compiled(part[0])
            for end in ends
            if (found := spelling.match(text, end)) is not None
        }
        if not further:
            break
        ends = further
    return max(ends)


def beginning(key: str) -> bytes:
    """A pattern for the first characters of the key, at least SHORTEST, as many as there are."""
    first, parts = b"", _PARTS.findall(key)[:SEARCHED]
    length = 0
    while length < SHORTEST and parts:
        part = parts.pop(0)
        first, length = first + _spelled(part), length + len(part)
    pattern = b""
    for part in reversed(parts):
        pattern = b"(?:%b%b)?" % (_spelled(part), pattern)
    return (b"" if len(key) >= _LONG else b"(?<!%b)" % _WORD) + first + pattern + _HALF_ESCAPED


@lru_cache(maxsize=1_000)
def _compiled(part: str) -> list[re.Pattern[bytes]]:
    return [*map(re.compile, _spellings(part))]


def _spelled(part: str) -> bytes:
    return _either(_spellings(part))


def _spellings(part: str) -> list[bytes]:
    mark = part.lstrip("\\")
    if part == mark and mark not in "\"'/":
        return _character(mark)
    n = len(part) - len(mark)
    # As it is; in JSON; in a message that quotes it as Python does, in JSON.
    counts = {"": {n, 2 * n, 4 * n}, '"': {n, 2 * n + 1, 4 * n + 1}, "'": {n, 2 * n, 4 * n, 4 * n + 2}}
    counts["/"] = {n, 2 * n, 2 * n + 1, 4 * n}
    spellings = [rb"\\{%d}%b" % (count, mark.encode()) for count in sorted(counts[mark])]
    marks = _either(_character(mark)) if mark else b""
    spellings += [
        rb"%b{%d}%b" % (backslash, n, marks) for backslash in (rb"\\", rb"(?:%(?i:5c))", rb"(?:\\u(?i:005c))")
    ]
    if mark == "/":
        spellings += [rb"\\{%d}~1" % count for count in sorted({n, 2 * n, 4 * n})]
    return spellings


def _character(character: str) -> list[bytes]:
    raw = character.encode("utf-8", "surrogateescape")
    spellings = [re.escape(raw), b"".join(b"%%(?i:%02x)" % byte for byte in raw)]
    if not 0xDC80 <= ord(character) <= 0xDCFF:  # a byte that is no UTF-8, which JSON cannot hold
        units = character.encode("utf-16-be").hex()
        spellings.append(
            b"".join(rb"\\u(?i:%b)" % units[at : at + 4].encode() for at in range(0, len(units), 4))
        )
    if character == "~":
        spellings.append(b"~0")
    if character == " ":
        spellings.append(rb"\+")
    return spellings


def _either(patterns: list[bytes]) -> bytes:
    return b"(?:" + b"|".join(patterns) + b")"
