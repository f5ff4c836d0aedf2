"""What a client did wrong, and what came of one scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loracle_mockserver.judging.observation import Call, Observation
from loracle_mockserver.judging.scenario import Scenario

__all__ = ["CATALOGUE", "Finding", "Result"]

# Every finding by its id: what a good client does instead.
CATALOGUE = {
    "breaks-contract": "Send what the contract allows; the violations say what to change.",
    "breaks-strict": "A server that follows the strict contract refuses this; only lenient ones take it.",
    "double-create": "After an answer that was lost, look into the list for a training of the name before "
    "sending the create again: each create is paid for.",
    "no-retry": "Try again after 429 and 503, with a growing pause and a limit.",
    "no-pause": "Pause before trying again, longer each time.",
    "retry-after-ignored": "Send nothing for as many seconds as Retry-After says.",
    "retry-of-refusal": "Do not repeat a request that was refused with 400, 401, 403 or 404.",
    "retry-storm": "Limit the number of tries, and let the pause grow.",
    "poll-storm": "Pause between two polls of a training; it takes minutes.",
    "endless-polling": "Give up after a time that you state.",
    "unknown-is-final": "Poll on while the status is UNKNOWN; it means not yet known.",
    "used-while-deploying": "Use a model only when its status is SERVING; SUCCESS alone is too early.",
    "crash": "Check what the answer holds before you use it, and report in your own words what is missing.",
    "failure-as-success": "End with an error where the training did not end well.",
    "error-swallowed": "Report the error, and end with an exit code that is not 0.",
    "garbage-as-success": "Check that a 200 holds what the contract promises before you call it a success.",
    "key-to-upload-url": "Send no Authorization header to the upload URL; its query is the permission.",
    "key-in-query": "Send the key in the Authorization header only; queries stand in logs.",
    "key-in-output": "Print no API key.",
    "paging-ignored": "Follow next_cursor until it is empty.",
    "hang": "Bound every call by a timeout, the whole of it.",
    "gave-up": "Bear a failure that passes.",
    "trained-without-images": "Start a training only when every image was uploaded.",
}


@dataclass(frozen=True)
class Finding:
    """One thing that the client did wrong: `id` is of the CATALOGUE, `text` says what it did.

    `calls` are the requests that show it, in order.
    """

    id: str
    text: str
    calls: tuple[Call, ...] = ()

    @property
    def advice(self) -> str:
        """What a good client does."""
        return CATALOGUE[self.id]


@dataclass(frozen=True)
class Result:
    """What came of one scenario: `outcome` is passed, failed, or not exercised, then `why` says why not."""

    scenario: Scenario
    observation: Observation
    findings: tuple[Finding, ...]
    outcome: Literal["passed", "failed", "not exercised"]
    why: str = ""
