"""What can be said to a running mock: one meaning for the HTTP control API, Python and the fixtures.

Every call is about one namespace, or with None about all of them. Nothing here knows of HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from typing import Any

from loracle_mockserver.behaviour import Behaviour, BehaviourError
from loracle_mockserver.clock import Clock
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_rules import FaultPlanError, FaultRule
from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.journal import Entry
from loracle_mockserver.life_cycle import STATES
from loracle_mockserver.tasks import Task
from loracle_mockserver.world import SETTINGS, Settings, World

__all__ = ["MAX_RULES", "AmbiguousTaskError", "Control", "ControlError", "UnknownTaskError"]

MAX_RULES = 1_000  # of one namespace that are added at run time
_EVERYBODY = ""
_LISTED_NAMES = 5


class ControlError(ValueError):
    """Something was said to the mock that it cannot do; the text says why."""


class UnknownTaskError(ControlError):
    """There is no task of this id."""


class AmbiguousTaskError(ControlError):
    """Several namespaces have a task of this id, and none was named."""


class Control:
    """Steers one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def health(self) -> dict[str, Any]:
        """That the mock is ready, and how much it keeps."""
        engine, statistics = self._engine, self._engine.store.statistics()
        return {
            "status": "ready",
            "version": version("loracle"),
            "profile": engine.profile,
            "seed": engine.seed,
            "namespaces": statistics.namespaces,
            "namespaces_dropped": statistics.namespaces_dropped,
            "tasks": statistics.tasks,
            "tasks_dropped": statistics.tasks_dropped,
            "requests": statistics.requests,
            "requests_dropped": statistics.requests_dropped,
        }

    def reset(self, namespace: str | None = None) -> None:
        """Puts state, journal, clock, faults and settings back to the start; the plan stays."""
        self._engine.reset(namespace)

    # --- faults

    def faults(self, namespace: str | None = None) -> list[dict[str, Any]]:
        """The rules in force, in their order, each with its id.

        For one namespace also how many of its calls each rule matched so far.
        """
        rules = self._engine.world(namespace or _EVERYBODY).rules
        if namespace is None:
            return [{"id": rule.id, **rule.as_dict()} for rule in rules]
        counts = self._engine.store.counts(namespace, [f"fault:{rule.id}" for rule in rules])
        return [
            {"id": rule.id, "matched": count, **rule.as_dict()}
            for rule, count in zip(rules, counts, strict=True)
        ]

    def add_faults(self, plan: Any, namespace: str | None = None) -> list[str]:
        """Adds the rules of a plan behind those that were added before, and answers their ids.

        `plan` is a plan as it stands in YAML, one rule, a list of rules, or "@NAME" for a shipped
        scenario. Settings that stand in the plan are taken over. Raises ControlError where it is none,
        and where a rule could never act.
        """
        parsed = self._plan(plan, namespace)
        rules = self._named(parsed.rules, namespace)

        def added(_: str, settings: Settings) -> Settings:
            if len(settings.rules) + len(rules) > MAX_RULES:
                raise ControlError(
                    f"{len(settings.rules):,} rules were added, and {len(rules):,} more are over the limit "
                    f"of {MAX_RULES:,}; clear them first"
                )
            return replace(settings, rules=settings.rules + rules)

        self._change([namespace or _EVERYBODY], added)
        if parsed.settings:
            self.configure(dict(parsed.settings), namespace)
        return [rule.id for rule in rules]

    def replace_faults(self, plan: Any, namespace: str | None = None) -> list[str]:
        """Puts the rules of a plan in the place of the earlier ones, and answers their ids.

        Without a namespace the rules of every namespace and those of the plan's file go, too, until the
        next reset. Raises ControlError as `add_faults` does; nothing has changed then.
        """
        parsed = self._plan(plan, namespace)
        self.clear_faults(namespace)
        return self.add_faults(parsed, namespace)

    def clear_faults(self, namespace: str | None = None) -> None:
        """Removes the rules of a namespace, or with None all of them (the file's until the next reset)."""

        def cleared(_: str, settings: Settings) -> Settings:
            return replace(settings, rules=(), hides_plan=namespace is None)

        self._change(self._affected(namespace), cleared)

    def _plan(self, plan: Any, namespace: str | None) -> FaultPlan:
        parsed = _plan(plan)
        is_about_nobody = any(rule.when == "refused-key" for rule in parsed.rules)
        if is_about_nobody and namespace not in (None, self._engine.heir):
            raise ControlError(
                "a call whose key is refused belongs to no namespace: "
                "add the rule about refused-key without one"
            )
        return parsed

    def _named(self, rules: tuple[FaultRule, ...], namespace: str | None) -> tuple[FaultRule, ...]:
        # Each gets an id of its own, so that a rule which is added once more counts from 1 again.
        scope = "own" if namespace else "all"
        return tuple(
            replace(rule, id=f"{scope}-{self._engine.store.count(namespace or _EVERYBODY, ['rules'])[0]}")
            for rule in rules
        )

    # --- settings and the clock

    def behaviour(self, namespace: str | None = None) -> dict[str, Any]:
        """The settings in force."""
        return self._engine.world(namespace or _EVERYBODY).behaviour.as_dict()

    def configure(self, settings: Mapping[str, Any], namespace: str | None = None) -> dict[str, Any]:
        """Changes settings, and answers all of them. Raises ControlError for one that cannot be."""
        try:
            Behaviour().changed(settings, "the settings")
        except BehaviourError as error:
            raise ControlError(str(error)) from None
        wall = self._engine.wall()
        worlds = self._worlds(namespace)

        def changed(name: str, known: Settings) -> Settings:
            # The clock goes on from where it stands, whatever moved it so far.
            clock = replace(worlds[name].clock, base=worlds[name].now(wall), anchor=wall)
            return replace(known, behaviour={**known.behaviour, **settings}, clock=clock)

        self._change(worlds, changed)
        return self.behaviour(namespace)

    def clock(self, namespace: str | None = None) -> dict[str, Any]:
        """The moment in Unix seconds, whether the clock stands still, and how fast it goes."""
        world = self._engine.world(namespace or _EVERYBODY)
        return {
            "now": world.now(self._engine.wall()),
            "frozen": world.clock.frozen,
            "scale": world.clock.scale,
            "progression": world.behaviour.progression,
        }

    def set_clock(
        self,
        namespace: str | None = None,
        *,
        frozen: bool | None = None,
        advance: float | None = None,
        scale: float | None = None,
    ) -> dict[str, Any]:
        """Freezes or resumes the clock, changes its speed, moves it forward; answers as `clock`.

        Raises ControlError for a speed or a distance that cannot be.
        """
        now, worlds = self._engine.wall(), self._worlds(namespace)

        def moved(name: str, known: Settings) -> Settings:
            world = worlds[name]
            wall = now if world.follows_time else None
            return replace(known, clock=_moved(known.clock or world.clock, wall, frozen, advance, scale))

        try:
            self._change(worlds, moved)
        except ValueError as error:
            raise ControlError(str(error)) from None
        return self.clock(namespace)

    def _affected(self, namespace: str | None) -> Iterator[str]:
        """The namespaces whose settings a change is about; the empty one stands for those to come."""
        if namespace is not None:
            yield namespace
            return
        for name in self._engine.store.namespaces():
            if self._engine.store.read(name, SETTINGS)[0] is not None:
                yield name
        yield _EVERYBODY

    def _worlds(self, namespace: str | None) -> dict[str, World]:
        return {name: self._engine.world(name) for name in self._affected(namespace)}

    def _change(self, namespaces: Iterable[str], change: Callable[[str, Settings], Settings]) -> None:
        store = self._engine.store
        for name in namespaces:

            def changed(document: bytes | None, name: str = name) -> bytes:
                return change(name, Settings.parse(document)).document()

            store.update(name, SETTINGS, changed)
        store.flush()

    # --- tasks and the journal

    def tasks(self, namespace: str | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """The tasks as a list would show them, newest first in each namespace, with what is behind it.

        At most `limit` of them where it is given.
        """
        store = self._engine.store
        names = store.namespaces() if namespace is None else [namespace]
        found = ((name, task) for name in names for task in store.tasks(name))
        return [self._described(name, task) for name, task in islice(found, limit)]

    def force(self, task_id: str, state: str | None, namespace: str | None = None) -> dict[str, Any]:
        """Puts a task into a state in which it stays; None lets it go on by itself.

        CANCELED ends a real training, for good. The states are those of `life_cycle.STATES`. Raises
        ControlError for another one, UnknownTaskError where there is no such task, AmbiguousTaskError where
        several namespaces have it.
        """
        if state is not None and state not in STATES:
            raise ControlError(f"no state {state[:80]!r}; there are {', '.join(STATES)}")
        store = self._engine.store
        owners = store.owners(task_id) if namespace is None else [namespace]
        if len(owners) > 1:
            raise AmbiguousTaskError(
                f"{len(owners)} namespaces have a task {task_id[:80]!r}; name one: {_listed(owners)}"
            )
        task = store.force(owners[0], task_id, state) if owners else None
        if task is None:
            raise UnknownTaskError(f"there is no task {task_id[:80]!r}")
        store.flush()
        if state == "CANCELED":
            self._engine.trainer.cancel(owners[0], task_id)
        return self._described(owners[0], task)

    def _described(self, namespace: str, task: Task) -> dict[str, Any]:
        world = self._engine.world(namespace)
        moment = world.now(self._engine.wall())
        stage = self._engine.trainer.stage(namespace, task, world.behaviour, moment)
        run = self._engine.trainer.run(namespace, task)
        return {
            "namespace": namespace,
            **stage.as_summary(task),
            "state": stage.state,
            "progress_percent": stage.progress,
            "eta_relative": stage.eta,
            "polls": task.polls,
            "fault": task.fault,
            "forced": task.forced,
            **({"run": run} if run is not None else {}),
        }

    def entries(
        self, namespace: str | None = None, *, with_unattributed: bool = False
    ) -> Iterator[tuple[int, Entry]]:
        """The journal of a namespace, or of all, oldest first.

        `with_unattributed` adds the requests that had no key that was accepted.
        """
        for n, entry in self._engine.store.entries():
            is_unattributed = with_unattributed and entry.namespace is None
            if namespace is None or entry.namespace == namespace or is_unattributed:
                yield n, entry


def _plan(plan: Any) -> FaultPlan:
    parsed = _parsed(plan)
    if len(parsed.rules) > MAX_RULES:
        raise ControlError(f"{len(parsed.rules):,} rules are over the limit of {MAX_RULES:,}")
    return parsed


def _parsed(plan: Any) -> FaultPlan:
    try:
        if isinstance(plan, FaultPlan):
            return plan
        if isinstance(plan, str):
            return FaultPlan.scenario(plan.removeprefix("@"))
        if isinstance(plan, list):
            return FaultPlan.parse({"faults": plan})
        if isinstance(plan, dict) and set(plan) == {"scenario"}:
            return FaultPlan.scenario(str(plan["scenario"]).removeprefix("@"))
        is_plan = isinstance(plan, dict) and plan.keys() & {"faults", *Behaviour.names()}
        return FaultPlan.parse(plan if is_plan else {"faults": [plan]})
    except FaultPlanError as error:
        raise ControlError(str(error)) from None


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_LISTED_NAMES]) + (", ..." if len(names) > _LISTED_NAMES else "")


def _moved(
    clock: Clock, wall: float | None, frozen: bool | None, advance: float | None, scale: float | None
) -> Clock:
    if scale is not None:
        clock = clock.scaled(scale, wall)
    if frozen is not None:
        clock = clock.freeze(wall) if frozen else clock.resume(wall)
    return clock if advance is None else clock.advance(advance, wall)
