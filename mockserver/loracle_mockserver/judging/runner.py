"""Runs the user's own command against a mock of its own for each scenario, and judges what it did."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from loracle_contracts.verdict import Profile
from loracle_mockserver.control import Control
from loracle_mockserver.engine import Engine
from loracle_mockserver.engine_options import make_engine
from loracle_mockserver.judging.finding import Result
from loracle_mockserver.judging.limits import Limits
from loracle_mockserver.judging.observation import Observation
from loracle_mockserver.judging.rules import judge_observation
from loracle_mockserver.judging.scenario import Scenario
from loracle_mockserver.live import LiveServer

__all__ = ["CommandError", "Judge"]

KEY = "loracle-judge-key-3f9c2a7d51"
_OUTPUT = 256 * 1024
_END_SECONDS = 3.0


class CommandError(Exception):
    """The command cannot be run at all; the text says why."""


@dataclass
class Judge:
    """Runs `command` under scenarios.

    `variables` are environment variables to set, with {url}, {host}, {port} and {key} in their values;
    LORACLE_URL and LORACLE_API_KEY are always set. `seconds` bounds one run. `show` is called with what
    the command prints, as bytes, while it runs.
    """

    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    limits: Limits = field(default_factory=Limits)
    profile: Profile = "strict"
    seed: int = 0
    show: Callable[[bytes], object] | None = None
    _running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def run(self, scenarios: Sequence[Scenario], jobs: int = 1) -> Iterator[Result]:
        """The results in the order of the scenarios, each as soon as it is there; `jobs` run at once.

        Raises CommandError where the command cannot be run.
        """
        if jobs == 1:
            yield from map(self.judge, scenarios)
            return
        with ThreadPoolExecutor(jobs) as pool:
            try:
                yield from pool.map(self.judge, scenarios)
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """Ends what runs; no other scenario begins."""
        self._is_over.set()
        for process in list(self._running):
            _end(process)

    def judge(self, scenario: Scenario) -> Result:
        """Runs the command once, against a mock in which the scenario happens."""
        if self._is_over.is_set():
            raise CommandError("it was stopped")
        options = {"profile": self.profile, "seed": self.seed, "api_keys": [KEY], "faults": scenario.plan}
        engine = make_engine("judge", options, Engine)
        scenario.prepare(engine, KEY)
        first = engine.store.statistics().requests
        with LiveServer(engine) as server:
            began = time.time()
            exit_code, output = self._command(server.url)
            ended = time.time()
            entries = server.call(lambda: [*Control(engine).entries()])
        own = [(n, entry) for n, entry in entries if n > first]
        observation = Observation.of(own, exit_code, output, KEY, ended - began, ended)
        return judge_observation(observation, scenario, self.limits)

    def _command(self, url: str) -> tuple[int | None, str]:
        """The exit code, or None where the time was over; and what the command printed."""
        parts = urlsplit(url)
        names = {"url": url, "host": str(parts.hostname), "port": str(parts.port), "key": KEY}
        environment = {**os.environ, "LORACLE_URL": url, "LORACLE_API_KEY": KEY}
        for name, value in self.variables.items():
            environment[name] = _filled(value, names)
        with tempfile.TemporaryFile() as output:
            try:
                process = subprocess.Popen(  # noqa: S603 - the user's own command
                    self.command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if self.show else output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise CommandError(f"{self.command[0]}: {error.strerror or error}") from None
            self._running.add(process)
            shower = self._shown(process, output) if self.show else None
            try:
                exit_code: int | None = process.wait(self.seconds)
            except subprocess.TimeoutExpired:
                exit_code = None
            finally:
                # What the command has started and left behind must not go on calling.
                _end(process)
                self._running.discard(process)
                if shower is not None:
                    shower.join(_END_SECONDS)
            return exit_code, _tail(output)

    def _shown(self, process: subprocess.Popen[bytes], output: object) -> threading.Thread:
        def copy() -> None:
            stream, show = process.stdout, self.show
            if stream is None or show is None:
                return
            while piece := stream.read1(65536):  # type: ignore[attr-defined]
                output.write(piece)  # type: ignore[attr-defined]
                show(piece)

        thread = threading.Thread(target=copy, name="output of the command", daemon=True)
        thread.start()
        return thread


def _filled(value: str, names: Mapping[str, str]) -> str:
    for name, text in names.items():
        value = value.replace("{" + name + "}", text)
    return value


def _tail(output: object) -> str:
    size = output.seek(0, os.SEEK_END)  # type: ignore[attr-defined]
    output.seek(max(size - _OUTPUT, 0))  # type: ignore[attr-defined]
    text: str = output.read().decode("utf-8", "replace")  # type: ignore[attr-defined]
    return text


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the group of the command: politely, then for good."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
            if number == signal.SIGTERM and _is_alive(process.pid):
                continue
            return


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
