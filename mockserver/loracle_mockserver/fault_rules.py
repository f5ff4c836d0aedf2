"""One rule of a fault plan: which calls it is about, which of them it picks, and what it does to them."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import random
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from loracle_contracts import spec
from loracle_mockserver.fault_catalogue import CATALOGUE, CREATES, STATUS_CALLS, known_faults
from loracle_mockserver.globs import MAX_GLOB, is_like

__all__ = [
    "MAX_DELAY",
    "FaultPlanError",
    "FaultRule",
    "RateLimit",
    "conditions",
    "namespace_of",
    "shown",
    "told_apart",
]

MAX_DELAY = 300.0
MAX_COUNT = 1_000_000_000
MAX_CALLS = 1_000
_NAMESPACE_DIGITS = 12
_NAMESPACE = re.compile(r"[0-9a-f]{12}")
_EXCERPT = reprlib.Repr()
_EXCERPT.maxstring = _EXCERPT.maxother = _EXCERPT.maxlong = 80


class FaultPlanError(ValueError):
    """A fault plan that cannot be used; the text says which rule and why."""


def namespace_of(key: str) -> str:
    """The namespace of an API key: the first 12 hex digits of its SHA-256, never the key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:_NAMESPACE_DIGITS]


def shown(value: Any) -> str:
    """A value of a plan as an error quotes it: neither long nor deep."""
    return _EXCERPT.repr(value)


