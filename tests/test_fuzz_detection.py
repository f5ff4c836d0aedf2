"""The proof of detection: defects planted in the mock are found, and right servers give no false alarm.

`pytest -s tests/test_fuzz_detection.py -m 'long or not long'` prints the shares.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest
from broken_servers import KNOWN, correct
from detection import THERE, Clock, Run, broken_app, loracle, shares, third

BAR = 0.98
REQUESTS = 700
CREATES = 70
SECONDS = 50.0  # of CPU for one run, the server's own included
CPU_OF_A_THIRD = 60.0
# Measured: what is found without a single training, and then is told to be so.
WITHOUT_CREATES = 0.0


def runs(defects: list[Any], creates: int, **options: Any) -> list[tuple[Any, Run]]:
    return [(one, loracle(broken_app(one), max_creates=creates, **options)) for one in defects]


def tell(done: list[tuple[Any, Run]], last: str) -> None:
    sys.stdout.write("\n".join([*shares((one, bool(run.causes)) for one, run in done), last, ""]))


def verify(done: list[tuple[Any, Run]], bar: float) -> None:
    missed = [defect.name for defect, run in done if not run.causes]
    tell(done, f"missed: {', '.join(missed) or 'none'}")
    assert len(done) - len(missed) >= bar * len(done), missed
    assert {defect.name: run.requests for defect, run in done if run.requests > REQUESTS} == {}


@pytest.mark.long  # until all layers are there
def test_a_third_of_the_defects_is_found() -> None:
    done = runs(third(KNOWN), CREATES, max_findings=1)
    verify(done, BAR)
    assert sum(run.cpu for _, run in done) <= CPU_OF_A_THIRD


@pytest.mark.long
def test_the_defects_are_found() -> None:
    assert len(KNOWN) >= 120
    done = runs(list(KNOWN), CREATES)
    verify(done, BAR)
    assert [defect.name for defect, run in done if run.cpu > SECONDS] == []
    # What a broken server starts by mistake counts, too; no more than a tenth beyond the budget.
    assert {d.name: run.creates for d, run in done if run.creates > CREATES * 1.1} == {}


@pytest.mark.long
def test_what_is_found_without_a_training() -> None:
    done = runs(list(KNOWN), 0)
    need = [defect.name for defect, run in done if not run.causes]
    tell(done, f"{len(need)} of {len(done)} need a training to be found: {', '.join(sorted(need))}")
    assert {d.name for d in KNOWN if not d.needs_create} & set(need) == set()
    assert len(done) - len(need) >= WITHOUT_CREATES * len(done)


# --- false alarms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """That of the right servers."""
    clock = Clock()
    monkeypatch.setattr(correct, "time", clock)
    return clock


def alarms(name: str, clock: Clock, seeds: range, creates: int = CREATES) -> list[str]:
    profile: Any = "lenient" if name == "lenient" else "strict"
    told = []
    for seed in seeds:
        # The waiting is skipped, so that there may be much of it.
        budget = {"max_creates": creates, "max_wait": 3600.0}
        run = loracle(correct.CORRECT[name](), clock, profile=profile, seed=seed, **budget)
        assert run.report is not None
        assert run.creates <= creates
        assert run.requests <= REQUESTS
        assert set(run.report.requests) >= set(THERE), "every layer sent something"
        told += [f"seed {seed}: {finding.cause}, got {finding.got}" for finding in run.report.findings]
        told += [f"seed {seed}: {run.report.stopped}"] if run.report.stopped else []
    return told


@pytest.mark.parametrize("name", correct.CORRECT)
def test_a_right_server_gives_no_false_alarm(name: str, clock: Clock) -> None:
    assert alarms(name, clock, range(3)) == []


@pytest.mark.long
@pytest.mark.parametrize("name", correct.CORRECT)
def test_a_right_server_gives_no_false_alarm_in_many_seeds(name: str, clock: Clock) -> None:
    assert alarms(name, clock, range(3, 20)) == []
    assert alarms(name, clock, range(3), creates=0) == []
