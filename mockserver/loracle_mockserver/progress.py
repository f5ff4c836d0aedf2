"""A progress bar on a terminal, which makes room for what is printed meanwhile."""

from __future__ import annotations

import time
from typing import TextIO

import click

__all__ = ["Progress"]

_PAUSE = 0.1  # seconds between two pictures of the bar
_ERASE = "\r\x1b[K"


class Progress:
    """A bar on the terminal `stream`; `total` is where it ends, in bytes, 0 where nobody knows."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._stream = stream
        self._bar = click.progressbar(length=max(total, 1), file=stream) if total else None
        self._done = 0
        self._payloads = 0
        # Nothing is drawn for what is over at once.
        self._next = time.monotonic() + 5 * _PAUSE
        self._is_drawn = False

    def advance(self, done: int) -> None:
        """Another payload was checked, and as many bytes were read by now."""
        self._payloads += 1
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PAUSE
        if self._bar is not None:
            self._bar.make_step(done - self._done)
            self._done = done
        line = self._bar.format_progress_line() + "  " if self._bar is not None else ""
        self._stream.write(f"{_ERASE}{line}{self._payloads} payloads")
        self._stream.flush()
        self._is_drawn = True

    def erase(self) -> None:
        """Takes the bar away, until it is drawn anew."""
        if self._is_drawn:
            self._stream.write(_ERASE)
            self._stream.flush()
            self._is_drawn = False


class Above:
    """A stream to the terminal that the bar is on: takes the bar away before it writes."""

    def __init__(self, stream: TextIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress

    def write(self, text: str) -> int:
        """Writes the text where the bar was."""
        self._progress.erase()
        return self._stream.write(text)

    def flush(self) -> None:
        """Flushes the stream."""
        self._stream.flush()