def conditions() -> list[str]:
    """What a rule can ask of a call with `when`.

    `refused-key` is a call without a key that is accepted, `name-exists` a create whose name another
    task of the key has; the others are the ids of the lints.
    """
    return ["refused-key", "name-exists", *(rule.id for rule in spec.rules("strict").values() if rule.lint)]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket: it holds `burst` calls, and gains `per_second` of them every second."""

    burst: int
    per_second: float


@dataclass(frozen=True, slots=True)
class LognormalDelay:
    """A delay whose logarithm is normally distributed: `median` in seconds, `sigma` of the logarithm."""

    median: float
    sigma: float


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One rule of a plan. All that it names must match; then it picks by its count of such calls.

    It matches by `operation`, task `name` (a glob), `namespace` (in YAML and JSON also `api_key`), and
    `when`: something about the call that is true, such as the id of a lint. The task's name is that
    of the create, or of the task whose status is asked for. Without an operation it is about every one
    that its fault can befall; of the task faults, about the creates.
    `nth`, `first`, `every` and the seeded `rate` pick among the calls of one namespace that match,
    counted from 1; without them every one is picked. The effect is a `fault` by its name, a `status`
    (its first documented reason), a `delay` in seconds, a `rate_limit`, or several of them.
    `retry_after` adds that header to an error; `seconds` is for how long a hang or a slow drip lasts.
    The calls are counted by the `id`; chance is drawn by the `lot`, which is the same in whichever way
    the rule was said.
    """

    fault: str | None = None
    status: int | None = None
    delay: float | LognormalDelay = 0.0
    rate_limit: RateLimit | None = None
    retry_after: int | None = None
    seconds: float | None = None
    operation: str | None = None
    name: str | None = None
    namespace: str | None = None
    when: str | None = None
    nth: tuple[int, ...] = ()
    first: int | None = None
    every: int | None = None
    rate: float | None = None
    id: str = ""
    lot: str = ""

    @classmethod
    def parse(cls, rule: Any, place: str) -> FaultRule:
        """Makes a rule of parsed YAML or JSON. Raises FaultPlanError, which begins with `place`."""
        names = [field.name for field in fields(cls) if field.name not in _MADE] + ["api_key"]
        if not isinstance(rule, Mapping):
            raise FaultPlanError(f"{place}: a rule is a mapping, not {shown(rule)}")
        for key in rule:
            if key not in names:
                close = difflib.get_close_matches(str(key), names, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(names)}"
                raise FaultPlanError(f"{place}: unknown key {shown(key)}{hint}")
        _check_effect(rule, place)
        _check_match(rule, place)
        values = dict(rule)
        if "api_key" in values:
            values["namespace"] = namespace_of(values.pop("api_key"))
        nth = values.get("nth", ())
        values["nth"] = tuple(nth) if isinstance(nth, (list, tuple)) else (nth,)
        delay = values.get("delay", 0)
        values["delay"] = LognormalDelay(**delay) if isinstance(delay, Mapping) else float(delay)
        if "rate_limit" in values:
            values["rate_limit"] = RateLimit(**values["rate_limit"])
        made = cls(**values)
        _check_operation(made, place)
        _check_condition(made, place)
        # Equal rules have equal ids, so that a plan that is read again goes on counting.
        text = json.dumps(made.as_dict(), sort_keys=True)
        made_id = hashlib.sha256(text.encode()).hexdigest()[:10]
        return replace(made, id=made_id, lot=made_id)

    def as_dict(self) -> dict[str, Any]:
        """The rule as JSON that `parse` takes, without what was not said."""
        defaults = _DEFAULTS
        values = {name: value for name, value in asdict(self).items() if value != defaults[name]}
        if "nth" in values:
            values["nth"] = list(values["nth"])
        for name in _MADE:
            values.pop(name, None)
        if not values.keys() & {*_EFFECTS}:
            values["delay"] = 0.0  # the one effect that is as good as not said
        return values

    def matches(self, operation: str, name: str | None, namespace: str, is_so: Callable[[str], bool]) -> bool:
        """Whether the rule is about a call of this operation, with this task name if it has one.

        `is_so` answers whether a condition is true of the call.
        """
        if self.operation is not None:
            if self.operation != operation:
                return False
        elif not self._can_befall(operation):
            return False
        if self.namespace is not None and self.namespace != namespace:
            return False
        if self.name is not None and (name is None or not is_like(name, self.name)):
            return False
        return is_so(self.when) if self.when is not None else True

    def _can_befall(self, operation: str) -> bool:
        if self.fault in CATALOGUE and CATALOGUE[self.fault].family == "task":
            return operation in CREATES
        is_mere_delay = self.fault is None and self.status is None
        return is_mere_delay or self.fault_for(spec.operations()[operation]) is not None

    def picks(self, count: int, seed: int) -> bool:
        """Whether the `count`th matching call is the one to fail; the seed decides where chance does."""
        if self.nth and count not in self.nth:
            return False
        if self.first is not None and count > self.first:
            return False
        if self.every is not None and count % self.every:
            return False
        return self.rate is None or self._chance(count, seed).random() < self.rate

    def delay_for(self, count: int, seed: int) -> float:
        """For how many seconds the `count`th matching call is held back."""
        if isinstance(self.delay, LognormalDelay):
            drawn = self._chance(count, seed + 1).lognormvariate(
                math.log(self.delay.median), self.delay.sigma
            )
            return min(drawn, MAX_DELAY)
        return self.delay

    def _chance(self, count: int, seed: int) -> random.Random:
        return random.Random(f"{seed}\n{self.lot}\n{count}")  # noqa: S311 - repeatable on purpose

    def fault_for(self, operation: spec.Operation) -> str | None:
        """The fault that befalls the operation, or None where it never answers such an error."""
        if self.status is not None:
            reasons = operation.errors.get(str(self.status), [])
            return reasons[0] if reasons else None
        return self.fault if self.fault in known_faults(operation) else None


_MADE = ("id", "lot")  # not said by anybody
_DEFAULTS = {field.name: field.default for field in fields(FaultRule)}
_EFFECTS = ("fault", "status", "delay", "rate_limit")


def told_apart(rules: Iterable[FaultRule]) -> tuple[FaultRule, ...]:
    """The rules, equal ones told apart by their place among each other."""
    seen: dict[str, int] = {}
    apart = []
    for rule in rules:
        n = seen[rule.id] = seen.get(rule.id, 0) + 1
        apart.append(rule if n == 1 else replace(rule, id=f"{rule.id}-{n}", lot=f"{rule.lot}-{n}"))
    return tuple(apart)


