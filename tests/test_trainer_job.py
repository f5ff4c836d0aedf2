"""A training is one child process: what it tells, how it is ended, and that it never outlives its server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from trainer_calls import PATIENCE, Alarms, job, line, order
from trainer_stand_in import COMMAND, STEPS

from loracle_mockserver.trainer.events import CanceledEvent, Done, Event, Failed, Started, Step
from loracle_mockserver.trainer.job import Job
from loracle_mockserver.trainer.planned import Caps

WALL = 3456.0
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")


def test_a_training_tells_each_step_and_its_end(tmp_path: Path) -> None:
    heard: list[Event] = []
    ending = job(tmp_path).run(heard.append)
    assert heard[0] == Started(200, 1, "the test")
    assert heard[1:] == [Step(n, STEPS, 1 / n, 1e-4, float(STEPS - n)) for n in range(1, STEPS + 1)]
    assert ending == Done("d1" * 32, ("adapter_model.safetensors", "facts.json"))


def test_a_child_has_one_thread_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORACLE_API_KEY", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    image = tmp_path / "image"
    image.write_text("the bytes")
    assert isinstance(job(tmp_path, images=(str(image),)).run(), Done)
    facts = json.loads((tmp_path / "adapter" / "facts.json").read_text())
    assert facts == {"threads": ["1"] * 5, "secrets": [], "images": ["the bytes"]}


@pytest.mark.parametrize(
    ("name", "reason", "said"),
    [
        ("crash", "crashed", "RuntimeError: it broke"),
        ("exit", "crashed", "ended with 7; it had done 2 steps"),
        ("kill", "killed", "ended by SIGKILL; it had done 2 steps"),
        ("garble", "protocol", "a line that is no JSON is no event"),
        ("memory", "memory", "more memory"),
    ],
)
def test_what_goes_wrong_in_a_child_is_a_failure_with_a_reason(
    tmp_path: Path, name: str, reason: str, said: str
) -> None:
    ending = job(tmp_path, name).run()
    assert isinstance(ending, Failed)
    assert ending.reason == reason
    assert said in ending.message


def test_what_a_library_prints_is_no_event(tmp_path: Path) -> None:
    assert isinstance(job(tmp_path, "shout").run(), Done)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such limit")
def test_a_child_that_takes_too_much_of_the_processor_is_ended(tmp_path: Path) -> None:
    ending = job(tmp_path, "burn", caps=Caps(cpu_seconds=1)).run()
    assert ending == Failed("cpu_time", "The training took more than 1 CPU seconds; it had done 2 steps.")


@dataclass
class InTheMiddle:
    """A job whose training waits in its middle."""

    job: Job
    process: int
    alarms: Alarms


def _ended(tmp_path: Path, name: str, end: Callable[[InTheMiddle], None], **changed: object) -> object:
    """The ending of a job that is ended from outside, in the middle of its training."""
    with line() as called, ThreadPoolExecutor(1) as pool:
        alarms = Alarms()
        started = job(tmp_path, f"{name} {called.port}", alarms, **changed)
        ran = pool.submit(started.run)
        end(InTheMiddle(started, called.hear(), alarms))
        if name == "wait":
            called.let_go()
        called.wait_for_the_end()
        return ran.result(PATIENCE)


def test_a_canceled_training_ends_by_itself_at_its_next_step(tmp_path: Path) -> None:
    assert _ended(tmp_path, "wait", lambda there: there.job.cancel()) == CanceledEvent(2)


def test_a_training_that_does_not_hear_is_killed_within_the_second(tmp_path: Path) -> None:
    def cancel(there: InTheMiddle) -> None:
        there.job.cancel()
        there.alarms.ring(0.5)

    assert _ended(tmp_path, "hang", cancel) == CanceledEvent(2)


def test_a_training_that_was_canceled_before_it_began_starts_no_process(tmp_path: Path) -> None:
    canceled = job(tmp_path)
    canceled.command = ("/nowhere",)
    canceled.cancel()
    assert canceled.run() == CanceledEvent(0)


def test_a_training_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    ending = _ended(tmp_path, "hang", lambda there: there.alarms.ring(WALL), caps=Caps(wall_seconds=WALL))
    assert ending == Failed("wall_time", "The training took more than 3456 seconds; it had done 2 steps.")


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_a_child_that_somebody_kills_has_failed(tmp_path: Path, name: str) -> None:
    which = "hang" if name == "SIGKILL" else "wait"
    ending = _ended(tmp_path, which, lambda there: os.kill(there.process, signal.Signals[name]))
    said = f"The process of the training was ended by {name}; it had done 2 steps."
    assert ending == Failed("killed", said)


def test_a_program_that_cannot_be_started_is_a_failure(tmp_path: Path) -> None:
    unstartable = job(tmp_path)
    unstartable.command = (str(tmp_path / "nothing"),)
    assert unstartable.run() == Failed("not_started", "No process can be started: No such file or directory")


# --- no orphan


def test_a_child_ends_with_its_stdin(tmp_path: Path) -> None:
    with line() as called:
        child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert child.stdin is not None
        child.stdin.write(order(tmp_path, f"hang {called.port}").as_line())
        child.stdin.flush()
        called.hear()
        child.stdin.close()
        called.wait_for_the_end()
        assert child.wait(PATIENCE) == 4


@LINUX
def test_a_child_ends_with_its_parent_though_its_stdin_stays_open(tmp_path: Path) -> None:
    parent_of_it = (
        "import os, subprocess, sys\n"
        "sys.stdout.write(f'{os.getpid()}\\n'); sys.stdout.flush()\n"
        "subprocess.Popen(sys.argv[1:], stdin=0, stdout=subprocess.DEVNULL).wait()\n"
    )
    reading, writing = os.pipe()
    with line() as called, os.fdopen(writing, "wb") as stdin:
        parent = subprocess.Popen(
            [sys.executable, "-c", parent_of_it, *COMMAND], stdin=reading, stdout=subprocess.PIPE
        )
        os.close(reading)
        stdin.write(order(tmp_path, f"hang {called.port}", parent=parent.pid).as_line())
        stdin.flush()
        called.hear()
        parent.kill()
        called.wait_for_the_end()
        parent.communicate(timeout=PATIENCE)


@LINUX
def test_a_child_whose_parent_is_gone_already_does_not_begin(tmp_path: Path) -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(order(tmp_path, parent=1).as_line())
        child.stdin.flush()
        assert child.stdout.read() == b"", "it tells nothing, though its stdin is open"
    assert child.returncode == 4


def test_a_child_without_an_order_says_who_starts_it() -> None:
    done = subprocess.run(COMMAND, input=b"", capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1
    assert b"loracle train" in done.stderr


def test_no_thread_is_left_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    real = job(tmp_path, later=threading.Timer)
    assert isinstance(real.run(), Done)
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()
