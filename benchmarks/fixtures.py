"""What the pytest plugin costs where it is not used, and how fast a mock in a thread starts and stops.

    python benchmarks/fixtures.py [--runs N]

Needs a system with fork. Collection: pytest collects a file with one empty test, with this plugin and with
`-p no:loracle`, both without other plugins, in turns, each time in a process that was forked from one which
has imported pytest; shown are the best and the median CPU time of each. A busy machine adds to every time and
takes from none, so the bar is held against the best ones. Start: each time in a new interpreter that has
imported everything before; medians. Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ALONE = [f"-pno:{plugin.name}" for plugin in entry_points(group="pytest11") if plugin.name != "loracle"]
COLLECTION_BAR = 5.0  # ms of CPU time
START_BAR = 20.0  # ms of CPU time
LATENCY_BAR = 10.0  # ms; a socket without TCP_NODELAY takes 40
KEPT_OPEN = 200


def collect(folder: str, *arguments: str) -> int:
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        return pytest.main(["--collect-only", "-q", "-pno:cacheprovider", *ALONE, *arguments, folder])


def milliseconds(folder: str, *arguments: str) -> float:
    """CPU time of one collection in a process of its own."""
    child = os.fork()
    if not child:
        began = time.process_time()
        code = collect(folder, *arguments)
        Path(folder, "took").write_text(repr(time.process_time() - began))
        os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError("the collection failed")
    return float(Path(folder, "took").read_text()) * 1e3


def collection(runs: int) -> tuple[list[float], list[float]]:
    """Milliseconds with the plugin and without it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        # Loads what every run needs, but not the plugin, and writes what pytest caches.
        collect(folder, "-pno:loracle")
        milliseconds(folder)
        gc.collect()
        gc.freeze()
        with_it, without = [], []
        for _ in range(4 * runs):
            with_it.append(milliseconds(folder))
            without.append(milliseconds(folder, "-pno:loracle"))
    return with_it, without


def times() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def start_and_stop() -> None:
    """Prints the milliseconds of CPU and of wall time of the first start, its stop, and later ones."""
    import encodings.idna  # noqa: PLC0415, F401

    import jsonschema_rs  # noqa: PLC0415, F401
    import uvicorn.lifespan.off  # noqa: PLC0415
    import uvicorn.loops.uvloop  # noqa: PLC0415, F401

    from loracle_mockserver.live import live_server  # noqa: PLC0415

    taken: list[list[tuple[float, float]]] = []
    for _ in range(6):
        began = times()
        running = live_server()
        running.__enter__()
        started = times()
        running.__exit__(None, None, None)
        ended = times()
        pairs = ((began, started), (started, ended))
        taken.append([((b[0] - a[0]) * 1e3, (b[1] - a[1]) * 1e3) for a, b in pairs])
    print(json.dumps(taken))


def latency() -> float:
    """The median of milliseconds for a small answer on a connection that is kept open."""
    from loracle_mockserver.live import live_server  # noqa: PLC0415

    taken = []
    with live_server() as mock:
        connection = http.client.HTTPConnection(urlsplit(mock.url).netloc)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(KEPT_OPEN):
            began = time.perf_counter()
            connection.request("GET", "/v3/training", headers=mock.headers)
            connection.getresponse().read()
            taken.append((time.perf_counter() - began) * 1e3)
        connection.close()
    return statistics.median(taken)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--start", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.start:
        start_and_stop()
        return 0
    with_it, without = collection(chosen.runs)
    command = [sys.executable, __file__, "--start"]
    starts = [json.loads(subprocess.check_output(command)) for _ in range(chosen.runs)]
    kept_open = latency()

    def middle(run: slice, phase: int, clock: int) -> float:
        return statistics.median(one[phase][clock] for start in starts for one in start[run])

    first, later = slice(0, 1), slice(1, None)
    print(f"{chosen.runs} runs (collection: {4 * chosen.runs}), milliseconds:")
    for name, one in (("best", min), ("median", statistics.median)):
        print(f"  collection, CPU, {name}: {one(without):.1f} without the plugin, {one(with_it):.1f} with it")
    for name, run in (("first in a process", first), ("later", later)):
        print(
            f"  a live server, {name}: start {middle(run, 0, 0):.1f} CPU, {middle(run, 0, 1):.1f} wall; "
            f"stop {middle(run, 1, 0):.1f} CPU, {middle(run, 1, 1):.1f} wall"
        )
    print(f"  an answer on a connection that is kept open, wall: {kept_open:.2f}")
    bars = (
        ("the plugin where it is not used", min(with_it) - min(without), COLLECTION_BAR),
        ("first start, CPU", middle(first, 0, 0), START_BAR),
        ("an answer on a connection that is kept open", kept_open, LATENCY_BAR),
    )
    for name, value, bar in bars:
        print(f"at most {bar:.0f} ms, {name}: {'reached' if value <= bar else 'MISSED'}, {value:.1f} ms")
    return 0 if all(value <= bar for _, value, bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