def _check_effect(rule: Mapping[str, Any], place: str) -> None:
    if not rule.keys() & {*_EFFECTS}:
        raise FaultPlanError(f"{place}: a rule needs an effect: {', '.join(_EFFECTS[:-1])} or {_EFFECTS[-1]}")
    if len(rule.keys() & {"fault", "status", "rate_limit"}) > 1:
        raise FaultPlanError(f"{place}: give one of fault, status and rate_limit; a fault has its status")
    fault, names = rule.get("fault"), [*spec.errors(), *CATALOGUE]
    if "fault" in rule and fault not in names:
        close = [
            *difflib.get_close_matches(str(fault).upper(), names, n=1),
            *difflib.get_close_matches(str(fault).lower().replace("_", "-"), names, n=1),
        ]
        hint = f"; did you mean {close[0]}?" if close else ""
        raise FaultPlanError(f"{place}: there is no fault {shown(fault)}{hint}")
    statuses = sorted({int(s) for operation in spec.operations().values() for s in operation.errors})
    if "status" in rule and (type(rule["status"]) is not int or rule["status"] not in statuses):
        raise FaultPlanError(
            f"{place}: {shown(rule['status'])} is no documented error status; those are {statuses}"
        )
    _check_delay(rule.get("delay", 0), place)
    if "rate_limit" in rule:
        _check_rate_limit(rule["rate_limit"], place)
    if "seconds" in rule:
        if fault not in ("hang", "slow-drip"):
            raise FaultPlanError(f"{place}: seconds is for hang and slow-drip; a delay is for all others")
        if not _is_number(rule["seconds"]) or not 0 < rule["seconds"] <= MAX_DELAY:
            raise FaultPlanError(
                f"{place}: seconds is above 0, at most {MAX_DELAY:g}, not {shown(rule['seconds'])}"
            )


def _check_delay(delay: Any, place: str) -> None:
    if isinstance(delay, Mapping):
        if set(delay) != {"median", "sigma"}:
            raise FaultPlanError(
                f"{place}: a drawn delay has median and sigma, not {sorted(map(str, delay))}"
            )
        median, sigma = delay["median"], delay["sigma"]
        if not (_is_number(median) and 0 < median <= MAX_DELAY and _is_number(sigma) and 0 <= sigma <= 10):
            raise FaultPlanError(
                f"{place}: median is above 0, at most {MAX_DELAY:g} seconds, and sigma 0 to 10; "
                f"not {shown(median)} and {shown(sigma)}"
            )
    elif not _is_number(delay) or not 0 <= delay <= MAX_DELAY:
        raise FaultPlanError(f"{place}: delay is 0 to {MAX_DELAY:g} seconds, not {shown(delay)}")


def _check_rate_limit(limit: Any, place: str) -> None:
    if not isinstance(limit, Mapping) or set(limit) != {"burst", "per_second"}:
        raise FaultPlanError(
            f"{place}: rate_limit is a mapping with burst and per_second, not {shown(limit)}"
        )
    burst, per_second = limit["burst"], limit["per_second"]
    if type(burst) is not int or not 1 <= burst <= 1_000_000:
        raise FaultPlanError(f"{place}: burst counts from 1 to 1,000,000, so it cannot be {shown(burst)}")
    if not _is_number(per_second) or not 1e-6 <= per_second <= 1e6:
        raise FaultPlanError(f"{place}: per_second is 0.000001 to 1,000,000 calls, not {shown(per_second)}")


