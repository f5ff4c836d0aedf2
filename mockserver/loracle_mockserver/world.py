"""What one call sees of the world: its clock, its settings, the fault rules in force.

Of the settings there is one document for each namespace and one for all of them; a namespace's own
wins. They live in the store, so that every worker that shares it sees the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.clock import Clock
from loracle_mockserver.fault_rules import FaultRule, told_apart

__all__ = ["SETTINGS", "Settings", "World"]

SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class Settings:
    """What was said at run time, for one namespace or for all; `clock` is None where nothing was.

    `rules` of a namespace stand before the plan's, `rules` of all behind them. Where `hides_plan` is
    said of all, the plan's do not count.
    """

    clock: Clock | None = None
    behaviour: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[FaultRule, ...] = ()
    hides_plan: bool = False

    @classmethod
    def parse(cls, document: bytes | None) -> Settings:
        """The settings of a document from the store."""
        if document is None:
            return cls()
        values = orjson.loads(document)
        clock, rules = values.get("clock"), values.get("rules", [])
        parsed = told_apart(FaultRule.parse(rule, "the store") for _, rule in rules)
        return cls(
            Clock(**clock) if clock else None,
            values.get("behaviour", {}),
            tuple(replace(rule, id=name) for rule, (name, _) in zip(parsed, rules, strict=True)),
            values.get("hides_plan", False),
        )

    def document(self) -> bytes:
        """The settings as a document for the store."""
        values: dict[str, Any] = {"behaviour": dict(self.behaviour)}
        if self.clock is not None:
            clock = self.clock
            values["clock"] = {
                "base": clock.base,
                "anchor": clock.anchor,
                "scale": clock.scale,
                "frozen": clock.frozen,
            }
        if self.rules:
            values["rules"] = [(rule.id, rule.as_dict()) for rule in self.rules]
        if self.hides_plan:
            values["hides_plan"] = True
        return orjson.dumps(values)


@dataclass(frozen=True, slots=True)
class World:
    """The world of one namespace at one moment."""

    namespace: str
    clock: Clock
    behaviour: Behaviour
    rules: tuple[FaultRule, ...]

    @property
    def follows_time(self) -> bool:
        """Whether the clock follows the wall clock while it is not frozen."""
        return self.behaviour.progression == "seconds"

    @property
    def is_without_time(self) -> bool:
        """Whether no time passes between two calls, however long a client waits."""
        return not self.follows_time or self.clock.frozen

    def now(self, wall: float) -> float:
        """The moment of the virtual clock, in Unix seconds."""
        return self.clock.now(None if self.is_without_time else wall)
