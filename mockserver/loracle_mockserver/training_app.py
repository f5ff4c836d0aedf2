"""The mock as an ASGI app for tests, with the handle that steers it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from loracle_mockserver.asgi import MockApp
from loracle_mockserver.engine import Engine
from loracle_mockserver.engine_options import make_engine
from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.message import Reply, Request
from loracle_mockserver.training_mock import TrainingMock

__all__ = ["DEFAULT_KEY", "IN_PROCESS_URL", "TrainingApp"]

_T = TypeVar("_T")
DEFAULT_KEY = "test-key"
IN_PROCESS_URL = "http://mock.test"


class _SerialEngine(Engine):
    """An engine that answers one request at a time, whichever thread it comes from."""

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        super().__post_init__()

    def admit(self, request: Request) -> int | Reply:
        with self.lock:
            return super().admit(request)

    def refuse_body(self, request: Request) -> Reply:
        with self.lock:
            return super().refuse_body(request)

    def handle(self, request: Request) -> Reply:
        with self.lock:
            return super().handle(request)


class TrainingApp(MockApp):
    """An ASGI app over an engine of its own; `mock` is the handle of its API key."""

    def __init__(
        self,
        *,
        api_key: str = DEFAULT_KEY,
        begin_with: FaultPlan | None = None,
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """The options are those of `live_server`.

        `begin_with` and `settings` are for the world of `api_key`. Raises TypeError and ValueError for
        options that cannot be.
        """
        engine = make_engine("TrainingApp()", options, _SerialEngine)
        super().__init__(engine)
        self.url = IN_PROCESS_URL
        self.known: set[str] = set()
        self._lock = engine.lock
        self.mock = TrainingMock(self, api_key, begin_with, settings)

    def call(self, function: Callable[[], _T]) -> _T:
        """What the function gives, called so that no request is answered meanwhile."""
        with self._lock:
            return function()
