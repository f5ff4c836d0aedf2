"""Judges the lists of a walk: every task is there, once, as it was sent, in order, and nothing else is."""

from __future__ import annotations

import html
import unicodedata
from collections import Counter
from itertools import combinations, pairwise

from loracle_contracts.fuzzing.walk_record import Record
from loracle_contracts.fuzzing.walk_seen import Listing, Look, Made

__all__ = ["judge", "likeness"]

# Unix seconds with ten digits: later than September 2001, and not milliseconds.
_PLAUSIBLE = range(10**9, 10**10)


def judge(record: Record) -> None:
    """Reports everything about the lists that does not fit to what was made."""
    _judge_ids(record)
    _judge_presence(record)
    _judge_echo(record)
    _judge_times(record)
    _judge_order(record)
    _judge_extra(record)


def _judge_ids(record: Record) -> None:
    seen: dict[str, Made] = {}
    for task in record.made:
        first = seen.setdefault(task.id, task)
        if first is not task or task.id in (record.before or ()):
            record.tell(
                "walk.id.repeated",
                "every create is answered with an id of its own",
                "an id that no other task has",
                f"{task.id} again",
                *([first.exchange] if first is not task else []),
                task.exchange,
            )


def _judge_presence(record: Record) -> None:
    unlisted: dict[str, Listing] = {}
    for listing in record.listings:
        # Of smaller pages the paging is at fault.
        if listing.limit != 100 or not listing.holds_newest:
            continue
        ids = set(listing.ids)
        for task in record.made:
            if task.answered <= listing.begun and task.id not in ids:
                unlisted.setdefault(task.id, listing)
    for task in record.made:
        absent, denied = unlisted.get(task.id), record.lost.get(task.id)
        what = f"the {task.kind} task {task.name[:60]!r}"
        # Of a server that loses tasks whole, those whose state was not asked for are lost in the same way.
        is_gone = denied is not None or (record.lost and not any(record.states(task.id)))
        if absent is not None and is_gone:
            got = f"{task.id} is not in the list" + (", and its state is 404" if denied is not None else "")
            seen = absent.exchanges if denied is None else [*absent.exchanges, denied]
            subject, title = "walk.create.lost", "a task that was made is there"
        elif absent is not None:
            was_there = any(True for _ in record.states(task.id, is_listed=True))
            got = f"{task.id} is not {'always ' if was_there else ''}in the list"
            subject, title, seen = "list.complete", "a task that was made is in the list", absent.exchanges
        elif denied is not None:
            got = f"404 for {task.id}"
            subject, title, seen = "walk.state.lost", "a task that was made has a state", [denied]
        else:
            continue
        record.tell(subject, title, what, got, task.exchange, *seen)


def _judge_echo(record: Record) -> None:
    names = {task.name for task in record.made}
    for task in record.made:
        for look in record.states(task.id, is_listed=True):
            entry = look.entry
            if entry.kind is not None and entry.kind != task.kind:
                title = "task_type is that of the route that the task was made by"
                record.tell("list.type", title, task.kind, entry.kind, task.exchange, look.exchange)
            if entry.name is not None and entry.name != task.name:
                how = "mixed" if entry.name in names else likeness(task.name, entry.name)
                title = "task_name is the name that was sent"
                got, sent = ascii(entry.name), ascii(task.name)
                record.tell(f"walk.echo.name.{how}", title, sent, got, task.exchange, look.exchange)
                break
    ours = {task.id for task in record.made}
    for looks in record.looks.values():
        _judge_constant(record, [look for look in looks if look.is_listed], ours)


def _judge_constant(record: Record, looks: list[Look], ours: set[str]) -> None:
    for one, other in pairwise(looks):
        for member in ("created_at", "name", "kind"):
            was, became = getattr(one.entry, member), getattr(other.entry, member)
            if member != "created_at" and one.entry.id in ours:
                continue  # told above
            if was is not None and became is not None and was != became:
                subject = {"name": "list.task_name", "kind": "list.task_type"}.get(member, "list.created_at")
                title = f"a task's {member} is the same on every read"
                record.tell(subject, title, repr(was), repr(became), one.exchange, other.exchange)


