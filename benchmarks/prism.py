"""CPU per create and per refusal of the mock, against Prism on the same document in the same run.

    python benchmarks/prism.py [--requests N] [--rounds N]

Needs node and npm; Prism is installed into a temporary folder, and runs with its quietest log
(`-v error`, which writes a line for each violation of a refused request).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from create import (
    SERVER_CORE,
    Figure,
    Server,
    body_with_four_violations,
    cost,
    in_turn,
    mock,
    run_load,
    show,
    valid_body,
    whole_request,
)
from load import PATIENCE

PACKAGE = "@stoplight/prism-cli@5.14.2"
DOCUMENT = Path(__file__).parents[1] / "contracts" / "loracle_contracts" / "_spec" / "openapi-strict.json"
CONNECTIONS = 16


@contextlib.contextmanager
def prism(folder: Path) -> Iterator[Server]:
    """Prism as one process, pinned to the same core as the mock; ended by its own id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = folder / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
    command = ["node", program, "mock", "-v", "error", "-p", str(port), DOCUMENT]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    try:
        os.sched_setaffinity(process.pid, {SERVER_CORE})
        while True:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            if process.poll() is not None or time.perf_counter() - started > PATIENCE:
                raise RuntimeError("Prism does not serve")
            time.sleep(0.1)
        yield Server(process, port, started)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def figures(folder: Path, requests: int, rounds: int) -> Iterator[Figure]:
    """Each against Prism in turn, after both were warmed up."""
    with mock() as ours, prism(folder) as peer:
        for name, body, status, bar in (
            ("create, 16 connections, against Prism", valid_body(), 200, 1 / 4),
            ("refusal of 4 violations, against Prism", body_with_four_violations(), 400, None),
        ):
            request = whole_request(body)
            for server in (ours, peer):
                run_load(server, request, CONNECTIONS, 2_000)
            measured, other = in_turn(
                rounds,
                lambda request=request, status=status: cost(ours, request, CONNECTIONS, requests, status),
                lambda request=request, status=status: cost(peer, request, CONNECTIONS, requests, status),
            )
            yield Figure(name, "us", measured, bar, other)


def main() -> None:
    """Prints the figures; ends with 1 where the bar is not reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"installing {PACKAGE} ...", file=sys.stderr)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, PACKAGE]
        subprocess.run(install, check=True)
        reached = show(figures(Path(folder), options.requests, options.rounds))
    sys.exit(0 if reached else 1)


if __name__ == "__main__":
    main()
