"""One request on its way through the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loracle_contracts.spec import Operation
from loracle_mockserver.faults import Fault
from loracle_mockserver.message import Request
from loracle_mockserver.world import World

__all__ = ["Call"]


@dataclass(slots=True, eq=False)
class Call:
    """What is known of a request once its route is: each step of the engine adds to it.

    `moment` is the virtual clock's time in Unix seconds. `value` is the parsed query or body, also
    where it breaks the contract. `rules` are the rules that the profile in force saw broken,
    `strict_rules` those that only strict forbids.
    """

    request: Request
    headers: dict[bytes, list[bytes]]
    operation: Operation
    world: World
    moment: float
    value: Any = None
    fault: Fault | None = None
    rules: tuple[str, ...] = ()
    strict_rules: tuple[str, ...] = ()

    @property
    def namespace(self) -> str:
        """The id of the namespace that the call belongs to; empty where it named none that is known."""
        return self.world.namespace

    @property
    def task_fault(self) -> str | None:
        """The fault in the life of a training that befalls this call."""
        kind = self.fault.kind if self.fault else None
        return kind.name if kind is not None and kind.family == "task" else None
