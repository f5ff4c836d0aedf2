"""Failures on demand: one plan of rules, and the ways in which a single request asks for one."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from loracle_contracts import spec
from loracle_mockserver.behaviour import Behaviour, BehaviourError
from loracle_mockserver.fault_catalogue import CATALOGUE, FaultKind, known_faults
from loracle_mockserver.fault_rules import FaultPlanError, FaultRule, shown, told_apart
from loracle_mockserver.strict_yaml import read_yaml

__all__ = [
    "Fault",
    "FaultPlan",
    "UnknownFaultError",
    "apply",
    "fault_by_name",
    "magic_fault",
    "preferred_fault",
    "scenarios",
]

# A preference with its value, which may be a quoted string (RFC 7240, section 2).
_PREFERENCE = re.compile(r'([^=,;\s"]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^,;\s"]*))?')
_MAGIC_NAME = re.compile(r"fault:([A-Za-z0-9_-]+)")
_SCENARIOS = Path(__file__).parent / "scenarios.yaml"


class UnknownFaultError(ValueError):
    """A request asked for a failure that cannot befall its operation; `known` lists the others."""

    def __init__(self, message: str, known: list[str]) -> None:
        super().__init__(message)
        self.known = known


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request: the fault of this name (or none), after `delay` seconds.

    `seconds` is for how long a hang or a slow drip lasts, `origin` who asked for the fault.
    """

    name: str | None
    delay: float = 0.0
    retry_after: int | None = None
    seconds: float | None = None
    origin: str = ""

    @property
    def kind(self) -> FaultKind | None:
        """The entry of the catalogue, or None for an error reason and for a mere delay."""
        return CATALOGUE.get(self.name) if self.name else None

    @property
    def reason(self) -> str | None:
        """The error that the contract documents, or None where the fault is no such error."""
        return None if self.name is None or self.name in CATALOGUE else self.name


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The rules in their order, and the settings of the world that stand beside them."""

    rules: tuple[FaultRule, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def load(cls, source: str | Path) -> FaultPlan:
        """Reads a YAML plan, or the shipped scenario that `@NAME` names.

        Raises OSError where the file cannot be read, FaultPlanError where it is no plan.
        """
        if str(source).startswith("@"):
            return cls.scenario(str(source)[1:])
        return cls.parse(_read_yaml(Path(source)), str(source))

    @classmethod
    def scenario(cls, name: str) -> FaultPlan:
        """A shipped scenario by its name. Raises FaultPlanError where there is none."""
        known = scenarios()
        if name not in known:
            close = difflib.get_close_matches(name, list(known), n=1)
            hint = f"did you mean @{close[0]}?" if close else f"there are {', '.join(f'@{n}' for n in known)}"
            raise FaultPlanError(f"no scenario @{name}; {hint}")
        document = {key: value for key, value in known[name].items() if key not in _DESCRIPTION}
        return cls.parse(document, f"@{name}")

    @classmethod
    def parse(cls, document: Any, origin: str = "the plan") -> FaultPlan:
        """Makes a plan of parsed YAML or JSON: a mapping with the list `faults`, settings, or both.

        Raises FaultPlanError, with every fault but the first left to the next run.
        """
        known = ["faults", *Behaviour.names()]
        if not isinstance(document, dict) or not document:
            raise FaultPlanError(f"{origin}: a fault plan is a mapping with the list 'faults'")
        for key in document:
            if key not in known:
                close = difflib.get_close_matches(str(key), known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"
                raise FaultPlanError(f"{origin}: unknown key {shown(key)} beside 'faults'{hint}")
        rules = document.get("faults", [])
        if not isinstance(rules, list):
            raise FaultPlanError(f"{origin}: 'faults' is a list of rules, not {shown(rules)}")
        settings = {key: value for key, value in document.items() if key != "faults"}
        try:
            Behaviour().changed(settings, origin)
        except BehaviourError as error:
            raise FaultPlanError(str(error)) from None
        parsed = [FaultRule.parse(rule, f"{origin}: faults[{index}]") for index, rule in enumerate(rules)]
        return cls(told_apart(parsed), tuple(settings.items()))


_DESCRIPTION = ("summary", "good_client", "judge")


@cache
def scenarios() -> dict[str, dict[str, Any]]:
    """The shipped scenarios by name: `summary`, `good_client`, a fault plan, and for most `judge`."""
    return dict(_read_yaml(_SCENARIOS))


def _read_yaml(path: Path) -> Any:
    try:
        return read_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FaultPlanError(f"{path}: not YAML: {error}") from None


Count = Callable[[list[str]], list[int]]
Wait = Callable[[FaultRule], float]


def apply(
    rules: Sequence[FaultRule],
    operation: spec.Operation,
    name: str | None,
    namespace: str,
    seed: int,
    is_so: Callable[[str], bool],
    count: Count,
    wait: Wait,
) -> Fault | None:
    """What the rules do to this call: delays add up, the first fault wins.

    Every rule that matches counts the call: `count` adds one to each and answers the new counts.
    `is_so` answers whether a rule's condition is true of the call; `wait` asks a rule's token bucket
    how many seconds the call comes too early.
    """
    matching = [rule for rule in rules if rule.matches(operation.id, name, namespace, is_so)]
    if not matching:
        return None
    delay, chosen, origin = 0.0, None, ""
    for rule, n in zip(matching, count([rule.id for rule in matching]), strict=True):
        if not rule.picks(n, seed):
            continue
        retry_after = rule.retry_after
        fault = rule.fault_for(operation)
        if rule.rate_limit is not None and "RATE_LIMIT_EXCEEDED" in known_faults(operation):
            too_early = wait(rule)
            if too_early <= 0:
                continue
            fault = "RATE_LIMIT_EXCEEDED"
            retry_after = math.ceil(too_early) if retry_after is None else retry_after
        delay += rule.delay_for(n, seed)
        origin = origin or f"rule {rule.id}"
        if chosen is None and fault is not None:
            chosen = Fault(fault, 0.0, retry_after, rule.seconds, f"rule {rule.id}")
    if chosen is not None:
        return Fault(chosen.name, delay, chosen.retry_after, chosen.seconds, chosen.origin)
    return Fault(None, delay, origin=origin) if origin and delay else None


def fault_by_name(name: str, operation: spec.Operation, origin: str) -> Fault:
    """The fault of this name. Raises UnknownFaultError where it cannot befall the operation."""
    known = known_faults(operation)
    if name not in known:
        close = [
            *difflib.get_close_matches(name.upper(), known, n=1),
            *difflib.get_close_matches(name.lower().replace("_", "-"), known, n=1),
        ]
        hint = f" Did you mean {close[0]}?" if close else ""
        place = origin[0].upper() + origin[1:]
        raise UnknownFaultError(f"{place} names no fault of {operation.id}: {name!r}.{hint}", known)
    return Fault(name, origin=origin)


def preferred_fault(prefer: str, operation: spec.Operation) -> Fault | None:
    """The fault that a Prefer header asks for with code=NNN (RFC 7240), or None where it asks for none.

    Of several headers `prefer` holds the values joined by commas; the first code counts. Raises
    UnknownFaultError for a status that the operation does not document.
    """
    codes = [match.group(2) for match in _PREFERENCE.finditer(prefer) if match.group(1).lower() == "code"]
    code = (codes[0] or "200").strip('"') if codes else "200"
    if code == "200":
        return None
    reasons = operation.errors.get(code)
    if not reasons:
        raise UnknownFaultError(
            f"Prefer asks for a status that {operation.id} does not document: {code!r}.",
            ["200", *operation.errors],
        )
    return Fault(reasons[0], origin="the header Prefer")


def magic_fault(name: str, operation: spec.Operation) -> Fault | None:
    """The fault that a task name asks for by beginning with fault:NAME, or None.

    Raises UnknownFaultError where it cannot befall the operation.
    """
    match = _MAGIC_NAME.match(name)
    return fault_by_name(match.group(1), operation, "the task name") if match else None
