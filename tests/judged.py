"""Runs `loracle judge` on small clients, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from live import COMMAND, PATIENCE

__all__ = ["Judged", "client", "judge"]

# Starts one training and polls it until it is served; `{more}` is put in behind the last poll.
_CLIENT = """
import json, os, sys, time, urllib.error, urllib.request

URL, KEY = os.environ["LORACLE_URL"], os.environ["LORACLE_API_KEY"]

def call(method, path, body=None, **headers):
    sent = {{"Authorization": "Bearer " + KEY, **headers}}
    data = None
    if body is not None:
        sent["Content-Type"], data = "application/json", json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, sent, method=method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)

BODY = {{"name": "judged", "base_model": "v1-5-pruned-emaonly", "width": 512, "height": 512,
        "image_dataset_items": [{{"assets_id": 26}}], "components": []}}
{script}
"""


class Judged(NamedTuple):
    """What the command printed, and its exit code."""

    code: int
    output: str
    errors: str

    @property
    def report(self) -> dict[str, Any]:
        """By scenario, of a JSON report."""
        return {result["scenario"]: result for result in json.loads(self.output)["results"]}

    def findings(self, scenario: str) -> list[str]:
        """The ids of what was found under a scenario."""
        return [found["id"] for found in self.report[scenario]["findings"]]


def client(folder: Path, script: str) -> list[str]:
    """The command of a client with this script, which can use `call`, `BODY`, `URL` and `KEY`."""
    file = folder / "client.py"
    file.write_text(_CLIENT.format(script=script), encoding="utf-8")
    return [sys.executable, str(file)]


def judge(
    *options: str, command: list[str] | None = None, cwd: Path | None = None, **variables: str
) -> Judged:
    """Runs the command with these options, and behind them the client's."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LORACLE_")}
    given = [*COMMAND, "judge", *options, *(["--", *command] if command is not None else [])]
    done = subprocess.run(
        given,
        cwd=cwd,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Judged(done.returncode, done.stdout, done.stderr)
