"""The list of trainings: pages, order, caches."""

from __future__ import annotations

from typing import Any

import httpx

from broken_servers_unseen.client import created, listed, polled, ready
from broken_servers_unseen.registry import behaviour, on_answer, on_call
from broken_servers_unseen.wire import Answer, Call, Forward, Handler

_PAGE = 10


async def _three(client: httpx.AsyncClient) -> None:
    for name, kind in (("a", "Subject"), ("b", "Style"), ("c", "Subject")):
        await created(client, name, kind)


async def _walk(client: httpx.AsyncClient, **query: Any) -> object:
    """The names on each page, up to five pages."""
    pages, cursor = [], ""
    for _ in range(5):
        page = await listed(client, pagination__cursor=cursor, **query)
        pages.append([task["task_name"] for task in page["tasks"]])
        cursor = page["pagination"]["next_cursor"]
        if not cursor:
            break
    return pages, cursor


async def _by_one(client: httpx.AsyncClient) -> object:
    await _three(client)
    return await _walk(client, pagination__limit=1)


async def _by_two(client: httpx.AsyncClient) -> object:
    await _three(client)
    return await _walk(client, pagination__limit=2)


async def _by_three(client: httpx.AsyncClient) -> object:
    await _three(client)
    return await _walk(client, pagination__limit=3)


def _limit(call: Call) -> int:
    text = call.parameters.get("pagination.limit", "")
    return int(text) if text.isdigit() else _PAGE


def _start(call: Call) -> int:
    text = call.parameters.get("pagination.cursor", "").strip()
    return int(text[2:]) if text[2:].isdigit() else 0


# openapi LimitParameter: "How many entries a page holds"
@behaviour("listTrainings", _by_one, needs_create=True)
def the_entry_that_was_read_ahead_stays() -> Handler:
    """LIMIT n + 1 tells whether there is more, and nobody drops the last row."""

    async def handle(call: Call, forward: Forward) -> Answer:
        limit = _limit(call)
        if call.operation == "listTrainings" and 0 < limit < 100:
            first = await forward(call)
            if first.is_ok and first.document["pagination"]["next_cursor"]:
                call.parameters = call.parameters | {"pagination.limit": str(limit + 1)}
                wider = await forward(call)
                wider.document = wider.document | {"pagination": first.document["pagination"]}
                return wider
            return first
        return await forward(call)

    return handle


# openapi next_cursor: "Cursor of the next page, empty on the last one."
@behaviour("listTrainings", _by_three, needs_create=True)
def full_page_is_never_the_last() -> Handler:
    """There is more wherever a page is full."""

    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if call.operation == "listTrainings" and answer.is_ok:
            document, limit = answer.document, _limit(call)
            if len(document["tasks"]) == limit:
                document["pagination"]["next_cursor"] = f"c_{_start(call) + limit}"
                answer.document = document
        return answer

    return handle


# openapi next_cursor: "Cursor of the next page, empty on the last one."
@behaviour("listTrainings", _by_two, needs_create=True)
def page_of_one_is_lost() -> Handler:
    """`while offset + limit < total - 1`."""

    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if call.operation == "listTrainings" and answer.is_ok:
            document = answer.document
            cursor = document["pagination"]["next_cursor"]
            if cursor:
                call.parameters = {"pagination.cursor": cursor, "pagination.limit": "2"}
                rest = await forward(call)
                if len(rest.document["tasks"]) == 1:
                    document["pagination"]["next_cursor"] = ""
                    answer.document = document
        return answer

    return handle


async def _default_pages(client: httpx.AsyncClient) -> object:
    await _three(client)
    page = await listed(client, pagination__cursor="c_1")
    return [task["task_name"] for task in page["tasks"]]


# openapi CursorParameter: "The next_cursor of the page before"
@on_call("listTrainings", _default_pages, needs_create=True)
async def cursor_counts_only_beside_a_limit(call: Call) -> Answer | None:
    """`if limit is not None: query = query.offset(cursor).limit(limit)`."""
    parameters = call.parameters
    if "pagination.limit" not in parameters and "pagination.cursor" in parameters and _start(call):
        del parameters["pagination.cursor"]
        call.parameters = parameters
    return None


