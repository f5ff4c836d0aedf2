"""RelationList between what is said of one task at several times and places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing.pages import RelationList, shown, value_of
from loracle_contracts.fuzzing.probe import Exchange, Probe
from loracle_contracts.oracle import Expectation, Refusal

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["KINDS", "check_models", "check_other_kind", "check_state", "is_backward", "unknown_task"]

# Type of a task -> the operation that tells its state.
KINDS = {"subject": "getSubjectTraining", "style": "getStyleTraining"}
# UNKNOWN may come and go; it says nothing of the task.
_STAGES = {"QUEUING": 0, "TRAINING": 1, "SUCCESS": 2, "CANCELED": 2, "FAILED": 2}
_END = 2


def is_backward(before: Any, after: Any) -> bool:
    """Whether no task can have the second status after the first; what is no status tells nothing."""
    first, second = _STAGES.get(str(before)), _STAGES.get(str(after))
    if first is None or second is None:
        return False
    return second < first or (first == _END and before != after)


def check_models(relations: RelationList, task: Mapping[str, Any], sent: Sequence[Exchange]) -> None:
    """A task has models where it succeeded, and only there."""
    status, models = task.get("task_status"), task.get("models")
    if not isinstance(models, list):
        return
    title = f"the models of {task.get('task_id')}"
    if status == "SUCCESS" and not models:
        relations.add("models.success", title, "a model where the status is SUCCESS", "none", sent)
    elif status in ("QUEUING", "TRAINING", "FAILED", "CANCELED") and models:
        got = f"{len(models)} where it is {status}"
        relations.add("models.success", title, "models only where the status is SUCCESS", got, sent)


async def check_state(
    session: Session, layer: str, relations: RelationList, listed: Exchange, task: Mapping[str, Any]
) -> None:
    """Asks for a task of the list on the route of its kind, which must know it."""
    task_id, kind = task["task_id"], task["task_type"]
    request = session.request(KINDS[kind], query={"task_id": task_id})
    title = f"a listed {kind} training on its own route"
    expectation = session.oracle.expect(request)
    # It is in the list, so it is known.
    tolerated = tuple(one for one in expectation.tolerated if one.reason != "TASK_NOT_FOUND")
    demand = replace(expectation, tolerated=tolerated)
    found = await session.send(Probe(layer, title, request, "list.known", demand))
    state = value_of(found)
    if found is None or state is None:
        return
    sent = [listed, found]
    if state.get("task_id") != task_id:
        relations.add("state.task_id", title, f"task_id {task_id}", str(state.get("task_id")), sent)
    before, after = task.get("task_status"), state.get("task_status")
    if is_backward(before, after):
        got = f"{after} after the list said {before}"
        relations.add("state.forward", title, "a status that only moves forward", got, sent)
    check_models(relations, state, [found])
    names = [_model_names(one) for one in (task, state)]
    if before == after == "SUCCESS" and names[0] != names[1]:
        relations.add("list.models", title, f"models {shown(names[0])}, as listed", shown(names[1]), sent)


async def check_other_kind(session: Session, layer: str, task: Mapping[str, Any]) -> None:
    """Asks for a task of the list on the route of the other kind, which must not know it."""
    kind = next(kind for kind in KINDS if kind != task["task_type"])
    request = session.request(KINDS[kind], query={"task_id": task["task_id"]})
    title = f"a {task['task_type']} training on the route of {kind} ones"
    await session.send(Probe(layer, title, request, "task_id.kind", unknown_task(session, request)))


def unknown_task(session: Session, request: Request) -> Expectation:
    """What the contract allows where a right request asks for a task that this route cannot know."""
    return replace(session.oracle.expect(request), refusal=Refusal(404, "TASK_NOT_FOUND"))


def _model_names(task: Mapping[str, Any]) -> list[str]:
    models = task.get("models")
    entries = models if isinstance(models, list) else []
    return sorted(str(model.get("model_name")) for model in entries if isinstance(model, dict))
