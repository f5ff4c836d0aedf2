"""The file of a fault plan is watched: what changes in it counts, what is broken is said, all else stays."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from live import PATIENCE, RunningMock, ask, run_command, running_mock
from wire_cases import JSON, SUBJECT, create_body

from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.reload import INTERVAL, PlanWatch, signature

KEY = ("Authorization", "Bearer reloaded")
OUTAGE = "faults: [{status: 503}]"
LIMITED = "faults: [{status: 429}]"
TWICE = "faults: [{status: 500, first: 2}]"


def create(mock: RunningMock) -> int:
    return ask(mock.port, "POST", SUBJECT, KEY, JSON, body=create_body()).status


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Asks again and again; a condition that never holds fails after PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"in {PATIENCE} seconds it did not happen: {what}"


def replace_file(path: Path, text: str) -> None:
    """As editors do that never leave half a file."""
    other = path.with_suffix(".new")
    other.write_text(text, encoding="utf-8")
    other.replace(path)


# --- a running mock


def test_a_change_counts_and_all_else_stays(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(TWICE, encoding="utf-8")
    with running_mock("--faults", str(plan), "--reload") as mock:
        assert [create(mock) for _ in range(3)] == [500, 500, 200]
        replace_file(plan, LIMITED)
        wait_until(lambda: create(mock) == 429, "another plan is in force")
        replace_file(plan, TWICE)
        # The rule of the first plan goes on counting: its two calls are over.
        wait_until(lambda: create(mock) == 200, "the first plan is in force again")
        health = ask(mock.port, "GET", "/_mock/health").json
        seen = [
            entry["status"] for entry in ask(mock.port, "GET", "/_mock/requests?limit=10000").json["requests"]
        ]
        assert seen[:3] == [500, 500, 200]
        assert set(seen[3:]) == {200, 429}
        assert health["tasks"] == seen.count(200)
        ask(mock.port, "POST", "/_mock/reset")
        assert [create(mock) for _ in range(3)] == [500, 500, 200], "a reset keeps the plan of the file"


def test_a_plan_that_is_broken_is_said_in_one_line_and_the_earlier_one_stays(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(OUTAGE, encoding="utf-8")
    with running_mock("--faults", "plan.yaml", "--reload", cwd=tmp_path) as mock:
        plan.write_text("faults: [{status: 503}, {status: 777}]", encoding="utf-8")
        wait_until(lambda: "777" in mock.said(), "the broken plan is reported")
        assert create(mock) == 503
        plan.unlink()
        wait_until(lambda: "cannot be read" in mock.said(), "the missing plan is reported")
        assert create(mock) == 503
        plan.write_text(LIMITED, encoding="utf-8")
        wait_until(lambda: create(mock) == 429, "the repaired plan is in force")
        broken, missing, repaired = mock.said().splitlines()
    assert "plan.yaml: faults[1]" in broken
    assert "plan.yaml" in missing
    assert broken.startswith("ERROR")
    assert missing.startswith("ERROR")
    assert repaired.startswith("INFO")


def test_an_option_wins_also_over_a_plan_that_is_read_again(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("asset_ids: hex", encoding="utf-8")
    with running_mock("--faults", str(plan), "--reload", "--asset-ids", "int") as mock:
        upload = (KEY, JSON)
        body = b'{"file_extension": "png"}'

        def asset() -> object:
            return ask(mock.port, "POST", "/v3/assets/training_dataset", *upload, body=body).json["assets_id"]

        assert str(asset()).isdigit()
        replace_file(plan, "asset_ids: hex\nfaults: [{operation: createSubjectTraining, status: 503}]")
        wait_until(lambda: create(mock) == 503, "the changed plan is in force")
        assert str(asset()).isdigit()


@pytest.mark.parametrize("faults", [[], ["--faults", "@flaky"]])
def test_without_a_file_there_is_nothing_to_watch(faults: list[str], tmp_path: Path) -> None:
    ended = run_command("serve", "--reload", *faults, cwd=tmp_path)
    assert ended.returncode == 2
    assert "--faults PLAN" in ended.stderr


# --- the watch alone, which looks when it is told to


class Watched:
    """A plan's file, and what its watch made of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.used: list[FaultPlan] = []
        self._writes = 0
        self.write(OUTAGE)
        self.watch = PlanWatch(path, signature(path), self.used.append)

    def write(self, text: str | None) -> None:
        """Puts another text in its place, or removes it."""
        if text is None:
            self.path.unlink(missing_ok=True)
            return
        self.path.write_text(text, encoding="utf-8")
        # Two writes may come faster than the clock of the file system ticks.
        self._writes += 1
        os.utime(self.path, ns=(self._writes, self._writes))

    @property
    def statuses(self) -> list[int | None]:
        return [plan.rules[0].status for plan in self.used]


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_change_is_read_when_it_is_seen_for_the_second_time(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "plan.yaml")
    watched.watch.look()
    watched.watch.look()
    assert watched.statuses == []
    watched.write(LIMITED)
    watched.watch.look()
    assert watched.statuses == []
    watched.watch.look()
    watched.watch.look()
    assert watched.statuses == [429]


