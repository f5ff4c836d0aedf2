"""Text that is found before its place in a report is reached: kept in memory while small, else in a file."""

from __future__ import annotations

import shutil
from tempfile import SpooledTemporaryFile
from typing import IO, TextIO

__all__ = ["Spool"]

_KEPT = 1 << 20  # bytes in memory


class Spool:
    """Takes text and gives it back once."""

    def __init__(self) -> None:
        self._file: IO[str] | None = None

    def __bool__(self) -> bool:
        return self._file is not None

    def write(self, text: str) -> int:
        """Keeps the text. Raises UnicodeEncodeError for a lone surrogate."""
        if self._file is None:
            self._file = SpooledTemporaryFile(  # noqa: SIM115 - closed in pour
                _KEPT, "w+", encoding="utf-8", newline=""
            )
        return self._file.write(text)

    def pour(self, stream: TextIO) -> None:
        """Writes all that was kept to the stream; after that the spool is empty."""
        if self._file is not None:
            with self._file as file:
                file.seek(0)
                shutil.copyfileobj(file, stream)
            self._file = None
