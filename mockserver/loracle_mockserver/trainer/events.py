"""What a training tells while it runs, and the lines (JSONL) in which a child process tells it.

A training tells `Started`, then a `Step` for each optimizer step, and at last exactly one of `Done`,
`Failed` and `CanceledEvent`. Nothing here needs numpy.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

import orjson

__all__ = [
    "MAX_LINE",
    "CanceledEvent",
    "Done",
    "Event",
    "EventError",
    "Failed",
    "Started",
    "Step",
    "as_line",
    "read_line",
]

MAX_LINE = 65_536  # bytes; no event comes near it


class EventError(ValueError):
    """A line that is no event; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Started:
    """The training begins: optimizer steps to come, images trained on, and where they are from.

    `notes` are what whoever asked for the training should know, such as a cap that cut a value.
    """

    steps: int
    images: int = 0
    source: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Step `step` (from 1) of `steps` is done; `eta` is the expected rest in seconds.

    `loss` is the step's whole loss, `lr` the learning rate it was made with. A loss that is no finite
    number is NaN.
    """

    step: int
    steps: int
    loss: float
    lr: float
    eta: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """The training has ended well: the SHA-256 of the adapter's weights, and the files that were written."""

    digest: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The training has failed; `reason` is a slug such as "wall-time", `message` a sentence for people."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class CanceledEvent:
    """The training was canceled after `step` steps."""

    step: int = 0


Event = Started | Step | Done | Failed | CanceledEvent
_NAMES: dict[type[Event], str] = {
    Started: "started",
    Step: "step",
    Done: "done",
    Failed: "failed",
    CanceledEvent: "canceled",
}
_KINDS = {name: kind for kind, name in _NAMES.items()}


def as_line(event: Event) -> bytes:
    """The event as one line of JSON with its line feed. A number that is not finite is null."""
    return orjson.dumps({"event": _NAMES[type(event)], **asdict(event)}) + b"\n"


def read_line(line: bytes) -> Event:
    """The event of a line that `as_line` made. Raises EventError for any other line."""
    if len(line) > MAX_LINE:
        raise EventError(f"a line of {len(line):,} bytes is no event")
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise EventError(f"a line that is no JSON is no event: {error}") from None
    name = values.pop("event", None) if isinstance(values, dict) else None
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise EventError("a line without a known member `event` is no event")
    known = {member.name: str(member.type) for member in fields(kind)}
    if values.keys() != known.keys():
        raise EventError(f"the event {_NAMES[kind]!r} has the members {', '.join(known)}")
    return kind(**{name: _read(name, known[name], value) for name, value in values.items()})


def _read(name: str, kind: str, value: Any) -> Any:
    if kind == "float" and (value is None or type(value) in (int, float)):
        return math.nan if value is None else float(value)
    if kind == "int" and type(value) is int:
        return value
    if kind == "str" and type(value) is str:
        return value
    if kind.startswith("tuple") and type(value) is list and all(type(one) is str for one in value):
        return tuple(value)
    raise EventError(f"the member {name} of an event is no {kind}")
