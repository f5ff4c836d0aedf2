"""The lines that a training tells its events in, and how one ends that does not go well."""

from __future__ import annotations

import math
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from engine_calls import BODIES, CREATE
from hypothesis import given
from hypothesis import strategies as st

from loracle_mockserver.trainer.child import Order
from loracle_mockserver.trainer.events import (
    MAX_LINE,
    CanceledEvent,
    Done,
    Event,
    EventError,
    Failed,
    Started,
    Step,
    as_line,
    read_line,
)
from loracle_mockserver.trainer.planned import Canceled, Caps, Untrainable
from loracle_mockserver.trainer.runner import run_training

_TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
_WHOLE = st.integers(0, 2**53 - 1)
_NUMBER = st.floats(allow_nan=False, allow_infinity=False)
_EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Started, _WHOLE, _WHOLE, _TEXT, st.lists(_TEXT, max_size=3).map(tuple)),
    st.builds(Step, _WHOLE, _WHOLE, _NUMBER, _NUMBER, _NUMBER),
    st.builds(Done, _TEXT, st.lists(_TEXT, max_size=3).map(tuple)),
    st.builds(Failed, _TEXT, _TEXT),
    st.builds(CanceledEvent, _WHOLE),
)


@given(_EVENTS)
def test_a_line_tells_its_event(event: Event) -> None:
    line = as_line(event)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert read_line(line) == event


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_told_as_none(loss: float) -> None:
    line = as_line(Step(1, 2, loss, 1e-4))
    assert orjson.loads(line)["loss"] is None
    read = read_line(line)
    assert isinstance(read, Step)
    assert math.isnan(read.loss)


@given(_EVENTS, st.data())
def test_a_line_with_another_member_is_no_event(event: Event, data: st.DataObject) -> None:
    values = orjson.loads(as_line(event))
    name = data.draw(st.sampled_from(sorted(values)))
    wrong = [
        {member: value for member, value in values.items() if member != name},
        {**values, f"{name}x": 1},
        {**values, name: {}},
        {**values, name: True},
    ]
    for changed in wrong:
        with pytest.raises(EventError):
            read_line(orjson.dumps(changed))


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"1", b'{"event": []}', b" " * (MAX_LINE + 1)])
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(EventError):
        read_line(line)


def test_an_order_comes_as_it_was_sent() -> None:
    order = Order({"name": "ü"}, CREATE, "out", ("a", None), Caps(max_steps=3), 7, 9)
    assert Order.read(order.as_line()) == order


class Engine:
    """Trains three steps, or does what the test says in the second one."""

    def __init__(self, error: BaseException | None = None) -> None:
        self._error = error

    def train(self, plan: Any, images: Any, *, emit: Any, is_canceled: Any) -> Any:
        del plan, images, is_canceled
        for step in range(1, 4):
            if step == 2 and self._error is not None:
                raise self._error
            emit(Step(step, 3, 0.5, 1e-4))
        return SimpleNamespace(adapter=SimpleNamespace(digest="d"))

    def write(self, outcome: Any, plan: Any, images: Any, out: Path) -> tuple[str, ...]:
        del outcome, plan, images
        out.mkdir()
        return ("file",)


def _run(out: Path, engine: Engine, heard: list[Event] | None = None, **options: Any) -> Event:
    pictures = SimpleNamespace(source="the test")
    told = [] if heard is None else heard
    ending = run_training(
        {**BODIES[CREATE], "expert_setting": options.pop("setting", None)},
        lambda *_: pictures,
        out / "adapter",
        engine=engine,
        emit=told.append,
        **options,
    )
    assert told[-1] == ending, "the ending is told, too"
    assert isinstance(told[0], Started | Failed)
    return ending


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (None, Done("d", ("file",))),
        (Canceled(1), CanceledEvent(1)),
        (Untrainable("diverged", "It did.", "/width"), Failed("diverged", "It did. (/width)")),
        (MemoryError(), Failed("memory", "The training needs more memory than there is.")),
        (
            ModuleNotFoundError(name="numpy"),
            Failed("missing_extra", "The trainer needs numpy: pip install 'loracle[trainer]'"),
        ),
    ],
)
def test_how_a_training_ends(tmp_path: Path, error: BaseException | None, ending: Event) -> None:
    assert _run(tmp_path, Engine(error)) == ending
    assert (tmp_path / "adapter").exists() is isinstance(ending, Done), "what did not end well leaves nothing"


def test_a_full_disk_is_a_failure(tmp_path: Path) -> None:
    ending = _run(tmp_path / "nothing", Engine())
    assert ending == Failed(
        "not_written", f"{tmp_path}/nothing/adapter cannot be written: No such file or directory"
    )


def test_a_mistake_of_the_program_is_raised(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        _run(tmp_path, Engine(ZeroDivisionError()))


def test_a_training_that_is_canceled_at_its_end_writes_nothing(tmp_path: Path) -> None:
    assert _run(tmp_path, Engine(), is_canceled=lambda: True) == CanceledEvent(3)
    assert not (tmp_path / "adapter").exists()


def test_the_processor_is_looked_at_after_each_step(tmp_path: Path) -> None:
    heard: list[Event] = []
    ticks = count(100)
    ending = _run(tmp_path, Engine(), heard, caps=Caps(cpu_seconds=1.5), cpu=lambda: float(next(ticks)))
    assert ending == Failed("cpu_time", "The training took more than 1.5 CPU seconds; it had done 2 steps.")
    assert [event.step for event in heard if isinstance(event, Step)] == [1, 2]


def test_what_a_cap_cuts_is_told_at_the_start(tmp_path: Path) -> None:
    heard: list[Event] = []
    setting = {"instance_prompt": "x", "max_train_steps": 90}
    _run(tmp_path, Engine(), heard, setting=setting, caps=Caps(max_steps=50))
    started = heard[0]
    assert isinstance(started, Started)
    assert started.steps == 50
    assert [note.partition(".")[0] for note in started.notes] == [
        "max_train_steps: 90 was asked for, 50 is used"
    ]
