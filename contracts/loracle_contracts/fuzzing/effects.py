"""Whether requests that were refused changed anything: started a training all the same, or lost one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from loracle_contracts.fuzzing.pages import shown
from loracle_contracts.fuzzing.probe import Exchange, Probe
from loracle_contracts.fuzzing.reads import task_list
from loracle_contracts.hosts import is_loopback
from loracle_contracts.oracle import CREATES

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["marked_name", "send_without_effect", "tell_started"]

_UNCLEAR, _UNREADABLE = "whether refused requests start trainings", "the list cannot be read"


def marked_name(session: Session, layer: str) -> str:
    """The name of the trainings that only refused requests of a layer ask for."""
    return f"loracle-fuzz-{layer}-{session.options.seed}"


async def send_without_effect(session: Session, layer: str, probes: Iterable[Probe]) -> None:
    """Sends probes that change nothing, and compares the tasks before and after.

    Creates among them ask for `marked_name`, so that tasks of other clients do not count. On this machine
    tasks of other names count, too, if they are started again by the same creates and by nothing else.
    """
    before = await task_list(session, layer)
    sent = [await session.send(probe) for probe in probes]
    after = await task_list(session, layer)
    if before is None or after is None:
        session.skip(layer, _UNCLEAR, _UNREADABLE)
        return
    name = marked_name(session, layer)
    started = _named(after, name) - _named(before, name)
    creates = _creates(sent)
    if (
        _are_refused(creates)
        and not started
        and _ids(after) - _ids(before)
        and is_loopback(session.options.url)
    ):
        started = await _started_again(session, layer, creates)
    _tell(session, layer, started, creates)
    left = _ids(after)
    lost = [task["task_id"] for task in before if task["task_id"] not in left]
    if lost and len(after) <= len(before):
        exchanges = [one for one in sent if one is not None and one.probe.request.method != "GET"]
        title, got = "requests that were refused", f"without {shown(lost)}"
        session.relation(layer, "refused.loss", title, "the tasks of before in the list", got, exchanges)


async def tell_started(
    session: Session,
    layer: str,
    name: str,
    before: Sequence[dict[str, Any]] | None,
    sent: Sequence[Exchange],
) -> None:
    """Reports that creates of this name were refused and started trainings all the same.

    `before` are the tasks of then; where one of the creates was accepted, that is found already.
    """
    after = await task_list(session, layer)
    if before is None or after is None:
        session.skip(layer, _UNCLEAR, _UNREADABLE)
    else:
        _tell(session, layer, _named(after, name) - _named(before, name), _creates(sent))


def _tell(session: Session, layer: str, started: int, creates: Sequence[Exchange]) -> None:
    if started > 0 and _are_refused(creates):
        title, got = "creates that were refused", f"{started} training(s) started"
        session.relation(layer, "refused.effect", title, "nothing is started", got, creates)


def _creates(sent: Iterable[Exchange | None]) -> list[Exchange]:
    return [one for one in sent if one is not None and _is_create(one)]


def _are_refused(creates: Iterable[Exchange]) -> bool:
    """Whether all are; where one was accepted, that is found already."""
    return not any(one.is_accepted for one in creates)


async def _started_again(session: Session, layer: str, creates: Sequence[Exchange]) -> int:
    """How many trainings appear while the creates are sent once more; 0 if some appear without them, too."""
    lists = [await task_list(session, layer) for _ in creates]
    for one in creates:
        await session.send(one.probe)
    last = await task_list(session, layer)
    if last is None or any(one is None or _ids(one) != _ids(lists[0] or ()) for one in lists):
        return 0
    return len(_ids(last) - _ids(lists[0] or ()))


def _ids(tasks: Iterable[dict[str, Any]]) -> set[str]:
    return {task["task_id"] for task in tasks}


def _named(tasks: Iterable[dict[str, Any]], name: str) -> int:
    return sum(task.get("task_name") == name for task in tasks)


def _is_create(exchange: Exchange) -> bool:
    operation = exchange.expectation.operation
    return operation is not None and operation.id in CREATES
