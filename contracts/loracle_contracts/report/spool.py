"""Text that is found before its place in a report is reached: kept in memory while small, else in a file."""

from __future__ import annotations

from typing import IO, TextIO

__all__ = ["Spool"]

_KEPT = 1 << 20  # bytes in memory
_PIECE = 1 << 16  # characters


class Spool:
    """Takes text and gives it back once."""

    def __init__(self) -> None:
        self._file: IO[str] | None = None

    def __bool__(self) -> bool:
        return self._file is not None

    def write(self, text: str) -> int:
        """Keeps the text. Raises UnicodeEncodeError for a lone surrogate."""
        if self._file is None:
            # Most reports need no such file, and it takes longer to import than a payload to check.
            from tempfile import SpooledTemporaryFile  # noqa: PLC0415

            self._file = SpooledTemporaryFile(  # noqa: SIM115 - closed in pour
                _KEPT, "w+", encoding="utf-8", newline=""
            )
        return self._file.write(text)

    def pour(self, stream: TextIO) -> None:
        """Writes all that was kept to the stream; after that the spool is empty."""
        if self._file is not None:
            with self._file as file:
                file.seek(0)
                while piece := file.read(_PIECE):
                    stream.write(piece)
            self._file = None
