"""Defects of lists and pages."""

import html
import itertools
import unicodedata
from typing import Any

from walk_defect import Broken, Call, Defect, Reply, answers, listed, named, pages


def mixes_names() -> Any:
    def change(_: Call, value: Any) -> None:
        tasks = value["tasks"]
        for one, other in itertools.pairwise(tasks[:12]):
            one["task_name"], other["task_name"] = other["task_name"], one["task_name"]

    return pages(change)


def drifting_times() -> Any:
    count = itertools.count()
    return listed(lambda task: task.update(created_at=task["created_at"] + next(count)))


def falling_times() -> Any:
    made: list[str] = []

    def change(call: Call, value: Any) -> None:
        if call.is_create:
            made.append(value["task_id"])
            return
        for task in value["tasks"]:
            if task["task_id"] in made:
                task["created_at"] -= 10 * made.index(task["task_id"])

    return answers(change, which=lambda call: call.is_list or call.is_create)


def oldest_first() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        limit = call.query.get("pagination.limit", "10") if call.is_list else ""
        start = call.query.get("pagination.cursor") or "c_0"
        reply = await app.ask(call)
        if not call.is_list or reply.status != 200:
            return reply
        query = {name: value for name, value in call.query.items() if name == "task_type"}
        whole = await app.ask(call._replace(query={**query, "pagination.limit": "100"}))
        first, tasks = int(start[2:]), whole.value["tasks"][::-1]
        last = first + int(limit)
        cursor = f"c_{last}" if last < len(tasks) else ""
        return Reply(200, {"tasks": tasks[first:last], "pagination": {"next_cursor": cursor}})

    return behave


def shuffles() -> Any:
    count = itertools.count()

    def change(_: Call, value: Any) -> None:
        if next(count) % 2:
            value["tasks"].reverse()

    return pages(change)


def ignores(parameter: str) -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        if call.is_list and call.query.get(parameter) in (
            "1",
            "2",
            "3",
            "4",
            "5",
            "6",
            "7",
            "subject",
            "style",
        ):
            query = {name: value for name, value in call.query.items() if name != parameter}
            return await app.ask(call._replace(query=query))
        return await app.ask(call)

    return behave


def shifts_cursors(by: int) -> Any:
    def change(_: Call, value: Any) -> None:
        cursor = value["pagination"]["next_cursor"]
        if cursor:
            value["pagination"]["next_cursor"] = f"c_{max(int(cursor[2:]) + by, 0)}"

    return pages(change)


def never_ends() -> Any:
    def change(call: Call, value: Any) -> None:
        if not value["pagination"]["next_cursor"] and value["tasks"]:
            start = int((call.query.get("pagination.cursor") or "c_0")[2:])
            value["pagination"]["next_cursor"] = f"c_{start + len(value['tasks'])}"

    return pages(change)


def cursor_counts_pages() -> Any:
    """The cursor is right for whoever keeps the limit."""

    async def behave(app: Broken, call: Call) -> Reply:
        limit = int(call.query.get("pagination.limit") or 10) if call.is_list else 0
        cursor = call.query.get("pagination.cursor", "")
        if call.is_list and cursor.startswith("c_") and 0 < limit <= 100:
            query = {**call.query, "pagination.cursor": f"c_{int(cursor[2:]) * limit}"}
            call = call._replace(query=query)
        reply = await app.ask(call)
        if call.is_list and reply.status == 200 and reply.value["pagination"]["next_cursor"]:
            following = int(reply.value["pagination"]["next_cursor"][2:])
            reply.value["pagination"]["next_cursor"] = f"c_{following // limit}"
        return reply

    return behave


def hides_after_a_create() -> Any:
    """A page that is asked for after a create leaves out what stood at its start."""
    made = 0
    cursors: dict[str, int] = {}

    async def behave(app: Broken, call: Call) -> Reply:
        nonlocal made
        cursor = call.query.get("pagination.cursor", "") if call.is_list else ""
        if cursor and cursor in cursors and cursors[cursor] < made:
            call = call._replace(query={**call.query, "pagination.cursor": f"c_{int(cursor[2:]) + 3}"})
        reply = await app.ask(call)
        if call.is_create and reply.status == 200:
            made += 1
        if call.is_list and reply.status == 200:
            cursors[reply.value["pagination"]["next_cursor"]] = made
        return reply

    return behave


PAGED = (
    "paging.order",
    "paging.complete",
    "paging.disjoint",
    "paging.last",
    "list.stable",
    "task_type.complete",
)
DEFECTS = (
    Defect("names without blanks", lambda: named(str.strip), "walk.echo.name.trimmed"),
    Defect(
        "names in NFC", lambda: named(lambda n: unicodedata.normalize("NFC", n)), "walk.echo.name.normalized"
    ),
    Defect("names cut", lambda: named(lambda n: n[:100]), "walk.echo.name.cut"),
    Defect("names in lower case", lambda: named(str.lower), "walk.echo.name.case"),
    Defect("names escaped", lambda: named(html.escape), "walk.echo.name.escaped"),
    Defect(
        "names without emoji",
        lambda: named(lambda n: n.encode("utf-16-le").decode("utf-16-le").replace("\U0001f600", "?")),
        "walk.echo.name.changed",
    ),
    Defect(
        "numbers are normalised",
        lambda: named(lambda n: "12.5" if n == "0012.50" else n),
        "walk.echo.name.changed",
    ),
    Defect(
        "names of neighbours",
        mixes_names,
        "walk.echo.name.mixed",
        ("list.task_name", "walk.echo.name.changed"),
    ),
    Defect(
        "every task is a subject",
        lambda: listed(lambda t: t.update(task_type="subject")),
        "list.type",
        ("task_type.filter", "task_type.complete", "list.known", "task_id.kind", *PAGED),
    ),
    Defect(
        "milliseconds",
        lambda: listed(lambda t: t.update(created_at=t["created_at"] * 1000)),
        "created_at.unit",
    ),
    Defect("times that change", drifting_times, "list.created_at", ("list.order",)),
    Defect("times that fall", falling_times, "walk.created_at.fell", ("list.order",)),
    Defect("the oldest first", oldest_first, "list.order", PAGED),
    Defect("an order that changes", shuffles, "list.stable", ("list.order", *PAGED)),
    Defect("the limit is ignored", lambda: ignores("pagination.limit"), "pagination.limit"),
    Defect("the filter is ignored", lambda: ignores("task_type"), "task_type.filter"),
    Defect("pages overlap", lambda: shifts_cursors(-1), "paging.disjoint", PAGED),
    Defect("pages skip one", lambda: shifts_cursors(1), "paging.order", PAGED),
    Defect("the last page has a cursor", never_ends, "paging.last"),
    Defect("cursors count pages", cursor_counts_pages, "paging.order", ("walk.page.shift",)),
    Defect("a create hides tasks from the next page", hides_after_a_create, "walk.page.shift"),
)
