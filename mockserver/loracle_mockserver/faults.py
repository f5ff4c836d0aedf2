"""Failures on demand: one plan of rules, and the ways in which a single request asks for one."""

from __future__ import annotations

import difflib
import fnmatch
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from loracle_contracts import spec
from loracle_mockserver.store import Namespace

__all__ = ["Fault", "FaultPlan", "FaultPlanError", "FaultRule", "UnknownFaultError", "known_faults"]

MAX_DELAY = 300.0
# A preference with its value, which may be a quoted string (RFC 7240, section 2).
_PREFERENCE = re.compile(r'([^=,;\s"]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^,;\s"]*))?')
_MAGIC_NAME = re.compile(r"fault:([A-Za-z0-9_-]+)")


class FaultPlanError(ValueError):
    """A fault plan that cannot be used; the text says which rule and why."""


class UnknownFaultError(ValueError):
    """A request asked for a failure that its operation does not document; `known` lists the others."""

    def __init__(self, message: str, known: list[str]) -> None:
        super().__init__(message)
        self.known = known


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request: an error of this reason (or none), after `delay` seconds."""

    reason: str | None
    delay: float = 0.0
    retry_after: int | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One rule of a plan. It matches a call by operation and task name, then picks by its count.

    `nth`, `first` and `every` count the calls of one namespace that match, from 1; without them every
    call is picked. The effect is `reason` or `status` (the first documented reason of that status),
    `delay` in seconds, or both; `retry_after` adds that header, in seconds.
    """

    reason: str | None = None
    status: int | None = None
    delay: float = 0.0
    operation: str | None = None
    name: str | None = None
    nth: tuple[int, ...] = ()
    first: int | None = None
    every: int | None = None
    retry_after: int | None = None

    def matches(self, operation: str, name: str | None) -> bool:
        """Whether the rule is about a call of this operation, with this task name if it has one."""
        if self.operation is not None and self.operation != operation:
            return False
        return self.name is None or (name is not None and fnmatch.fnmatchcase(name, self.name))

    def picks(self, count: int) -> bool:
        """Whether the `count`th matching call is the one to fail."""
        if self.nth and count not in self.nth:
            return False
        if self.first is not None and count > self.first:
            return False
        return self.every is None or count % self.every == 0

    def reason_for(self, operation: spec.Operation) -> str | None:
        """The error that the operation documents for this rule, or None where it has no such error."""
        if self.status is not None:
            reasons = operation.errors.get(str(self.status), [])
            return reasons[0] if reasons else None
        documented = {reason for reasons in operation.errors.values() for reason in reasons}
        return self.reason if self.reason in documented else None


@dataclass(slots=True)
class FaultPlan:
    """The rules in their order: delays add up, the first error wins."""

    rules: tuple[FaultRule, ...] = field(default=())

    @classmethod
    def load(cls, path: Path) -> FaultPlan:
        """Reads a YAML plan.

        Raises OSError where the file cannot be read, FaultPlanError where it is no plan.
        """
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            raise FaultPlanError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
        return cls.parse(document, str(path))

    @classmethod
    def parse(cls, document: Any, origin: str = "the plan") -> FaultPlan:
        """Makes a plan of parsed YAML or JSON: a mapping with the list `faults`.

        Raises FaultPlanError, with every fault of the first bad rule left to the next run.
        """
        if not isinstance(document, dict) or not isinstance(document.get("faults"), list):
            raise FaultPlanError(f"{origin}: a fault plan is a mapping with the list 'faults'")
        unknown = set(document) - {"faults"}
        if unknown:
            raise FaultPlanError(f"{origin}: unknown key {min(map(str, unknown))!r} beside 'faults'")
        rules = [_rule(rule, f"{origin}: faults[{index}]") for index, rule in enumerate(document["faults"])]
        return cls(tuple(rules))

    def apply(self, operation: spec.Operation, name: str | None, namespace: Namespace) -> Fault | None:
        """What the plan does to this call. Every rule that matches counts the call."""
        delay, reason, retry_after, origin = 0.0, None, None, ""
        for index, rule in enumerate(self.rules):
            if not rule.matches(operation.id, name):
                continue
            count = namespace.fault_counts[index] = namespace.fault_counts.get(index, 0) + 1
            if not rule.picks(count):
                continue
            delay += rule.delay
            if reason is None:
                reason = rule.reason_for(operation)
                retry_after = rule.retry_after if reason else None
            origin = origin or f"rule {index}"
        return Fault(reason, delay, retry_after, origin) if origin else None


