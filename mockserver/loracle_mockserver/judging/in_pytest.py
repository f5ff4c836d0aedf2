"""Judges one pytest test under a scenario: the test is the command, and how it ends is its exit code."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from loracle_mockserver.control import Control
from loracle_mockserver.engine_options import check_names
from loracle_mockserver.fault_rules import FaultPlanError
from loracle_mockserver.judging.finding import Result
from loracle_mockserver.judging.limits import Limits
from loracle_mockserver.judging.observation import Observation
from loracle_mockserver.judging.report import text_report
from loracle_mockserver.judging.rules import judge_observation
from loracle_mockserver.judging.scenario import Scenario, judged_scenarios
from loracle_mockserver.training_mock import Host

__all__ = ["MARK", "JudgedTest", "names_of", "read_mark"]

MARK = "training_scenarios"
_LIMITS = ("poll_pause", "retry_pause", "tries", "polls", "retry_after")
_OF_THE_CONTRACT = ("breaks-contract", "breaks-strict")


def read_mark(mark: pytest.Mark) -> tuple[list[Scenario], Limits]:
    """The scenarios that a mark names, all where it names none, and the limits.

    The pauses are 0 unless they are said, because tests often do not wait. Raises FaultPlanError for a
    name that there is not, TypeError for another option.
    """
    check_names(mark.kwargs, _LIMITS, "it")
    return judged_scenarios(mark.args), replace(Limits(poll_pause=0.0, retry_pause=0.0), **mark.kwargs)


def names_of(mark: pytest.Mark) -> list[str]:
    """The names of the scenarios of a mark. Raises pytest.UsageError for a mark that cannot be."""
    try:
        return [scenario.name for scenario in read_mark(mark)[0]]
    except (FaultPlanError, TypeError, ValueError) as error:
        raise pytest.UsageError(f"@pytest.mark.{MARK}: {error}") from None


class JudgedTest:
    """One test under one scenario. `exit_code` is 0 until the test has raised something."""

    def __init__(self, scenario: Scenario, limits: Limits) -> None:
        """Nothing has happened yet."""
        self.scenario, self.limits = scenario, limits
        self.exit_code, self.output = 0, ""
        self._began, self._first = time.time(), 0

    def begin(self, host: Host, key: str) -> None:
        """Makes what is there before the test begins."""

        def begin() -> int:
            self.scenario.prepare(host.engine, key)
            return host.engine.store.statistics().requests

        self._first = host.call(begin)
        self._began = time.time()

    def bears(self, error: Exception) -> bool:
        """Whether the test was right to raise this: a client says so that it did not end well."""
        self.exit_code = 1
        self.output = f"{type(error).__name__}: {error}"
        return self.scenario.ends != "well" and not isinstance(error, AssertionError)

    def result(self, host: Host, key: str, *, allow_violations: bool) -> Result:
        """What the client did wrong."""
        entries = host.call(lambda: [*Control(host.engine).entries()])
        own = [(n, entry) for n, entry in entries if n > self._first]
        ended = time.time()
        observation = Observation.of(own, self.exit_code, self.output, key, ended - self._began, ended)
        result = judge_observation(observation, self.scenario, self.limits)
        if not allow_violations:
            return result
        kept = tuple(found for found in result.findings if found.id not in _OF_THE_CONTRACT)
        return replace(result, findings=kept, outcome="failed" if kept else "passed")

    def check(self, result: Result) -> None:
        """Fails where something was found, and skips where the scenario was not met."""
        if result.findings:
            pytest.fail(f"scenario {self.scenario.name}\n{text_report([result])}", pytrace=False)
        if result.outcome == "not exercised":
            pytest.skip(f"scenario {self.scenario.name} was not exercised: {result.why}")
