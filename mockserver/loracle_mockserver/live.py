"""A mock in a thread of this process, for tests with and without pytest."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, Self, TypeVar

import uvicorn
from uvicorn.server import ServerState

from loracle_contracts.verdict import Profile
from loracle_mockserver.asgi import MockApp
from loracle_mockserver.control_guard import ControlGuard
from loracle_mockserver.engine import Engine
from loracle_mockserver.engine_options import make_engine
from loracle_mockserver.protocol import MockProtocol
from loracle_mockserver.server import bind
from loracle_mockserver.store import Store
from loracle_mockserver.training_app import DEFAULT_KEY
from loracle_mockserver.training_mock import TrainingMock

__all__ = ["LiveServer", "live_server"]

_T = TypeVar("_T")
_BACKLOG = 2048
_LAST_ANSWERS_SECONDS = 0.5


@contextlib.contextmanager
def live_server(
    *,
    profile: Profile = "strict",
    seed: int = 0,
    api_keys: str | Iterable[str] = (),
    faults: Any = (),
    store: Store | str | None = None,
    **settings: Any,
) -> Iterator[TrainingMock]:
    """Runs a mock on a free port of the loopback address while the context lasts, and gives its handle.

    With `api_keys` it accepts only those, and the handle has the first; without, it accepts every key.
    `faults` is "@NAME" of a scenario, the path of a YAML file, a plan, a rule, or several rules. `store`
    is a store, or the URL of one, such as "sqlite:mock.db" (a store that is given open stays open). The
    `settings` are those of `Behaviour`, such as progression="seconds".

    After the end the handle still tells what was asked, unless a store was closed with it.

    Raises TypeError for an option that does not exist, ValueError for one that cannot have this value,
    OSError for a file or a port that cannot be had, StoreError for a store that cannot be used.
    """
    keys = [api_keys] if isinstance(api_keys, str) else list(api_keys)
    options = {"profile": profile, "seed": seed, "api_keys": keys, "faults": faults, "store": store}
    engine = make_engine("live_server()", {**options, **settings}, Engine)
    try:
        with LiveServer(engine) as server:
            yield TrainingMock(server, keys[0] if keys else DEFAULT_KEY)
    finally:
        if isinstance(store, str):
            engine.store.close()


class LiveServer:
    """An engine behind a socket, in a thread of its own from `__enter__` to `__exit__`."""

    def __init__(self, engine: Engine) -> None:
        """Nothing runs yet."""
        self.engine = engine
        self.url = ""
        self.known: set[str] = set()
        self._app = MockApp(engine, ControlGuard(reach="loopback"))
        self._process = os.getpid()
        # Guards the loop, which is there while calls go to it.
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._is_stopping = False
        self._started: Future[None] = Future()
        self._ended: Future[None] = Future()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Returns when the socket listens. Raises OSError where no port can be had."""
        self._listener = bind("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, name="loracle mock", daemon=True)
        try:
            self._thread.start()
            self._started.result()
        except BaseException:
            self._listener.close()
            raise
        # Whoever forgets it can end all the same: its thread does not run any more once the interpreter
        # takes itself down, so that it has to end before.
        atexit.register(self._end)
        return self

    def __exit__(self, *_: object) -> None:
        """Closes every connection, and returns when the thread has ended. Raises what ended it early."""
        atexit.unregister(self._end)
        self._end()

    def _end(self) -> None:
        if os.getpid() != self._process:
            return  # a forked process has no such thread
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()
        self._ended.result()

    def call(self, function: Callable[[], _T]) -> _T:
        """What the function gives, called in the server's thread, between two requests.

        Raises what the function raises, and RuntimeError in a process that was forked from the server's.
        """
        if os.getpid() != self._process:
            raise RuntimeError("the mock can be steered only in the process that started it")
        given: Future[_T] = Future()
        with self._lock:
            loop, is_here = self._loop, threading.current_thread() is self._thread
            if loop is not None and not is_here:
                loop.call_soon_threadsafe(_settle, given, function)
        if loop is None or is_here:
            return function()
        return given.result()

    def _run(self) -> None:
        # Everything that goes wrong is told to whoever waits for the start or for the end.
        config = uvicorn.Config(
            self._answer,
            http=MockProtocol,
            interface="asgi3",
            ws="none",
            lifespan="off",
            log_config=None,  # the test run's logging is its own
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
        )
        try:
            config.load()
            with self._listener, asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(self._serve(config))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            (self._ended if self._started.done() else self._started).set_exception(error)
        if not self._ended.done():
            self._ended.set_result(None)

    async def _serve(self, config: uvicorn.Config) -> None:
        loop, state = asyncio.get_running_loop(), ServerState()
        server = await loop.create_server(
            lambda: MockProtocol(config, state, {}), sock=self._listener, backlog=_BACKLOG
        )
        with self._lock:
            self._loop = loop
        self._started.set_result(None)
        try:
            await self._stop.wait()
            server.close()
            await self._end_connections(state)
        finally:
            with self._lock:
                self._loop = None
            # What was called before that line is still to be done.
            await asyncio.sleep(0)

    async def _end_connections(self, state: ServerState) -> None:
        """Lets answers that are under way end, though not for long."""
        self._is_stopping = True
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=_LAST_ANSWERS_SECONDS)
        for connection in list(state.connections):
            connection.transport.abort()
        while state.connections:  # noqa: ASYNC110 - uvicorn has no event for it; they go within a turn or two
            await asyncio.sleep(0)
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        # uvicorn has logged what they raise.
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            # uvicorn would log the end of the server as a failure of the app.
            if not self._is_stopping:
                raise


def _settle(given: Future[_T], function: Callable[[], _T]) -> None:
    try:
        given.set_result(function())
    except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
        given.set_exception(error)
