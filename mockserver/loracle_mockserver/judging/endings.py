"""Rules about the end: what the command says of the run, and whether that is so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loracle_mockserver.judging.finding import Finding
from loracle_mockserver.judging.limits import Limits
from loracle_mockserver.judging.observation import Observation
from loracle_mockserver.judging.scenario import Scenario

__all__ = ["RULES"]

_FINAL_FAILURES = ("FAILED", "CANCELED")
# An error that nobody has caught, as runtimes print it.
_UNCAUGHT = re.compile(
    r"^(?:IndexError|KeyError|TypeError|AttributeError|ValueError|json\.decoder\.JSONDecodeError|"
    r"UnboundLocalError|NameError|AssertionError)\b"
    r"|^(?:Uncaught )?(?:TypeError|SyntaxError|ReferenceError|RangeError): "
    r"|^panic: |^thread '.*' panicked at|^Exception in thread |^Unhandled exception|Segmentation fault"
    r"|NoMethodError|NullPointerException|Fatal error: ",
    re.MULTILINE,
)


def _crash(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    del limits
    if scenario.name == "happy-path" or observation.ended_well or observation.is_out_of_time:
        return
    found = _UNCAUGHT.search(observation.output)
    is_signal = observation.exit_code is not None and observation.exit_code < 0
    if found or is_signal:
        line = observation.output[found.start() :].partition("\n")[0][:200] if found else ""
        what = f"with {line}" if found else f"by signal {-(observation.exit_code or 0)}"
        yield Finding("crash", f"The command broke off {what}.", observation.calls[-1:])


def _success(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    """Exit code 0, and yet no training has ended well."""
    del limits
    if not observation.ended_well or scenario.ends != "badly":
        return
    for polls in observation.polls().values():
        shown = next((call.shown for call in reversed(polls) if call.shown is not None), None)
        is_empty = scenario.name == "no-models" and shown == ("SUCCESS", None)
        if shown is not None and (shown[0] in _FINAL_FAILURES or is_empty):
            status = "SUCCESS without a model" if is_empty else shown[0]
            text = f"The training ended as {status}, and the command with exit code 0."
            yield Finding("failure-as-success", text, (polls[-1],))
            return
    spoiled = [call for call in observation.calls if call.is_spoiled and call.entry.status == 200]
    if spoiled:
        text = (
            f"{spoiled[-1].entry.line()}: a 200 that holds no answer, and the command ended with exit code 0."
        )
        yield Finding("garbage-as-success", text, (spoiled[-1],))
        return
    failed = [call for call in observation.calls if call.entry.status >= 400]
    if failed:
        last = failed[-1]
        text = f"{last.entry.line()} {last.entry.reason or ''}, and the command ended with exit code 0."
        yield Finding("error-swallowed", text, (last,))


def _gave_up(observation: Observation, scenario: Scenario, limits: Limits) -> Iterator[Finding]:
    """A failure that passes, and a command that does not bear it."""
    del limits
    if scenario.ends != "well" or observation.ended_well or not observation.calls:
        return
    if observation.is_out_of_time:
        idle = observation.ended - observation.calls[-1].answered
        text = (
            f"The command had not ended after {observation.seconds:.0f} s, "
            f"{max(idle, 0):.0f} s after its last call."
        )
    else:
        text = f"The command ended with exit code {observation.exit_code}."
    yield Finding("gave-up", text, observation.calls[-1:])


RULES = (_crash, _success, _gave_up)
