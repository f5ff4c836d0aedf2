"""A plain model of the mock's world: what every call must answer, said without the mock's code.

It keeps lists and counters and lets time pass tick by tick; where the mock computes, the model walks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CREATES = ("createSubjectTraining", "createStyleTraining")
STATUS_CALLS = ("getSubjectTraining", "getStyleTraining")
Q, T, D, S = ("QUEUING", None), ("TRAINING", None), ("SUCCESS", "DEPLOYING"), ("SUCCESS", "SERVING")
GONE = (None, None)
# As the catalogue tells it: task status, and the status of the model if there is one.
PATHS: dict[str | None, list[tuple[str | None, str | None]]] = {
    None: [Q, T, D, S],
    "stays-queuing": [Q],
    "transient-unknown": [Q, ("UNKNOWN", None), T, D, S],
    "failed": [Q, T, ("FAILED", None)],
    "canceled": [Q, T, ("CANCELED", None)],
    "success-without-models": [Q, T, ("SUCCESS", None)],
    "stays-deploying": [Q, T, D],
    "unknown-status": [Q, ("PREPARING", None), T, D, S],
    "status-goes-back": [Q, T, Q, T, D, S],
    "missing-extra": [Q, T, D, S],
    "vanishes": [Q, T, GONE],
}
FORCED = {
    "QUEUING": Q,
    "TRAINING": T,
    "DEPLOYING": D,
    "SERVING": S,
    "EMPTY": ("SUCCESS", None),
    "FAILED": ("FAILED", None),
    "CANCELED": ("CANCELED", None),
    "UNKNOWN": ("UNKNOWN", None),
    "UNDOCUMENTED": ("PREPARING", None),
    "GONE": GONE,
}
SHOWN_ONCE = {
    "failed": ("FAILED", None),
    "success-without-models": ("SUCCESS", None),
    "vanishes": GONE,
    "stays-queuing": Q,
}
DEFAULTS: dict[str, Any] = {
    "progression": "polls",
    "polls_per_state": 1,
    "seconds_per_state": [60, 480, 60],
    "asset_ids": "hex",
    "require_assets": False,
}


@dataclass
class ModelClock:
    moment: float
    scale: float = 1.0
    frozen: bool = False


@dataclass
class ModelTask:
    operation: str
    name: str
    id: str
    created_at: float
    fault: str | None
    polls: int = 0
    forced: str | None = None
    # The last answer, to be compared with the next one: index in the path, progress, eta.
    seen: tuple[int, float, float] | None = None
    model_name: str | None = None


@dataclass
class ModelRule:
    id: str
    body: dict[str, Any]

    def is_about(self, operation: str, name: str | None) -> bool:
        rule = self.body
        if "name" in rule and (name is None or not name.startswith(rule["name"].rstrip("*"))):
            return False
        if "operation" in rule:
            return bool(rule["operation"] == operation)
        fault = rule.get("fault")
        if fault is not None and fault in PATHS:
            return operation in CREATES
        if fault == "CREATE_TASK_FAILED":
            return operation in (*CREATES, "createUploadUrl")
        return operation != "putUpload" or fault != "wrong-type"

    def picks(self, n: int) -> bool:
        rule = self.body
        nth = rule.get("nth", n)
        return (
            n in (nth if isinstance(nth, list) else [nth])
            and n <= rule.get("first", n)
            and n % rule.get("every", 1) == 0
        )


@dataclass
class ModelKey:
    settings: dict[str, Any] = field(default_factory=dict)
    rules: list[ModelRule] = field(default_factory=list)
    clock: ModelClock | None = None
    tasks: list[ModelTask] = field(default_factory=list)
    matched: dict[str, int] = field(default_factory=dict)
    uploads: int = 0
    assets: set[str] = field(default_factory=set)
    calls: int = 0


class ModelWorld:
    """All keys, and what was said for every one of them (`everyone`)."""

    def __init__(self, epoch: float, keys: list[str]) -> None:
        self.epoch = epoch
        self.keys = {key: ModelKey() for key in keys}
        self.everyone = ModelKey(clock=ModelClock(epoch))

    def reset(self, key: str | None) -> None:
        if key is None:
            self.__init__(self.epoch, list(self.keys))  # type: ignore[misc]
        else:
            self.keys[key] = ModelKey(clock=ModelClock(self.epoch))

    def setting(self, key: str, name: str) -> Any:
        return {**DEFAULTS, **self.everyone.settings, **self.keys[key].settings}[name]

    def clock(self, key: str) -> ModelClock:
        clock = self.keys[key].clock or self.everyone.clock
        assert clock
        return clock

    def own_clock(self, key: str) -> ModelClock:
        """The key's own clock, from now on if it had none."""
        kept = self.keys[key]
        if kept.clock is None:
            now = self.clock(key)
            kept.clock = ModelClock(now.moment, now.scale, now.frozen)
        return kept.clock

    def tick(self, seconds: float) -> None:
        """The wall clock goes on."""
        followers = [(kept.clock, self.setting(key, "progression")) for key, kept in self.keys.items()]
        everyone = {**DEFAULTS, **self.everyone.settings}
        for clock, progression in [*followers, (self.everyone.clock, everyone["progression"])]:
            if clock is not None and progression == "seconds" and not clock.frozen:
                clock.moment += seconds * clock.scale

    def index(self, key: str, task: ModelTask) -> int:
        """How far the task has come on its path."""
        path = PATHS[task.fault]
        last = len(path) - 1
        progression = self.setting(key, "progression")
        if progression == "immediate":
            return last
        rest, index = self.clock(key).moment - task.created_at, 0
        if progression == "seconds" or rest:
            for state in path[:-1]:
                rest -= self.duration(key, state)
                if rest < 0:
                    break
                index += 1
        if progression == "polls":
            walked, left = 0, max(task.polls, 1)
            while left > self.setting(key, "polls_per_state"):
                walked, left = walked + 1, left - self.setting(key, "polls_per_state")
            index = max(index, min(walked, last))
        return index

    def duration(self, key: str, state: tuple[str | None, str | None]) -> float:
        queue, training, deployment = self.setting(key, "seconds_per_state")
        return float(training if state == T else deployment if state == D else queue)

    def shown(self, key: str, task: ModelTask) -> tuple[str | None, str | None]:
        return FORCED[task.forced] if task.forced else PATHS[task.fault][self.index(key, task)]

    def eta(self, key: str, task: ModelTask) -> float:
        """Seconds to the end of the training, where time alone moves it on."""
        whole = sum(self.duration(key, state) for state in PATHS[task.fault][:-1] if state != D)
        return whole - (self.clock(key).moment - task.created_at)

    def visible(self, key: str, kind: str | None = None) -> list[ModelTask]:
        """The tasks that a list shows, newest first."""
        return [
            task
            for task in reversed(self.keys[key].tasks)
            if self.shown(key, task) != GONE and (kind is None or kind in task.operation.lower())
        ]

    def strike(self, key: str, operation: str, name: str | None) -> tuple[dict[str, Any], float]:
        """The rule that strikes this call (empty: none), and the delay; every matching rule counts it."""
        kept, struck, delay = self.keys[key], {}, 0.0
        kept.calls += 1
        for rule in [*kept.rules, *self.everyone.rules]:
            if rule.is_about(operation, name):
                n = kept.matched[rule.id] = kept.matched.get(rule.id, 0) + 1
                if rule.picks(n):
                    delay += rule.body.get("delay", 0.0)
                    if not struck and "delay" not in rule.body:
                        struck = rule.body
        return struck, delay
