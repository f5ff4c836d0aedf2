"""Which files the arguments of a check mean: files, folders, globs, standard input."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from loracle_contracts.report.outcome import Unreadable

__all__ = ["STANDARD_INPUT", "Source", "kind_of", "shown", "sources"]

STANDARD_INPUT = "-"
_SUFFIXES = {
    "json": "json",
    "har": "json",
    "jsonl": "lines",
    "ndjson": "lines",
    "yaml": "yaml",
    "yml": "yaml",
}
# Folders full of JSON that is somebody else's. Hidden ones are left out anyway.
_SKIPPED = {"node_modules", "bower_components", "jspm_packages", "__pycache__", "site-packages"}
_VIRTUAL_ENVIRONMENT = "pyvenv.cfg"


class Source(NamedTuple):
    """One file to read: `path` opens it, `name` is how it is shown.

    `found_in` is the folder or glob that it was found in, None where it was named itself.
    """

    path: str
    name: str
    found_in: str | None = None


def sources(argument: str) -> Iterator[Source | Unreadable]:
    """The files that one argument means, in the order of their names.

    A folder is gone through with all that is below it, but for hidden folders and files, folders of
    packages, and what its suffix does not make a payload; links to folders are not followed.
    """
    if argument == STANDARD_INPUT:
        yield Source(argument, argument)
        return
    if kind_of(argument)[0] and not _is_glob(argument):
        # No folder is called so; opening it will tell what is wrong.
        yield Source(argument, shown(argument))
        return
    try:
        is_folder = stat.S_ISDIR(os.stat(argument).st_mode)
    except (OSError, ValueError):
        if _is_glob(argument):
            yield from _matches(argument)
            return
        is_folder = False  # as above
    if is_folder:
        yield from _files_in(argument, argument)
    else:
        yield Source(argument, shown(argument))


def kind_of(name: str) -> tuple[str | None, bool]:
    """What the name says a file is (json, lines, yaml or nothing), and whether it is compressed."""
    stem, dot, suffix = name.lower().rpartition(".")
    if suffix != "gz":
        return (_SUFFIXES.get(suffix) if dot else None), False
    return _SUFFIXES.get(stem.rpartition(".")[2]), True


def _is_glob(argument: str) -> bool:
    return any(character in argument for character in "*?[")


def _matches(pattern: str) -> Iterator[Source | Unreadable]:
    from glob import glob  # noqa: PLC0415 - shells have mostly done it

    found = sorted(glob(pattern, recursive=True))
    if not found:
        yield Unreadable(shown(pattern), "", "No file matches this pattern.")
    for path in found:
        if os.path.isdir(path):
            # What `**` matches is listed file by file, too.
            if "**" not in pattern:
                yield from _files_in(path, pattern)
        elif "**" not in pattern or kind_of(path)[0]:
            yield Source(path, shown(path), pattern)


def _files_in(folder: str, found_in: str) -> Iterator[Source | Unreadable]:
    waiting: list[tuple[str, bool]] = [(folder, True)]
    while waiting:
        path, is_folder = waiting.pop()
        if not is_folder:
            yield Source(path, shown(path), found_in)
            continue
        try:
            with os.scandir(path) as entries:
                inside = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            yield Unreadable(shown(path), "", f"The folder cannot be read: {error.strerror}.")
            continue
        if path != folder and any(entry.name == _VIRTUAL_ENVIRONMENT for entry in inside):
            continue
        waiting += _wanted(inside)


def _wanted(entries: Iterable[os.DirEntry[str]]) -> Iterator[tuple[str, bool]]:
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _SKIPPED:
                yield entry.path, True
        elif kind_of(entry.name)[0] and not (entry.is_symlink() and os.path.isdir(entry.path)):
            yield entry.path, False


def shown(path: str) -> str:
    """The path as text that every encoding can hold."""
    return os.fsencode(path).decode(errors="backslashreplace") if not path.isascii() else path
