"""A unified diff, shown while a file is written."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable

from loracle_contracts.report.safe_text import escaped

__all__ = ["Diff"]

_CONTEXT = 3


class Diff:
    """The diff of a file whose lines change, but are neither added nor removed.

    Its parts go to `show` as soon as they are complete. Without context each changed line is a part of
    its own, so that a file of any size is told in little memory.
    """

    def __init__(self, name: str, show: Callable[[str], object], *, with_context: bool) -> None:
        self.with_context = with_context
        self._show = show
        path = os.path.normpath(name).lstrip("/")
        self._header = f"--- a/{path}\n+++ b/{path}\n"
        self._before: deque[bytes] = deque(maxlen=_CONTEXT)
        self._after: list[bytes] = []
        self._first = 0
        self._lines: list[str] = []
        self._length = 0

    def same(self, line: bytes) -> None:
        """Takes the next line, which stays."""
        if not self.with_context:
            return
        if not self._lines:
            self._before.append(line)
            return
        self._after.append(line)
        if len(self._after) > 2 * _CONTEXT:
            self.end()

    def changed(self, number: int, old: bytes, new: bytes) -> None:
        """Takes the next line, which changes."""
        if not self._lines:
            self._first = number - len(self._before)
        unchanged = [*self._before, *self._after]
        self._before.clear()
        self._after.clear()
        self._lines += [_shown(" ", line) for line in unchanged]
        self._lines += [_shown("-", old), _shown("+", new)]
        self._length += len(unchanged) + 1
        if not self.with_context:
            self.end()

    def end(self) -> None:
        """Shows what was not shown yet."""
        if not self._lines:
            return
        self._lines += [_shown(" ", line) for line in self._after[:_CONTEXT]]
        self._length += len(self._after[:_CONTEXT])
        extent = f"{self._first},{self._length}" if self._length > 1 else f"{self._first}"
        self._show(f"{self._header}@@ -{extent} +{extent} @@\n{''.join(self._lines)}")
        self._header = ""
        self._before.extend(self._after)
        self._after.clear()
        self._lines.clear()
        self._length = 0


def _shown(sign: str, line: bytes) -> str:
    text = line.decode(errors="backslashreplace")
    end = "\r\n" if text.endswith("\r\n") else "\n" if text.endswith("\n") else ""
    text = text.removesuffix(end)
    # What does not print has no business on a terminal; tabs do no harm.
    if not text.isprintable():
        text = "".join(character if character == "\t" else escaped(character) for character in text)
    return f"{sign}{text}{end}" if end else f"{sign}{text}\n\\ No newline at end of file\n"
