"""Layer `walk`: makes tasks, reads them in every way, and holds what it sees against the life cycle."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from loracle_contracts.fuzzing import walk_lists, walk_lives, walk_pages
from loracle_contracts.fuzzing.baseline import Baseline, baseline
from loracle_contracts.fuzzing.model_reads import check_model_list
from loracle_contracts.fuzzing.probe import Exchange
from loracle_contracts.fuzzing.reads import check_list
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.walk_creates import Creates
from loracle_contracts.fuzzing.walk_isolation import check_isolation
from loracle_contracts.fuzzing.walk_models import check_models
from loracle_contracts.fuzzing.walk_record import LAYER, Record
from loracle_contracts.fuzzing.walk_refusals import ask_for_unknown, ask_for_variants, send_refused
from loracle_contracts.fuzzing.walk_seen import Made
from loracle_contracts.fuzzing.walk_uploads import upload
from loracle_contracts.parse import parse

__all__ = ["run"]

_MOST_CREATES = 20
# What other layers need creates for tells as much as this one.
_SHARE = 0.4
_OTHERS = ("boundaries", "pairwise", "random")
_POLLS = (16, 8)


async def run(session: Session) -> None:
    """Walks as far as the budget allows, then judges all that was seen."""
    record = Record(session)
    try:
        await _walk(record)
    finally:
        # Where the budget of requests ends the walk, what was seen until then counts all the same.
        walk_pages.judge(record)
        walk_lists.judge(record)
        walk_lives.judge(record)


async def _walk(record: Record) -> None:
    session = record.session
    if not session.options.max_creates:
        await _walk_without_creates(record, await baseline(session))
        return
    adopted = session.baseline.created if session.baseline is not None else None
    before = await record.pages(100, title="the list before the walk")
    if before is not None:
        record.before = frozenset(before.ids) - {_id_of(adopted)}
    if "queries" not in session.options.layers:
        await ask_for_unknown(record, "before any create", 0)
    known = await baseline(session)
    if known.problem is not None:
        await _walk_without_creates(record, known)
        return
    if known.created is not None:
        record.keep("subject", _sent(known.created)["name"], known.created, record.tick)
    creates = Creates(record, known, _share(session))
    await _look_at_newest(record)
    async for task in creates.singly():
        await record.state(task)
        await record.pages(100)
    await send_refused(record, known)
    if record.made:
        await ask_for_variants(record, record.made[0])
    asset = await upload(record)
    await _in_parallel(record, creates)
    async for _ in creates.specially(asset):
        pass
    if not await walk_pages.walk_pages(record):
        record.skip("a create while somebody pages", "pages do not fit together without it, or are too few")
    elif creates.left:
        await walk_pages.create_between(
            record, lambda: creates.one("subject", creates.body("subject"), "a create while somebody pages")
        )
    else:
        record.skip("a create while somebody pages", "the creates for the walk are spent")
    await _watch(record)
    if await check_models(record) and "queries" in session.options.layers:
        # That layer asked before there was any.
        await check_model_list(session, LAYER)
    await ask_for_unknown(record, "after the creates", 2)
    await check_isolation(record, known, may_create=session.budget.left > 0 and creates.left > 0)
    await record.pages(100, title="the list after the walk")


async def _walk_without_creates(record: Record, known: Baseline) -> None:
    record.skip("life cycle, reads after creates, ids, models, uploads", str(known.problem))
    if "queries" not in record.session.options.layers:
        await check_list(record.session, LAYER)


def _share(session: Session) -> int:
    """How many creates the walk may use."""
    left = session.budget.left
    if any(layer in session.options.layers for layer in _OTHERS):
        left = int(left * _SHARE)
    return min(left, _MOST_CREATES - 1)


def _sent(created: Exchange) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(created.probe.request.body)
    return value


def _id_of(created: Exchange | None) -> str | None:
    """The id that a create was answered with."""
    value = parse(created.answer.body).value if created is not None and created.answer is not None else None
    return value.get("task_id") if isinstance(value, dict) else None


async def _look_at_newest(record: Record) -> None:
    if record.made:
        await record.state(record.made[-1])
        await record.pages(100)


async def _in_parallel(record: Record, creates: Creates) -> None:
    made = await creates.together(6, is_same=False)
    await record.pages(100)
    made += await creates.together(3, is_same=True)
    await _read_together(record, made)


async def _read_together(record: Record, made: list[Made]) -> None:
    """States and lists at the same time tell what they tell one after another."""
    await asyncio.gather(*(record.state(task) for task in made[:6]), *(record.pages(100) for _ in range(2)))


async def _watch(record: Record) -> None:
    watched = [*record.made[:1], *[task for task in record.made[1:] if task.kind == "style"][:1]]
    for task, most in zip(watched, _POLLS, strict=False):
        await walk_lives.watch(record, task, most)
        await record.page(100, title="the list after watching a task")
        await record.state(task)
