"""Finds out which of many values is to blame for a refusal, by as few accepted requests as possible.

A refused body is free, an accepted one costs a training. What was learnt is used again: parts of what was
accepted are right, and what holds a refused set is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

__all__ = ["Knowledge", "OutOfBudgetError", "smallest_refused"]

Item = TypeVar("Item")
Try = Callable[[list[Item]], Awaitable[bool | None]]


class OutOfBudgetError(Exception):
    """No more bodies may be tried."""


class _Sized(Protocol):
    def __len__(self) -> int: ...


class Knowledge(Generic[Item]):
    """Which sets of values were accepted, and which were refused, when they were tried."""

    def __init__(self, attempt: Try[Item]) -> None:
        self._attempt = attempt
        self.accepted: list[frozenset[Item]] = []
        self.refused: list[frozenset[Item]] = []

    @property
    def right(self) -> frozenset[Item]:
        """Every value that was in an accepted body."""
        return frozenset().union(*self.accepted)

    async def accepts(self, items: Iterable[Item], *, is_certain: bool = False) -> bool:
        """Whether a body with these values is accepted; `is_certain` asks for this very set.

        Raises OutOfBudgetError where it would have to be tried and must not.
        """
        tried = list(dict.fromkeys(items))
        wanted = frozenset(tried)
        if any(wanted <= known for known in self.accepted):
            return True
        if any(known == wanted if is_certain else known <= wanted for known in self.refused):
            return False
        result = await self._attempt(tried)
        if result is None:
            raise OutOfBudgetError
        (self.accepted if result else self.refused).append(wanted)
        return result


async def smallest_refused(refused: Sequence[Item], knowledge: Knowledge[Item]) -> list[Item]:
    """Values of a refused body that are refused together, none of which may be left out.

    This is QuickXplain (Junker 2004). Values that were right before are suspected last. Raises
    OutOfBudgetError.
    """
    right = knowledge.right
    # The halves that are tried first are the front ones.
    ordered = [*(item for item in refused if item in right), *(item for item in refused if item not in right)]
    return await _explain([], [], ordered, knowledge)


async def _explain(
    background: list[Item], news: _Sized, items: list[Item], knowledge: Knowledge[Item]
) -> list[Item]:
    if len(news) and not await knowledge.accepts(background):
        return []
    if len(items) == 1:
        return items
    half = len(items) // 2
    front, back = items[:half], items[half:]
    of_back = await _explain([*background, *front], front, back, knowledge)
    of_front = await _explain([*background, *of_back], of_back, front, knowledge)
    return [*of_front, *of_back]
