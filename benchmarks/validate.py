"""What `loracle validate` costs against check-jsonschema and sourcemeta's jsonschema, each against its bar.

    python benchmarks/validate.py [--rounds N] [--lines N] [--peers FOLDER]

The peers are installed from the package index into virtual environments of their own, in a temporary folder,
or in --peers, where they are left for the next run. They get the strict contract as one JSON Schema. CPU is
user + system time of the process; ours and the peer's are measured in turn, and each figure is the median of
the rounds. Payloads are the seed page's example under many names. The peers know no lints, so the bars are
about --lints off; what lints cost is shown beside, with the bar only where it is reached.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
from create import Figure, in_turn, show

from loracle_contracts import spec
from loracle_contracts.proof import parse_any_depth

LORACLE = Path(sys.executable).with_name("loracle")
SEED_PAGE = spec.example("valid/createSubjectTraining/request/seed-page.json")
PEERS = {"check-jsonschema": "check-jsonschema", "jsonschema": "sourcemeta-jsonschema"}
FILES = 1_000
Command = list[str]


def installed(folder: Path) -> dict[str, str]:
    """The programs of the peers by their names; each in an environment of its own."""
    programs = {}
    for program, package in PEERS.items():
        home = folder / program
        found = home / "bin" / program
        if not found.exists():
            print(f"installing {package} ...", file=sys.stderr)
            venv.create(home, with_pip=True)
            subprocess.run([home / "bin" / "pip", "install", "--quiet", package], check=True)
        programs[program] = str(found)
    return programs


def write_payloads(folder: Path, lines: int) -> None:
    document = spec.document("strict")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/subject-training-request",
        "$defs": document["$defs"],
        "$ref": "#/$defs/SubjectTrainingRequest",
    }
    (folder / "schema.json").write_text(json.dumps(schema))
    (folder / "one.json").write_bytes(SEED_PAGE)
    payload = json.loads(SEED_PAGE)
    (folder / "many").mkdir()
    for n in range(FILES):
        (folder / "many" / f"{n:04}.json").write_text(json.dumps({**payload, "name": f"test_{n}"}, indent=1))
    with (folder / "lines.jsonl").open("w") as file:
        file.writelines(json.dumps({**payload, "name": f"test_{n}"}) + "\n" for n in range(lines))


def cpu(command: Command) -> float:
    """CPU seconds of a command that finds all payloads right."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def compared(rounds: int, *commands: Command) -> list[float]:
    """The CPU milliseconds of each command."""
    for command in commands:
        cpu(command)  # compiles what is to be compiled, and brings the files into memory
    medians = in_turn(rounds, *(lambda given=command: cpu(given) for command in commands))
    return [1000 * seconds for seconds in medians]


def ours(*arguments: str) -> Command:
    return [str(LORACLE), "validate", *arguments]


def cold_figures(folder: Path, peers: dict[str, str], rounds: int) -> Iterator[Figure]:
    one = str(folder / "one.json")
    peer = [peers["check-jsonschema"], "--schemafile", str(folder / "schema.json")]
    plain, linted, other = compared(rounds * 5, ours(one, "--lints", "off"), ours(one), [*peer, one])
    yield Figure("one file, cold, against check-jsonschema", "ms", plain, 1 / 4, other)
    yield Figure("  the same with lints", "ms", linted, 1 / 4, other)


def files_figures(folder: Path, peers: dict[str, str], rounds: int) -> Iterator[Figure]:
    many = sorted(map(str, (folder / "many").iterdir()))
    peer = [peers["check-jsonschema"], "--schemafile", str(folder / "schema.json"), *many]
    plain, linted, other = compared(rounds, ours(*many, "--lints", "off"), ours(*many), peer)
    yield Figure(f"{FILES:,} files, against check-jsonschema", "ms", plain, 1 / 15, other)
    yield Figure("  the same with 2 lints in each", "ms", linted, 1 / 5, other)


def lines_figures(folder: Path, peers: dict[str, str], rounds: int, lines: int) -> Iterator[Figure]:
    file = str(folder / "lines.jsonl")
    peer = [peers["jsonschema"], "validate", str(folder / "schema.json"), file]
    plain, linted, other = compared(rounds, ours(file, "--lints", "off"), ours(file), peer)
    yield Figure(f"{lines:,} lines, against sourcemeta", "ms", plain, 1 / 5, other)
    yield Figure("  the same with 2 lints in each", "ms", linted, 1.0, other)


def verdict_figure(rounds: int) -> Figure:
    """The verdict of each payload, duplicate keys included, against the time that its parsing takes."""
    is_valid = spec.validator("strict", "SubjectTrainingRequest").is_valid
    loads: Callable[[bytes], Any] = orjson.loads
    calls = range(2_000)

    def parsed() -> float:
        began = time.process_time()
        for _ in calls:
            loads(SEED_PAGE)
        return (time.process_time() - began) / len(calls) * 1e6

    def judged() -> float:
        began = time.process_time()
        for _ in calls:
            assert is_valid(parse_any_depth(SEED_PAGE))
        return (time.process_time() - began) / len(calls) * 1e6

    # Pairs, one right after the other: a clock that changes its speed troubles both alike.
    pairs = [(judged(), parsed()) for _ in range(rounds * 20)]
    ratio = statistics.median(mine / other for mine, other in pairs)
    other = statistics.median(other for _, other in pairs)
    return Figure("verdict with proof, against orjson.loads", "us", ratio * other, 3.5, other)


def figures(folder: Path, peers: dict[str, str], rounds: int, lines: int) -> Iterator[Figure]:
    write_payloads(folder, lines)
    yield verdict_figure(rounds)
    yield from cold_figures(folder, peers, rounds)
    yield from files_figures(folder, peers, rounds)
    yield from lines_figures(folder, peers, rounds, lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is taken (default 3)")
    parser.add_argument("--lines", type=int, default=100_000, help="of JSON Lines (default 100000)")
    parser.add_argument("--peers", type=Path, help="a folder for the peers' environments, to be kept")
    chosen = parser.parse_args()
    with contextlib.ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        peers = installed(chosen.peers or folder / "peers")
        return 0 if show(figures(folder, peers, chosen.rounds, chosen.lines)) else 1


if __name__ == "__main__":
    sys.exit(main())
