"""The load example: contract-valid traffic by Locust, judged, bounded, and never where it may cost money."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from live import PATIENCE, RunningMock, running_mock

ROOT = Path(__file__).parents[1]
LOCUSTFILE = ROOT / "examples" / "load" / "locustfile.py"
BOUNDS = ["--headless", "-u", "4", "-r", "4", "-t", "100s", "--stop-timeout", "5", "--csv", "out"]
KEY = "the-key-of-the-load-test"


class Load(NamedTuple):
    """What a run came to: requests and failures by the name of their row, and all texts."""

    code: int
    requests: dict[str, int]
    failures: dict[str, str]
    text: str


def load(folder: Path, url: str, *arguments: str, **environment: str) -> Load:
    """Locust in a process of its own, which ends after so many requests; the time limit is only a net."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("LORACLE_")}
    ended = subprocess.run(
        [sys.executable, "-m", "locust", "-f", LOCUSTFILE, "--host", url, *BOUNDS, *arguments],
        env={**plain, "LORACLE_API_KEY": KEY, "LORACLE_LOAD_REQUESTS": "60", **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )
    text = ended.stdout + ended.stderr
    # The last table is that of the whole run.
    rows = re.findall(r"^(?:GET|POST) +(\w+(?: \([^)]*\))?) +(\d+) +\d+\(", text, re.MULTILINE)
    requests = {name: int(count) for name, count in rows}
    failures = dict(re.findall(r"^\d+ +(?:GET|POST) (\w+): (.*?) *$", text, re.MULTILINE))
    return Load(ended.returncode, requests, failures, text)


def test_a_right_server_bears_it_without_a_failure(strict_mock: RunningMock, tmp_path: Path) -> None:
    done = load(tmp_path, strict_mock.url, LORACLE_LOAD_CREATES="2")
    assert (done.code, done.failures) == (0, {}), done.text
    assert set(done.requests) == {
        "createSubjectTraining",
        "getSubjectTraining",
        "listTrainings",
    }
    assert 0 < done.requests["createSubjectTraining"] <= 8 * 2
    assert sum(done.requests.values()) >= 60


def test_answers_against_the_contract_are_failures(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("faults: [{operation: listTrainings, fault: missing-members}]")
    with running_mock("--faults", str(plan)) as mock:
        done = load(tmp_path, mock.url)
    assert done.code == 1, done.text
    assert set(done.failures) == {"listTrainings"}
    assert "body: expected " in done.failures["listTrainings"]
    assert KEY not in done.text


def test_a_lost_training_is_a_failure(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("faults: [{operation: createSubjectTraining, fault: vanishes}]")
    with running_mock("--faults", str(plan)) as mock:
        done = load(tmp_path, mock.url, LORACLE_LOAD_REQUESTS="200")
    assert done.code == 1, done.text
    assert "lost: a training that was started is not found" in done.failures["getSubjectTraining"]


def test_a_rate_limit_is_told_apart_from_failures(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("faults: [{operation: listTrainings, fault: RATE_LIMIT_EXCEEDED}]")
    with running_mock("--faults", str(plan)) as mock:
        done = load(tmp_path, mock.url)
    assert (done.code, done.failures) == (0, {}), done.text
    assert done.requests["listTrainings (429 RATE_LIMIT_EXCEEDED)"] > 0


def test_without_creates_nothing_is_started(strict_mock: RunningMock, tmp_path: Path) -> None:
    done = load(tmp_path, strict_mock.url, LORACLE_LOAD_CREATES="0", LORACLE_LOAD_REQUESTS="10")
    assert done.code == 0, done.text
    assert set(done.requests) == {"listTrainings"}


@pytest.mark.parametrize(
    ("url", "environment", "said"),
    [
        ("http://trainings.example", {}, "LORACLE_LOAD_ALLOW_HOST=trainings.example"),
        ("http://trainings.example", {"LORACLE_LOAD_ALLOW_HOST": "example"}, "is not this machine"),
        ("http://127.0.0.1:9", {"LORACLE_API_KEY": ""}, "LORACLE_API_KEY is not set"),
        ("127.0.0.1:9", {}, "write it as http://127.0.0.1:8000"),
    ],
)
def test_where_it_may_cost_money_it_does_not_begin(
    url: str, environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = load(tmp_path, url, **environment)
    assert done.code == 2
    assert said in done.text
    assert done.requests == {}


def test_it_runs_distributed(strict_mock: RunningMock, tmp_path: Path) -> None:
    done = load(tmp_path, strict_mock.url, "--processes", "2", LORACLE_LOAD_CREATES="1")
    assert done.code == 0, done.text
    assert sum(done.requests.values()) > 0


def test_locust_patches_nothing_here() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, json, loracle_contracts.hosts; print(json.dumps(list(sys.modules)))",
        ],
        capture_output=True,
        check=True,
    )
    assert not {"gevent", "locust"} & set(json.loads(loaded.stdout))
    assert not {"gevent", "locust"} & set(sys.modules), "the tests are patched by it"
