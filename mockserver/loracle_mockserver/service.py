"""The mock as one process runs it: its store, its engine, what watches over them, from start to end."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import signal
from collections.abc import MutableMapping
from typing import Any

from loracle_mockserver.asgi import MockApp
from loracle_mockserver.configuration import Configuration
from loracle_mockserver.control_guard import ControlGuard
from loracle_mockserver.engine import Engine
from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.logs import AccessLog
from loracle_mockserver.reload import PlanWatch
from loracle_mockserver.store import Store, open_store
from loracle_mockserver.trainers import Trainer

__all__ = ["Service"]


class Service:
    """An ASGI app that holds a mock of this configuration.

    Raises StoreError where its store cannot be used, OSError where the trainer's folder cannot.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._store = open_store(configuration.store, configuration.max_tasks, seed=configuration.seed)
        try:
            self._engine = _engine(configuration, self._store)
        except BaseException:
            self._store.close()
            raise
        self._configuration = configuration
        self._is_closed = False
        guard = ControlGuard(
            configuration.admin_token,
            reach="network" if configuration.is_public else "loopback",
            origins=configuration.origins,
        )
        self._app: Any = MockApp(self._engine, guard)
        if configuration.origins:
            self._app = _with_cors(self._app, configuration.origins)
        if configuration.access_log:
            self._app = AccessLog(self._app)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answers one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        # What exists now lives as long as the process, and what a request makes dies with it; collecting
        # rarely saves a tenth of the time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        _end_with_parent()
        watching = asyncio.create_task(watch.run()) if (watch := self._watch()) else None
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if watching is not None:
            watching.cancel()
        self.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _watch(self) -> PlanWatch | None:
        configuration = self._configuration
        if configuration.plan_file is None:
            return None

        def use(plan: FaultPlan) -> None:
            self._engine.use_plan(configuration.without_overridden(plan))

        return PlanWatch(configuration.plan_file, configuration.plan_read, use)

    def close(self) -> None:
        """Ends the trainings and closes the store; a second time does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._engine.trainer.close()
            self._store.close()


def _engine(configuration: Configuration, store: Store) -> Engine:
    common: dict[str, Any] = {
        "profile": configuration.profile,
        "seed": configuration.seed,
        "keys": configuration.api_keys,
        "plan": configuration.without_overridden(configuration.plan),
        "behaviour": configuration.behaviour,
        "store": store,
    }
    if configuration.trainer == "reference":
        common["trainer"] = _reference_trainer(configuration)
    if configuration.replay is None:
        return Engine(**common)
    from loracle_mockserver.replay import ReplayingEngine  # noqa: PLC0415 - few ask for it

    return ReplayingEngine(
        **common,
        cassette=configuration.replay,
        fallback=configuration.replay_fallback,
        with_latency=configuration.replay_latency,
    )


def _reference_trainer(configuration: Configuration) -> Trainer:
    from loracle_mockserver.store import limits  # noqa: PLC0415 - few ask for it
    from loracle_mockserver.trainer.planned import Caps  # noqa: PLC0415
    from loracle_mockserver.trainer.reference import ReferenceTrainer  # noqa: PLC0415

    kept = limits.MAX_TASKS if configuration.store == "memory" else None
    return ReferenceTrainer(
        configuration.trainer_folder,
        caps=Caps(**configuration.trainer_caps),  # type: ignore[arg-type] # the command has read them
        seed=configuration.seed,
        max_runs=configuration.max_tasks or kept,
    )


def _with_cors(app: Any, origins: tuple[str, ...]) -> Any:
    from starlette.middleware.cors import CORSMiddleware  # noqa: PLC0415 - few ask for it

    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["Retry-After", "Allow"],
    )


def _end_with_parent() -> None:
    """Ends a worker whose supervisor was killed: nobody else would."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        loop = asyncio.get_running_loop()

        def orphaned() -> None:
            loop.remove_reader(parent.sentinel)
            signal.raise_signal(signal.SIGTERM)

        loop.add_reader(parent.sentinel, orphaned)
