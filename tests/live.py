"""A mock in a process of its own, and raw bytes over its socket."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import orjson

PATIENCE = 60.0
COMMAND = (sys.executable, "-m", "loracle_mockserver")


@dataclass
class RunningMock:
    url: str
    host: str
    port: int
    process: subprocess.Popen[str]
    printed: str
    errors: IO[str]

    def said(self) -> str:
        """What it wrote to stderr so far."""
        # Not by reading the file: the mock writes at the position that it would move.
        size = os.fstat(self.errors.fileno()).st_size
        return os.pread(self.errors.fileno(), size, 0).decode()

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """The exit code, and all that it wrote to stderr."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.errors.seek(0)
        return code, self.errors.read()


@contextlib.contextmanager
def running_mock(
    *arguments: str,
    environment: dict[str, str] | None = None,
    cwd: Path | None = None,
    port: int | None = 0,
    new_group: bool = False,
) -> Iterator[RunningMock]:
    """`port=None` leaves the option out, so that the settings decide; a new group takes its own signals."""
    chosen = [] if port is None else ["--port", str(port)]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        subprocess.Popen(
            [*COMMAND, "serve", *chosen, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=_environment(environment),
            cwd=cwd,
            start_new_session=new_group,
        ) as process,
    ):
        try:
            printed = _read_banner(process)
            listening = re.search(r"listens on (https?://\[?([^\s\]]+)\]?:([0-9]+))$", printed, re.MULTILINE)
            if listening is None:
                process.kill()
                process.wait(PATIENCE)
                errors.seek(0)
                raise AssertionError(f"the mock did not start: {printed}{errors.read()}")
            url, host, number = listening.groups()
            mock = RunningMock(url, host, int(number), process, printed, errors)
            yield mock
            mock.stop()
        finally:
            # Only where the test or the mock failed is it still there.
            process.kill()


def run_command(
    *arguments: str, environment: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """A command that is expected to end by itself."""
    return subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=_environment(environment),
        cwd=cwd,
    )


def _environment(added: dict[str, str] | None) -> dict[str, str]:
    # What the developer has set must not decide what a test sees.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LORACLE_")}
    return {**inherited, **(added or {})}


def _read_banner(process: subprocess.Popen[str]) -> str:
    # A mock that prints nothing and does not end would otherwise hang the whole run.
    watch = threading.Timer(PATIENCE, process.kill)
    watch.start()
    lines: list[str] = []
    try:
        while process.stdout and not (lines and lines[-1].startswith("try:")):
            line = process.stdout.readline()
            if not line:
                break
            lines.append(line)
    finally:
        watch.cancel()
        watch.join()
    return "".join(lines)


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known == name.lower()), None)

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


def parse_answers(raw: bytes, *, bodiless: bool = False) -> list[Answer]:
    """All answers in `raw`, which must hold nothing else. `bodiless` is for the answers to HEAD."""
    answers = []
    while raw:
        head, blank, raw = raw.partition(b"\r\n\r\n")
        assert blank, head
        status_line, *lines = head.decode("latin-1").split("\r\n")
        matched = re.fullmatch(r"HTTP/1\.1 ([1-5][0-9]{2}) .*", status_line)
        assert matched, status_line
        pairs = [line.partition(":")[::2] for line in lines]
        answer = Answer(int(matched[1]), [(name.lower(), value.strip()) for name, value in pairs])
        chunked = answer.header("transfer-encoding") == "chunked"
        assert not chunked, "the mock knows the length of all that it says"
        length = 0 if bodiless else int(answer.header("content-length") or 0)
        answer.body, raw = raw[:length], raw[length:]
        assert len(answer.body) == length, f"the body ends early: {answer}"
        answers.append(answer)
    return answers


def parse_answer(raw: bytes, *, bodiless: bool = False) -> Answer:
    """The only answer in `raw`."""
    [answer] = parse_answers(raw, bodiless=bodiless)
    return answer


class Conversation:
    """One connection. A step that gets no answer fails after PATIENCE seconds."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, raw: bytes) -> None:
        self._socket.sendall(raw)

    def read_until(self, end: bytes) -> bytes:
        """Reads byte by byte, so that nothing of the next answer is taken."""
        read = b""
        while not read.endswith(end):
            byte = self._socket.recv(1)
            assert byte, f"the connection ended after {read!r}"
            read += byte
        return read

    def read_answer(self) -> Answer:
        """The next answer; the connection stays open."""
        head = self.read_until(b"\r\n\r\n")
        length = re.search(rb"content-length: ([0-9]+)", head)
        body = b""
        while length and len(body) < int(length[1]):
            piece = self._socket.recv(int(length[1]) - len(body))
            assert piece, f"the body ends early: {head + body!r}"
            body += piece
        return parse_answer(head + body)

    def read_rest(self, *, may_reset: bool = False) -> bytes:
        """All until the server closes the connection, or, where that is allowed, resets it."""
        pieces = []
        with contextlib.suppress(ConnectionResetError) if may_reset else contextlib.nullcontext():
            while piece := self._socket.recv(65536):
                pieces.append(piece)
        return b"".join(pieces)


def exchange(port: int, raw: bytes, *, may_reset: bool = False) -> bytes:
    """Sends raw bytes and reads all until the server closes.

    A server that refuses in mid-request closes with bytes unread, which the kernel turns into a reset;
    with `may_reset` what was read before it is the answer, maybe nothing.
    """
    with Conversation(port) as conversation:
        tolerated = (ConnectionResetError, BrokenPipeError) if may_reset else ()
        with contextlib.suppress(*tolerated):
            conversation.send(raw)
        return conversation.read_rest(may_reset=may_reset)


def raw_request(
    method: str,
    target: str,
    *headers: tuple[str, str],
    body: bytes = b"",
    close: bool = True,
) -> bytes:
    """One request as bytes; the length of a body is added unless the headers say how it is framed."""
    # The control API does not answer to a name that anybody could have made up.
    host = "127.0.0.1" if target.startswith("/_mock") else "mock.test"
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    framed = {name.lower() for name, _ in headers} & {"content-length", "transfer-encoding"}
    if body and not framed:
        lines.append(f"Content-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def ask(port: int, method: str, target: str, *headers: tuple[str, str], body: bytes = b"") -> Answer:
    """One request on a connection of its own."""
    return parse_answer(exchange(port, raw_request(method, target, *headers, body=body)))