def _judge_times(record: Record) -> None:
    first: dict[str, Look] = {}
    for task in record.made:
        timed = [look for look in record.states(task.id, is_listed=True) if look.entry.created_at is not None]
        if len({look.entry.created_at for look in timed}) == 1:
            first[task.id] = timed[0]
    for look in first.values():
        if look.entry.created_at not in _PLAUSIBLE:
            title, got = "created_at is in Unix seconds", str(look.entry.created_at)
            record.tell("created_at.unit", title, "ten digits", got, look.exchange)
            return
    # Clocks of several machines may differ by a second.
    for one, other in combinations([task for task in record.made if task.id in first], 2):
        was, became = first[one.id].entry.created_at, first[other.id].entry.created_at
        if was is not None and became is not None and one.answered < other.sent and became < was - 1:
            title = "created_at does not fall from one create to the next"
            shown = first[other.id].exchange
            record.tell("walk.created_at.fell", title, f"{was} or later", str(became), shown)
            return


def _judge_order(record: Record) -> None:
    """Newest first, and the same in every list."""
    latest: dict[str, int] = {}
    seen: Listing | None = None
    for listing in record.listings:
        ids = list(dict.fromkeys(listing.ids))
        places = [latest[one] for one in ids if one in latest]
        if seen is not None and places != sorted(places):
            title = "tasks have one order in every list"
            got = "another order of the same tasks"
            shown = [*seen.exchanges[:1], *listing.exchanges]
            record.tell("list.stable", title, "the order of the list before", got, *shown)
            return
        if listing.holds_newest:
            latest, seen = {one: place for place, one in enumerate(ids)}, listing
    counts = Counter(task.id for task in record.made)
    for listing in record.listings:
        times = [entry.created_at for entry in listing.entries if entry.created_at is not None]
        if any(later > earlier + 1 for earlier, later in pairwise(times)):
            title, got = "the newest task comes first", "a later created_at behind an earlier one"
            record.tell("list.order", title, "newest first", got, *listing.exchanges)
            return
        places_of = {one: place for place, one in enumerate(listing.ids)}
        shown_tasks = [task for task in record.made if task.id in places_of and counts[task.id] == 1]
        for older, newer in combinations(shown_tasks, 2):
            if older.answered < newer.sent and places_of[newer.id] > places_of[older.id]:
                title, got = "the newest task comes first", f"{newer.id} behind {older.id}, which is older"
                made = (older.exchange, newer.exchange)
                record.tell("list.order", title, "newest first", got, *made, *listing.exchanges)
                return


def _judge_extra(record: Record) -> None:
    """Nothing is there that no create was answered with."""
    ids = {task.id for task in record.made}
    names = Counter(task.name for task in record.made if len(task.name) > 9)
    for listing in record.listings:
        repeated = [one for page in listing.pages for one, n in Counter(page.ids).items() if n > 1]
        if repeated:
            title = "a page shows every task once"
            record.tell("list.once", title, "once", f"{repeated[0]} twice", *listing.exchanges)
        for entry in listing.entries:
            if record.before is None or entry.id in ids or entry.id in record.before:
                continue
            if entry.name in record.uncertain:
                continue
            if entry.name in names and _is_closed(record, listing):
                title = "one create makes one task, and reads make none"
                record.tell("walk.list.extra", title, "no other task", f"{entry.id}, too", *listing.exchanges)


def _is_closed(record: Record, listing: Listing) -> bool:
    """Whether the ids of all that is ours are in the list; where ids are wrong, that is what is wrong."""
    ids = set(listing.ids)
    return all(task.id in ids for task in record.made if task.answered <= listing.begun)


def likeness(sent: str, got: str) -> str:
    """What was done to a name: trimmed, normalized, cut, case, escaped, or changed."""
    if got == sent.strip() or got == " ".join(sent.split()):
        return "trimmed"
    if any(got == unicodedata.normalize(form, sent) for form in ("NFC", "NFD", "NFKC", "NFKD")):
        return "normalized"
    if sent.startswith(got):
        return "cut"
    if got.lower() == sent.lower():
        return "case"
    if html.unescape(got) == sent or got == html.unescape(sent):
        return "escaped"
    return "changed"
