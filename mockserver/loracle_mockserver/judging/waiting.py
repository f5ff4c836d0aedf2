"""Rules about polling and about time: how often, how long, and for what."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from loracle_mockserver.judging.finding import Finding
from loracle_mockserver.judging.limits import Limits
from loracle_mockserver.judging.observation import Observation
from loracle_mockserver.judging.scenario import Scenario

__all__ = ["RULES"]

_SLACK = 0.9
_STORM = 3
_WAITING = ("hang", "slow-drip")


def _poll_storm(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    del scenario
    for polls in observation.polls().values():
        well = [call for call in polls if call.entry.status == 200]
        pauses = [(later.began - call.answered, call, later) for call, later in pairwise(well)]
        quick = [pause for pause in pauses if pause[0] < limits.poll_pause * _SLACK]
        if len(quick) >= _STORM and len(quick) * 2 > len(pauses):
            shortest = max(min(pause for pause, _, _ in quick), 0)
            text = (
                f"{len(quick)} polls of one training came within {limits.poll_pause:g} s of the one before, "
                f"the quickest after {shortest:.3f} s."
            )
            yield Finding("poll-storm", text, quick[0][1:])
            return


def _endless(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    """A training that goes nowhere, asked for again and again until the time was over."""
    del scenario
    for task, polls in observation.polls().items():
        if observation.is_out_of_time and len(polls) > limits.polls:
            text = f"The training {task} was asked for {len(polls)} times until the time was over."
            yield Finding("endless-polling", text, (polls[0], polls[-1]))
            return


def _hang(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    """A call that was never answered, and was still waited for when the time was over."""
    del scenario, limits
    if observation.is_out_of_time and observation.calls and observation.calls[-1].entry.fault in _WAITING:
        last = observation.calls[-1]
        waited = observation.ended - last.began
        yield Finding("hang", f"{last.entry.line()}; it was still waited for after {waited:.1f} s.", (last,))


def _unknown(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    """The last poll has shown a status that is not final, and no other came."""
    del limits
    if observation.is_out_of_time or scenario.ends != "well":
        return
    for polls in observation.polls().values():
        shown = polls[-1].shown
        if shown is not None and shown[0] == "UNKNOWN":
            yield Finding("unknown-is-final", "The last poll has shown UNKNOWN.", (polls[-1],))
            return


def _deploying(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    del scenario, limits
    if not observation.ended_well:
        return
    for polls in observation.polls().values():
        shown = next((call.shown for call in reversed(polls) if call.shown is not None), None)
        if shown == ("SUCCESS", "DEPLOYING"):
            text = "The command ended well, and the last poll has shown a model that is DEPLOYING."
            yield Finding("used-while-deploying", text, (polls[-1],))
            return


RULES = (_poll_storm, _endless, _hang, _unknown, _deploying)
