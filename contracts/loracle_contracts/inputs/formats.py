"""Finds the payloads in one file or stream, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Generic, TypeVar

import orjson

from loracle_contracts.inputs.contents import MAX_LINE, Resumed, lines, unzipped, whole
from loracle_contracts.inputs.shapes import recognise_text
from loracle_contracts.inputs.unit import Unit, UnreadableError
from loracle_contracts.report.outcome import Unreadable

__all__ = ["MAX_YAML", "Reader", "Records", "Taker", "too_long"]

T = TypeVar("T")
if TYPE_CHECKING:
    from typing import Protocol

    from loracle_contracts.inputs.contents import Content

    T_co = TypeVar("T_co", covariant=True)

    class Taker(Protocol[T_co]):
        """What is done with each payload."""

        def check(self, unit: Unit, *, is_named: bool) -> T_co | None:
            """What came of it; None where nobody named it and it resembles no payload."""
            ...

    class Records(Protocol[T_co]):
        """What is done with files that record what was sent instead of holding payloads."""

        def archive(self, data: bytes, source: str) -> Iterator[T_co | Unreadable]:
            """What came of an HTTP Archive."""
            ...

        def journal(self, data: bytes, source: str) -> Iterator[T_co | Unreadable]:
            """What came of the mock's journal as JSON."""
            ...

        def journal_lines(
            self, numbered: Iterator[tuple[int, bytes | None]], source: str
        ) -> Iterator[T_co | Unreadable]:
            """What came of the mock's journal as JSON Lines; of a line that is too long there is None."""
            ...


_GLANCE = 1024  # bytes that tell text from what is none
_HEAD = 64 * 1024  # bytes that are mostly enough to see what a stream holds
MAX_YAML = 2 * 1024 * 1024  # bytes; its nodes take a hundred times as much
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_BLANKS = b" \t\r\n"
_FIRST_MEMBERS = {
    b'"log"': "archive",
    b'"total"': "journal",
    b'"dropped"': "journal",
    b'"requests"': "journal",
}


class Reader(Generic[T]):
    """Hands the payloads of files to `taker`, and the files that hold records to `records`."""

    def __init__(self, taker: Taker[T], records: Records[T]) -> None:
        self._taker = taker
        self._records = records

    def read(
        self, content: Content, source: str, kind: str | None, *, is_named: bool
    ) -> Iterator[T | Unreadable]:
        """What came of each payload of a content of this kind: json, lines, yaml; None finds it out.

        Raises UnreadableError where it cannot be read at all, or not further.
        """
        if kind == "json":
            return self._json(whole(content), source, is_named=is_named)
        if kind == "lines":
            return self._lines(content, source, is_named=is_named)
        if kind == "yaml":
            return self._yaml(whole(content, MAX_YAML), source, is_named=is_named)
        return self._unknown(content, source, is_named=is_named)

    def _json(self, data: bytes, source: str, *, is_named: bool) -> Iterator[T | Unreadable]:
        _refuse_binary(data)
        kind = _kind_of_document(data)
        if kind == "payload":
            outcome = self._taker.check(Unit(source, "", data), is_named=is_named)
            if outcome is not None:
                yield outcome
        elif kind == "archive":
            yield from self._records.archive(data, source)
        elif kind == "journal":
            yield from self._records.journal(data, source)
        else:
            from loracle_contracts.inputs.json_documents import array_of_payloads  # noqa: PLC0415 - rare

            for unit in array_of_payloads(data, source):
                outcome = self._taker.check(unit, is_named=is_named)
                if outcome is not None:
                    yield outcome

    def _lines(self, content: Content, source: str, *, is_named: bool) -> Iterator[T | Unreadable]:
        check = self._taker.check
        is_first = True
        head = content.read(_GLANCE)
        _refuse_binary(head)
        numbered = lines(Resumed(head, content))
        for number, line in numbered:
            if line is None:
                yield too_long(source, number)
                continue
            if not line or line.isspace():
                continue
            if is_first:
                is_first = False
                if _is_journal_line(line):
                    yield from self._records.journal_lines(chain([(number, line)], numbered), source)
                    return
            outcome = check(Unit(source, f"line {number}", line, number), is_named=is_named)
            if outcome is not None:
                yield outcome

    def _yaml(self, data: bytes, source: str, *, is_named: bool) -> Iterator[T | Unreadable]:
        from loracle_contracts.inputs.yaml_documents import yaml_payloads  # noqa: PLC0415 - loads PyYAML

        _refuse_binary(data)
        # A folder is full of YAML that was never meant to be a payload, nor to be plain YAML.
        is_wanted = is_named or recognise_text(data.decode(errors="replace"), is_answer=False).is_certain
        try:
            for found in yaml_payloads(data, source):
                if not isinstance(found, Unit):
                    if is_wanted:
                        yield Unreadable(source, *found)
                    continue
                outcome = self._taker.check(found, is_named=is_named)
                if outcome is not None:
                    yield outcome
        except UnreadableError:
            if is_wanted:
                raise

    def _unknown(self, content: Content, source: str, *, is_named: bool) -> Iterator[T | Unreadable]:
        head = _head_of(content)
        if head.startswith(_GZIP):
            content = unzipped(Resumed(head, content))
            head = _head_of(content)
        _refuse_binary(head)
        return self.read(Resumed(head, content), source, _kind(head), is_named=is_named)


