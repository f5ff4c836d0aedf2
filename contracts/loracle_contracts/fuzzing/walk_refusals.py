"""What must be refused leaves no trace; and ids that name no task are 404."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from typing import Any

from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing.baseline import Baseline
from loracle_contracts.fuzzing.effects import marked_name, send_without_effect
from loracle_contracts.fuzzing.probe import Probe
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.states import unknown_task
from loracle_contracts.fuzzing.walk_record import CREATES, KINDS, LAYER, STATES, Record
from loracle_contracts.fuzzing.walk_seen import Made

_TOLD = ("a bad value", "no key", "a wrong media type")

__all__ = ["ask_for_unknown", "ask_for_variants", "send_refused", "unknown_id"]


async def send_refused(record: Record, known: Baseline) -> None:
    """Creates that must be refused, each for one reason; none starts anything or changes what is there."""
    session = record.session
    probes = [
        Probe(LAYER, f"a create with {reason}", request, f"walk.refused.{_slug(reason)}")
        for reason, request in _refused(session, known)
        # Layer `raw` has tried the others, if not beside tasks that could be lost.
        if reason in _TOLD or "raw" not in session.options.layers
        if not session.oracle.expect(request).is_valid
    ]
    await send_without_effect(session, LAYER, probes)
    await record.pages(100, title="the list after creates that were refused")


def _refused(session: Session, known: Baseline) -> Iterator[tuple[str, Request]]:
    subject, style = CREATES["subject"], CREATES["style"]

    def body(operation: str, **changed: Any) -> dict[str, Any]:
        return {**known.body(operation, marked_name(session, LAYER)), **changed}

    yield "a bad value", session.request(subject, body(subject, width="wide"))
    yield "a bad list", session.request(style, body(style, image_dataset_items=[]))
    yield "bad syntax", session.request(subject, json.dumps(body(subject)).encode()[:-1])
    yield "no key", session.request(style, body(style), drop=["Authorization"])
    if session.oracle.keys:
        yield "a wrong key", session.request(subject, body(subject), key="loracle-fuzz-wrong")
    plain = [("Content-Type", "text/plain")]
    yield "a wrong media type", session.request(subject, body(subject), drop=["Content-Type"], headers=plain)
    yield "a wrong method", session.request(style, body(style))._replace(method="PUT")
    request = session.request(subject, body(subject))
    yield "a wrong path", request._replace(target=request.target + "/")


def _slug(reason: str) -> str:
    return reason.removeprefix("a ").replace(" ", "-")


def unknown_id(seed: int, n: int) -> str:
    """An id of the right form that no server has handed out; the same for the same seed."""
    return str(uuid.UUID(int=random.Random(f"{seed} {n}").getrandbits(128), version=4))  # noqa: S311


async def ask_for_unknown(record: Record, when: str, n: int) -> None:
    """Both state calls with ids that name no task; the first is asked for twice."""
    for place, kind in enumerate(KINDS):
        unknown = unknown_id(record.session.options.seed, n + place)
        await _deny(record, kind, unknown, f"the state of an unknown id {when}", "task_id.unknown")
        if not place:
            await _deny(record, kind, unknown, "an unknown id again", "task_id.unknown")


async def ask_for_variants(record: Record, task: Made) -> None:
    """Ids near to one that there is: of the other route, cut, longer, of one other digit, with wildcards."""
    other = KINDS[1 - KINDS.index(task.kind)]
    await _deny(record, other, task.id, f"the state of a {task.kind} task by the other route", "task_id.kind")
    last = "0" if task.id[-1] != "0" else "1"
    near = (task.id[:8], task.id + "0", task.id[:-1] + last, task.id[:-4] + "%", "_" * len(task.id))
    for text in near:
        await _deny(record, task.kind, text, "the state of an id that is almost one", "task_id.unknown")
    for text in (task.id.upper(), f" {task.id} "):
        # Whether these name the task, the contract leaves open; they never name another one.
        request = record.session.request(STATES[task.kind], query={"task_id": text})
        title = "the state of an id that is written otherwise"
        exchange = await record.send(title, request, "walk.unknown.spelling")
        if exchange is not None and exchange.is_accepted:
            record.answered_for(task, exchange)


async def _deny(record: Record, kind: str, task_id: str, title: str, subject: str) -> None:
    request = record.session.request(STATES[kind], query={"task_id": task_id})
    await record.send(title, request, subject, unknown_task(record.session, request))
