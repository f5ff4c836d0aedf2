"""A line of the source, so that a caret can stand below one of its characters on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from loracle_contracts.report.safe_text import escaped

__all__ = ["excerpt"]

_LEAST = 20
_TAB = "    "
_CUT = "…"


def excerpt(line: str, column: int, width: int) -> tuple[str, int]:
    """The line as it is shown in `width` terminal columns, and the offset of the caret below it.

    `column` counts characters from 1 and may stand one behind the end. A long line is cut around it,
    tabs become blanks, and what does not print becomes escapes. A width below 20 counts as 20.
    """
    width = max(width, _LEAST)
    at = min(max(column - 1, 0), len(line))
    # Nearly every character takes a cell; what is further away than this is not shown.
    left, right = max(0, at - width), min(len(line), at + width)
    shown = [_TAB if character == "\t" else escaped(character) for character in line[left:right]]
    caret = at - left
    if left == 0 and right == len(line) and _cells("".join(shown)) <= width:
        return "".join(shown), _cells("".join(shown[:caret]))
    first, last = _window(shown, caret, width - 2 * len(_CUT))
    head = _CUT if left + first > 0 else ""
    tail = _CUT if left + last < len(line) else ""
    return head + "".join(shown[first:last]) + tail, len(head) + _cells("".join(shown[first:caret]))


def _window(shown: Sequence[str], caret: int, room: int) -> tuple[int, int]:
    """From where to where characters around the caret are shown: a third of the room goes before it."""
    cells = [_cells(text) for text in shown]
    first, last, used = caret, caret, 0
    while first > 0 and used + cells[first - 1] <= room // 3:
        first -= 1
        used += cells[first]
    while last < len(cells) and used + cells[last] <= room:
        used += cells[last]
        last += 1
    while first > 0 and used + cells[first - 1] <= room:
        first -= 1
        used += cells[first]
    # Some characters take more room together than each for itself.
    while last > caret and _cells("".join(shown[first:last])) > room:
        last -= 1
    while _cells("".join(shown[first:caret])) > room:
        first += 1
    return first, last


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # noqa: PLC0415 - takes 30 ms to import, and most lines are ASCII

    return max(0, wcswidth(text))
