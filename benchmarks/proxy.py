"""What the proxy adds to a request: wall time and CPU against asking the mock directly, in the same run.

    python benchmarks/proxy.py [--requests N] [--rounds N]

Loopback, one request at a time, the mock as the server; direct and through the proxy are measured in turn,
round after round, and each figure is the least of all rounds: what else the machine does only ever adds.
Beside it the same hop written with httpx and nothing else, which shows why the proxy has a client of its
own. Wall time through the proxy holds the mock's, too, so the bar is on the difference; CPU is of the
process that is asked. Linux only (/proc). On two cores the mock and the load share one, the proxy has the
other.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from create import (
    LOAD_CORE,
    MOCK,
    SERVER_CORE,
    Server,
    body_with_four_violations,
    mock,
    poll_request,
    valid_body,
    whole_request,
)
from load import PATIENCE

HERE = Path(__file__).parent
BAR = 1000.0  # microseconds that the proxy may add


@contextlib.contextmanager
def announced(*command: str) -> Iterator[Server]:
    """A server that tells on stderr where it listens; ended by its own id."""
    with tempfile.TemporaryDirectory() as elsewhere, (Path(elsewhere) / "told").open("w+") as told:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told, text=True, cwd=elsewhere)
        try:
            os.sched_setaffinity(process.pid, {SERVER_CORE})
            found = None
            while found is None:
                found = re.search(r"listens on http://127\.0\.0\.1:(\d+)", Path(told.name).read_text())
                if process.poll() is not None or time.perf_counter() - started > PATIENCE:
                    raise RuntimeError(f"{command} does not serve")
                time.sleep(0.01)
            yield Server(process, int(found.group(1)), started)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def proxy(server: Server, *options: str) -> contextlib.AbstractContextManager[Server]:
    return announced(*MOCK, "proxy", f"http://127.0.0.1:{server.port}", "--port", "0", *options)


def hop(server: Server) -> contextlib.AbstractContextManager[Server]:
    return announced(sys.executable, str(HERE / "httpx_hop.py"), str(server.port))


def measured(asked: Server, request: bytes, requests: int, status: int) -> tuple[float, float]:
    """Wall and CPU microseconds per request; CPU of the process that is asked."""
    before = asked.cpu
    with tempfile.NamedTemporaryFile() as file:
        file.write(request)
        file.flush()
        command = [sys.executable, HERE / "load.py", str(asked.port), file.name, "--core", str(LOAD_CORE)]
        command += ["--connections", "1", "--requests", str(requests)]
        told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    assert told["statuses"] == {str(status): requests}, told
    return told["seconds"] / requests * 1e6, (asked.cpu - before) / requests * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=20)
    chosen = parser.parse_args()
    cases = {
        "poll": (poll_request(), 200),
        "create": (whole_request(valid_body()), 200),
        "create with 4 violations": (whole_request(body_with_four_violations()), 400),
    }
    reached = True
    with tempfile.TemporaryDirectory() as folder, mock() as server:
        os.sched_setaffinity(server.process.pid, {LOAD_CORE})
        cassette = ("--record", str(Path(folder) / "cassette.har"), "--record-size", "4096")
        with proxy(server) as plain, proxy(server, *cassette) as recording, hop(server) as httpx:
            ways = {"direct": server, "proxy": plain, "proxy --record": recording, "httpx hop": httpx}
            measured(server, whole_request(valid_body()), 1, 200)  # the task that is polled
            print(f"{'request':<26} {'way':<16} {'wall':>10} {'added':>10} {'ratio':>7} {'CPU':>10}  reached")
            for name, (request, status) in cases.items():
                for asked in ways.values():
                    measured(asked, request, chosen.requests // 10, status)
                rounds = [
                    {way: measured(asked, request, chosen.requests, status) for way, asked in ways.items()}
                    for _ in range(chosen.rounds)
                ]
                # The least disturbed round of each.
                least = {way: [*map(min, zip(*(one[way] for one in rounds), strict=True))] for way in ways}
                for way, (wall, cpu) in least.items():
                    added, ratio = wall - least["direct"][0], wall / least["direct"][0]
                    holds = way != "proxy" or added <= BAR
                    reached = reached and holds
                    said = ("yes" if holds else "NO") if way == "proxy" else ""
                    figures = f"{wall:>7.0f} us {added:>7.0f} us {ratio:>6.2f}x {cpu:>7.0f} us"
                    print(f"{name:<26} {way:<16} {figures}  {said}", flush=True)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
