"""Rules about trying again: whether, how soon, how often, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from loracle_mockserver.judging.finding import Finding
from loracle_mockserver.judging.limits import Limits
from loracle_mockserver.judging.observation import Call, Observation
from loracle_mockserver.judging.scenario import Scenario

__all__ = ["RULES"]

_TRANSIENT = (429, 502, 503, 504)
_REFUSALS = (400, 401, 403, 404)
# A client may be a little early by its own clock.
_SLACK = 0.9
_STORM = 10


def _double_create(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    """Two trainings of the same body, the first of whose answers was lost."""
    del scenario, limits
    lost: dict[bytes, Call] = {}
    for call in observation.of_kind("create"):
        if not call.has_effect:
            continue
        what = _without_name(call)
        if what in lost:
            text = "The answer to a create was lost; the training had started, and was started once more."
            yield Finding("double-create", text, (lost[what], call))
            return
        if call.is_spoiled:
            lost[what] = call


def _without_name(call: Call) -> bytes:
    try:
        value = orjson.loads(call.entry.body)
    except orjson.JSONDecodeError:
        return call.entry.body
    if isinstance(value, dict):
        # Whoever makes a new name for each try has still asked twice for one thing.
        value.pop("name", None)
    return call.entry.path.encode() + orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _no_retry(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    """The first 429 or 503 of a kind of call, after which no other came."""
    del limits
    if scenario.ends != "well" or observation.is_out_of_time:
        return
    for call in observation.calls:
        if call.entry.status not in (429, 503) or not call.entry.fault:
            continue
        tries = [other for other in observation.calls if other.kind == call.kind and other.entry.fault]
        later = [other for other in observation.calls if other.n > call.n and other.kind == call.kind]
        if not later and tries == [call]:
            text = f"{call.entry.line()}; it was not tried again."
            yield Finding("no-retry", text, (call,))
            return


def _too_soon(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    del scenario
    told: set[str] = set()
    for index, call in enumerate(observation.calls):
        if call.entry.status not in _TRANSIENT or not call.entry.fault:
            continue
        wait = call.retry_after
        for later in observation.calls[index + 1 :]:
            pause = later.began - call.answered
            if wait is not None and later.kind == call.kind:
                is_early = limits.retry_after and pause < wait * _SLACK
                if is_early and "retry-after-ignored" not in told:
                    told.add("retry-after-ignored")
                    text = f"Retry-After said {wait:g} s; the next call of the kind came after {pause:.2f} s."
                    yield Finding("retry-after-ignored", text, (call, later))
                break
            if wait is None and later.same == call.same:
                if pause < limits.retry_pause * _SLACK and "no-pause" not in told:
                    told.add("no-pause")
                    text = f"{call.entry.line()}; the same was sent again after {max(pause, 0):.3f} s."
                    yield Finding("no-pause", text, (call, later))
                break


def _refusal_again(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    del scenario, limits
    for index, call in enumerate(observation.calls):
        if call.entry.status not in _REFUSALS or call.is_spoiled:
            continue
        again = [later for later in observation.calls[index + 1 :] if later.same == call.same]
        if again:
            text = (
                f"{call.entry.line()} {call.entry.reason or ''}; the same was sent {len(again)} time(s) more."
            )
            yield Finding("retry-of-refusal", text, (call, again[0]))
            return


def _storm(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    """One call that fails, and is tried very often, or many times within a second."""
    del scenario
    failed: dict[tuple[str, str, bytes, bytes], list[Call]] = {}
    for call in observation.calls:
        if call.entry.fault is None or call.is_answered_well:
            failed.pop(call.same, None)
            continue
        tries = failed.setdefault(call.same, [])
        tries.append(call)
        is_burst = (
            len(tries) >= _STORM and tries[-1].began - tries[-_STORM].began < limits.retry_pause * _STORM
        )
        if is_burst or len(tries) > limits.tries:
            seconds = tries[-1].began - tries[0].began
            text = f"{call.entry.line()}: tried {len(tries)} times within {seconds:.1f} s."
            yield Finding("retry-storm", text, (tries[0], tries[-1]))
            return


RULES = (_double_create, _no_retry, _too_soon, _refusal_again, _storm)
