"""Writes what went through the proxy as an HTTP Archive that is whole after each entry."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson

from loracle_contracts.parse import MAX_BODY
from loracle_mockserver.exports import har_entry
from loracle_mockserver.journal import Entry
from loracle_mockserver.proxy.exchange import Exchange
from loracle_mockserver.proxy.judgement import AnswerVerdict, decoded
from loracle_mockserver.proxy.secrets_in_urls import without_secrets

__all__ = ["CassetteError", "CassetteWriter"]

_HEAD = b'{"log":{"version":"1.2","creator":{"name":"loracle","version":%b},"entries":['
_TAIL = b"\n]}}\n"
_MILLISECONDS = 1000.0
_CODED = (b"content-encoding", b"content-length")


class CassetteError(Exception):
    """The cassette cannot be written; the text says why, in one sentence."""


class CassetteWriter:
    """A cassette. `limit` is how large it may become, in bytes; `tell` gets a sentence when it is full.

    After each entry the file is a whole archive: an entry and the end of the file are written at once, over
    the end that was there. Whatever ends the process costs at most the entry that is being written.
    Raises CassetteError.
    """

    def __init__(self, path: Path, limit: int, tell: Callable[[str], None], mode: str) -> None:
        self.path = path
        self._limit = limit
        self._tell = tell
        self.recorded = 0
        self.left_out = 0
        self.error: str | None = None
        try:
            self._file = self._opened(mode)
        except OSError as error:
            raise CassetteError(f"{path} cannot be written: {error.strerror or error}.") from None

    def _opened(self, mode: str) -> int:
        # For nobody else: even without keys it holds what somebody has sent.
        flags = os.O_RDWR | getattr(os, "O_BINARY", 0)
        if mode == "new":
            try:
                file = os.open(self.path, flags | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                raise CassetteError(
                    f"{self.path} is there already; --overwrite replaces it, --append adds to it."
                ) from None
        else:
            file = os.open(self.path, flags | os.O_CREAT, 0o600)
        size = os.fstat(file).st_size
        head = _HEAD % orjson.dumps(version("loracle"))
        if mode == "append" and size:
            self._is_empty = self._check(file, size)
            self._end = size - len(_TAIL)
            return file
        os.ftruncate(file, 0)
        self._is_empty = True
        os.lseek(file, 0, os.SEEK_SET)
        _write(file, head + _TAIL)
        self._end = len(head)
        return file

    def _check(self, file: int, size: int) -> bool:
        """Finds out whether the file can be gone on with, and whether it has no entry yet."""
        start = os.read(file, 256)
        os.lseek(file, max(0, size - len(_TAIL) - 1), os.SEEK_SET)
        end = os.read(file, len(_TAIL) + 1)
        if not start.startswith(_HEAD.partition(b"%b")[0]) or not end.endswith(_TAIL):
            os.close(file)
            raise CassetteError(
                f"{self.path} is no whole cassette of loracle proxy; --overwrite replaces it."
            )
        return end.startswith(b"[")

    def add(self, exchange: Exchange, verdict: AnswerVerdict) -> None:
        """Writes one exchange, without credentials. What cannot be written is counted and told once."""
        if self.error is not None:
            self.left_out += 1
            return
        line = orjson.dumps(_entry(self.recorded + 1, exchange, verdict))
        data = (b"\n" if self._is_empty else b",\n") + line + _TAIL
        if self._end + len(data) > self._limit:
            self.left_out += 1
            if self.left_out == 1:
                size = self._limit / 2**20
                self._tell(
                    f"the cassette {self.path} is full ({size:g} MiB): what comes from here on may not be "
                    "recorded; --record-size sets another limit"
                )
            return
        try:
            os.lseek(self._file, self._end, os.SEEK_SET)
            _write(self._file, data)
        except OSError as error:
            self.error = f"{self.path} cannot be written: {error.strerror or error}"
            self.left_out += 1
            self._tell(self.error)
            return
        self._end += len(data) - len(_TAIL)
        self._is_empty = False
        self.recorded += 1

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _entry(n: int, exchange: Exchange, verdict: AnswerVerdict) -> dict[str, Any]:
    """The exchange for the archive; what that has no place for stands under `_loracle`."""
    head, expectation, scope = exchange.head, exchange.expectation, exchange.scope
    if head is None or expectation is None:
        raise ValueError("an exchange without an answer is not recorded")
    is_coded = any(name == b"content-encoding" for name, _ in scope["headers"])
    body = b"" if exchange.is_streamed or is_coded else exchange.body
    answer = exchange.answer
    read = None if answer is None else decoded(head, answer)
    reply_headers = [(name.lower(), value) for name, value in head.headers]
    if read is not None:
        # It stands there as it reads, and so has another length.
        reply_headers = [header for header in reply_headers if header[0] not in _CODED]
    target, _, query = exchange.target.partition(b"?")
    operation = expectation.operation
    authority = exchange.origin.authority.encode()
    entry = Entry(
        namespace=None,
        operation=operation.id if operation is not None else None,
        method=scope["method"],
        path=exchange.origin.prefix + unquote(target.decode("latin-1")),
        query=query,
        headers=[(b"host", authority), *(header for header in scope["headers"] if header[0] != b"host")],
        body=body,
        status=head.status,
        reason=verdict.reason,
        reply_headers=reply_headers,
        reply_body=read or b"",
        fault=None,
        origin=None,
        rules=tuple(violation.rule for violation in expectation.violations),
        strict_rules=(),
        received_at=exchange.received_at,
        seconds=exchange.seconds,
        delay=0.0,
        body_length=exchange.length,
    )
    made = har_entry(n, without_secrets(entry), f"{exchange.origin.scheme}://{exchange.origin.authority}")
    made["timings"] = _timings(exchange)
    made["time"] = sum(made["timings"].values())
    made["_loracle"] = {
        "n": n,
        "operation": entry.operation,
        "reason": verdict.reason,
        "valid": expectation.refusal is None,
        "answer": verdict.text,
    }
    if read is None:
        del made["response"]["content"]["text"]
        made["response"]["content"]["size"] = exchange.answer_length
        why = f"larger than {MAX_BODY // 2**20} MiB" if answer is None else "in a coding that was not read"
        made["response"]["content"]["comment"] = f"the body is not here: it was {why}"
    return made


def _timings(exchange: Exchange) -> dict[str, float]:
    sent, wait = exchange.sent, exchange.wait
    parts = {"send": sent, "wait": wait - sent, "receive": exchange.seconds - wait}
    return {name: round(max(0.0, seconds) * _MILLISECONDS, 3) for name, seconds in parts.items()}