def too_long(source: str, number: int) -> Unreadable:
    """What is said of a line that no payload can have."""
    return Unreadable(
        source,
        f"line {number}",
        f"The line is longer than {MAX_LINE // 1024**2} MiB; a body may have 1 MiB.",
    )


def _kind_of_document(data: bytes) -> str:
    """payload, array, archive or journal, as far as the beginning of a JSON file tells."""
    beginning = data[:_GLANCE].lstrip(_BLANKS + b"\xef\xbb\xbf")
    if beginning.startswith(b"["):
        return "array" if beginning[1:].lstrip(_BLANKS).startswith(b"{") else "payload"
    # The first member says it, so that a large file need not be read twice.
    name = beginning[1:].lstrip(_BLANKS).partition(b":")[0].rstrip(_BLANKS)
    return _FIRST_MEMBERS.get(name, "payload")


def _is_journal_line(line: bytes) -> bool:
    beginning = line.lstrip(_BLANKS)
    return beginning.startswith((b'{"n":', b'{"n" :')) and b'"lenient"' in line


def _refuse_binary(data: bytes) -> None:
    if 0 not in data[:_GLANCE]:
        return
    if data.startswith(_UTF_16):
        raise UnreadableError("It is UTF-16 text; write it as UTF-8.")
    raise UnreadableError("It is a binary file, not text.")


def _head_of(content: Content) -> bytes:
    """As much of a content as tells what it holds: its first line and the beginning of the second."""
    head, wanted = b"", _HEAD
    while chunk := content.read(wanted):
        head += chunk
        text = head.lstrip(_BLANKS)
        rest = text.partition(b"\n")[2]
        if (text and (not text.startswith(b"{") or rest.strip())) or len(head) > MAX_LINE:
            break
        # Twice as much each time, or looking at it anew would take too long.
        wanted = len(head)
    return head


def _kind(head: bytes) -> str:
    text = head.lstrip(_BLANKS)
    line, _, rest = text.partition(b"\n")
    # After a whole object nothing can follow in one document.
    if rest.strip() and (rest.lstrip().startswith(b"{") or _is_json(line)) and _looks_whole(line):
        return "lines"
    return "json" if text[:1] in (b"", b"{", b"[", b"\xef") else "yaml"


def _looks_whole(line: bytes) -> bool:
    return line.startswith(b"{") and line.rstrip().endswith(b"}")


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except ValueError:
        return False
    return True
