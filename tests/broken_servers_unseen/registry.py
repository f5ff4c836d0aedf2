"""How the corpus is written down: decorators that plant a defect and keep its witness beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from broken_servers_unseen.defect import Case, Defect, Witness
from broken_servers_unseen.wire import Answer, Call, Forward, Handler, planted

__all__ = ["CASES", "add", "behaviour", "on_answer", "on_call"]

CASES: list[Case] = []


def add(
    name: str,
    family: str,
    operation: str,
    make: Callable[[], Handler],
    witness: Witness,
    *,
    needs_create: bool,
    spoils: Iterable[str] = (),
) -> None:
    """Keeps one defect."""
    defect = Defect(name, family, operation, needs_create, planted(make))
    CASES.append(Case(defect, witness, frozenset(spoils)))


def behaviour(
    operation: str, witness: Witness, *, needs_create: bool = False, spoils: Iterable[str] = ()
) -> Callable[[Callable[[], Handler]], Callable[[], Handler]]:
    """Keeps a behavioural defect; the function makes its handler, and its name is the defect's."""

    def keep(make: Callable[[], Handler]) -> Callable[[], Handler]:
        slug = make.__name__.replace("_", "-")
        add(slug, "behaviour", operation, make, witness, needs_create=needs_create, spoils=spoils)
        return make

    return keep


def on_answer(
    operation: str, witness: Witness, *, needs_create: bool = False, spoils: Iterable[str] = ()
) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Keeps a defect in what is answered with 200: the function changes the parsed body."""

    def keep(change: Callable[[Any], None]) -> Callable[[Any], None]:
        async def handle(call: Call, forward: Forward) -> Answer:
            answer = await forward(call)
            if call.operation == operation and answer.is_ok:
                document = answer.document
                change(document)
                answer.document = document
            return answer

        slug = change.__name__.replace("_", "-")
        add(slug, "behaviour", operation, lambda: handle, witness, needs_create=needs_create, spoils=spoils)
        return change

    return keep


def on_call(
    operation: str, witness: Witness, *, needs_create: bool = False
) -> Callable[[Callable[[Call], Awaitable[Answer | None]]], Callable[[Call], Awaitable[Answer | None]]]:
    """Keeps a defect without state: the function changes the call, or answers it.

    Without an operation it sees every call.
    """

    def keep(
        change: Callable[[Call], Awaitable[Answer | None]],
    ) -> Callable[[Call], Awaitable[Answer | None]]:
        async def handle(call: Call, forward: Forward) -> Answer:
            answer = None
            if operation in ("", call.operation):
                answer = await change(call)
            return await forward(call) if answer is None else answer

        slug = change.__name__.replace("_", "-")
        add(slug, "behaviour", operation, lambda: handle, witness, needs_create=needs_create)
        return change

    return keep
