"""Reads bytes from files and streams, never more than was asked for, whatever they hold."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from loracle_contracts.inputs.unit import UnreadableError

if TYPE_CHECKING:
    from typing import Protocol

    class Content(Protocol):
        """Bytes that are read from their beginning to their end.

        `size` is how many there are, as far as that is known; `taken` how many were read (of those that are
        compressed, before they expand).
        """

        @property
        def size(self) -> int | None: ...  # noqa: D102 - see above

        @property
        def taken(self) -> int: ...  # noqa: D102 - see above

        def read(self, size: int) -> bytes:
            """At least one byte and at most `size`, or none at the end. Raises UnreadableError."""
            ...

        def has_more(self) -> bool:
            """Whether more than was there when it was opened has come."""
            ...

        def close(self) -> None:
            """Closes what was opened for it."""


__all__ = [
    "MAX_DOCUMENT",
    "MAX_LINE",
    "Content",
    "FileContent",
    "Resumed",
    "StreamContent",
    "lines",
    "unzipped",
    "whole",
]

MAX_LINE = 8 * 1024 * 1024  # bytes; eight times what a body may have
MAX_DOCUMENT = 128 * 1024 * 1024  # bytes of a HAR file, a journal or an array of payloads
_CHUNK = 256 * 1024
_MEBIBYTE = 1024 * 1024
# What more than this comes out of so little is no list of payloads, which expand about a hundredfold.
_SUSPICIOUS_SIZE = 64 * _MEBIBYTE
_SUSPICIOUS_RATIO = 400
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class FileContent:
    """What a regular file held when it was opened; to be closed.

    Raises UnreadableError where it is no file that can be read.
    """

    __slots__ = ("_descriptor", "_has_grown", "size", "taken")

    def __init__(self, path: str) -> None:
        try:
            # Without waiting for anybody to write, were it a FIFO.
            self._descriptor = os.open(path, _FLAGS)
        except (OSError, ValueError) as error:
            raise UnreadableError(_why(path, error)) from None
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise UnreadableError(_kind(found.st_mode))
        self.size, self.taken = found.st_size, 0
        self._has_grown = False

    def read(self, size: int) -> bytes:
        """See `Content.read`."""
        data = self._read(min(size, self.size - self.taken))
        self.taken += len(data)
        return data

    def has_more(self) -> bool:
        """See `Content.has_more`."""
        return self._has_grown or bool(self._read(1))

    def whole(self) -> bytes:
        """All of it, in most cases by asking the system once."""
        data = self._read(self.size + 1)
        while 0 < len(data) < self.size and (more := self._read(self.size + 1 - len(data))):
            data += more
        self.taken = len(data)
        self._has_grown = len(data) > self.size
        return data

    def _read(self, size: int) -> bytes:
        try:
            return os.read(self._descriptor, size)
        except OSError as error:
            raise UnreadableError(_sentence(error)) from None

    def close(self) -> None:
        """See `Content.close`."""
        os.close(self._descriptor)


class StreamContent:
    """What comes from a stream such as standard input."""

    size = None

    def __init__(self, stream: BinaryIO) -> None:
        # Of what is there already, without waiting for all.
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self.taken = 0

    def read(self, size: int) -> bytes:
        """See `Content.read`."""
        try:
            data = self._read(size)
        except (OSError, ValueError) as error:
            raise UnreadableError(_sentence(error)) from None
        self.taken += len(data)
        return data

    def has_more(self) -> bool:
        """A stream is read to its end, so never."""
        return False

    def close(self) -> None:
        """A stream is closed by whoever opened it."""


class Resumed:
    """A content of which the beginning, `head`, has been read already; it is given once more."""

    def __init__(self, head: bytes, content: Content) -> None:
        self._head = head
        self._content = content
        self.size = content.size

    @property
    def taken(self) -> int:
        """See `Content.taken`."""
        return self._content.taken

    def read(self, size: int) -> bytes:
        """See `Content.read`."""
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._content.read(size)

    def has_more(self) -> bool:
        """See `Content.has_more`."""
        return self._content.has_more()

    def close(self) -> None:
        """See `Content.close`."""
        self._content.close()


class _Unzipped:
    """What a gzip stream expands to."""

    size = None

    def __init__(self, content: Content) -> None:
        from gzip import GzipFile  # noqa: PLC0415 - most files are not compressed

        self._content = content
        self._file = GzipFile(fileobj=content)  # type: ignore[call-overload]
        self._given = 0

    @property
    def taken(self) -> int:
        """See `Content.taken`."""
        return self._content.taken

    def read(self, size: int) -> bytes:
        """See `Content.read`."""
        from zlib import error as ZlibError  # noqa: N812, PLC0415 - as above

        try:
            data: bytes = self._file.read1(size)
        except EOFError:
            raise UnreadableError("The gzip stream ends too early.") from None
        except (OSError, ZlibError) as error:
            raise UnreadableError(f"It is no whole gzip stream: {_plain(error)}.") from None
        self._given += len(data)
        if self._given > max(_SUSPICIOUS_SIZE, _SUSPICIOUS_RATIO * self._content.taken):
            raise UnreadableError(
                f"It expands to more than {_SUSPICIOUS_RATIO} times its size, as no list of payloads does; "
                "it was not read further."
            )
        return data

    def has_more(self) -> bool:
        """See `Content.has_more`."""
        return self._content.has_more()

    def close(self) -> None:
        """See `Content.close`."""
        self._content.close()


def unzipped(content: Content) -> Content:
    """What the gzip stream in `content` expands to; a stream that expands too far is not read to its end."""
    return _Unzipped(content)


def whole(content: Content, limit: int = MAX_DOCUMENT) -> bytes:
    """All of a content. Raises UnreadableError where it has more than `limit` bytes, or grows."""
    size = content.size
    if size is not None and size > limit:
        raise UnreadableError(_too_large(size, limit))
    if isinstance(content, FileContent):
        data = content.whole()
        if len(data) <= content.size:
            return data
    else:
        pieces, taken = [], 0
        while piece := content.read(_CHUNK):
            pieces.append(piece)
            taken += len(piece)
            if taken > limit:
                raise UnreadableError(_too_large(None, limit))
        data = b"".join(pieces)
    if content.has_more():
        raise UnreadableError("It grew while it was read; check it again when it is complete.")
    return data


def lines(content: Content) -> Iterator[tuple[int, bytes | None]]:
    """The number of each line, from 1, and the line without its end, None where it is too long to keep.

    Raises UnreadableError as the content does, and where the last line is not complete yet.
    """
    number, rest, is_skipping = 0, b"", False
    while chunk := content.read(_CHUNK):
        if is_skipping:
            _, end, chunk = chunk.partition(b"\n")
            if not end:
                continue
            is_skipping = False
        if not rest and not chunk.strip(b"\n"):
            number += len(chunk)  # millions of empty lines are over in no time
            continue
        pieces = (rest + chunk).split(b"\n")
        rest = pieces.pop()
        for line in pieces:
            number += 1
            yield number, line
        if len(rest) > MAX_LINE:
            number += 1
            yield number, None
            rest, is_skipping = b"", True
    if rest:
        if content.has_more():
            raise UnreadableError("It grew while it was read; the last line was not complete.")
        yield number + 1, rest


def _too_large(size: int | None, limit: int) -> str:
    has = "It" if size is None else f"It has {size // _MEBIBYTE} MiB; it"
    return (
        f"{has} is larger than the {limit // _MEBIBYTE} MiB that a document is read up to (a body may have "
        "1 MiB); put many payloads on lines of their own (JSON Lines)."
    )


def _why(path: str, error: OSError | ValueError) -> str:
    try:
        # Of a socket the system says only "no such device or address".
        return _kind(os.stat(path).st_mode)
    except (OSError, ValueError, LookupError):
        return _sentence(error)


def _kind(mode: int) -> str:
    """What it is instead of a file. Raises LookupError where it is one."""
    if stat.S_ISFIFO(mode):
        return "It is a FIFO, not a file; pipe it to loracle validate - instead."
    if stat.S_ISDIR(mode):
        return "It is a directory, not a file."
    if stat.S_ISSOCK(mode):
        return "It is a socket, not a file."
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return "It is a device, not a file."
    raise LookupError


def _sentence(error: Exception) -> str:
    return f"It cannot be read: {_plain(error)}."


def _plain(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:].rstrip(".")
