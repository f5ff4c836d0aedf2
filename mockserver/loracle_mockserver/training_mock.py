"""One API key of a mock, in the hands of a test: what is to fail, what time it is, what was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import orjson

from loracle_mockserver.assertions import Assertions
from loracle_mockserver.contract_report import broke_the_contract, contract_report
from loracle_mockserver.control import Control
from loracle_mockserver.engine import Engine
from loracle_mockserver.engine_options import fault_plan
from loracle_mockserver.fault_rules import namespace_of
from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.journal import Entry, describe

__all__ = ["Host", "MockClock", "MockTask", "TrainingMock"]

_T = TypeVar("_T")


class Host(Protocol):
    """Where an engine lives. `known` are the namespaces of the keys that were given out for it."""

    engine: Engine
    url: str
    known: set[str]

    def call(self, function: Callable[[], _T]) -> _T:
        """What the function gives, called so that no request is answered meanwhile."""
        ...


class TrainingMock(Assertions):
    """One mock and one API key: `url` and `api_key` are for the client, all else is for the test.

    The key has a world of its own: tasks, faults, settings, clock, journal. What is asked and said here
    is about that world only. Methods can be called from every thread; they race with no request.
    """

    def __init__(
        self,
        host: Host,
        api_key: str,
        faults: FaultPlan | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """`faults` and `settings` are what the world begins with, also after a reset.

        Raises ValueError for a key that the mock does not accept, ControlError for a setting that cannot
        be.
        """
        keys = host.engine.keys
        if not api_key.strip() or (keys and api_key not in keys):
            raise ValueError(f"the mock does not accept the API key {api_key!r}")
        self.url = host.url
        self.api_key = api_key
        self.namespace = namespace_of(api_key)
        self._host = host
        self._control = Control(host.engine)
        self._faults, self._settings = faults, dict(settings or {})
        # By number and not by time, which a test may set back.
        self._since, self._forgotten_before = host.call(self._counts)
        host.known.add(self.namespace)
        host.engine.heir = host.engine.heir or self.namespace
        if faults is not None or settings:
            host.call(self._begin)

    def __repr__(self) -> str:
        return f"<TrainingMock {self.url} api_key={self.api_key!r}>"

    @property
    def headers(self) -> dict[str, str]:
        """The header that a client sends with this key."""
        return {"Authorization": f"Bearer {self.api_key}"}

    def with_key(self, api_key: str) -> TrainingMock:
        """A handle of another API key of the same mock, whose world is another.

        Raises ValueError for a key that the mock does not accept.
        """
        other = TrainingMock(self._host, api_key)
        other._since, other._forgotten_before = self._since, self._forgotten_before
        return other

    def reset(self) -> None:
        """Puts this key's world back to its start: no tasks, no requests, and what it began with."""

        def reset() -> None:
            self._control.reset(self.namespace)
            self._since, self._forgotten_before = self._counts()
            self._begin()

        self._host.call(reset)

    def _counts(self) -> tuple[int, int]:
        """How many requests there were, which is the newest one's number; how many of them are gone."""
        statistics = self._host.engine.store.statistics()
        return statistics.requests, statistics.requests_dropped

    def _begin(self) -> None:
        if self._faults is not None:
            self._control.add_faults(self._faults, self.namespace)
        if self._settings:
            self._control.configure(self._settings, self.namespace)

    # --- what is to fail

    def fail(  # noqa: PLR0913 - the members of a rule
        self,
        fault: str | int | None = None,
        *,
        times: int | None = None,
        operation: str | None = None,
        task_name: str | None = None,
        nth: int | list[int] | None = None,
        every: int | None = None,
        rate: float | None = None,
        when: str | None = None,
        delay: float | Mapping[str, float] | None = None,
        retry_after: int | None = None,
        seconds: float | None = None,
    ) -> str:
        """Has calls fail, and answers the id of the rule: see docs/faults.md.

        `fault` is an error reason, a name of the catalogue, or a status (its first documented reason);
        with a `delay` it may be left out: seconds, or {"median": ..., "sigma": ...} of a distribution.
        The rule is about calls of the `operation`, of tasks whose name matches the glob `task_name`, and
        only where `when` is true of them; of these it picks the first `times`, the `nth`, one in `every`,
        or a seeded share (`rate`), counted from now on; every one where nothing is said. `retry_after`
        and `seconds` (of a hang, of a drip) are in seconds. Raises ControlError for a rule that cannot
        be.
        """
        rule = {
            "status" if isinstance(fault, int) else "fault": fault,
            "first": times,
            "operation": operation,
            "name": task_name,
            "nth": nth,
            "every": every,
            "rate": rate,
            "when": when,
            "delay": delay,
            "retry_after": retry_after,
            "seconds": seconds,
        }
        said = {name: value for name, value in rule.items() if value is not None}
        return self._host.call(lambda: self._control.add_faults([said], self.namespace))[0]

    def add_faults(self, plan: Any) -> list[str]:
        """Adds rules behind the earlier ones, and answers their ids.

        `plan` is "@NAME" for a shipped scenario, the path of a YAML file, a plan, a rule, or a list of
        rules. Raises FaultPlanError where it is none, OSError where the file cannot be read.
        """
        parsed = fault_plan(plan)
        return self._host.call(lambda: self._control.add_faults(parsed, self.namespace))

    @property
    def faults(self) -> list[dict[str, Any]]:
        """The rules in force, each with its `id` and how many calls it `matched`."""
        return self._host.call(lambda: self._control.faults(self.namespace))

    def clear_faults(self) -> None:
        """Removes the rules of this key; those that the mock was started with stay."""
        self._host.call(lambda: self._control.clear_faults(self.namespace))

    # --- how the world goes

    def configure(self, **settings: Any) -> dict[str, Any]:
        """Changes settings, such as `progression="seconds"`, and answers all of them.

        The settings are those of `Behaviour`. Raises ControlError for one that cannot be.
        """
        return self._host.call(lambda: self._control.configure(settings, self.namespace))

    @property
    def clock(self) -> MockClock:
        """The virtual clock."""
        return MockClock(self._host, self._control, self.namespace)

    @property
    def tasks(self) -> list[MockTask]:
        """The trainings that were created, newest first."""
        listed = self._host.call(lambda: self._control.tasks(self.namespace))
        return [MockTask(self._host, self._control, task) for task in listed]

    def task(self, id_or_name: str) -> MockTask:
        """The training of this id or name.

        Raises LookupError where there is none, or where several have the name.
        """
        tasks = self.tasks
        found = [task for task in tasks if id_or_name in (task.id, task.name)]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(task.id for task in found)
            raise LookupError(f"{len(found)} tasks are named {id_or_name!r}; give one of their ids: {ids}")
        known = ", ".join(repr(task.name) for task in tasks) or "none at all"
        raise LookupError(f"no task has the id or the name {id_or_name!r}; there are {known}")

    # --- what was asked

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The requests with this key, oldest first, as the journal describes them.

        Beside what /_mock/requests says, `body` holds the parsed JSON, or None where there is none.
        """
        return [{**describe(n, entry), "body": _json(entry)} for n, entry in self._entries()]

    @property
    def violations(self) -> list[dict[str, Any]]:
        """The requests that broke the profile in force, as `requests` describes them.

        Among them are those without an accepted key, and those with a key that nobody gave out.
        """
        return [
            {**describe(n, entry), "body": _json(entry)}
            for n, entry in self._entries(with_strays=True)
            if broke_the_contract(entry)
        ]

    @property
    def forgotten(self) -> int:
        """How many requests came, with whatever key, that the journal had no room to keep."""
        return max(self._host.call(self._counts)[1] - self._forgotten_before, 0)

    def contract_report(self) -> str | None:
        """What is wrong with the requests that broke the contract, as text; None where all kept it."""
        entries = self._entries(with_strays=True)
        return contract_report(entries, self.namespace, self._host.engine.profile)

    def _entries(self, *, with_strays: bool = False) -> list[tuple[int, Entry]]:
        own, known = self.namespace, self._host.known

        def entries() -> list[tuple[int, Entry]]:
            if self._counts()[0] < self._since:  # the whole mock was reset, and counts from 1 again
                self._since = self._forgotten_before = 0
            return [
                (n, entry)
                for n, entry in self._control.entries()
                if n > self._since
                and (entry.namespace == own or (with_strays and entry.namespace not in known))
            ]

        return self._host.call(entries)


class MockClock:
    """The virtual clock of one API key."""

    def __init__(self, host: Host, control: Control, namespace: str) -> None:
        self._host, self._control, self._namespace = host, control, namespace

    @property
    def now(self) -> float:
        """The moment, in Unix seconds."""
        moment: float = self._host.call(lambda: self._control.clock(self._namespace))["now"]
        return moment

    def advance(self, seconds: float) -> float:
        """Moves the clock forward, and answers the moment. Raises ControlError for a step back."""
        return self._set(advance=seconds)

    def freeze(self) -> float:
        """Has the clock stand still, and answers the moment."""
        return self._set(frozen=True)

    def resume(self) -> float:
        """Has the clock go on, and answers the moment."""
        return self._set(frozen=False)

    def scale(self, times: float) -> float:
        """Has the clock go so many times as fast as time, and answers the moment.

        It follows time with the progression "seconds" only. Raises ControlError for a speed that cannot
        be.
        """
        return self._set(scale=times)

    def _set(self, **change: Any) -> float:
        moment: float = self._host.call(lambda: self._control.set_clock(self._namespace, **change))["now"]
        return moment


class MockTask:
    """A training; its attributes tell how it stands when they are read."""

    def __init__(self, host: Host, control: Control, described: Mapping[str, Any]) -> None:
        self._host, self._control = host, control
        self._namespace: str = described["namespace"]
        self.id: str = described["task_id"]
        self.name: str = described["task_name"]
        self.type: str = described["task_type"]
        self.created_at: int = described["created_at"]

    def __repr__(self) -> str:
        return f"<MockTask {self.name!r} {self.id}>"

    def describe(self) -> dict[str, Any]:
        """All that the mock knows of it, as /_mock/tasks says it. Raises LookupError where it is gone."""
        tasks = self._host.call(lambda: self._control.tasks(self._namespace))
        for task in tasks:
            if task["task_id"] == self.id:
                return task
        raise LookupError(f"the mock has forgotten the task {self.id}")

    @property
    def status(self) -> str:
        """The status that a client would see."""
        return str(self.describe()["task_status"])

    @property
    def state(self) -> str:
        """Where the training stands, as life_cycle.STATES names it: of SUCCESS it knows three kinds."""
        return str(self.describe()["state"])

    @property
    def models(self) -> list[dict[str, str]]:
        """The models that a client would see."""
        return list(self.describe()["models"])

    @property
    def polls(self) -> int:
        """How often its state was asked for."""
        return int(self.describe()["polls"])

    def force(self, state: str | None) -> None:
        """Puts it into a state in which it stays, such as "FAILED"; None lets it go on by itself.

        Raises ControlError for a state that does not exist.
        """
        self._host.call(lambda: self._control.force(self.id, state, self._namespace))


def _json(entry: Entry) -> Any:
    try:
        return orjson.loads(entry.redacted().body)
    except orjson.JSONDecodeError:
        return None
