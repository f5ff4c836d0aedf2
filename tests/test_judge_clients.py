"""Broken clients are found with the right finding, and right ones are left alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from loracle_mockserver.judging import Result, judged_scenarios
from loracle_mockserver.judging.limits import Limits
from loracle_mockserver.judging.runner import Judge

CLIENTS = Path(__file__).parent / "clients"
LIMITS = Limits(poll_pause=0.08, retry_pause=0.1)
RIGHT = ("right_httpx.py", "right_requests.py", "right_urllib.py", "right_async.py")
RUNS = 5

# Client -> the scenarios that show its defect, and the findings of which one is to be told.
BROKEN = {
    "CreatesAgain": (("reset-on-create", "lost-answer", "create-hangs"), {"double-create"}),
    "CreatesAgainUnderAnotherName": (("lost-answer",), {"double-create"}),
    "GivesUpOn503": (("unavailable",), {"no-retry"}),
    "GivesUpOn429": (("too-many-requests",), {"no-retry"}),
    "DoesNotPause": (("unavailable", "down"), {"no-pause", "retry-storm"}),
    "IgnoresRetryAfter": (("retry-after",), {"retry-after-ignored"}),
    "TriesRefusalsAgain": (("wrong-key", "refused-create"), {"retry-of-refusal"}),
    "TriesForEver": (("down",), {"retry-storm"}),
    "PollsWithoutPause": (("slow-queue", "happy-path"), {"poll-storm"}),
    "PollsForEver": (("stuck",), {"endless-polling", "poll-storm"}),
    "TakesUnknownForFinal": (("unknown",), {"unknown-is-final"}),
    "UsesModelThatIsDeployed": (("deploying", "happy-path"), {"used-while-deploying"}),
    "ReadsTheFirstModel": (("no-models",), {"crash"}),
    "TakesFailedForDone": (("failed", "canceled"), {"failure-as-success"}),
    "SwallowsErrors": (("refused-create", "wrong-key", "upload-refused"), {"error-swallowed"}),
    "TakesEvery200": (("html-success",), {"garbage-as-success"}),
    "SendsTheKeyToTheUploadUrl": (("happy-path",), {"key-to-upload-url"}),
    "SendsTheKeyInTheQuery": (("happy-path",), {"key-in-query"}),
    "ReadsTheFirstPage": (("many-tasks",), {"paging-ignored"}),
    "HasNoTimeout": (("poll-hangs", "create-hangs"), {"hang"}),
    "BoundsTheTimeBetweenTwoBytes": (("slow-drip",), {"hang"}),
    "PrintsTheKey": (("happy-path",), {"key-in-output"}),
    "KnowsSixStatuses": (("new-status",), {"crash", "gave-up"}),
    "ReadsTheProgress": (("missing-extra",), {"crash"}),
    "SendsTextForNumbers": (("happy-path",), {"breaks-strict"}),
    "SendsUnknownMembers": (("happy-path",), {"breaks-strict"}),
    "AsksTheWrongPath": (("happy-path",), {"breaks-contract"}),
    "ParsesBeforeItLooks": (("bad-gateway",), {"crash"}),
    "GivesUpOn500": (("server-error",), {"gave-up"}),
    "AsksForTasksThatAreGone": (("expired",), {"retry-of-refusal"}),
    "TrainsWithoutImages": (("upload-refused",), {"trained-without-images"}),
    "BreaksOffOnTruncatedAnswers": (("truncated-poll",), {"crash", "gave-up"}),
}


def judged(command: list[str], scenarios: tuple[str, ...] = (), *, seconds: float = 25.0) -> list[Result]:
    judge = Judge([sys.executable, *command], seconds=seconds, limits=LIMITS)
    return list(judge.run(judged_scenarios(scenarios), jobs=8))


def told(results: list[Result]) -> dict[str, list[str]]:
    return {result.scenario.name: [found.id for found in result.findings] for result in results}


def check_broken(name: str) -> None:
    scenarios, expected = BROKEN[name]
    results = judged([str(CLIENTS / "broken.py"), name], scenarios, seconds=8.0)
    found = {one for ids in told(results).values() for one in ids}
    assert expected & found, (told(results), [result.observation.output for result in results])
    # Nothing else is told of what has one defect.
    assert found <= expected, told(results)


def check_right(name: str) -> None:
    results = judged([str(CLIENTS / name)])
    assert {scenario: ids for scenario, ids in told(results).items() if ids} == {}
    unmet = {result.scenario.name: result.why for result in results if result.outcome == "not exercised"}
    assert unmet == {}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_client_is_found(name: str) -> None:
    check_broken(name)


@pytest.mark.parametrize("name", RIGHT[::2])
def test_a_right_client_is_left_alone(name: str) -> None:
    check_right(name)


@pytest.mark.long
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_client_is_found_every_time(name: str) -> None:
    for _ in range(RUNS):
        check_broken(name)


@pytest.mark.long
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_client_is_left_alone_every_time(name: str) -> None:
    for _ in range(RUNS):
        check_right(name)


def test_there_are_enough_of_them() -> None:
    assert len(BROKEN) >= 24
    assert len(RIGHT) >= 4
