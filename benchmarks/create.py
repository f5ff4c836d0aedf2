"""What the mock costs: CPU per create, poll and refusal, start-up, memory; each against its bar.

    python benchmarks/create.py [--requests N] [--rounds N] [--quick]

CPU is user + system time of the server process, as the kernel accounts it, over N requests; mock and
reference are measured in turn, and each figure is the median of the rounds. Linux only (/proc). Two
cores are best: the server is pinned to one, the load to another. Wall time is shown, yet on a busy
machine it says little; trust CPU and the ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from load import PATIENCE, PLACE_OF_NUMBER, load

from loracle_contracts import spec, task_id, validate

HERE = Path(__file__).parent
MOCK = (sys.executable, "-m", "loracle_mockserver")
CAP = 10_000  # tasks, and journal entries
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]


# --- servers and what they used


@dataclass
class Server:
    process: subprocess.Popen[str]
    port: int
    started: float
    """The moment of exec, by time.perf_counter()."""

    @property
    def cpu(self) -> float:
        """CPU seconds since exec."""
        # In nanoseconds per thread; /proc/PID/stat would round to a hundredth of a second.
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    @property
    def memory(self) -> float:
        """Resident memory in MB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextlib.contextmanager
def serving(*command: str) -> Iterator[Server]:
    """A server that prints its URL, pinned to its core; ended by its own id."""
    with tempfile.TemporaryDirectory() as elsewhere:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=elsewhere)
        try:
            os.sched_setaffinity(process.pid, {SERVER_CORE})
            assert process.stdout is not None
            found = None
            while found is None:
                line = process.stdout.readline()
                if not line:
                    raise RuntimeError(f"{command} ended before it served")
                found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            yield Server(process, int(found.group(1)), started)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def mock() -> contextlib.AbstractContextManager[Server]:
    return serving(*MOCK, "serve", "--port", "0")


def reference(name: str) -> contextlib.AbstractContextManager[Server]:
    return serving(sys.executable, str(HERE / "reference.py"), name)


# --- requests


def seed_example() -> dict[str, Any]:
    example = spec.example("valid/createSubjectTraining/request/seed-page.json")
    return dict(json.loads(example))


def valid_body() -> bytes:
    return spec.example("valid/createSubjectTraining/request/seed-page.json")


def body_with_four_violations() -> bytes:
    payload = seed_example()
    del payload["base_model"]
    payload["width"] = "512"
    payload["height"] = 0
    payload["no_such_field"] = True
    body = json.dumps(payload).encode()
    assert len(validate(body).violations) == 4
    return body