def test_two_looks_are_fast_enough() -> None:
    assert 2 * INTERVAL < 0.3


@pytest.mark.parametrize("between", ["", OUTAGE[:12], None], ids=["emptied", "half written", "removed"])
def test_half_a_change_is_no_error(
    between: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(tmp_path / "plan.yaml")
    watched.write(between)
    watched.watch.look()
    watched.write(LIMITED)
    watched.watch.look()
    watched.watch.look()
    assert watched.statuses == [429]
    assert errors(caplog) == []


def test_what_changes_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(tmp_path / "plan.yaml")
    load = FaultPlan.load

    def slow_load(source: Path) -> FaultPlan:
        plan = load(source)
        monkeypatch.undo()
        watched.write(LIMITED)
        return plan

    watched.write("faults: [{status: 500}]")
    watched.watch.look()
    monkeypatch.setattr(FaultPlan, "load", slow_load)
    for _ in range(3):
        watched.watch.look()
    assert watched.statuses == [429]
    assert errors(caplog) == []


STATES = {
    OUTAGE: 503,
    LIMITED: 429,
    "faults: [{status: 500}]": 500,
    "faults: [": None,
    "": None,
    "faults: [{name: 2024-13-45, status: 500}]": None,
    None: None,
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(list(STATES)), st.integers(1, 3)), max_size=8))
@example([("faults: [", 3), (None, 3), (LIMITED, 2)])
@example([(None, 2), (LIMITED, 1), (None, 2)])
def test_what_stayed_for_two_looks_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, history: list[tuple[str | None, int]]
) -> None:
    caplog.clear()
    watched = Watched(tmp_path / "plan.yaml")
    expected: list[int | None] = []
    is_missing_known = False
    missing_looks = 0
    for text, looks in history:
        # To remove what is not there is no change, so its looks add up.
        missing_looks = missing_looks + looks if text is None else 0
        stayed = (looks if text is not None else missing_looks) >= 2
        is_new = text is not None or not is_missing_known
        watched.write(text)
        for _ in range(looks):
            watched.watch.look()
        if stayed and is_new:
            expected.append(STATES[text])
        if stayed:
            is_missing_known = text is None
    assert watched.statuses == [status for status in expected if status is not None]
    assert len(errors(caplog)) == expected.count(None)
    assert all("\n" not in error for error in errors(caplog))


def test_the_log_says_it_in_json_on_request(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(OUTAGE, encoding="utf-8")
    with running_mock("--faults", str(plan), "--reload", "--log-format", "json") as mock:
        replace_file(plan, "faults: {}")
        wait_until(lambda: mock.said().endswith("\n"), "the broken plan is reported")
        line = json.loads(mock.said())
    assert line["level"] == "error"
    assert "'faults' is a list" in line["message"]
