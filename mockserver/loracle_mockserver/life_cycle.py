"""Where a training stands, and how that appears in answers (contract, section 5).

A training walks along a path of states: normally QUEUING, TRAINING, SUCCESS with a model that is
DEPLOYING, SUCCESS with a model that is SERVING. A task fault is another path.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.tasks import Task

__all__ = ["GONE", "STATES", "Stage", "path_of", "stage_of", "trained_model"]


class State(NamedTuple):
    """What is shown while a training is in a state: a task status, and the status of its model."""

    task_status: str
    model_status: str | None = None


GONE = "GONE"
STATES = {
    "QUEUING": State("QUEUING"),
    "TRAINING": State("TRAINING"),
    "DEPLOYING": State("SUCCESS", "DEPLOYING"),
    "SERVING": State("SUCCESS", "SERVING"),
    "EMPTY": State("SUCCESS"),
    "FAILED": State("FAILED"),
    "CANCELED": State("CANCELED"),
    "UNKNOWN": State("UNKNOWN"),
    # A status that the contract does not have, as a later version of the API might.
    "UNDOCUMENTED": State("PREPARING"),
    GONE: State("UNKNOWN"),
}
_SUCCESS = ("QUEUING", "TRAINING", "DEPLOYING", "SERVING")
_PATHS: dict[str | None, tuple[str, ...]] = {
    None: _SUCCESS,
    "stays-queuing": ("QUEUING",),
    "transient-unknown": ("QUEUING", "UNKNOWN", "TRAINING", "DEPLOYING", "SERVING"),
    "failed": ("QUEUING", "TRAINING", "FAILED"),
    "canceled": ("QUEUING", "TRAINING", "CANCELED"),
    "success-without-models": ("QUEUING", "TRAINING", "EMPTY"),
    "stays-deploying": ("QUEUING", "TRAINING", "DEPLOYING"),
    "unknown-status": ("QUEUING", "UNDOCUMENTED", "TRAINING", "DEPLOYING", "SERVING"),
    "status-goes-back": ("QUEUING", "TRAINING", "QUEUING", "TRAINING", "DEPLOYING", "SERVING"),
    "missing-extra": _SUCCESS,
    "vanishes": ("QUEUING", "TRAINING", GONE),
}
# What a task fault shows where it is asked for in one poll only.
_SHOWN_ONCE = {
    "stays-queuing": "QUEUING",
    "transient-unknown": "UNKNOWN",
    "failed": "FAILED",
    "canceled": "CANCELED",
    "success-without-models": "EMPTY",
    "stays-deploying": "DEPLOYING",
    "unknown-status": "UNDOCUMENTED",
    "status-goes-back": "QUEUING",
    "vanishes": GONE,
}
_HALF = 50.0
_WALK = sum(Behaviour().seconds_per_state[:2])


def path_of(fault: str | None) -> tuple[str, ...]:
    """The states that a training with this task fault (None: without one) walks through."""
    return _PATHS[fault]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a training stands: the state, the progress in percent, and the seconds to the end.

    `weights` is the SHA-256 of the weights, and `file` that of the model's file, where one was really made;
    `note` is what an answer says of a training beside what the API has words for.
    """

    state: str
    progress: float
    eta: float
    has_extra: bool = True
    weights: str = ""
    file: str = ""
    note: str = ""

    def as_state(self, task: Task) -> dict[str, Any]:
        """The answer to a status call; every documented key is there, none is null."""
        answer: dict[str, Any] = {
            "task_id": task.id,
            "task_status": STATES[self.state].task_status,
            "model_type": "lora",
            "models": self.models(task),
        }
        if self.has_extra:
            answer["extra"] = {"eta_relative": self.eta, "progress_percent": self.progress}
        return answer

    def as_summary(self, task: Task) -> dict[str, Any]:
        """The training's entry in a list."""
        return {
            "task_name": task.name,
            "task_id": task.id,
            "task_type": task.type,
            "task_status": STATES[self.state].task_status,
            "created_at": int(task.created_at),
            "models": self.models(task),
        }

    def models(self, task: Task) -> list[dict[str, str]]:
        """The models that the training has made so far."""
        status = STATES[self.state].model_status
        if status is None:
            return []
        return [{"model_name": trained_model(task, self.weights), "model_status": status}]


