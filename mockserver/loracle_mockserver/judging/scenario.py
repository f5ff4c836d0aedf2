"""The scenarios that a client is judged under: shipped fault plans that say what a good client does."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from loracle_contracts import spec
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_rules import FaultPlanError
from loracle_mockserver.faults import FaultPlan, scenarios
from loracle_mockserver.message import Request

__all__ = ["Scenario", "judged_scenarios"]

_EXAMPLE = "valid/createSubjectTraining/request/seed-page.json"
Ends = Literal["well", "badly", "either"]


@dataclass(frozen=True)
class Scenario:
    """One scenario. `calls` are the kinds of calls that a client must make to be judged under it.

    `shows` is the state that a poll must have shown, where it is about one; `ends` how the command of a
    good client ends: well (exit code 0), badly (any other), or either. `tasks` trainings are there before.
    """

    name: str
    summary: str
    good_client: str
    plan: FaultPlan
    calls: tuple[str, ...] = ("any",)
    shows: str | None = None
    ends: Ends = "either"
    tasks: int = 0

    def prepare(self, engine: Engine, key: str) -> None:
        """Starts the trainings that the key has before the client begins."""
        body = spec.example(_EXAMPLE)
        headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
        for number in range(self.tasks):
            named = body.replace(b"test_1208_01", b"earlier_%02d" % number)
            engine.handle(Request("POST", "/v3/training/subject", b"", headers, named))


def judged_scenarios(names: Iterable[str] = ()) -> list[Scenario]:
    """The scenarios of these names, in the order of the names; without names, all that are judged.

    Raises FaultPlanError for a name that there is not.
    """
    known = {name: entry for name, entry in scenarios().items() if "judge" in entry}
    wanted = [name.removeprefix("@") for name in names] or list(known)
    for name in wanted:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
            raise FaultPlanError(f"no scenario {name} to judge a client under; {hint}")
    return [_scenario(name) for name in dict.fromkeys(wanted)]


def _scenario(name: str) -> Scenario:
    entry = scenarios()[name]
    judge = entry["judge"]
    return Scenario(
        name=name,
        summary=entry["summary"],
        good_client=entry["good_client"],
        plan=FaultPlan.scenario(name),
        calls=tuple(judge["calls"]),
        shows=judge.get("shows"),
        ends=judge["ends"],
        tasks=judge.get("tasks", 0),
    )
