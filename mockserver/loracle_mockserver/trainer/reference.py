"""The trainer of `serve --trainer reference`: every task that is created is really trained, one at a time."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import orjson

from loracle_contracts.explain import excerpt
from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.call import Call
from loracle_mockserver.handlers import asset_text
from loracle_mockserver.life_cycle import Stage, stage_of
from loracle_mockserver.redaction import Credentials
from loracle_mockserver.store import StoreError
from loracle_mockserver.tasks import Task
from loracle_mockserver.trainer.child import Order
from loracle_mockserver.trainer.events import CanceledEvent, Done
from loracle_mockserver.trainer.job import Job
from loracle_mockserver.trainer.one_at_a_time import Key, Queue, Run, Work
from loracle_mockserver.trainer.planned import Caps
from loracle_mockserver.trainer.records import Record, RunFolder

__all__ = ["MODEL_FILE", "ReferenceTrainer"]

MODEL_FILE = "adapter_model.safetensors"
_log = logging.getLogger("loracle")
# A life with one of these faults is shown as the real one is; every other is a life of its own.
_REAL_LIVES = (None, "missing-extra")
_STATES = {"done": "SERVING", "failed": "FAILED", "canceled": "CANCELED"}
_MOST_REMEMBERED = 1_000
_NO_RUN = Record("failed", "no_run", "This server has no training of it: it was created without the trainer.")
_LOST = "The server ended before the training did, and what it had done is lost. Create the task again."


class ReferenceTrainer:
    """Trains in child processes, and keeps images, records and artefacts in a folder.

    Without a `place` the folder is a temporary one, which goes at the end. `seed` is a training's own where
    the request has none; `max_runs` is how many trainings are kept (None: all). `make_job` makes the work of
    an order.

    Raises FolderInUseError for a folder that another mock uses, OSError for one that cannot be used.
    """

    def __init__(
        self,
        place: Path | None = None,
        *,
        caps: Caps | None = None,
        seed: int = 0,
        max_runs: int | None = None,
        make_job: Callable[[Order], Work] = Job,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._caps, self._seed, self._make_job = caps or Caps(), seed, make_job
        self._temporary = None if place is not None else tempfile.mkdtemp(prefix="loracle-trainer-")
        self._folder = RunFolder(Path(self._temporary or place or ""), max_runs)
        self._queue = Queue(self._ended, clock)
        # The records of those that are over, as far as somebody asked for them lately.
        self._records: OrderedDict[Key, Record] = OrderedDict()
        self._is_closed = False
        self._find_lost()

    def _find_lost(self) -> None:
        lost = 0
        for key in self._folder.runs():
            record = self._folder.read(*key)
            if record is not None and record.state == "queued":
                self._folder.write(
                    *key, replace(record, state="failed", reason="server_ended", message=_LOST)
                )
                lost += 1
        if lost:
            _log.warning("%d trainings were lost with the server that ran them; their tasks are FAILED", lost)

    # --- what begins and ends

    def seconds_to_wait(self) -> float | None:
        """None where the queue has room, or in how many seconds it is likely to."""
        if len(self._queue) < self._caps.queue_length:
            return None
        return max(self._queue.seconds_to(), 1.0)

    def keep(self, namespace: str, asset: str, image: bytes) -> None:
        """Keeps an image. Raises StoreError where it cannot be kept."""
        try:
            self._folder.keep_upload(namespace, asset, image)
        except OSError as error:
            raise _unwritable(error) from None

    def begin(self, call: Call, task: Task) -> list[str]:
        """Has a task wait for its training, and answers what is to be noted.

        Raises StoreError where nothing can be noted of it.
        """
        if task.fault not in _REAL_LIVES:
            return [f"The fault {task.fault} shows a simulated life: nothing is trained."]
        key = call.namespace, task.id
        self._records.pop(key, None)
        try:
            # The key of the client is not to be in what the training writes.
            request = orjson.loads(Credentials.of(call.request.headers).clean(task.body))
        except orjson.JSONDecodeError:
            request = None
        notes: list[str] = []
        images: list[str | None] = []
        if request is not None:
            images = [self._image(call.namespace, item) for item in request["image_dataset_items"]]
        if missing := images.count(None):
            notes.append(f"Built-in avatars stand for {missing} of {len(images)} images, never uploaded.")
        try:
            self._folder.begin(*key, Record("queued", notes=tuple(notes)))
            if request is None:
                message = "The request holds its own key across members, and is no JSON without it."
                self._folder.write(*key, Record("failed", "unreadable", message))
                return [message]
        except OSError as error:
            raise _unwritable(error) from None
        order = Order(
            request, task.operation, str(self._folder.adapter(*key)), tuple(images), self._caps, self._seed
        )
        self._queue.put(Run(key, self._make_job(order), notes=tuple(notes)))
        for note in notes:
            _log.info("training %s: %s", task.id, note)
        return notes

    def _image(self, namespace: str, item: Mapping[str, Any]) -> str | None:
        path = self._folder.upload(namespace, asset_text(item["assets_id"]))
        return None if path is None else str(path)

    def _ended(self, run: Run) -> None:
        """Notes how a training ended. Called in the queue's thread."""
        ending, folder = run.ending, self._folder.adapter(*run.key)
        if isinstance(ending, Done):
            try:
                file = hashlib.sha256((folder / MODEL_FILE).read_bytes()).hexdigest()
                record = Record("done", "", "", 100.0, file, ending.digest, ending.files, run.notes)
            except OSError:
                record = Record("failed", "no_model", f"The training left no {MODEL_FILE}.", run.progress)
        elif isinstance(ending, CanceledEvent):
            record = Record(
                "canceled", "canceled", "The training was canceled.", run.progress, notes=run.notes
            )
        else:
            reason, message = (ending.reason, ending.message) if ending else ("crashed", "")
            record = Record("failed", reason, message, run.progress, notes=run.notes)
        try:
            self._folder.write(*run.key, record)
        except OSError as error:
            self._records[run.key] = record
            _log.error("training %s: how it ended cannot be written: %s", run.key[1], error.strerror)
        if record.state == "done":
            _log.info("training %s is done: %s", run.key[1], folder)
        else:
            said = excerpt(f"{record.reason}: {record.message}")
            _log.log(_LEVELS[record.state], "training %s is %s: %s", run.key[1], record.state, said)

    def cancel(self, namespace: str, task_id: str) -> None:
        """Ends a training that is not over; within a second there is no process any more."""
        self._queue.cancel((namespace, task_id))

    def forget(self, namespace: str | None) -> None:
        """Ends all trainings of a namespace, or of all, and removes what they left."""
        self._queue.cancel_and_wait(namespace=namespace)
        self._records.clear()
        self._folder.forget(namespace)

    def close(self) -> None:
        """Ends all trainings, and lets the folder go; a temporary one is removed."""
        if self._is_closed:
            return
        self._is_closed = True
        self._queue.close()
        self._folder.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    # --- where trainings stand

    def stage(
        self, namespace: str, task: Task, behaviour: Behaviour, moment: float, fault: str | None = None
    ) -> Stage:
        """Where the real training stands; a task fault and a forced state are shown as they always are."""
        if task.fault not in _REAL_LIVES or fault not in _REAL_LIVES or task.forced is not None:
            return stage_of(task, behaviour, moment, fault)
        has_extra = "missing-extra" not in (task.fault, fault)
        run, record = self._found((namespace, task.id))
        if run is not None and run.is_running:
            return Stage("TRAINING", run.progress, round(run.eta, 1), has_extra)
        if run is not None:
            return Stage("QUEUING", 0.0, self._queue.seconds_to(run), has_extra)
        note = f"{record.reason}: {record.message}" if record.state != "done" else ""
        return Stage(
            _STATES[record.state], record.progress, 0.0, has_extra, record.digest, record.sha256, note
        )

    def run(self, namespace: str, task: Task) -> dict[str, Any] | None:
        """What is known of the training: its record, and the folder in which the artefact is."""
        if task.fault not in _REAL_LIVES:
            return None
        run, record = self._found((namespace, task.id))
        if run is not None:
            state = "running" if run.is_running else "queued"
            record = Record(state, progress=run.progress, notes=run.notes)
        return {"folder": str(self._folder.adapter(namespace, task.id)), **asdict(record)}

    def _found(self, key: Key) -> tuple[Run | None, Record]:
        """The run of a training that is not over, or else its record."""
        run = self._queue.find(key)
        if run is not None:
            return run, _NO_RUN
        record = self._records.get(key)
        if record is None:
            record = self._folder.read(*key) or _NO_RUN
            if record.state == "queued":
                record = _lost(record)  # nobody works on it
            self._records[key] = record
            if len(self._records) > _MOST_REMEMBERED:
                self._records.popitem(last=False)
        return None, record


_LEVELS = {"failed": logging.WARNING, "canceled": logging.INFO}


def _lost(record: Record) -> Record:
    return replace(record, state="failed", reason="server_ended", message=_LOST)


def _unwritable(error: OSError) -> StoreError:
    return StoreError(f"the trainer's folder cannot be written: {error.strerror or error}")
