"""What `loracle train` tells people: the plan as a table, what was decided otherwise than asked, the end."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from loracle_mockserver.trainer.events import Event, Step
from loracle_mockserver.trainer.planned import Planned, TrainPlan

if TYPE_CHECKING:
    from loracle_mockserver.trainer.images import TrainingImages

__all__ = ["Progress", "differences", "done_to_images", "table"]

_HEAD = ("value", "requested", "used", "source", "why")
_WIDEST = 36
_TOLD = 10  # lines of progress where no terminal is


def table(plan: TrainPlan) -> str:
    """Each value of the plan on a line: as requested, as used, from where, and why."""
    rows = [_HEAD, *(_row(name, planned) for name, planned in _values(plan))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join([f"{plan.operation} {_short(plan.name)}, base_model {_short(plan.base_model)}", *lines])


def differences(plan: TrainPlan) -> tuple[str, ...]:
    """Sentences about what a request asks for and does not get, or gets without an effect."""
    return tuple(
        f"{name}: {_short(planned.requested)} requested, {_short(planned.effective)} used ({planned.note})"
        if planned.source == "cap"
        else f"{name}: {_short(planned.requested)} requested ({planned.note})"
        for name, planned in _values(plan)
        if planned.requested is not None and planned.note
    )


def done_to_images(images: TrainingImages) -> Iterator[str]:
    """What the components did, one line for all pictures that it was the same for."""
    counts = Counter((record.component, record.note) for record in images.records)
    for (component, note), count in counts.items():
        yield f"{component}: {note}" + (f" ({count} images)" if count > 1 else "")


def _values(plan: TrainPlan) -> Iterator[tuple[str, Planned[Any]]]:
    for field in fields(plan):
        value = getattr(plan, field.name)
        if isinstance(value, Planned):
            yield field.name, value
    for component in plan.components:
        for argument in component.arguments:
            yield f"components[{component.index}] {component.name}.{argument.name}", argument.planned


def _row(name: str, planned: Planned[Any]) -> tuple[str, ...]:
    requested = "" if planned.requested is None else _short(planned.requested)
    return name, requested, _short(planned.effective), planned.source, planned.note


def _short(value: Any) -> str:
    """A value on one line; line breaks and other controls are shown as escapes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    text = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def sentences(lines: Iterable[str]) -> str:
    """Lines below each other, indented."""
    return "".join(f"  {line}\n" for line in lines)


class Progress:
    """Tells on stderr how far a training is: on a terminal in one line, else in a few lines."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._is_drawn = False

    def take(self, event: Event) -> None:
        """Tells an event, where it is time for that."""
        if not isinstance(event, Step):
            return
        part = max(1, event.steps // (_TOLD * 10 if self._is_terminal else _TOLD))
        if event.step % part and event.step != event.steps:
            return
        line = f"step {event.step} of {event.steps}, loss {event.loss:.4g}, rate {event.lr:.3g}"
        if self._is_terminal:
            self._is_drawn = True
            click.echo(f"\r\x1b[K{line}, {event.eta:.0f} s left", nl=False, err=True)
        else:
            click.echo(f"loracle: {line}", err=True)

    def close(self) -> None:
        """Takes the line away."""
        if self._is_drawn:
            click.echo("\r\x1b[K", nl=False, err=True)
