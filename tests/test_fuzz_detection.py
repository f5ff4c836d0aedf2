"""The proof of detection: defects planted in the mock are found, and right servers give no false alarm.

`pytest -s tests/test_fuzz_detection.py -m 'long or not long'` prints the shares.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest
from broken_servers import KNOWN, correct
from broken_servers_fourth import UNSEEN as FOURTH
from broken_servers_second import UNSEEN as SECOND
from broken_servers_third import UNSEEN as THIRD
from broken_servers_unseen import UNSEEN as FIRST
from detection import Clock, Run, broken_app, loracle, sampled, shares

from loracle_contracts.fuzzing import LAYERS

# What is found; of a sample and of the unseen as measured, less what chance may take.
OF_A_SAMPLE, OF_THE_KNOWN, OF_THE_UNSEEN = 0.96, 0.98, 0.8
# Of those that need no training, with --max-creates 0.
WITHOUT_CREATES = 0.9
SAMPLE = 60
REQUESTS = 700
CREATES = 70
# The layers that have something to send where no training may be started.
WITHOUT_A_TRAINING = tuple(layer for layer in LAYERS if layer not in ("walk", "boundaries", "pairwise"))
SECONDS = 50.0  # of CPU for one run, the server's own included


def runs(defects: list[Any], creates: int, **options: Any) -> list[tuple[Any, Run]]:
    return [(one, loracle(broken_app(one), max_creates=creates, **options)) for one in defects]


def tell(done: list[tuple[Any, Run]], last: str) -> None:
    sys.stdout.write("\n".join([*shares((one, bool(run.causes)) for one, run in done), last, ""]))


def verify(done: list[tuple[Any, Run]], bar: float) -> None:
    missed = [defect.name for defect, run in done if not run.causes]
    tell(done, f"missed: {', '.join(missed) or 'none'}")
    assert len(done) - len(missed) >= bar * len(done), missed
    assert {defect.name: run.requests for defect, run in done if run.requests > REQUESTS} == {}


def test_a_sample_of_the_defects_is_found() -> None:
    verify(runs(sampled(KNOWN, SAMPLE), CREATES, max_findings=1), OF_A_SAMPLE)


@pytest.mark.long
def test_the_defects_are_found() -> None:
    assert len(KNOWN) >= 120
    done = runs(list(KNOWN), CREATES)
    verify(done, OF_THE_KNOWN)
    assert [defect.name for defect, run in done if run.cpu > SECONDS] == []
    # What a broken server starts by mistake counts, too; no more than a tenth beyond the budget.
    assert {d.name: run.creates for d, run in done if run.creates > CREATES * 1.1} == {}


@pytest.mark.long
@pytest.mark.parametrize("corpus", [FIRST, SECOND, THIRD, FOURTH])
def test_defects_whose_authors_had_not_seen_the_fuzzer_are_found(corpus: list[Any]) -> None:
    verify(runs(corpus, CREATES, max_findings=1), OF_THE_UNSEEN)


@pytest.mark.long
def test_what_is_found_without_a_training() -> None:
    done = runs(list(KNOWN), 0, max_findings=1)
    need = [defect.name for defect, run in done if not run.causes]
    tell(done, f"{len(need)} of {len(done)} need a training to be found: {', '.join(sorted(need))}")
    free = [(defect, run) for defect, run in done if not defect.needs_create]
    assert sum(bool(run.causes) for _, run in free) >= WITHOUT_CREATES * len(free)


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
        # And no latency is judged: how long an answer takes is this machine's doing.
        budget = {"max_creates": creates, "max_wait": 3600.0, "max_latency": None}
        run = loracle(correct.CORRECT[name](), clock, profile=profile, seed=seed, **budget)
        assert run.report is not None
        assert run.creates <= creates
        assert run.requests <= REQUESTS
        silent = set(LAYERS if creates else WITHOUT_A_TRAINING) - set(run.report.requests)
        assert silent == set(), "every layer sends something"
        told += [f"seed {seed}: {finding.cause}, got {finding.got}" for finding in run.report.findings]
        told += [f"seed {seed}: {run.report.stopped}"] if run.report.end == "server" else []
    return told


@pytest.mark.parametrize("name", correct.CORRECT)
def test_a_right_server_gives_no_false_alarm(name: str, clock: Clock) -> None:
    assert alarms(name, clock, range(3 if name in ("strict", "lenient") else 1)) == []


@pytest.mark.long
@pytest.mark.parametrize("name", correct.CORRECT)
def test_a_right_server_gives_no_false_alarm_in_many_seeds(name: str, clock: Clock) -> None:
    assert alarms(name, clock, range(3, 20)) == []
    assert alarms(name, clock, range(3), creates=0) == []
