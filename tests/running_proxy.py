"""A proxy in a process of its own."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from live import COMMAND, PATIENCE, _environment


@dataclass
class Ended:
    """How a proxy ended: its exit code, its report, what it said on stderr."""

    code: int
    report: str
    said: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.report)

    def operation(self, name: str | None) -> Any:
        return next(one for one in self.json["operations"] if one["operation"] == name)


@dataclass
class RunningProxy:
    port: int
    process: subprocess.Popen[str]
    lines: list[str]
    reader: threading.Thread
    ended: Ended | None = field(default=None)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        if self.ended is None:
            self.process.send_signal(number)
            assert self.process.stdout is not None
            report = self.process.stdout.read()
            code = self.process.wait(PATIENCE)
            self.reader.join(PATIENCE)
            self.ended = Ended(code, report, "".join(self.lines))
        return self.ended


@contextlib.contextmanager
def running_proxy(
    url: str, *options: str, environment: dict[str, str] | None = None, cwd: Path | None = None
) -> Iterator[RunningProxy]:
    process = subprocess.Popen(
        [*COMMAND, "proxy", url, "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(environment),
        cwd=cwd,
    )
    watch = threading.Timer(PATIENCE, process.kill)
    watch.start()
    try:
        assert process.stderr is not None
        lines: list[str] = []
        found = None
        while found is None:
            line = process.stderr.readline()
            assert line, "the proxy did not start: " + "".join(lines)
            lines.append(line)
            found = re.search(r"listens on http://\[?[^\s\]]+?\]?:([0-9]+),", line)
        watch.cancel()
        reader = threading.Thread(target=lambda: lines.extend(process.stderr or ()), daemon=True)
        reader.start()
        proxy = RunningProxy(int(found[1]), process, lines, reader)
        yield proxy
        proxy.stop()
    finally:
        watch.cancel()
        # Only where the test or the proxy failed is it still there.
        process.kill()
        process.wait(PATIENCE)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
