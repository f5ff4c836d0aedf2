"""What a store costs: creates per second with each, as a share of those in memory in the same run.

    python benchmarks/stores.py [--requests N] [--rounds N]

The servers are asked in turn, over 16 kept-alive connections, and each share is the median of the rounds.
Linux only. Redis is measured where redis-server or valkey-server is installed: one of this run's own, that
keeps nothing on the disk and shares the core of the load.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from create import HERE, LOAD_CORE, MOCK, Server, serving, valid_body, whole_request
from load import PATIENCE

CONNECTIONS = 16
# The shares that a study of such stores measured; ours are to be at least as large.
BARS = {"sqlite": 0.41, "redis": 0.39}


def throughput(server: Server, request: bytes, requests: int) -> float:
    """Creates a second; the load runs in another process on another core."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(request)
        file.flush()
        command = [sys.executable, HERE / "load.py", str(server.port), file.name]
        command += ["--connections", str(CONNECTIONS), "--requests", str(requests), "--core", str(LOAD_CORE)]
        done = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    assert done["statuses"] == {"200": requests}, f"expected only 200, got {done['statuses']}"
    return requests / float(done["seconds"])


@contextlib.contextmanager
def redis_url() -> Iterator[str | None]:
    """The URL of a Redis of this run's own, or None where none is installed."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            os.sched_setaffinity(process.pid, {LOAD_CORE})
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)
        else:
            return


def shares(requests: int, rounds: int) -> dict[str, float]:
    """The median throughput with each store."""
    request = whole_request(valid_body())
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        stores = {"memory": "memory", "sqlite": f"sqlite:{folder / 'mock.db'}"}
        url = running.enter_context(redis_url())
        if url is not None:
            stores["redis"] = url
        servers = {
            name: running.enter_context(serving(*MOCK, "serve", "--port", "0", "--store", store))
            for name, store in stores.items()
        }
        for server in servers.values():
            throughput(server, request, 500)
        taken: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name, server in servers.items():
                taken[name].append(throughput(server, request, requests))
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=5_000, help="creates per measurement (default 5000)")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is taken (default 5)")
    chosen = parser.parse_args()
    found = shares(chosen.requests, chosen.rounds)
    print(f"{'store':<8} {'creates a second':>17} {'of memory':>10} {'bar':>6}  reached")
    reached = True
    for name, per_second in found.items():
        share, bar = per_second / found["memory"], BARS.get(name)
        holds = bar is None or share >= bar
        reached = reached and holds
        told = "" if bar is None else f"{bar:>6.2f}  {'yes' if holds else 'NO'}"
        print(f"{name:<8} {per_second:>17,.0f} {share:>10.2f} {told}")
    if "redis" not in found:
        print("redis: not measured, because neither redis-server nor valkey-server is installed")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
