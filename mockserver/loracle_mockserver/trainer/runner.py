"""One training from the request to the files, in this process: plan, images, engine, artefact.

Whatever happens is told as events, the last of which says how it ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from loracle_mockserver.trainer.events import CanceledEvent, Done, Event, Failed, Started, Step
from loracle_mockserver.trainer.extras import extra_of
from loracle_mockserver.trainer.planned import Canceled, Caps, Planned, TrainPlan, Untrainable

__all__ = [
    "DiffusersEngine",
    "Ending",
    "Engine",
    "ReferenceEngine",
    "cap_notes",
    "cpu_failure",
    "run_training",
    "wall_failure",
]

Ending = Done | Failed | CanceledEvent
_Images = Callable[[TrainPlan, Caps], Any]


class Engine(Protocol):
    """What trains, and what writes the result; the tests have smaller ones."""

    def train(
        self, plan: TrainPlan, images: Any, *, emit: Callable[[Event], None], is_canceled: Callable[[], bool]
    ) -> Any:
        """The outcome of a training. Raises Untrainable, Canceled."""
        ...

    def write(self, outcome: Any, plan: TrainPlan, images: Any, out: Path) -> Sequence[str]:
        """Writes the artefact, and answers the names of its files. Raises OSError."""
        ...


class ReferenceEngine:
    """The trainer's own engine; it needs the extra `trainer`."""

    def train(
        self, plan: TrainPlan, images: Any, *, emit: Callable[[Event], None], is_canceled: Callable[[], bool]
    ) -> Any:
        """See `training.train`."""
        from loracle_mockserver.trainer.training import train  # noqa: PLC0415 - needs numpy

        return train(plan, images, emit=emit, is_canceled=is_canceled)

    def write(self, outcome: Any, plan: TrainPlan, images: Any, out: Path) -> Sequence[str]:
        """See `artefact.write`."""
        from loracle_mockserver.trainer import artefact  # noqa: PLC0415 - needs numpy

        return [path.relative_to(out).as_posix() for path in artefact.write(outcome, plan, images, out)]


class DiffusersEngine:
    """The second engine, on the pipeline of a folder or on a tiny one; it needs the extra `trainer-sd`.

    The pictures that it is given must have been read with `keep_whole`.
    """

    def __init__(self, base_model_dir: Path | None = None) -> None:
        self._base_model_dir = base_model_dir

    def train(
        self, plan: TrainPlan, images: Any, *, emit: Callable[[Event], None], is_canceled: Callable[[], bool]
    ) -> Any:
        """See `diffusers_training.train`."""
        from loracle_mockserver.trainer.diffusers_training import train  # noqa: PLC0415 - needs torch

        return train(plan, images, base_model_dir=self._base_model_dir, emit=emit, is_canceled=is_canceled)

    def write(self, outcome: Any, plan: TrainPlan, images: Any, out: Path) -> Sequence[str]:
        """See `diffusers_artefact.write`."""
        from loracle_mockserver.trainer import diffusers_artefact  # noqa: PLC0415 - needs numpy

        files = diffusers_artefact.write(outcome, plan, images, out)
        return [path.relative_to(out).as_posix() for path in files]


class _LimitReachedError(Exception):
    """A training has taken as long as it may."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message)
        self.failed = failed


def wall_failure(caps: Caps, step: int) -> Failed:
    """How a training ends that took too long."""
    message = f"The training took more than {caps.wall_seconds:g} seconds; it had done {step} steps."
    return Failed("wall_time", message)


def cpu_failure(caps: Caps, step: int) -> Failed:
    """How a training ends that took too much of the processor."""
    message = f"The training took more than {caps.cpu_seconds:g} CPU seconds; it had done {step} steps."
    return Failed("cpu_time", message)


def run_training(  # noqa: PLR0913 - all but three have a default
    request: Mapping[str, Any],
    images: _Images,
    out: Path,
    *,
    operation: str = "createSubjectTraining",
    caps: Caps | None = None,
    default_seed: int = 0,
    emit: Callable[[Event], None] = lambda _: None,
    is_canceled: Callable[[], bool] = lambda: False,
    engine: Engine | None = None,
    cpu: Callable[[], float] = time.process_time,
) -> Ending:
    """Trains what a valid request asks for, writes the artefact into the folder `out`, and says how it ended.

    `images` reads the pictures for the plan that it is given; `cpu` tells the CPU seconds of this process,
    which are looked at after each step. Every event goes through `emit`, the ending, too. What is the fault
    of the request, the pictures, the disk or a cap is a `Failed`; another exception is a mistake of the
    program, and is raised.
    """
    from loracle_mockserver.trainer.plan import plan as planned  # noqa: PLC0415 - the core has no use for it

    caps = caps or Caps()
    engine, began, done = engine or ReferenceEngine(), cpu(), 0

    def told(event: Event) -> None:
        nonlocal done
        emit(event)
        if isinstance(event, Step):
            done = event.step
            if cpu() - began > caps.cpu_seconds:
                raise _LimitReachedError(cpu_failure(caps, done))

    ending: Ending
    try:
        plan = planned(request, operation=operation, caps=caps, default_seed=default_seed)
        pictures = images(plan, caps)
        told(Started(plan.max_train_steps.effective, len(plan.captions), pictures.source, cap_notes(plan)))
        outcome = engine.train(plan, pictures, emit=told, is_canceled=is_canceled)
        if is_canceled():
            raise Canceled(done)  # noqa: TRY301 - it ends here as it does in the engine
        files = engine.write(outcome, plan, pictures, out)
        ending = Done(outcome.adapter.digest, tuple(files))
    except Untrainable as error:
        where = f" ({error.pointer})" if error.pointer else ""
        ending = Failed(error.reason, error.message + where)
    except Canceled as error:
        ending = CanceledEvent(error.step)
    except _LimitReachedError as error:
        ending = error.failed
    except MemoryError:
        ending = Failed("memory", "The training needs more memory than there is.")
    except ModuleNotFoundError as error:
        extra = extra_of(error.name or "")
        ending = Failed("missing_extra", f"The trainer needs {error.name}: pip install 'loracle[{extra}]'")
    except OSError as error:
        ending = Failed("not_written", f"{out} cannot be written: {error.strerror or error}")
    emit(ending)
    return ending


def cap_notes(plan: TrainPlan) -> tuple[str, ...]:
    """What was cut by a cap, a sentence each."""
    notes = []
    for name in ("images", "max_train_steps", "width", "height"):
        value: Planned[int] = getattr(plan, name)
        if value.source == "cap":
            notes.append(
                f"{name}: {value.requested} was asked for, {value.effective} is used. {value.note}".strip()
            )
    return tuple(notes)
