"""Judges clients: what a program does against the mock while things go wrong, told from the journal alone.

`server_behaviours` needs Hypothesis, and is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loracle_mockserver.judging.finding import Finding, Result
from loracle_mockserver.judging.limits import Limits
from loracle_mockserver.judging.observation import Observation
from loracle_mockserver.judging.rules import judge_observation
from loracle_mockserver.judging.scenario import Scenario, judged_scenarios

if TYPE_CHECKING:
    from loracle_mockserver.judging.behaviours import ServerBehaviour, Step, server_behaviours

__all__ = [
    "Finding",
    "Limits",
    "Observation",
    "Result",
    "Scenario",
    "ServerBehaviour",
    "Step",
    "judge_observation",
    "judged_scenarios",
    "server_behaviours",
]


def __getattr__(name: str) -> Any:
    if name not in ("ServerBehaviour", "Step", "server_behaviours"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from loracle_mockserver.judging import behaviours  # noqa: PLC0415

    return getattr(behaviours, name)