async def _filtered(client: httpx.AsyncClient) -> object:
    await _three(client)
    return await _walk(client, pagination__limit=1, task_type="style")


# openapi task_type: "Only trainings of this kind."; pagination.limit: "How many entries a page holds."
@behaviour("listTrainings", _filtered, needs_create=True)
def kind_is_filtered_after_the_page() -> Handler:
    """The page is cut by the database, the kind sorted out by the service."""

    async def handle(call: Call, forward: Forward) -> Answer:
        parameters = call.parameters
        kind = parameters.get("task_type")
        if call.operation == "listTrainings" and kind in ("subject", "style"):
            del parameters["task_type"]
            call.parameters = parameters
            answer = await forward(call)
            if answer.is_ok:
                document = answer.document
                document["tasks"] = [task for task in document["tasks"] if task["task_type"] == kind]
                answer.document = document
            return answer
        return await forward(call)

    return handle


# openapi next_cursor: "Cursor of the next page" (where the next page begins)
@behaviour("listTrainings", _by_two, needs_create=True)
def pages_overlap_by_one() -> Handler:
    """The cursor names the last entry that was shown, and the next page begins with it."""

    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        limit = _limit(call)
        if call.operation == "listTrainings" and answer.is_ok and limit > 1:
            document = answer.document
            if document["pagination"]["next_cursor"]:
                document["pagination"]["next_cursor"] = f"c_{_start(call) + limit - 1}"
                answer.document = document
        return answer

    return handle


# openapi listTrainings: "newest first"
@on_answer("listTrainings", _by_three, needs_create=True)
def same_second_is_ordered_by_id(document: Any) -> None:
    """ORDER BY created_at DESC, task_id."""
    document["tasks"].sort(key=lambda task: (-task["created_at"], task["task_id"]))


async def _after_style(client: httpx.AsyncClient) -> object:
    await created(client, "a")
    before = len((await listed(client))["tasks"])
    await created(client, "b", "Style")
    return before, len((await listed(client))["tasks"])


# openapi listTrainings: "Lists the trainings of this key, newest first."
@behaviour("listTrainings", _after_style, needs_create=True)
def style_trainings_do_not_empty_the_cache() -> Handler:
    """The create of the newer route forgets to drop the cached lists."""
    pages: dict[tuple[str, str], Answer] = {}

    async def handle(call: Call, forward: Forward) -> Answer:
        if call.operation == "listTrainings":
            place = (call.key, call.query)
            if place not in pages:
                answer = await forward(call)
                if not answer.is_ok or not answer.document["tasks"]:
                    return answer
                pages[place] = answer
            kept = pages[place]
            return Answer(kept.status, list(kept.headers), kept.body)
        if call.operation in ("createSubjectTraining", "getSubjectTraining", "getStyleTraining"):
            pages.clear()
        return await forward(call)

    return handle


async def _list_and_state(client: httpx.AsyncClient) -> object:
    task_id = await created(client)
    first = await listed(client)
    state = await polled(client, task_id, 4)
    second = await listed(client)
    return [page["tasks"][0]["task_status"] for page in (first, second)], state["task_status"]


# openapi TaskSummary.task_status: "State of the task."
@behaviour("listTrainings", _list_and_state, needs_create=True)
def list_keeps_the_state_it_showed_first() -> Handler:
    """The list reads a copy of the row that only its own first read makes."""
    shown: dict[str, dict[str, Any]] = {}

    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if call.operation == "listTrainings" and answer.is_ok:
            document = answer.document
            document["tasks"] = [shown.setdefault(task["task_id"], task) for task in document["tasks"]]
            answer.document = document
        return answer

    return handle


async def _model_names(client: httpx.AsyncClient) -> object:
    task_id = await ready(client)
    state = await polled(client, task_id)
    page = await listed(client)
    return state["models"], page["tasks"][0]["models"]


# openapi model_name: "Name to use the model by" (one name for one model)
@on_answer("listTrainings", _model_names, needs_create=True)
def list_names_models_without_extension(document: Any) -> None:
    """Two serializers, and only one of them adds the extension."""
    for task in document["tasks"]:
        for model in task["models"]:
            model["model_name"] = model["model_name"].removesuffix(".safetensors")