def _check_match(rule: Mapping[str, Any], place: str) -> None:
    operation = rule.get("operation")
    if operation is not None and operation not in [*spec.operations()]:
        raise FaultPlanError(
            f"{place}: no operation {shown(operation)}; there are {', '.join(spec.operations())}"
        )
    for key, wanted in (
        ("name", "a pattern for task names"),
        ("api_key", "an API key"),
        ("namespace", "the first 12 hex digits of the SHA-256 of an API key"),
    ):
        if key in rule and (not isinstance(rule[key], str) or not rule[key]):
            raise FaultPlanError(f"{place}: {key} is {wanted}, not {shown(rule[key])}")
        if key in rule and not _is_unicode(rule[key]):
            raise FaultPlanError(f"{place}: {key} holds half of a surrogate pair, which no request can")
    if len(rule.get("name", "")) > MAX_GLOB:
        raise FaultPlanError(f"{place}: name is a pattern of at most {MAX_GLOB:,} characters")
    if "namespace" in rule and not _NAMESPACE.fullmatch(rule["namespace"]):
        raise FaultPlanError(
            # What came may be a key, so it is not repeated.
            f"{place}: namespace is the first 12 hex digits of the SHA-256 of an API key; "
            "api_key takes the key itself"
        )
    if "when" in rule and rule["when"] not in conditions():
        close = difflib.get_close_matches(str(rule["when"]), conditions(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(conditions())}"
        raise FaultPlanError(f"{place}: no condition {shown(rule['when'])}; {hint}")
    if "api_key" in rule and "namespace" in rule:
        raise FaultPlanError(f"{place}: give api_key or namespace, not both")
    nth = rule.get("nth", ())
    if isinstance(nth, (list, tuple)) and len(nth) > MAX_CALLS:
        raise FaultPlanError(f"{place}: nth names at most {MAX_CALLS:,} calls, not {len(nth):,}")
    if nth == []:
        raise FaultPlanError(f"{place}: nth names no call; leave it out to match every one")
    counts = {"nth": nth if isinstance(nth, (list, tuple)) else [nth]}
    counts.update({key: [rule[key]] for key in ("first", "every", "retry_after") if key in rule})
    for key, values in counts.items():
        lowest = 0 if key == "retry_after" else 1
        for value in values:
            if type(value) is not int or value < lowest:
                raise FaultPlanError(f"{place}: {key} counts from {lowest}, so it cannot be {shown(value)}")
            if value > MAX_COUNT:
                raise FaultPlanError(f"{place}: {key} is at most {MAX_COUNT:,}, not {shown(value)}")
    if "rate" in rule and (not _is_number(rule["rate"]) or not 0 < rule["rate"] <= 1):
        raise FaultPlanError(
            f"{place}: rate is a share of the calls, above 0 and at most 1, not {shown(rule['rate'])}"
        )


def _check_operation(rule: FaultRule, place: str) -> None:
    if rule.operation is None or (rule.fault is None and rule.status is None and rule.rate_limit is None):
        return
    known = spec.operations()[rule.operation]
    wanted = rule.fault or rule.status or "RATE_LIMIT_EXCEEDED"
    if rule.rate_limit is not None:
        is_possible = "RATE_LIMIT_EXCEEDED" in known_faults(known)
    else:
        is_possible = rule.fault_for(known) is not None
    if not is_possible:
        listed = ", ".join(known_faults(known))
        raise FaultPlanError(f"{place}: {rule.operation} never answers {wanted}; its faults are {listed}")


def _check_condition(rule: FaultRule, place: str) -> None:
    """Refuses what is true of no call."""
    operation, when = rule.operation, rule.when
    if rule.name is not None and operation not in (None, *CREATES, *STATUS_CALLS):
        raise FaultPlanError(
            f"{place}: {operation} is about no task, so no name matches it; "
            f"{', '.join(CREATES + STATUS_CALLS)} are"
        )
    if when == "refused-key":
        if rule.name is not None or rule.namespace is not None:
            raise FaultPlanError(
                f"{place}: a call whose key is refused belongs to no key and no task, "
                "so refused-key stands without api_key, namespace and name"
            )
        if operation is not None and not spec.operations()[operation].authenticated:
            raise FaultPlanError(f"{place}: {operation} wants no key, so none is refused")
        if rule.fault in CATALOGUE and CATALOGUE[rule.fault].family == "task":
            raise FaultPlanError(f"{place}: a call whose key is refused is about no task to be {rule.fault}")
    elif when is not None and operation not in (None, *CREATES):
        raise FaultPlanError(f"{place}: {when} is true of creates only, not of {operation}")


def _is_number(value: Any) -> bool:
    # Whether a huge integer is finite cannot even be asked.
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
