"""Mends payloads in their files where that changes no meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from loracle_contracts.fixes.edits import Edit, Finder
from loracle_contracts.fixes.rewriting import RewriteError, rewrite
from loracle_contracts.inputs import Judge, Source
from loracle_contracts.inputs.formats import Reader
from loracle_contracts.inputs.reading import opened
from loracle_contracts.inputs.sources import kind_of
from loracle_contracts.inputs.unit import UnreadableError
from loracle_contracts.report.outcome import Unreadable

__all__ = ["Fixer"]


class _NotFixableError(Exception):
    """A file that holds what cannot be mended in place; the text says what that is."""


class _Records:
    """What was recorded stays as it is."""

    def archive(self, data: bytes, source: str) -> Iterator[list[Edit]]:  # noqa: ARG002 - it stays
        """See `Records.archive`."""
        raise _NotFixableError("HTTP Archives")

    def journal(self, data: bytes, source: str) -> Iterator[list[Edit]]:  # noqa: ARG002 - it stays
        """See `Records.journal`."""
        raise _NotFixableError("journals")

    def journal_lines(self, numbered: object, source: str) -> Iterator[list[Edit]]:  # noqa: ARG002 - it stays
        """See `Records.journal_lines`."""
        raise _NotFixableError("journals")


class Fixer:
    """Mends files: outer blanks of component arguments, `jpg`, and numbers that were written as text.

    `show` gets a unified diff before a file is changed. With lints left out by the judge, outer blanks
    stay, because they break no rule.
    """

    def __init__(self, judge: Judge, show: Callable[[str], object]) -> None:
        self._reader: Reader[list[Edit]] = Reader(Finder(judge), _Records())
        self._show = show

    def fix(self, source: Source) -> Iterator[Unreadable]:
        """Mends one file; says why where that cannot be done, though somebody named the file."""
        is_named = source.found_in is None
        kind, _ = kind_of(source.path)
        try:
            edits = self._edits(source, is_named=is_named)
            # A line of JSON Lines is a payload of its own; the ones around it tell nothing.
            rewrite(source.path, source.name, edits, self._show, with_context=kind != "lines")
        except _NotFixableError as error:
            if is_named:
                reason = f"--fix does not change {error}; this one was checked as it is."
                yield Unreadable(source.name, "", reason)
        except RewriteError as error:
            yield Unreadable(source.name, "", str(error))

    def _edits(self, source: Source, *, is_named: bool) -> Iterator[Edit]:
        if kind_of(source.path)[1]:
            raise _NotFixableError("compressed files")
        try:
            content, kind = opened(source.path)
        except UnreadableError:
            return  # the check will tell
        try:
            for edits in self._reader.read(content, source.name, kind, is_named=is_named):
                if not isinstance(edits, Unreadable):
                    yield from edits
        except UnreadableError:
            return  # as above
        finally:
            content.close()
