"""Every failure that has a name and is no error of the contract.

Every error reason of the contract is a fault name, too; those are listed there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from loracle_contracts import spec
from loracle_contracts.oracle import CREATES

__all__ = ["CATALOGUE", "CREATES", "STATUS_CALLS", "FaultKind", "known_faults"]

STATUS_CALLS = ("getSubjectTraining", "getStyleTraining")


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One named failure.

    `family` is where it happens: on the way (`network`), in the text of the answer (`body`), or in the
    life of the training (`task`). Where `is_handled`, the request does its work before the answer
    suffers: a create has started a training although the client may not learn of it.
    """

    name: str
    family: Literal["network", "body", "task"]
    summary: str
    good_client: str
    is_handled: bool = True


_KINDS = (
    FaultKind(
        "reset-on-arrival",
        "network",
        "The connection is reset (TCP RST) before the request has any effect.",
        "Retries a create only if it can bear a second job, or looks into the list first.",
        is_handled=False,
    ),
    FaultKind(
        "reset-before-headers",
        "network",
        "The request takes effect; the connection is reset (TCP RST) instead of an answer.",
        "Looks into the list for a task of its name before it sends the create again.",
    ),
    FaultKind(
        "reset-after-headers",
        "network",
        "The request takes effect; the connection is reset (TCP RST) after the headers of the answer.",
        "Treats the answer as lost: looks into the list before it sends a create again.",
    ),
    FaultKind(
        "hang",
        "network",
        "The request takes effect; no answer comes. After `seconds` (60) the connection is reset.",
        "Has a timeout on every call, and looks into the list before it sends a create again.",
    ),
    FaultKind(
        "slow-drip",
        "network",
        "The body of the answer comes a few bytes at a time, over `seconds` (5).",
        "Bounds the whole call and not only the time between two bytes.",
    ),
    FaultKind(
        "truncated",
        "network",
        "The connection ends in the middle of the body.",
        "Treats the answer as lost, not as empty.",
    ),
    FaultKind(
        "html-error",
        "body",
        "502 with a page of HTML, as a gateway answers; the request has no effect.",
        "Reads the status before the body, and retries later.",
        is_handled=False,
    ),
    FaultKind(
        "html-success",
        "body",
        "200 with a page of HTML, as a captive portal answers; the request has no effect.",
        "Checks that the answer is JSON before it calls it a success.",
        is_handled=False,
    ),
    FaultKind(
        "malformed",
        "body",
        "200 with JSON that breaks off; the length of the body is right.",
        "Reports that the answer cannot be read, with the status and the first bytes.",
    ),
    FaultKind(
        "wrong-type",
        "body",
        "200 whose members have other types than the contract says (an integer `task_id`).",
        "Checks the answer against the contract before it uses it.",
    ),
    FaultKind(
        "missing-members",
        "body",
        "200 that lacks the members which the contract requires.",
        "Checks the answer against the contract before it uses it.",
    ),
    FaultKind(
        "wrapped",
        "body",
        "200 whose answer sits inside {code, msg, data}, as in version 2 of the API.",
        "Checks the answer against the contract before it uses it.",
    ),
    FaultKind(
        "stays-queuing",
        "task",
        "The training never leaves the queue.",
        "Gives up after a time that it states.",
    ),
    FaultKind(
        "transient-unknown",
        "task",
        "The status is UNKNOWN between QUEUING and TRAINING.",
        "Polls on: UNKNOWN means not yet known, and is not final.",
    ),
    FaultKind(
        "failed", "task", "The training ends as FAILED.", "Reports the failure and ends with an error."
    ),
    FaultKind(
        "canceled",
        "task",
        "The training ends as CANCELED.",
        "Reports it and ends with an error; polls no more.",
    ),
    FaultKind(
        "success-without-models",
        "task",
        "The training ends as SUCCESS, and `models` stays empty.",
        "Reports that there is no model instead of reading the first one.",
    ),
    FaultKind(
        "stays-deploying",
        "task",
        "The training is SUCCESS, and its model never gets from DEPLOYING to SERVING.",
        "Waits for SERVING, and gives up after a time that it states.",
    ),
    FaultKind(
        "unknown-status",
        "task",
        "Between QUEUING and TRAINING the status is PREPARING, which the contract does not know.",
        "Takes a status that it does not know for one that is not final.",
    ),
    FaultKind(
        "status-goes-back",
        "task",
        "The status goes from TRAINING back to QUEUING once, and then on.",
        "Does not count on states that only move forward.",
    ),
    FaultKind(
        "missing-extra",
        "task",
        "The status has no `extra`, which the contract allows.",
        "Shows no progress instead of failing.",
    ),
    FaultKind(
        "vanishes",
        "task",
        "After TRAINING the task is not found any more (404), nor listed.",
        "Stops to poll, and reports that the task is gone.",
    ),
)
CATALOGUE: dict[str, FaultKind] = {kind.name: kind for kind in _KINDS}


def known_faults(operation: spec.Operation) -> list[str]:
    """Every fault that can happen to the operation: its error reasons, then the names of the catalogue."""
    return list(_known_faults(operation.id))


@cache
def _known_faults(operation_id: str) -> tuple[str, ...]:
    operation = spec.operations()[operation_id]
    reasons = [reason for reasons in operation.errors.values() for reason in reasons]
    return (*reasons, *(name for name, kind in CATALOGUE.items() if _can_befall(kind, operation)))


def _can_befall(kind: FaultKind, operation: spec.Operation) -> bool:
    if kind.family == "task":
        return operation.id in CREATES + STATUS_CALLS
    # A body that is damaged after the work was done has to be there.
    return kind.family == "network" or not kind.is_handled or operation.response is not None
