"""Judges clients: what a program does against the mock while things go wrong, told from the journal alone."""

from __future__ import annotations

from loracle_mockserver.judging.finding import Finding, Result
from loracle_mockserver.judging.observation import Observation
from loracle_mockserver.judging.rules import judge_observation
from loracle_mockserver.judging.scenario import Scenario, judged_scenarios

__all__ = ["Finding", "Observation", "Result", "Scenario", "judge_observation", "judged_scenarios"]