def whole_request(body: bytes) -> bytes:
    return (
        b"POST /v3/training/subject HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer benchmark\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )


def poll_request() -> bytes:
    """Asks for the first task that creates of the valid body make."""
    task = task_id(0, "createSubjectTraining", seed_example()["name"], 0)
    return (
        b"GET /v3/training/subject?task_id=%b HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Authorization: Bearer benchmark\r\n\r\n" % task.encode()
    )


def run_load(server: Server, request: bytes, connections: int, requests: int, *flags: str) -> dict[str, int]:
    """Answers by status; the load runs in another process on another core."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(request)
        file.flush()
        command = [sys.executable, HERE / "load.py", str(server.port), file.name, *flags]
        command += ["--connections", str(connections), "--requests", str(requests), "--core", str(LOAD_CORE)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout)["statuses"])


def cost(server: Server, request: bytes, connections: int, requests: int, expected: int) -> float:
    """CPU microseconds of the server per request."""
    before = server.cpu
    statuses = run_load(server, request, connections, requests)
    used = server.cpu - before
    assert statuses == {str(expected): requests}, f"expected only {expected}, got {statuses}"
    return used / requests * 1e6


# --- figures


@dataclass
class Figure:
    name: str
    unit: str
    measured: float
    bar: float | None
    """None where the figure is for information."""
    reference: float | None = None

    @property
    def judged(self) -> float:
        """What the bar is about: the ratio where there is a reference."""
        return self.measured / self.reference if self.reference else self.measured


def in_turn(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """The medians of all measures; every round takes each of them once."""
    taken = [[measure() for measure in measures] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def create_figures(requests: int, rounds: int) -> Iterator[Figure]:
    request = whole_request(valid_body())
    with mock() as ours, reference("floor") as floor:
        # Past the cap, so that dropping the oldest task is part of what is measured.
        run_load(ours, request, 4, CAP + 1_000)
        run_load(floor, request, 4, 1_000)
        for connections in (1, 16):
            measured, least = in_turn(
                rounds,
                lambda n=connections: cost(ours, request, n, requests, 200),
                lambda n=connections: cost(floor, request, n, requests, 200),
            )
            plural = "connection" if connections == 1 else "connections"
            yield Figure(f"create, {connections} {plural}, against the floor", "us", measured, 3.0, least)


def poll_figure(requests: int, rounds: int) -> Iterator[Figure]:
    request = poll_request()
    with mock() as ours, reference("floor") as floor:
        run_load(ours, whole_request(valid_body()), 1, 1)
        run_load(floor, request, 4, 1_000)
        cost(ours, request, 4, 1_000, 200)
        measured, least = in_turn(
            rounds,
            lambda: cost(ours, request, 1, requests, 200),
            lambda: cost(floor, request, 1, requests, 200),
        )
        yield Figure("poll, against the floor", "us", measured, 3.0, least)


def refusal_figures(requests: int, rounds: int) -> Iterator[Figure]:
    request = whole_request(body_with_four_violations())
    with mock() as ours, reference("fastapi") as plain, reference("floor") as floor:
        for server in (ours, plain):
            # It must be the four faults that are refused, not the route or the headers.
            cost(server, whole_request(valid_body()), 4, 500, 200)
        run_load(ours, request, 4, 500)
        run_load(plain, request, 4, 500)
        run_load(floor, request, 4, 500)
        measured, other, least = in_turn(
            rounds,
            lambda: cost(ours, request, 1, requests, 400),
            lambda: cost(plain, request, 1, requests, 422),
            lambda: cost(floor, request, 1, requests, 200),
        )
        yield Figure("refusal of 4 violations, against FastAPI", "us", measured, 1 / 3, other)
        yield Figure("refusal of 4 violations, against the floor", "us", measured, None, least)


def start_figures(rounds: int) -> Iterator[Figure]:
    request = whole_request(valid_body())
    walls, cpus, idle = [], [], []
    for _ in range(rounds):
        with mock() as server:
            assert load(server.port, lambda: request, 1, 1) == {200: 1}
            walls.append(time.perf_counter() - server.started)
            cpus.append(server.cpu)
            idle.append(server.memory)
    yield Figure("exec to first 200, wall", "s", statistics.median(walls), 0.6)
    yield Figure("exec to first 200, CPU", "s", statistics.median(cpus), 0.40)
    yield Figure("--help, CPU", "s", statistics.median(help_cpu() for _ in range(rounds)), 0.1)
    yield Figure("memory, idle", "MB", statistics.median(idle), 60)


def help_cpu() -> float:
    process = subprocess.Popen([*MOCK, "--help"], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


def growth_figure(requests: int) -> Iterator[Figure]:
    payload = {**seed_example(), "name": f"growth_{PLACE_OF_NUMBER.decode()}"}
    request = whole_request(json.dumps(payload).encode())
    with mock() as server:
        run_load(server, request, 4, 2 * CAP, "--counted-names")
        before = server.memory
        run_load(server, request, 4, requests, "--counted-names")
        growth = server.memory - before
    yield Figure(f"memory, growth over {requests:,} requests", "MB", growth, 5)


def show(figures: Iterator[Figure]) -> bool:
    """Prints the figures as they come; whether all reach their bar."""
    print(f"{'figure':<44} {'measured':>12} {'reference':>12} {'ratio':>7} {'bar':>9}  reached", flush=True)
    reached = True
    for figure in figures:
        holds = figure.bar is None or figure.judged <= figure.bar
        reached = reached and holds
        other = f"{figure.reference:.1f} {figure.unit}" if figure.reference else ""
        ratio = f"{figure.judged:.2f}x" if figure.reference else ""
        digits = 1 if figure.unit in ("us", "MB") else 3
        if figure.bar is None:
            bar = "none"
        else:
            bar = f"{figure.bar:.2f}x" if figure.reference else f"{figure.bar:g} {figure.unit}"
        print(
            f"{figure.name:<44} {f'{figure.measured:.{digits}f} {figure.unit}':>12} {other:>12} {ratio:>7} "
            f"{bar:>9}  {'yes' if holds else 'NO'}",
            flush=True,
        )
    return reached


def all_figures(requests: int, rounds: int, growth: int) -> Iterator[Figure]:
    yield from start_figures(rounds)
    yield from create_figures(requests, rounds)
    yield from poll_figure(requests, rounds)
    yield from refusal_figures(max(requests // 4, 500), rounds)
    yield from growth_figure(growth)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--requests", type=int, default=20_000, help="creates per measurement (default 20000)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is taken (default 3)")
    parser.add_argument("--quick", action="store_true", help="a rough look in about 20 seconds")
    chosen = parser.parse_args()
    requests, rounds, growth = chosen.requests, chosen.rounds, 100_000
    if chosen.quick:
        requests, rounds, growth = min(requests, 3_000), 3, 10_000
    return 0 if show(all_figures(requests, rounds, growth)) else 1


if __name__ == "__main__":
    sys.exit(main())
