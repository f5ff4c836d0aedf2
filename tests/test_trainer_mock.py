"""`--trainer reference` behind the contract's operations: where a task stands comes from its training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from engine_calls import call
from trained_mock import Scripted, TrainedMock

from loracle_mockserver.journal import describe
from loracle_mockserver.store import open_store
from loracle_mockserver.trainer import records
from loracle_mockserver.trainer.events import Failed
from loracle_mockserver.trainer.records import FolderInUseError


@pytest.fixture
def mock(tmp_path: Path) -> Iterator[TrainedMock]:
    made = TrainedMock(tmp_path / "trainer")
    yield made
    made.trainer.close()


def test_a_task_stands_where_its_training_does(mock: TrainedMock) -> None:
    task = mock.created()
    (work,) = mock.works
    assert work.is_running.wait(60)
    assert mock.state(task)[:2] == ("TRAINING", 0.0)
    work.step(1, 3, eta=4.04)
    assert mock.state(task) == ("TRAINING", 33.3, 4.0, [])
    work.step(3, 3)
    work.step(2, 3)
    assert mock.state(task)[1] == 100.0, "progress does not go back"
    work.succeed(weights=b"some weights")
    mock.wait(task)
    assert mock.state(task) == ("SUCCESS", 100.0, 0.0, ["SERVING"])
    (model,) = orjson.loads(call(mock.engine, "listModels").body)["models"]
    assert model["hash_sha256"] == hashlib.sha256(b"some weights").hexdigest()
    assert model["sd_name"] == orjson.loads(mock.asked(task).body)["models"][0]["model_name"]


def test_the_name_of_a_model_is_that_of_its_weights(tmp_path: Path) -> None:
    names = []
    for round_, digest in enumerate(("d1", "d1", "d2")):
        mock = TrainedMock(tmp_path / str(round_))
        task = mock.created()
        mock.works[0].succeed(digest)
        mock.wait(task)
        names.append(orjson.loads(mock.asked(task).body)["models"][0]["model_name"])
        mock.trainer.close()
    assert names[0] == names[1] != names[2]


def test_one_training_runs_and_the_others_wait(mock: TrainedMock) -> None:
    first, second, third = (mock.created(name) for name in "abc")
    works = mock.works
    works[0].step(1, 2, eta=5.0)
    assert [mock.state(task)[0] for task in (first, second, third)] == ["TRAINING", "QUEUING", "QUEUING"]
    assert [mock.state(task)[2] for task in (second, third)] == [6.0, 7.0]
    assert not works[1].is_running.is_set()
    mock.now = 3.0  # so long the first one took, and so long the next ones are expected to take
    works[0].succeed()
    works[1].step(1, 2, eta=1.0)
    assert [mock.state(task)[0] for task in (first, second, third)] == ["SUCCESS", "TRAINING", "QUEUING"]
    assert mock.state(third)[2] == 4.0


def test_a_full_queue_takes_no_training(tmp_path: Path) -> None:
    mock = TrainedMock(tmp_path, queue_length=1)
    mock.created("a")
    mock.works[0].step(1, 2, eta=6.5)
    mock.created("b")
    refused = mock.create("c")
    assert (refused.status, refused.reason) == (429, "RATE_LIMIT_EXCEEDED")
    assert (b"retry-after", b"7") in refused.headers
    assert len(mock.works) == 2
    assert mock.engine.store.statistics().tasks == 2
    mock.works[0].succeed()
    mock.works[1].step(1, 2)
    assert mock.create("c").status == 200
    mock.trainer.close()


def test_a_failure_tells_its_reason_wherever_somebody_looks(
    mock: TrainedMock, caplog: pytest.LogCaptureFixture
) -> None:
    task = mock.created()
    mock.works[0].step(1, 4)
    mock.works[0].end(Failed("killed", "The kernel\nwas not amused: \u00e9."))
    mock.wait(task)
    assert mock.state(task) == ("FAILED", 25.0, 0.0, [])
    said = mock.notes(mock.asked(task))
    assert said == ["killed: The kernel\\nwas not amused: \\xe9."]
    *_, (number, entry) = mock.engine.store.entries()
    assert describe(number, entry)["notes"] == said
    (shown,) = mock.control.tasks()
    assert (shown["state"], shown["run"]["reason"]) == ("FAILED", "killed")
    assert f"training {task} is failed: killed: The kernel" in caplog.text


def test_uploaded_bytes_are_the_images(
    mock: TrainedMock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    private = tmp_path / "private.png"
    private.write_bytes(b"a file of the server, which no id may name")
    caplog.set_level("INFO", "loracle")
    asset = mock.upload(b"the bytes of an image")
    reply = mock.create(image_dataset_items=[{"assets_id": asset}, {"assets_id": str(private)}])
    known, unknown = mock.works[0].order.images
    assert known is not None
    assert Path(known).read_bytes() == b"the bytes of an image"
    assert unknown is None
    said = "Built-in avatars stand for 1 of 2 images, never uploaded."
    assert mock.notes(reply) == [said]
    assert said in caplog.text


def test_an_upload_of_another_key_is_none_of_this_one(mock: TrainedMock) -> None:
    asset = mock.upload(b"mine")
    body = orjson.dumps(
        {"name": "a", "base_model": "b", "width": 8, "height": 8, "components": [],
         "image_dataset_items": [{"assets_id": asset}]}
    )  # fmt: skip
    assert call(mock.engine, key="another", body=body).status == 200
    assert mock.works[0].order.images == (None,)


def test_the_oldest_uploads_go_where_there_are_too_many(
    mock: TrainedMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_MAX_UPLOAD_BYTES", 10)
    assets = [mock.upload(image) for image in (b"123456", b"1234", b"12345")]
    mock.create(image_dataset_items=[{"assets_id": asset} for asset in assets])
    assert [path is None for path in mock.works[0].order.images] == [True, False, False]
    kept = [path.stat().st_size for path in mock.trainer._folder.place.glob("uploads/*/*")]
    assert sorted(kept) == [4, 5]


def test_a_training_is_not_told_the_key_of_the_client(mock: TrainedMock) -> None:
    body = orjson.dumps(
        {"name": "a-very-secret-key", "base_model": "b", "width": 8, "height": 8, "components": [],
         "image_dataset_items": [{"assets_id": 1}]}
    )  # fmt: skip
    assert call(mock.engine, key="a-very-secret-key", body=body).status == 200
    assert "a-very-secret-key" not in repr(mock.works[0].order)


def test_forcing_a_cancel_ends_the_training_for_good(mock: TrainedMock) -> None:
    running, waiting = mock.created("a"), mock.created("b")
    mock.works[0].step(1, 2)
    for task in (waiting, running):
        mock.control.force(task, "CANCELED")
        mock.wait(task)
        mock.control.force(task, None)
        assert mock.state(task)[0] == "CANCELED"
    assert mock.works[0].is_canceled
    assert not mock.works[1].is_running.is_set(), "what never began needs no process"


def test_a_forced_state_hides_the_training_and_does_not_end_it(mock: TrainedMock) -> None:
    task = mock.created()
    mock.works[0].step(1, 4)
    mock.control.force(task, "FAILED")
    assert mock.state(task)[0] == "FAILED"
    mock.control.force(task, None)
    assert mock.state(task)[:2] == ("TRAINING", 25.0)


def test_a_life_that_is_to_fail_is_shown_and_not_trained(mock: TrainedMock) -> None:
    reply = mock.create("fault:failed")
    assert mock.works == []
    assert mock.notes(reply) == ["The fault failed shows a simulated life: nothing is trained."]
    task = orjson.loads(reply.body)["task_id"]
    assert [mock.state(task)[0] for _ in range(3)] == ["QUEUING", "TRAINING", "FAILED"]


def test_a_fault_of_one_answer_is_shown_over_the_training(mock: TrainedMock) -> None:
    task = mock.created("fault:missing-extra")
    mock.works[0].step(1, 2)
    assert "extra" not in orjson.loads(mock.asked(task).body)
    shown = mock.asked(task, (b"x-loracle-fault", b"transient-unknown"))
    assert orjson.loads(shown.body)["task_status"] == "UNKNOWN"
    assert orjson.loads(mock.asked(task).body)["task_status"] == "TRAINING"


def test_a_reset_ends_the_trainings_and_leaves_nothing(mock: TrainedMock) -> None:
    mock.upload(b"image")
    mock.created("a")
    mock.created("b")
    mock.works[0].step(1, 2)
    mock.control.reset()
    assert mock.works[0].is_canceled
    left = sorted(path.name for path in mock.trainer._folder.place.rglob("*"))
    assert left == ["lock", "runs", "uploads"]
    task = mock.created("a")
    mock.works[2].step(1, 2)
    assert mock.state(task)[:2] == ("TRAINING", 50.0)


def test_the_reset_of_one_key_leaves_the_others_alone(mock: TrainedMock) -> None:
    mock.created("a")
    mock.works[0].step(1, 2)
    mock.control.reset("0123456789ab")
    assert not mock.works[0].is_canceled


# --- what survives


def test_what_a_training_was_survives_its_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = f"sqlite:{tmp_path / 'mock.db'}"
    store = open_store(url, seed=0)
    mock = TrainedMock(tmp_path / "trainer", store)
    asset = mock.upload(b"image")
    done, failed, running, waiting = (mock.created(name) for name in "abcd")
    mock.works[0].succeed()
    mock.works[1].end(Failed("diverged", "It did."))
    mock.works[2].step(1, 2)
    before = {path: path.read_bytes() for path in (tmp_path / "trainer").rglob("run.json")}
    shown = mock.asked(done).body
    mock.trainer.close()
    store.close()
    for path, content in before.items():
        path.write_bytes(content)  # as a server leaves it that is killed

    store = open_store(url, seed=0)
    again = TrainedMock(tmp_path / "trainer", store)
    assert "2 trainings were lost with the server" in caplog.text
    assert again.asked(done).body == shown
    assert again.notes(again.asked(failed)) == ["diverged: It did."]
    for task in (running, waiting):
        assert again.state(task) == ("FAILED", 0.0, 0.0, [])
        assert again.notes(again.asked(task))[0].startswith("server_ended: The server ended before")
    again.created("e", image_dataset_items=[{"assets_id": asset}])
    assert again.works[0].order.images != (None,)
    again.trainer.close()
    store.close()


def test_a_task_that_was_never_trained_has_failed(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path / 'mock.db'}", seed=0)
    mock = TrainedMock(tmp_path / "trainer", store)
    call(mock.engine, "createUploadUrl")
    simulated = store.create(mock.namespace, 0, "createSubjectTraining", "old", 0.0, b"{}", None)
    assert mock.state(simulated.id)[0] == "FAILED"
    assert mock.notes(mock.asked(simulated.id))[0].startswith("no_run: ")
    mock.trainer.close()
    store.close()


def test_a_folder_has_one_server(mock: TrainedMock) -> None:
    place = mock.trainer._folder.place
    with pytest.raises(FolderInUseError) as refused:
        TrainedMock(place)
    assert refused.value.strerror == f"{place} is used by another mock"
    mock.trainer.close()
    TrainedMock(place).trainer.close()


def test_a_temporary_folder_goes_at_the_end() -> None:
    mock = TrainedMock(None)
    place = mock.trainer._folder.place
    mock.created()
    assert place.is_dir()
    mock.trainer.close()
    assert not place.exists()


def test_the_oldest_trainings_go_with_their_tasks(tmp_path: Path) -> None:
    folder = records.RunFolder(tmp_path, max_runs=2)
    for task in "abc":
        folder.begin("0123456789ab", task, records.Record("queued"))
    assert [task for _, task in folder.runs()] == ["b", "c"]
    assert folder.read("0123456789ab", "a") is None
    folder.close()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"state": "done"}', b"{"])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    folder = records.RunFolder(tmp_path)
    folder.begin("0123456789ab", "a", records.Record("done"))
    assert folder.read("0123456789ab", "a") == records.Record("done")
    (folder.run("0123456789ab", "a") / "run.json").write_bytes(content)
    assert folder.read("0123456789ab", "a") is None
    folder.close()


def test_a_training_that_breaks_the_trainer_does_not_stop_the_next_one(
    mock: TrainedMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> object:
        raise KeyError("x")

    with monkeypatch.context() as changed:
        changed.setattr(Scripted, "run", broken)
        task = mock.created("a")
        mock.wait(task)
    assert mock.notes(mock.asked(task)) == ["crashed: The trainer has failed: KeyError: 'x'"]
    mock.created("b")
    assert mock.works[1].is_running.wait(60)
