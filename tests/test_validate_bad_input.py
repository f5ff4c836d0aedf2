"""What cannot be read: one clear line each, exit code 3, and the rest is checked all the same."""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from checks import SEED_PAGE, clean, outcomes, run, seed_page, unreadable

from loracle_contracts.inputs import Judge
from loracle_contracts.inputs.contents import FileContent, lines, whole
from loracle_contracts.inputs.unit import UnreadableError
from loracle_contracts.report import Unreadable

LINE = json.dumps(clean()).encode() + b"\n"
MIB = 1024 * 1024


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.json"
    file.write_text(json.dumps(clean()))
    return file


def check_told(bad: str | Path, good: Path, *said: str) -> None:
    """The bad one is told on one line and has the exit code; the good one is checked."""
    result = run(good, bad, good)
    assert result.exit_code == 3
    (told,) = [line for line in result.stdout.splitlines() if "could not be checked:" in line]
    assert all(part in told for part in said), told
    counted = re.search(r"^(\d+) payloads checked", result.stdout, re.MULTILINE)
    assert counted is not None
    assert int(counted[1]) >= 2
    assert "Traceback" not in result.output


def test_a_missing_file(good: Path) -> None:
    check_told(good.parent / "none.json", good, "none.json", "no such file")


def test_a_folder_without_payloads(good: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    check_told(empty, good, "empty", "holds no")
    (empty / "package.json").write_text('{"name": "x"}')
    check_told(empty, good, "package.json")


@pytest.mark.parametrize("name", ["a.json.gz", "a.jsonl.gz", "a.yaml.gz", "a"])
def test_a_broken_gzip(good: Path, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    data = gzip.compress(LINE * 3, mtime=0)
    for broken, said in (
        (data[:-20], "ends too early"),
        (data[:-8] + b"\0" * 8, "no whole gzip"),
        (data[:12] + b"\xff" * 9 + data[21:], "no whole gzip"),
    ):
        file.write_bytes(broken)
        check_told(file, good, said)


def test_what_came_before_the_gzip_broke_is_checked(tmp_path: Path) -> None:
    # Without a pattern, so that the lines arrive one after the other.
    many = b"".join(json.dumps(seed_page(name=os.urandom(40).hex())).encode() + b"\n" for _ in range(3000))
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(many)[:-5000])
    *before, last = outcomes(file, judge=Judge(with_lints=False))
    assert len(before) > 1000
    assert all(outcome.verdict.valid for outcome in before)
    assert isinstance(last, Unreadable)


def test_no_gzip_at_all(good: Path, tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").write_bytes(SEED_PAGE)
    check_told(tmp_path / "a.json.gz", good, "no whole gzip")


@cache
def bomb(filling: bytes, mebibytes: int) -> bytes:
    """A gzip stream of one byte, over and over."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(filling * MIB) for _ in range(mebibytes)) + packer.flush()


@pytest.mark.parametrize("name", ["bomb.json.gz", "bomb.jsonl.gz", "bomb.yaml.gz", "bomb"])
@pytest.mark.parametrize("filling", [b"\n", b" ", b"["])
def test_a_gzip_bomb(good: Path, tmp_path: Path, name: str, filling: bytes) -> None:
    (tmp_path / name).write_bytes(bomb(filling, 100))
    result = run(tmp_path / name, good)
    assert result.exit_code == 3
    assert "1 payload checked" in result.stdout
    assert "could not be checked" in result.stdout


def test_a_huge_line(good: Path, tmp_path: Path) -> None:
    # It takes no room on the disk.
    file = tmp_path / "a.jsonl"
    with file.open("wb") as sparse:
        sparse.write(LINE)
        sparse.seek(200 * MIB)
        sparse.write(b"\n" + LINE)
    results = outcomes(file, judge=Judge(with_lints=False))
    assert [(type(outcome).__name__, outcome.place) for outcome in results] == [
        ("Checked", "line 1"),
        ("Unreadable", "line 2"),
        ("Checked", "line 3"),
    ]
    file.rename(tmp_path / "a.json")
    check_told(tmp_path / "a.json", good, "larger than the 128 MiB")


def test_a_line_that_is_only_too_large_for_a_body_breaks_the_rule(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(LINE.rstrip() + b" " * MIB + b"\n" + LINE)
    first, second = outcomes(file)
    assert [violation.rule for violation in first.verdict.violations] == ["json.size"]
    assert second.verdict.valid


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt", "a.yaml"])
def test_a_fifo_is_not_waited_for(good: Path, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    check_told(tmp_path / name, good, "FIFO")


def test_devices_and_sockets(good: Path, tmp_path: Path) -> None:
    check_told("/dev/zero", good, "device")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.json"))
        check_told(tmp_path / "s.json", good, "socket")


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.yaml", "a"])
def test_a_binary_file(good: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    check_told(tmp_path / name, good, "binary")
    (tmp_path / name).write_bytes(json.dumps(clean()).encode("utf-16"))
    check_told(tmp_path / name, good, "UTF-16")


def test_bytes_that_are_no_utf_8_break_the_rule_of_payloads(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(json.dumps(clean()).encode().replace(b"woman", b"w\xf6man", 1))
    result = run(tmp_path / "a.json")
    assert result.exit_code == 1
    assert "json.encoding" in result.stdout


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.yaml", b"name: x\nbase_model: w\xf6man"),
        ("a.har", b'{"log": {"entries": [\n"\xf6"]}}'),
        ("a.json", b'{"requests": [\n"\xf6"]}'),
    ],
)
def test_bytes_that_are_no_utf_8_elsewhere(good: Path, tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    check_told(tmp_path / name, good, "Line 2 is not UTF-8")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(good: Path, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(SEED_PAGE)
    (tmp_path / "a.json").chmod(0)
    check_told(tmp_path / "a.json", good, "ermission denied")


def test_whatever_the_system_says_is_told(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = os.open

    def refuse(path: Any, *arguments: Any, **named: Any) -> int:
        if str(path).endswith("a.json"):
            raise PermissionError(13, "Permission denied")
        return really_open(path, *arguments, **named)

    (tmp_path / "a.json").write_bytes(SEED_PAGE)
    monkeypatch.setattr(os, "open", refuse)
    check_told(tmp_path / "a.json", good, "permission denied")


def test_a_folder_that_may_not_be_read(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_scan = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return really_scan(path)

    (tmp_path / "in" / "closed").mkdir(parents=True)
    monkeypatch.setattr(os, "scandir", refuse)
    check_told(tmp_path / "in", good, "closed", "ermission denied")


def test_a_loop_of_links(good: Path, tmp_path: Path) -> None:
    (tmp_path / "l.json").symlink_to(tmp_path / "m.json")
    (tmp_path / "m.json").symlink_to(tmp_path / "l.json")
    check_told(tmp_path / "l.json", good, "symbolic links")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "l.json").symlink_to(folder / "l.json")
    (folder / "gone.json").symlink_to(folder / "nothing.json")
    assert [o.reason for o in unreadable(folder)] == [
        "It cannot be read: no such file or directory.",
        "It cannot be read: too many levels of symbolic links.",
    ]


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 300, "a\nb.json"])
def test_names_that_no_file_can_have(good: Path, name: str) -> None:
    check_told(name, good)


# --- a file that grows while it is read


class _Growing(FileContent):
    """A file to which somebody has added after it was opened."""

    def __init__(self, path: Path, more: bytes) -> None:
        super().__init__(str(path))
        with path.open("ab") as file:
            file.write(more)


def test_of_a_file_that_grows_what_was_there_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(LINE + LINE)
    content = _Growing(file, LINE[:10])
    assert [line for _, line in lines(content)] == [LINE.rstrip()] * 2
    content.close()
    file.write_bytes(LINE + LINE[:10])
    content = _Growing(file, LINE[10:])
    read = lines(content)
    assert next(read) == (1, LINE.rstrip())
    with pytest.raises(UnreadableError, match="grew"):
        next(read)
    content.close()


def test_a_document_that_grows_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(LINE[:10])
    content = _Growing(file, LINE[10:])
    with pytest.raises(UnreadableError, match="grew"):
        whole(content)
    content.close()


# --- memory

_MEASURED = """
import resource, sys
from loracle_mockserver.cli import main
try:
    main(["validate", *sys.argv[1:]])
except SystemExit as end:
    code = end.code
# The peak of this process; that of a forked one would begin with its parent's.
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak, code, file=sys.stderr)
"""


def _peak(*arguments: str | Path) -> tuple[int, int]:
    """The most memory that a run took, in KiB, and its exit code."""
    command = [sys.executable, "-c", _MEASURED, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    peak, code = done.stderr.splitlines()[-1].split()
    return int(peak), int(code)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the peak")
def test_memory_stays_flat_over_100_000_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    broken = json.dumps(seed_page(width="512")).encode() + b"\n"
    block = LINE * 99 + broken
    with file.open("wb") as out:
        out.write(block * 10)
    few, _ = _peak(file)
    with file.open("wb") as out:
        for _ in range(100):
            out.write(block * 10)
    many, code = _peak(file)
    assert code == 1
    assert many - few < 8 * 1024, f"{few} KiB for 1,000 lines, {many} KiB for 100,000"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the peak")
def test_memory_stays_small_whatever_a_file_holds(tmp_path: Path) -> None:
    small, _ = _peak(tmp_path / "none.json")
    sparse = tmp_path / "a.jsonl"
    with sparse.open("wb") as out:
        out.truncate(256 * MIB)
    compressed = tmp_path / "bomb.json.gz"
    compressed.write_bytes(bomb(b" ", 200))
    for file, most in ((sparse, 40), (compressed, 300)):
        taken, code = _peak(file)
        assert code == 3
        assert taken - small < most * 1024, f"{file.name}: {(taken - small) // 1024} MiB"
