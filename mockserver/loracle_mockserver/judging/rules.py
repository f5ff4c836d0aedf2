"""Judges one run of a client under one scenario: whether it was met, and what was done wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from loracle_contracts.verdict import Profile
from loracle_mockserver.fault_catalogue import CATALOGUE
from loracle_mockserver.fault_rules import FaultRule
from loracle_mockserver.judging import endings, requests, retries, waiting
from loracle_mockserver.judging.finding import Finding, Result
from loracle_mockserver.judging.limits import Limits
from loracle_mockserver.judging.observation import Call, Observation
from loracle_mockserver.judging.scenario import Scenario
from loracle_mockserver.life_cycle import GONE, STATES

__all__ = ["judge_observation"]

Rule = Callable[[Observation, Scenario, Limits], Iterator[Finding]]
_RULES: tuple[Rule, ...] = (*requests.RULES, *retries.RULES, *waiting.RULES, *endings.RULES)
# What says no more than that something else went wrong.
_CONSEQUENCES = ("gave-up", "error-swallowed")


def judge_observation(
    observation: Observation, scenario: Scenario, limits: Limits | None = None, profile: Profile = "strict"
) -> Result:
    """What a client did wrong under a scenario, told from its calls, its exit code and its output alone."""
    bounds = limits or Limits(profile=profile)
    findings = [found for rule in _RULES for found in rule(observation, scenario, bounds)]
    if any(found.id not in _CONSEQUENCES for found in findings):
        findings = [found for found in findings if found.id not in _CONSEQUENCES]
    if findings:
        return Result(scenario, observation, tuple(findings), "failed")
    why = _not_exercised(observation, scenario)
    if not why and observation.is_out_of_time:
        why = f"the time was over after {observation.seconds:.0f} s, before it could be seen how it ends"
    return Result(scenario, observation, (), "not exercised" if why else "passed", why)


def _not_exercised(observation: Observation, scenario: Scenario) -> str:
    """Why the scenario says nothing of the client, or nothing where it does."""
    if not observation.calls:
        return "the command made no call"
    for kind in scenario.calls:
        if kind != "any" and not observation.of_kind(kind):
            return f"the command made no call of the kind {kind}"
    if scenario.shows and not any(_shows(call, scenario.shows) for call in observation.calls):
        return f"no poll has shown the state {scenario.shows}"
    strikes = [rule for rule in scenario.plan.rules if _is_about_calls(rule)]
    if strikes and not any(call.entry.fault for call in observation.calls):
        return "no call was one that fails in this scenario"
    return ""


def _shows(call: Call, state: str) -> bool:
    """Whether a poll has shown the state; that a task is gone shows a 404."""
    if state == GONE:
        return call.kind == "status" and call.entry.status == 404
    wanted = STATES[state]
    return call.shown == (wanted.task_status, wanted.model_status)


def _is_about_calls(rule: FaultRule) -> bool:
    """Whether the rule spoils calls, and not the life of trainings."""
    kind = CATALOGUE.get(rule.fault or "")
    return kind is None or kind.family != "task"
