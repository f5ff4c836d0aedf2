"""Files that are written as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from loracle_mockserver.exit_codes import CouldNotRunError

__all__ = ["write_file"]


def write_file(path: Path, text: str) -> None:
    """Writes the file as a whole or not at all. Raises CouldNotRunError."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CouldNotRunError(f"{path} cannot be written: {error.strerror or error}") from None
