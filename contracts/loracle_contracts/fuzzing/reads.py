"""RelationList between the answers of reads: paging, filters, and the list against the tasks themselves.

Each answer may keep the contract while together they cannot be true. Other clients may use the same key
meanwhile, so what is found counts only where the list is the same before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from loracle_contracts.fuzzing.pages import TASKS, Page, RelationList, read_page, read_pages, shown
from loracle_contracts.fuzzing.paging import MAX_LIMIT, check_paging, limits_of
from loracle_contracts.fuzzing.states import KINDS, check_models, check_other_kind, check_state, is_backward

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["check_list", "task_list"]

Task = Mapping[str, Any]

_PAGES = 3
# Between 2001 and 2286 a moment in seconds has ten digits; in milliseconds it has more.
_FIRST_SECOND, _LAST_SECOND = 1_000_000_000, 9_999_999_999
_LASTING = ("task_name", "task_type", "created_at")


async def check_list(
    session: Session, layer: str, expected: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Reads the list in many ways and checks that all of them tell the same; the tasks in it.

    `expected` are tasks that must be in it: their type by their id. It takes about 20 requests where there
    are tasks, two where there are none. Empty where the list cannot be read.
    """
    first = await _whole(session, layer)
    if not first:
        return []
    tasks = [task for page in first for task in page.items]
    relations = RelationList()
    _check_entries(relations, first, tasks)
    _check_expected(relations, first, tasks, expected or {})
    if tasks:
        is_all = not first[-1].cursor
        limits = limits_of(len(tasks), is_all=is_all)
        await check_paging(session, layer, relations, TASKS, tasks, limits, is_all=is_all)
        await _check_types(session, layer, relations, first, tasks)
        for task in _chosen(tasks):
            await check_state(session, layer, relations, first[0].exchange, task)
        for task in _newest(tasks):
            await check_other_kind(session, layer, task)
    second = await _whole(session, layer)
    if not second or _has_grown(first, second):
        why = "new tasks appeared meanwhile" if second else "the list could not be read again"
        session.skip(layer, "how the answers of listTrainings fit together", why)
        return tasks
    _compare(relations, first, second)
    relations.report(session, layer)
    return tasks


async def task_list(session: Session, layer: str) -> list[dict[str, Any]] | None:
    """The tasks of the list, newest first, or None where it cannot be read."""
    pages = await _whole(session, layer)
    return [task for page in pages for task in page.items] if pages else None


async def _whole(session: Session, layer: str) -> list[Page]:
    return await read_pages(session, layer, TASKS, {"pagination.limit": MAX_LIMIT}, _PAGES)


def _check_entries(relations: RelationList, pages: Sequence[Page], tasks: Sequence[Task]) -> None:
    sent = [page.exchange for page in pages]
    ids = [task["task_id"] for task in tasks]
    repeated = [one for n, one in enumerate(ids) if one in ids[:n]]
    if repeated:
        relations.add("list.once", "a task is listed twice", "each task once", shown(repeated), sent)
    if pages[-1].cursor and not pages[-1].length:
        got = f"{pages[-1].cursor} on a page without tasks"
        relations.add("paging.last", "the last page", "an empty next_cursor on the last page", got, sent)
    moments = [task["created_at"] for task in tasks if type(task.get("created_at")) is int]
    odd = [moment for moment in moments if not _FIRST_SECOND <= moment <= _LAST_SECOND]
    if odd:
        relations.add("created_at.unit", "created_at", "Unix seconds, of ten digits", shown(odd), sent)
    if moments != sorted(moments, reverse=True):
        relations.add("list.order", "the order of the list", "the newest first", shown(moments), sent)
    for task in tasks:
        check_models(relations, task, sent)


def _check_expected(
    relations: RelationList, pages: Sequence[Page], tasks: Sequence[Task], expected: Mapping[str, str]
) -> None:
    sent = [page.exchange for page in pages]
    listed = {task["task_id"]: task.get("task_type") for task in tasks}
    for task_id, kind in expected.items():
        # Beyond what was read it may yet be.
        if task_id not in listed and not pages[-1].cursor:
            relations.add("list.complete", "a task that was created", f"{task_id} in the list", "no", sent)
        elif task_id in listed and listed[task_id] != kind:
            relations.add("list.type", f"the type of {task_id}", kind, str(listed[task_id]), sent)


async def _check_types(
    session: Session, layer: str, relations: RelationList, pages: Sequence[Page], tasks: Sequence[Task]
) -> None:
    for kind in KINDS:
        query = {"task_type": kind}
        page = await read_page(session, layer, TASKS, {**query, "pagination.limit": MAX_LIMIT})
        if page is None:
            return
        sent = [pages[0].exchange, page.exchange]
        others = [task.get("task_type") for task in page.items if task.get("task_type") != kind]
        known = [task for task in tasks if task.get("task_type") == kind]
        ids, read = [task["task_id"] for task in known], [task["task_id"] for task in page.items]
        is_all = not pages[-1].cursor and not page.cursor
        if others:
            relations.add("task_type.filter", f"task_type={kind}", f"only {kind}", shown(others), sent)
        elif (ids if is_all else ids[: len(read)]) != (read if is_all else read[: len(ids)]):
            title = f"task_type={kind} against the whole list"
            relations.add("task_type.complete", title, shown(ids), shown(read), sent)
        elif len(ids) > 1:
            half = [min(-(-len(ids) // 2), MAX_LIMIT)]
            await check_paging(session, layer, relations, TASKS, known, half, query, is_all=is_all)


def _chosen(tasks: Sequence[Task]) -> list[Task]:
    """The newest task of each type, the oldest of all, and one between."""
    chosen = [*_newest(tasks), tasks[-1], tasks[len(tasks) // 2]]
    return list({task["task_id"]: task for task in chosen if task.get("task_type") in KINDS}.values())


def _newest(tasks: Sequence[Task]) -> list[Task]:
    """The newest task of each type."""
    newest = [next((task for task in tasks if task.get("task_type") == kind), None) for kind in KINDS]
    return [task for task in newest if task is not None]


def _has_grown(first: Sequence[Page], second: Sequence[Page]) -> bool:
    """Whether somebody started tasks meanwhile, and the rest is as it was."""
    before = [task["task_id"] for page in first for task in page.items]
    after = [task["task_id"] for page in second for task in page.items]
    new = next((n for n, one in enumerate(after) if one in before), len(after))
    rest = after[new:]
    return new > 0 and rest == before[: len(rest)]


def _compare(relations: RelationList, first: Sequence[Page], second: Sequence[Page]) -> None:
    sent = [first[0].exchange, second[0].exchange]
    before = {task["task_id"]: task for page in first for task in page.items}
    after = {task["task_id"]: task for page in second for task in page.items}
    title = "the same list twice"
    if list(before) != list(after):
        relations.add("list.stable", title, shown(list(before)), shown(list(after)), sent)
    for task_id in before.keys() & after.keys():
        old, new = before[task_id], after[task_id]
        for name in _LASTING:
            if old.get(name) != new.get(name):
                expected, got = f"{name} {old.get(name)}", str(new.get(name))
                relations.add(f"list.{name}", title, expected, got, sent)
        if is_backward(old.get("task_status"), new.get("task_status")):
            expected, got = "a status that only moves forward", f"{old['task_status']}, {new['task_status']}"
            relations.add("state.forward", title, expected, got, sent)
