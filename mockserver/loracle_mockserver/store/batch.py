"""Writes that are ended together, once for each turn of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from loracle_mockserver.store.protocol import StoreError

__all__ = ["Batch"]


class Batch:
    """Calls `end` soon after the first write of a turn, and tells the result to all who wait for it.

    `end` makes all that was written durable, or raises StoreError. Whoever ends the batch by another
    way calls `settle`.
    """

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        # The loop that will end the batch.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def schedule(self) -> bool:
        """Has the batch ended in this turn of the event loop; False where none runs in this thread."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if self._loop is not loop:
            self._loop = loop
            loop.call_soon(self._end_turn)
        return True

    def _end_turn(self) -> None:
        self._loop = None
        try:
            self._end()
        except StoreError as error:
            self.settle(error)
        except BaseException as error:
            # A mistake of ours; who waits must not wait for ever.
            self.settle(StoreError(f"the store has failed: {type(error).__name__}"))
            raise

    def wait(self) -> Awaitable[None] | None:
        """To be awaited for the end of the batch; None where it had to be ended at once.

        The await raises StoreError where what was written is lost.
        """
        if not self.schedule():
            self._end()
            return None
        # One for each who waits: a client that goes away cancels what it waits for.
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def settle(self, error: StoreError | None = None) -> None:
        """Tells all who wait that their writes are durable, or why they are lost."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            loop = future.get_loop()
            if _runs_here(loop):
                _resolve(future, error)
            elif not loop.is_closed():
                loop.call_soon_threadsafe(_resolve, future, error)


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _resolve(future: asyncio.Future[None], error: StoreError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        # A copy each: a traceback that several tasks extend would grow without end.
        future.set_exception(StoreError(str(error)))
