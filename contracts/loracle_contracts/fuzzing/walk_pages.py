"""Pages through the list in steps of several sizes: every task is on one page, in one order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from loracle_contracts.fuzzing.pages import TASKS, RelationList, shown
from loracle_contracts.fuzzing.paging import check_paging
from loracle_contracts.fuzzing.probe import Exchange
from loracle_contracts.fuzzing.reads import check_list
from loracle_contracts.fuzzing.walk_record import LAYER, Record
from loracle_contracts.fuzzing.walk_seen import Made

__all__ = ["create_between", "judge", "walk_pages"]

# Besides those near the length of the list, which check_list takes.
_LIMITS = (1, 3)
# As many tasks check_list reads; where there are fewer, it has read all.
_ALL = 300


async def walk_pages(record: Record) -> bool:
    """Reads the list with several limits between two readings of the whole; whether all fits together."""
    session = record.session
    listed = {task.id: task.kind for task in record.made if any(record.states(task.id, is_listed=True))}
    tasks = await check_list(session, LAYER, listed)
    if len(tasks) < 2:
        record.skip("paging", f"{len(tasks)} task(s) of the list could be read")
        return False
    found = RelationList()
    is_all = len(tasks) < _ALL
    await check_paging(session, LAYER, found, TASKS, tasks, _LIMITS, is_all=is_all)
    ids = [task["task_id"] for task in tasks]
    if not found.found:
        await _without_limit(record, found, ids)
        await _cross(record, found, ids)
    after = await record.pages(100)
    if after is None or set(after.ids) != set(ids):
        record.skip("paging", "the list changed meanwhile")
        return False
    found.report(session, LAYER)
    return not found.found and not any(one.subject.startswith("paging") for one in session.findings)


async def _without_limit(record: Record, found: RelationList, ids: Sequence[str]) -> None:
    listing = await record.pages(None, most=3, title="the list without a limit")
    if listing is None:
        return
    got = listing.ids
    if got != list(ids if listing.is_whole else ids[: len(got)]):
        title = "the list without a limit is the list with one"
        found.add("paging.complete", title, shown(ids), shown(got), listing.exchanges)


async def _cross(record: Record, found: RelationList, ids: Sequence[str]) -> None:
    """The cursor of a page of two, under another limit."""
    first = await record.page(2, title="a page of two")
    if first is None or not first.cursor or len(first.ids) != 2:
        return
    second = await record.page(5, first.cursor, title="the cursor of a page of two under another limit")
    if second is not None and [*first.ids, *second.ids] != list(ids[: len(first.ids) + len(second.ids)]):
        title = "a cursor goes on where its page ended, whatever the next limit"
        sent = [first.exchange, second.exchange]
        found.add("paging.order", title, shown(ids[:7]), shown([*first.ids, *second.ids]), sent)


def judge(record: Record) -> None:
    """Reports pages of the wrong size, and cursors that lead to nothing."""
    for listing in record.listings:
        for number, page in enumerate(listing.pages):
            size = len(page.ids)
            if page.limit is not None and size > page.limit:
                title, got = "a page holds no more entries than pagination.limit", f"{size} entries"
                record.tell("pagination.limit", title, f"{page.limit} at most", got, page.exchange)
                return
            if page.cursor and page.limit is not None and size < page.limit and size:
                title, got = "a page is full while there are more", f"{size} entries and a cursor"
                following = [one.exchange for one in listing.pages[number + 1 : number + 2]]
                if not any(one.ids for one in listing.pages[number + 1 :]):
                    continue
                record.tell(
                    "pagination.limit", title, f"{page.limit} entries", got, page.exchange, *following
                )
                return
            if number and size > 1 and page.ids == listing.pages[number - 1].ids:
                title, got = "pages do not overlap", "the same page again"
                shown = listing.exchanges[number - 1 : number + 1]
                record.tell("paging.disjoint", title, "other tasks", got, *shown)
                return
            if number and not size:
                title, got = "the last page has an empty next_cursor", "a cursor that leads to nothing"
                record.tell("paging.last", title, "''", got, *listing.exchanges[number - 1 : number + 1])
                return


async def create_between(record: Record, create: Callable[[], Awaitable[Made | None]]) -> None:
    """A new task while somebody pages: no older one gets lost, and one at most is seen twice."""
    whole = await record.pages(100)
    first = await record.page(3, title="a page before a create")
    if whole is None or not whole.is_whole or first is None or not first.cursor:
        return
    made = await create()
    got = list(first.ids)
    cursor, pages = first.cursor, [first]
    while cursor and len(pages) < 4:
        page = await record.page(5 if len(pages) > 1 else 3, cursor, title="the pages after a create")
        if page is None:
            return
        pages.append(page)
        got += page.ids
        cursor = page.cursor
    if made is None or whole.ids[:3] != first.ids or not {*got} <= {made.id, *whole.ids}:
        return  # somebody else made tasks, too
    due = whole.ids if not cursor else whole.ids[: len({*got} - {made.id})]
    _judge_between(record, due, made, got, [page.exchange for page in pages])


def _judge_between(
    record: Record, due: Sequence[str], made: Made, got: Sequence[str], exchanges: Sequence[Exchange]
) -> None:
    seen = [one for one in got if one != made.id]
    distinct = list(dict.fromkeys(seen))
    title = "a create while somebody pages hides no older task"
    missing = next((one for one in due if one not in distinct), None)
    if missing is not None:
        record.tell(
            "walk.page.shift", title, f"{missing} on a page", "it is on none", made.exchange, *exchanges
        )
    elif len(seen) - len(distinct) > 1:
        repeats = f"{len(seen) - len(distinct)} tasks twice"
        record.tell("walk.page.shift", title, "one task twice at most", repeats, made.exchange, *exchanges)