def known_faults(operation: spec.Operation) -> list[str]:
    """Every error reason that the operation documents, in the order of their statuses."""
    return [reason for reasons in operation.errors.values() for reason in reasons]


def fault_by_name(name: str, operation: spec.Operation, origin: str) -> Fault:
    """The fault of this name. Raises UnknownFaultError where the operation documents no such error."""
    known = known_faults(operation)
    if name not in known:
        close = difflib.get_close_matches(name.upper(), known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UnknownFaultError(f"{origin} names no error of {operation.id}: {name!r}.{hint}", known)
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

    Raises UnknownFaultError where the operation documents no such error.
    """
    match = _MAGIC_NAME.match(name)
    return fault_by_name(match.group(1), operation, "the task name") if match else None


def _rule(rule: Any, place: str) -> FaultRule:
    names = [f.name for f in fields(FaultRule)]
    if not isinstance(rule, dict):
        raise FaultPlanError(f"{place}: a rule is a mapping, not {rule!r}")
    for key in rule:
        if key not in names:
            close = difflib.get_close_matches(str(key), names, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(names)}"
            raise FaultPlanError(f"{place}: unknown key {key!r}{hint}")
    _check_effect(rule, place)
    operation = rule.get("operation")
    if operation is not None and operation not in [*spec.operations()]:
        raise FaultPlanError(f"{place}: no operation {operation!r}; there are {', '.join(spec.operations())}")
    if "name" in rule and not isinstance(rule["name"], str):
        raise FaultPlanError(f"{place}: name is a pattern for task names, not {rule['name']!r}")
    nth = rule.get("nth", ())
    counts = {"nth": nth if isinstance(nth, (list, tuple)) else [nth]}
    counts.update({key: [rule[key]] for key in ("first", "every", "retry_after") if key in rule})
    if nth == []:
        raise FaultPlanError(f"{place}: nth names no call; leave it out to match every one")
    for key, values in counts.items():
        lowest = 0 if key == "retry_after" else 1
        for value in values:
            if type(value) is not int or value < lowest:
                raise FaultPlanError(f"{place}: {key} counts from {lowest}, so it cannot be {value!r}")
    made = FaultRule(**{**rule, "nth": tuple(counts["nth"]), "delay": float(rule.get("delay", 0))})
    if operation is not None and {"reason", "status"} & rule.keys():
        known = spec.operations()[operation]
        if made.reason_for(known) is None:
            wanted = rule.get("reason", rule.get("status"))
            listed = ", ".join(known_faults(known))
            raise FaultPlanError(f"{place}: {operation} never answers {wanted}; its errors are {listed}")
    return made


def _check_effect(rule: dict[str, Any], place: str) -> None:
    if not rule.keys() & {"reason", "status", "delay"}:
        raise FaultPlanError(f"{place}: a rule needs an effect: reason, status or delay")
    if "reason" in rule and "status" in rule:
        raise FaultPlanError(f"{place}: give reason or status, not both; a reason has its status")
    reason = rule.get("reason")
    if "reason" in rule and reason not in [*spec.errors()]:
        close = difflib.get_close_matches(str(reason).upper(), list(spec.errors()), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise FaultPlanError(f"{place}: the contract knows no error {reason!r}{hint}")
    statuses = sorted({int(s) for operation in spec.operations().values() for s in operation.errors})
    if "status" in rule and (type(rule["status"]) is not int or rule["status"] not in statuses):
        raise FaultPlanError(
            f"{place}: {rule['status']!r} is no documented error status; those are {statuses}"
        )
    delay = rule.get("delay", 0)
    if type(delay) not in (int, float) or not 0 <= delay <= MAX_DELAY:
        raise FaultPlanError(f"{place}: delay is 0 to {MAX_DELAY:g} seconds, not {delay!r}")
