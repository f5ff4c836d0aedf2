"""`loracle serve --trainer reference` as a user meets it, with the real trainer."""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from live import PATIENCE, Answer, RunningMock, ask, running_mock

from loracle_mockserver.cli import main
from loracle_mockserver.trainer import extras

REFERENCE = ("--trainer", "reference")
KEY, JSON = ("Authorization", "Bearer trained"), ("Content-Type", "application/json")
SUBJECT = "/v3/training/subject"
SEED = Path(__file__).parents[1] / "openapi/examples/valid/createSubjectTraining/request/seed-page.json"
TRAINER = pytest.mark.skipif(
    any(find_spec(module) is None for module in ("numpy", "PIL", "safetensors")),
    reason="needs the extra: pip install 'loracle[trainer]'",
)


def _refused(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["serve", "--port", "0", *arguments])
    return done.exit_code, done.output.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--trainer-cap", "max_steps=3"), "add --trainer reference"),
        (("--trainer-folder", "x"), "add --trainer reference"),
        ((*REFERENCE, "--store", "sqlite:x.db"), "say where with --trainer-folder DIR"),
        (
            (*REFERENCE, "--store", "sqlite:x.db", "--trainer-folder", "x", "--workers", "2"),
            "one training at a time",
        ),
        ((*REFERENCE, "--replay", "x.har"), "choose one"),
        ((*REFERENCE, "--trainer-cap", "max_steps"), "'max_steps' is no cap; there are max_steps=2000, "),
        ((*REFERENCE, "--trainer-cap", "steps=3"), "'steps=3' is no cap"),
        ((*REFERENCE, "--trainer-cap", "max_steps=1.5"), "max_steps is a whole number above 0"),
        ((*REFERENCE, "--trainer-cap", "wall_seconds=nan"), "wall_seconds is a number above 0"),
        ((*REFERENCE, "--trainer-cap", "queue-length=0"), "queue_length is a whole number above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, line = _refused(*arguments)
    assert (code, said in line) == (2, True), line
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_told_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda module: None if module == "PIL" else object())
    code, line = _refused(*REFERENCE)
    assert (code, line) == (3, "Error: --trainer reference needs Pillow: pip install 'loracle[trainer]'")


@TRAINER
def test_a_folder_in_use_is_told(tmp_path: Path) -> None:
    with running_mock(*REFERENCE, "--trainer-folder", str(tmp_path)):
        code, line = _refused(*REFERENCE, "--trainer-folder", str(tmp_path))
    assert (code, line) == (3, f"Error: cannot go on: {tmp_path} is used by another mock")


def _upload(mock: RunningMock, image: bytes) -> Any:
    made = ask(
        mock.port, "POST", "/v3/assets/training_dataset", KEY, JSON, body=b'{"file_extension": "png"}'
    ).json
    url = urlsplit(made["upload_url"])
    assert ask(mock.port, "PUT", f"{url.path}?{url.query}", body=image).status == 200
    return made["assets_id"]


def _create(mock: RunningMock, **changed: Any) -> Answer:
    request = json.loads(SEED.read_text(encoding="utf-8"))
    return ask(mock.port, "POST", SUBJECT, KEY, JSON, body=json.dumps({**request, **changed}).encode())


def _until(mock: RunningMock, task: str, *wanted: str) -> list[dict[str, Any]]:
    """All that a poller is told of a task, until it has one of these statuses."""
    told: list[dict[str, Any]] = []
    while not told or told[-1]["task_status"] not in wanted:
        answer = ask(mock.port, "GET", f"{SUBJECT}?task_id={task}", KEY)
        assert answer.status == 200
        told.append(answer.json)
    return told


def _picture() -> bytes:
    from PIL import Image  # noqa: PLC0415 - an extra

    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "PNG")
    return file.getvalue()


@TRAINER
def test_the_seed_example_is_really_trained(tmp_path: Path) -> None:
    with running_mock(*REFERENCE, "--trainer-folder", str(tmp_path)) as mock:
        asset = _upload(mock, _picture())
        created = _create(mock, image_dataset_items=[{"assets_id": asset, "caption": ""}])
        assert created.header("x-loracle-note") is None, "all images were uploaded"
        told = _until(mock, created.json["task_id"], "SUCCESS", "FAILED")
        (shown,) = ask(mock.port, "GET", "/_mock/tasks").json["tasks"]
        (listed,) = ask(mock.port, "GET", "/v3/training", KEY).json["tasks"]
    assert told[-1]["task_status"] == "SUCCESS", shown
    assert [model["model_status"] for model in told[-1]["models"]] == ["SERVING"]
    assert listed["models"] == told[-1]["models"]
    progress = [one["extra"]["progress_percent"] for one in told]
    assert progress == sorted(progress)
    assert progress[-1] == 100.0
    order = ["QUEUING", "TRAINING", "SUCCESS"]
    passed = [order.index(one["task_status"]) for one in told]
    assert passed == sorted(passed)
    folder = Path(shown["run"]["folder"])
    assert sorted(path.name for path in folder.iterdir()) == sorted(shown["run"]["files"])
    report = json.loads((folder / "report.json").read_bytes())
    assert shown["run"]["digest"] in json.dumps(report)


@TRAINER
def test_an_image_that_is_none_fails_the_training_and_says_so(tmp_path: Path) -> None:
    with running_mock(*REFERENCE, "--trainer-folder", str(tmp_path)) as mock:
        asset = _upload(mock, b"no picture")
        created = _create(mock, image_dataset_items=[{"assets_id": asset}])
        _until(mock, created.json["task_id"], "SUCCESS", "FAILED")
        last = ask(mock.port, "GET", f"{SUBJECT}?task_id={created.json['task_id']}", KEY)
    assert last.json["task_status"] == "FAILED"
    assert (last.header("x-loracle-note") or "").startswith("image_unreadable: ")


@TRAINER
@pytest.mark.skipif(sys.platform != "linux", reason="the end of another's child can be waited for there only")
def test_a_killed_server_leaves_no_orphan_and_its_training_has_failed(tmp_path: Path) -> None:
    arguments = (
        *REFERENCE,
        "--trainer-folder",
        str(tmp_path / "trainer"),
        "--store",
        f"sqlite:{tmp_path}/db",
    )
    setting = {"instance_prompt": "a photo of sks person", "max_train_steps": 2000}
    with running_mock(*arguments) as mock:
        task = _create(mock, expert_setting=setting).json["task_id"]
        _until(mock, task, "TRAINING")
        # Its turn has come; its process begins a moment later.
        while not (children := _children(mock.process.pid)):
            told = _until(mock, task, "TRAINING", "SUCCESS", "FAILED")
            assert told[-1]["task_status"] == "TRAINING", "the training is a process of its own"
        with contextlib.ExitStack() as opened:
            handles = [os.pidfd_open(child) for child in children]
            for handle in handles:
                opened.callback(os.close, handle)
            mock.process.send_signal(signal.SIGKILL)
            mock.process.wait(PATIENCE)
            for handle in handles:
                assert select.select([handle], [], [], PATIENCE)[0], "the training has outlived its server"
    with running_mock(*arguments) as mock:
        (lost,) = _until(mock, task, "FAILED")
        assert (lost["models"], lost["extra"]["eta_relative"]) == ([], 0.0)
        note = ask(mock.port, "GET", f"{SUBJECT}?task_id={task}", KEY).header("x-loracle-note")
        assert (note or "").startswith("server_ended: ")
        assert "1 trainings were lost with the server" in mock.said()


def _children(process: int) -> list[int]:
    lists = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for one in lists for child in one.read_text().split()]
