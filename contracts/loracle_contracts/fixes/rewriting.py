"""Writes a file anew with edits in it, after it has shown them; what is there is always a whole file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from typing import BinaryIO

from loracle_contracts.fixes.diff import Diff
from loracle_contracts.fixes.edits import Edit
from loracle_contracts.fixes.literals import edited

__all__ = ["RewriteError", "rewrite"]

_CHUNK = 256 * 1024


class RewriteError(Exception):
    """A file that could not be changed, and was left as it was; the text is one sentence."""


def rewrite(
    path: str, name: str, edits: Iterator[Edit], show: Callable[[str], object], *, with_context: bool
) -> None:
    """Applies edits, which come in the order of the file, and shows them as a unified diff before.

    Raises RewriteError where the file cannot be changed.
    """
    first = next(edits, None)
    if first is None:
        return
    # A link stays one; what it leads to is changed.
    target = os.path.realpath(path)
    if not os.access(target, os.W_OK):
        raise RewriteError("It could not be fixed: it may not be written to.")
    try:
        before = os.stat(target)
        with open(target, "rb") as old:
            diff = Diff(name, show, with_context=with_context)
            _replace(target, before, old, diff, chain([first], edits))
    except OSError as error:
        raise RewriteError(f"It could not be fixed: {_plain(error)}.") from None


def _replace(target: str, before: os.stat_result, old: BinaryIO, diff: Diff, edits: Iterator[Edit]) -> None:
    folder, name = os.path.split(target)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
    try:
        with open(descriptor, "wb") as new:
            is_changed = _copy(old, new, edits, diff)
            diff.end()
            new.flush()
            os.fchmod(descriptor, before.st_mode & 0o7777)
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, before.st_uid, before.st_gid)
            os.fsync(descriptor)
        if not is_changed:
            return
        now = os.stat(target)
        if (now.st_ino, now.st_size, now.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns):
            raise RewriteError("It could not be fixed: it was changed by somebody else meanwhile.")
        os.replace(temporary, target)
        temporary = ""
        _sync_folder(folder)
    finally:
        if temporary:
            os.unlink(temporary)


def _copy(old: BinaryIO, new: BinaryIO, edits: Iterator[Edit], diff: Diff) -> bool:
    """Copies the file with the edits in it; whether that has changed anything."""
    edit, number, is_changed = next(edits, None), 1, False
    # Of a long line that stays as it is only a piece is kept at a time.
    most = -1 if diff.with_context else _CHUNK
    while piece := old.readline(most):
        if edit is None or edit.line > number:
            new.write(piece)
            diff.same(piece)
            number += piece.endswith(b"\n")
            continue
        pieces = [piece]
        while not pieces[-1].endswith(b"\n") and (piece := old.readline(most)):
            pieces.append(piece)
        here = []
        while edit is not None and edit.line <= number:
            here.append(edit)
            edit = next(edits, None)
        line = b"".join(pieces)
        mended = edited(line.decode(), (one for one in here if one.line == number)).encode()
        new.write(mended)
        if mended == line:
            diff.same(line)
        else:
            is_changed = True
            diff.changed(number, line, mended)
        number += 1
    return is_changed


def _plain(error: OSError) -> str:
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def _sync_folder(folder: str) -> None:
    """Has the new name of a file outlive a power cut, where the system can do that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
