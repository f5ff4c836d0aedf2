"""Ways in which defects are told: what becomes of requests, and of the answers to some of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from broken_servers.defect import Corpus, Witness
from broken_servers.right_bodies import CREATES, STYLE, SUBJECT
from broken_servers.wire import Answer, Change, Forward, Request, operation_of, planted

__all__ = [
    "CRASH",
    "CREATES",
    "EVERYTHING",
    "LISTS",
    "STATES",
    "STYLE",
    "SUBJECT",
    "Make",
    "answered",
    "asked",
    "behaviour",
    "crashing",
    "failed",
    "instead",
    "rewritten",
]

STATES = ("getSubjectTraining", "getStyleTraining")
LISTS = ("listTrainings",)
EVERYTHING = (*CREATES, *STATES, *LISTS, "createUploadUrl", "listModels", "putUpload")
Make = Callable[[], Change]
CRASH = Answer(500, b"Internal Server Error", ((b"content-type", b"text/plain"),))
Edit = Callable[[Any], Any]


def behaviour(
    corpus: Corpus,
    slug: str,
    operation: str,
    make: Make,
    witness: Witness,
    *,
    needs_create: bool = False,
    breaks_plain: bool = False,
) -> None:
    """Adds a defect in how a server behaves."""
    corpus.add(
        f"behaviour.{slug}",
        "behaviour",
        operation,
        planted(make),
        witness,
        needs_create=needs_create,
        breaks_plain=breaks_plain,
    )


def answered(operations: Sequence[str], edit: Callable[[Answer], Answer], status: int = 200) -> Make:
    """The answers of this status to these operations are changed."""

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        return edit(answer) if operation_of(request) in operations and answer.status == status else answer

    return lambda: change


def rewritten(
    operations: Sequence[str], edit: Edit | None = None, make: Callable[[], Edit] | None = None
) -> Make:
    """The JSON of each success is changed: by `edit`, or by what `make` gives, which has a state."""

    def begin() -> Change:
        edits = make() if make is not None else edit
        assert edits is not None
        return answered(operations, lambda answer: answer.with_value(edits(answer.value())))()

    return begin


def failed(edit: Callable[[Answer], Answer], is_meant: Callable[[Answer], bool] = lambda _: True) -> Make:
    """The errors that are meant are changed."""

    async def change(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        return edit(answer) if answer.status >= 400 and is_meant(answer) else answer

    return lambda: change


def asked(edit: Callable[[Request], Request]) -> Make:
    """The requests are read otherwise than they were sent."""

    async def change(request: Request, forward: Forward) -> Answer:
        return await forward(edit(request))

    return lambda: change


def instead(
    is_meant: Callable[[Request], bool], answer: Callable[[Request], Answer | Awaitable[Answer]]
) -> Make:
    """The requests that are meant get another answer."""

    async def change(request: Request, forward: Forward) -> Answer:
        if not is_meant(request):
            return await forward(request)
        given = answer(request)
        return given if isinstance(given, Answer) else await given

    return lambda: change


def crashing(is_meant: Callable[[Request], bool], *operations: str) -> Make:
    """An unreadable 500 for what is meant, once the key was judged."""

    async def change(request: Request, forward: Forward) -> Answer:
        has_key = (request.header("authorization") or b"").lower().startswith(b"bearer ")
        if has_key and (not operations or operation_of(request) in operations) and is_meant(request):
            return CRASH
        return await forward(request)

    return lambda: change