def stage_of(task: Task, behaviour: Behaviour, moment: float, fault: str | None = None) -> Stage:
    """Where a training stands at a moment of the virtual clock, after the polls that it has seen.

    `fault` is a task fault for this one answer.
    """
    path = path_of(task.fault)
    has_extra = "missing-extra" not in (task.fault, fault)
    if fault in _SHOWN_ONCE:
        return _standing(_SHOWN_ONCE[fault], behaviour, has_extra=has_extra)
    if task.forced is not None:
        return _standing(task.forced, behaviour, has_extra=has_extra)
    last = len(path) - 1
    if behaviour.progression == "immediate":
        return _standing(path[last], behaviour, has_extra=has_extra)
    seconds = [_duration(state, behaviour) for state in path[:last]]
    passed, by_time = max(moment - task.created_at, 0.0), 0
    # Where no time has passed, a state that takes none is not over for a job that polls move on.
    is_timed = passed > 0 or behaviour.progression == "seconds"
    while is_timed and by_time < last and passed >= seconds[by_time]:
        passed -= seconds[by_time]
        by_time += 1
    share = min(passed / seconds[by_time], 1.0) if by_time < last and passed else 0.0
    index = by_time
    if behaviour.progression == "polls":
        # A clock that is advanced by hand carries the jobs with it.
        per_state = behaviour.polls_per_state
        by_polls, seen = divmod(max(task.polls - 1, 0), per_state)
        polled = (seen + 1) / (per_state + 1)
        if by_polls > by_time:
            index, share = by_polls, polled
        elif by_polls == by_time:
            share = max(share, polled)
        index = min(index, last)
    state = path[index]
    standing = _standing(state, behaviour, has_extra=has_extra)
    if index == last:
        return standing
    rest = seconds[index] * (1 - share)
    ahead = [_duration(later, behaviour) for later in path[index + 1 : last] if later != "DEPLOYING"]
    if state == "DEPLOYING":
        return standing
    progress = round(100 * share, 1) if state == "TRAINING" else 0.0
    return Stage(state, progress, round(rest + sum(ahead), 1), has_extra)


def trained_model(task: Task, weights: str = "") -> str:
    """The name of the model that the training makes: when it would be done, and a hash of its id.

    Where there are weights, their hash has a part in it.

    How long a training takes by default counts, not what is set: whoever remembers a name can use it
    after the settings have changed.
    """
    done = int(task.created_at + _WALK)
    made_of = f"{task.id}\n{weights}" if weights else task.id
    digest = hashlib.sha256(f"loracle model\n{made_of}".encode()).hexdigest()[:10].upper()
    return f"model_{done}_{digest}.safetensors"


def _standing(state: str, behaviour: Behaviour, *, has_extra: bool) -> Stage:
    """A state without a history: of one that does not move on by itself, or at its very start."""
    if STATES[state].task_status == "SUCCESS":
        return Stage(state, 100.0, 0.0, has_extra)
    if state in ("FAILED", "CANCELED"):
        return Stage(state, _HALF, 0.0, has_extra)
    queue, training, _ = behaviour.seconds_per_state
    if state == "TRAINING":
        return Stage(state, _HALF, round(training / 2, 1), has_extra)
    return Stage(state, 0.0, queue + training, has_extra)


def _duration(state: str, behaviour: Behaviour) -> float:
    queue, training, deployment = behaviour.seconds_per_state
    return {"TRAINING": training, "DEPLOYING": deployment}.get(state, queue)
