"""Goes through all that a check was given and says what came of each payload in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from loracle_contracts.inputs.contents import FileContent, StreamContent, unzipped
from loracle_contracts.inputs.formats import Reader, too_long
from loracle_contracts.inputs.judge import Judge
from loracle_contracts.inputs.sources import STANDARD_INPUT, Source, kind_of, shown, sources
from loracle_contracts.inputs.unit import UnreadableError
from loracle_contracts.report.outcome import Checked, Outcome, Unreadable

if TYPE_CHECKING:
    from loracle_contracts.inputs.contents import Content
    from loracle_contracts.inputs.journals import Journal

__all__ = ["Check", "opened"]

_LISTED = 3


class Check:
    """A check that is under way.

    `judge` judges the payloads, `stdin` is what "-" reads. `tell` gets a sentence about what was left out
    on purpose. `prepare` may be set: it is called with each file before that is read, for whoever changes
    it first, and what it answers is passed on. `reading` is the name of the file that is being read.
    """

    def __init__(
        self,
        judge: Judge,
        stdin: BinaryIO | None = None,
        *,
        tell: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._reader: Reader[Checked] = Reader(judge, _Records(judge, tell))
        self._stdin = stdin
        self._tell = tell
        self.prepare: Callable[[Source], Iterable[Unreadable]] = lambda _source: ()
        self._content: Content | None = None
        self._taken = 0
        self.reading: str | None = None

    @property
    def taken(self) -> int:
        """How many bytes were read so far; of what is compressed, before it expands."""
        return self._taken + (self._content.taken if self._content is not None else 0)

    def outcomes(self, arguments: Iterable[str]) -> Iterator[Outcome]:
        """What came of each payload, in the order of the arguments and of the files in them.

        An argument is a file, a folder, a glob, or "-". What cannot be read is said, and the rest is
        checked all the same.
        """
        for argument in arguments:
            yield from self._argument(argument)

    def _argument(self, argument: str) -> Iterator[Outcome]:
        found, left_out = 0, _Names()
        for source in sources(argument):
            if isinstance(source, Unreadable):
                found += 1
                yield source
                continue
            before = found
            for outcome in self._file(source):
                found += 1
                yield outcome
            if found == before:
                left_out.add(source.name)
        if not found:
            yield Unreadable(shown(argument), "", left_out.all_that_is_there(argument))
        elif left_out.count:
            self._tell(f"left out, because nothing in it looks like a payload: {left_out}")

    def _file(self, source: Source) -> Iterator[Outcome]:
        yield from self.prepare(source)
        self.reading = source.name
        is_named = source.found_in is None
        try:
            content, kind = opened(source.path, self._stdin)
        except UnreadableError as error:
            yield Unreadable(source.name, "", str(error))
            return
        self._content = content
        try:
            yield from self._reader.read(content, source.name, kind, is_named=is_named)
        except UnreadableError as error:
            yield Unreadable(source.name, "", str(error))
        finally:
            self._content = None
            self._taken += content.taken
            content.close()


def opened(path: str, stdin: BinaryIO | None = None) -> tuple[Content, str | None]:
    """A content to be closed, and its kind where the name says it. Raises UnreadableError."""
    if path == STANDARD_INPUT:
        if stdin is None:
            raise UnreadableError("Standard input is closed.")
        return StreamContent(stdin), None
    kind, is_compressed = kind_of(path)
    content = FileContent(path)
    return (unzipped(content) if is_compressed and kind else content), kind


class _Records:
    """Checks what HTTP Archives and journals record."""

    def __init__(self, judge: Judge, tell: Callable[[str], None]) -> None:
        self._judge = judge
        self._tell = tell

    def archive(self, data: bytes, source: str) -> Iterator[Outcome]:
        """See `Records.archive`."""
        from loracle_contracts.inputs.archives import Archive  # noqa: PLC0415 - one format of several

        archive = Archive(source, data, self._judge)
        yield from archive.outcomes()
        self._tell_skipped(source, archive.skipped)

    def journal(self, data: bytes, source: str) -> Iterator[Outcome]:
        """See `Records.journal`."""
        journal = self._journal(source)
        yield from journal.outcomes(data)
        self._tell_skipped(source, journal.skipped)

    def journal_lines(self, numbered: Iterator[tuple[int, bytes | None]], source: str) -> Iterator[Outcome]:
        """See `Records.journal_lines`."""
        journal = self._journal(source)
        for number, line in numbered:
            if line is None:
                yield too_long(source, number)
            else:
                yield from journal.line(number, line)
        self._tell_skipped(source, journal.skipped)

    def _journal(self, source: str) -> Journal:
        from loracle_contracts.inputs.journals import Journal  # noqa: PLC0415 - one format of several

        judge = self._judge
        if judge.is_answer:
            raise UnreadableError("The journal notes what is wrong with requests, not with answers.")
        return Journal(source, judge.profile, judge.operation, with_lints=judge.with_lints)

    def _tell_skipped(self, source: str, skipped: int) -> None:
        if skipped:
            requests = "1 request" if skipped == 1 else f"{skipped} requests"
            wanted = self._judge.operation or "an operation of the contract"
            self._tell(f"{source}: not checked, because not of {wanted}: {requests}")


class _Names:
    """Names of files that were left out: how many, and the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[str] = []

    def add(self, name: str) -> None:
        self.count += 1
        if len(self._first) < _LISTED:
            self._first.append(name)

    def __str__(self) -> str:
        more = self.count - len(self._first)
        return ", ".join(self._first) + (f" and {more} more" if more else "")

    def all_that_is_there(self, argument: str) -> str:
        """Why nothing was checked, as a sentence."""
        if not self.count:
            return "The folder holds no JSON, JSON Lines, YAML or HAR file."
        if self._first == [shown(argument)]:
            return "It holds no payload."
        return f"Nothing in it looks like a payload; was looked at: {self}."
