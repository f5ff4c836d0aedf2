"""The process of one training: a job comes by stdin, events go by stdout, a line each.

The line on stdin is the job as JSON. Where stdin ends then, nobody is interested any more, and so does the
process; SIGTERM cancels the training. Whatever else would be printed goes to stderr.
"""

from __future__ import annotations

import ctypes
import io
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import orjson

from loracle_mockserver.trainer.events import Event, as_line
from loracle_mockserver.trainer.planned import Caps, TrainPlan
from loracle_mockserver.trainer.runner import Engine, run_training

__all__ = ["Order", "main", "read_images"]

_MAX_ORDER = 16 * 1024 * 1024  # bytes; a request has at most one of these sixteen
_PR_SET_PDEATHSIG = 1
_ABANDONED = 4


@dataclass(frozen=True, slots=True)
class Order:
    """What a child process is told: a request, where its pictures are and where the artefact goes.

    `images` are the paths of the uploaded pictures, one for each item of the request; None stands for a
    built-in avatar. `parent` is the process whose end is the child's, too (0: nobody's).
    """

    request: dict[str, Any]
    operation: str
    out: str
    images: tuple[str | None, ...] = ()
    caps: Caps = field(default_factory=Caps)
    default_seed: int = 0
    parent: int = 0

    def as_line(self) -> bytes:
        """The order as one line of JSON."""
        return orjson.dumps(self) + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Order:
        """The order of a line. Raises ValueError or TypeError for another one."""
        values = orjson.loads(line)
        return cls(**{**values, "images": tuple(values["images"]), "caps": Caps(**values["caps"])})


def main(engine: Engine | None = None, images: Any = None) -> None:
    """Runs the training that stdin asks for; the exit code is 0 however it ends, as long as that was told.

    `engine` and `images` are smaller ones for tests; `images` takes the order, the plan and the caps.
    """
    canceled = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: canceled.set())
    events = os.dup(1)
    os.dup2(2, 1)
    line = _line()
    if line is None:
        sys.exit("this program is started by loracle serve; a training of your own is loracle train")
    order = Order.read(line)
    _die_with(order.parent)
    _limit(order.caps)
    threading.Thread(target=_leave_at_the_end_of_stdin, daemon=True).start()

    def emit(event: Event) -> None:
        try:
            os.write(events, as_line(event))
        except BrokenPipeError:
            _leave()

    def read(plan: TrainPlan, caps: Caps) -> Any:
        return (images or read_images)(order, plan, caps)

    run_training(
        order.request,
        read,
        Path(order.out),
        operation=order.operation,
        caps=order.caps,
        default_seed=order.default_seed,
        emit=emit,
        is_canceled=canceled.is_set,
        engine=engine,
    )


def read_images(order: Order, plan: TrainPlan, caps: Caps) -> Any:
    """The pictures of an order. Raises Untrainable for those that cannot be used."""
    from loracle_mockserver.trainer.images import built_in, from_bytes  # noqa: PLC0415 - needs numpy

    paths = order.images[: len(plan.captions)]
    drawn = paths.count(None)
    if drawn == len(paths):
        return built_in(plan, caps)
    source = f"uploads and {drawn} built-in avatars" if drawn else "uploads"
    return from_bytes(_pictures(paths, plan.seed.effective), plan, caps, source=source)


def _pictures(paths: tuple[str | None, ...], seed: int) -> Iterator[bytes]:
    """The pictures as files, in their order; where there is none, a built-in avatar."""
    from PIL import Image  # noqa: PLC0415 - needs the extra

    from loracle_mockserver.trainer import avatars  # noqa: PLC0415 - needs numpy

    drawn = avatars.built_in(len(paths), seed) if None in paths else ()
    for index, path in enumerate(paths):
        if path is not None:
            yield Path(path).read_bytes()
        else:
            file = io.BytesIO()
            Image.fromarray(drawn[index]).save(file, "PNG")
            yield file.getvalue()


def _line() -> bytes | None:
    """The line on stdin, or None where there is no whole one."""
    read = b""
    while not read.endswith(b"\n"):
        # Not sys.stdin: the thread that waits for its end would hold its lock when the interpreter ends.
        more = os.read(0, 65_536)
        if not more or len(read) > _MAX_ORDER:
            return None
        read += more
    return read


def _leave_at_the_end_of_stdin() -> None:
    while os.read(0, 65_536):
        pass
    _leave()


def _leave() -> NoReturn:
    """Ends the process at once: whoever started it is gone."""
    os._exit(_ABANDONED)


def _die_with(parent: int) -> None:
    """Has the kernel end this process with its parent, where it can (Linux); elsewhere stdin's end does."""
    if not parent or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before
        _leave()


def _limit(caps: Caps) -> None:
    """Has the kernel end this process where a single step takes too much of the processor."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    seconds = max(math.ceil(caps.cpu_seconds), 1)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = seconds if hard == resource.RLIM_INFINITY else min(seconds, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (most, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
