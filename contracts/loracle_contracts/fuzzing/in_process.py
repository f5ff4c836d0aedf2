"""An ASGI app as the server under test: started and stopped as a server would, its exceptions kept."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

__all__ = ["ASGIApp", "AppError", "AppFailedError", "InProcess"]

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
ASGIApp = Callable[[_Message, _Receive, _Send], Awaitable[None]]
_KEPT = 20


class AppFailedError(Exception):
    """The app did not start or did not stop; the text says why."""


@dataclass
class AppError:
    """An exception that an app raised: the `request` that it came of first, its `text`, how often it came."""

    request: str
    text: str
    count: int = 1


@dataclass
class InProcess:
    """Runs an app's lifespan while the context lasts; itself an app that keeps what the other one raises.

    `seconds` bounds the start and the stop. Raises AppFailedError where the app says that it failed, or
    takes longer; an app without a lifespan is served without one.
    """

    app: ASGIApp
    seconds: float = 30.0
    errors: list[AppError] = field(default_factory=list)
    """Of each place that raised the first exception; at most 20."""
    _state: dict[str, Any] = field(default_factory=dict)
    _to_app: asyncio.Queue[_Message] = field(default_factory=asyncio.Queue)
    _from_app: asyncio.Queue[_Message] = field(default_factory=asyncio.Queue)
    _lifespan: asyncio.Task[None] | None = None
    _places: dict[str, AppError] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._state}
        self._lifespan = asyncio.ensure_future(self.app(scope, self._to_app.get, self._from_app.put))
        await self._phase("startup")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._phase("shutdown")
        finally:
            if self._lifespan is not None:
                self._lifespan.cancel()
                await asyncio.gather(self._lifespan, return_exceptions=True)

    async def _phase(self, name: str) -> None:
        lifespan = self._lifespan
        if lifespan is None or lifespan.done():
            return
        await self._to_app.put({"type": f"lifespan.{name}"})
        said = asyncio.ensure_future(self._from_app.get())
        try:
            done, _ = await asyncio.wait(
                {said, lifespan}, timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            if not said.done():
                said.cancel()
        if not done:
            raise AppFailedError(f"the app's {name} took longer than {self.seconds:g} s")
        if said not in done:
            return  # it ended without a word: servers take that for an app without a lifespan
        message = said.result()
        if message["type"] == f"lifespan.{name}.failed":
            raise AppFailedError(f"the app's {name} failed: {message.get('message') or 'no reason given'}")

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Hands a request to the app; what the app raises is kept, and raised on."""
        try:
            await self.app({**scope, "state": dict(self._state)}, receive, send)
        except Exception as error:
            self._keep(f"{scope['method']} {scope['path']}", error)
            raise

    def _keep(self, request: str, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}"
        known = self._places.get(place)
        if known is not None:
            known.count += 1
        elif len(self._places) < _KEPT:
            self._places[place] = AppError(request, "".join(traceback.format_exception(error)))
            self.errors.append(self._places[place])
