"""A mock with the reference trainer, whose trainings do what the test says, and its calls."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from engine_calls import BODIES, CREATE, call

from loracle_contracts import spec
from loracle_mockserver.control import Control
from loracle_mockserver.engine import Engine
from loracle_mockserver.message import Reply, Request
from loracle_mockserver.store import Store
from loracle_mockserver.trainer.child import Order
from loracle_mockserver.trainer.events import CanceledEvent, Done, Event, Step
from loracle_mockserver.trainer.planned import Caps
from loracle_mockserver.trainer.reference import MODEL_FILE, ReferenceTrainer
from loracle_mockserver.trainer.runner import Ending

PATIENCE = 60.0
STATUS = "getSubjectTraining"


@dataclass(eq=False)
class Scripted:
    """A training that tells what the test has it tell, each before `tell` returns."""

    order: Order
    is_running: threading.Event = field(default_factory=threading.Event)
    is_canceled: bool = False
    _said: queue.Queue[Event] = field(default_factory=queue.Queue)
    _heard: queue.Queue[None] = field(default_factory=queue.Queue)

    def run(self, hear: Any) -> Ending:
        self.is_running.set()
        while True:
            event = self._said.get()
            if not isinstance(event, Step):
                return event  # type: ignore[return-value]
            hear(event)
            self._heard.put(None)

    def cancel(self) -> None:
        self.is_canceled = True
        self._said.put(CanceledEvent(1))

    def step(self, step: int, steps: int, eta: float = 0.0) -> None:
        assert self.is_running.wait(PATIENCE)
        self._said.put(Step(step, steps, 0.5, 1e-4, eta))
        self._heard.get(timeout=PATIENCE)

    def end(self, ending: Event) -> None:
        assert self.is_running.wait(PATIENCE)
        self._said.put(ending)

    def succeed(self, digest: str = "d1", weights: bytes = b"weights") -> None:
        out = Path(self.order.out)
        out.mkdir()
        (out / MODEL_FILE).write_bytes(weights)
        self.end(Done(digest, (MODEL_FILE,)))


class TrainedMock:
    """An engine, its trainer, and the work of each training in the order in which they were created."""

    def __init__(self, folder: Path | None, store: Store | None = None, **caps: float) -> None:
        self.works: list[Scripted] = []
        self.now = 0.0
        self.trainer = ReferenceTrainer(
            folder,
            caps=Caps(**caps),
            make_job=self._work,
            clock=lambda: self.now,  # type: ignore[arg-type]
        )
        options = {} if store is None else {"store": store}
        self.engine = Engine(trainer=self.trainer, **options)
        self.control = Control(self.engine)

    def _work(self, order: Order) -> Scripted:
        self.works.append(Scripted(order))
        return self.works[-1]

    def create(self, name: str = "a", **changed: Any) -> Reply:
        body = orjson.dumps({**BODIES[CREATE], "name": name, **changed})
        return call(self.engine, body=body)

    def created(self, name: str = "a", **changed: Any) -> str:
        reply = self.create(name, **changed)
        assert reply.status == 200, reply.body
        return str(orjson.loads(reply.body)["task_id"])

    def asked(self, task: str, *headers: tuple[bytes, bytes]) -> Reply:
        known = spec.operations()[STATUS]
        sent = [(b"authorization", b"Bearer k"), *headers]
        return self.engine.handle(Request("GET", known.path, b"task_id=" + task.encode(), sent))

    def state(self, task: str) -> tuple[str, float, float, list[str]]:
        """The status, the progress, the rest in seconds, the statuses of the models."""
        answer = orjson.loads(self.asked(task).body)
        extra, models = answer["extra"], answer["models"]
        statuses = [model["model_status"] for model in models]
        return answer["task_status"], extra["progress_percent"], extra["eta_relative"], statuses

    def wait(self, task: str) -> None:
        """Returns when the training is over."""
        run = self.trainer._queue.find((self.namespace, task))
        assert run is None or run.over.wait(PATIENCE)

    def upload(self, image: bytes) -> str:
        made = orjson.loads(call(self.engine, "createUploadUrl").body)
        path, _, query = made["upload_url"].partition("/_uploads/")[2].partition("?")
        request = Request("PUT", f"/_uploads/{path}", query.encode(), [], image)
        assert self.engine.handle(request).status == 200
        return str(made["assets_id"])

    @property
    def namespace(self) -> str:
        return self.engine.store.namespaces()[0]

    def notes(self, reply: Reply) -> list[str]:
        return [value.decode() for name, value in reply.headers if name == b"x-loracle-note"]
