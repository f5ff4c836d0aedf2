"""The layer queries finds servers that read queries otherwise, or know tasks that there are not."""

from __future__ import annotations

import json

import pytest
from fuzzed_wire import Ask, Defect
from wire_defects import (
    BROKEN,
    JSON,
    LIST,
    MODELS,
    RIGHT,
    SUBJECT,
    found,
    query,
    where,
)

from loracle_contracts.exchange import Answer, Request


def _unknown(request: Request, ask: Ask) -> Answer:
    answer = ask(request)
    if answer.status != 404 or "task_id" not in request.query:
        return answer
    task = {
        "task_id": "fe84ac1b-5a01-487c-a56d-2c6c93b61f49",
        "task_status": "UNKNOWN",
        "model_type": "",
        "models": [],
    }
    return Answer(200, JSON, json.dumps(task).encode())


def _by_prefix(request: Request, ask: Ask) -> Answer:
    if request.path == SUBJECT and request.method == "GET" and "task_id=" in request.query:
        listed = json.loads(ask(Request("GET", LIST + "?pagination.limit=100", RIGHT)).body)["tasks"]
        asked = request.query.partition("=")[2].partition("%")[0]
        found = [one["task_id"] for one in listed if asked and one["task_id"].startswith(asked)]
        if found:
            return ask(request._replace(target=f"{SUBJECT}?task_id={found[0]}"))
    return ask(request)


def _either_kind(request: Request, ask: Ask) -> Answer:
    answer = ask(request)
    other = (
        request.path.replace("subject", "style")
        if "subject" in request.path
        else request.path.replace("style", "subject")
    )
    return (
        ask(request._replace(target=request.target.replace(request.path, other)))
        if answer.status == 404
        else answer
    )


# What is found (check and subject), and the defect.
DEFECTS: dict[str, tuple[str, str, Defect]] = {
    "limit 101": (
        "accepted",
        "query.pagination.limit.maximum",
        where(lambda one: one.path == LIST, lambda one: query(one, r"limit=101\b", "limit=100")),
    ),
    "limit 101 at models": (
        "accepted",
        "query.pagination.limit.maximum",
        where(lambda one: one.path == MODELS, lambda one: query(one, r"limit=101\b", "limit=100")),
    ),
    "limit 100": (
        "refused",
        "listTrainings",
        where(lambda one: one.path == LIST, lambda one: query(one, r"limit=100\b", "limit=101")),
    ),
    "limit as a fraction": (
        "accepted",
        "query.pagination.limit.type",
        lambda request, ask: ask(query(request, r"limit=1\.0", "limit=1")),
    ),
    "an odd cursor": (
        "accepted",
        "query.pagination.cursor.pattern",
        lambda request, ask: ask(query(request, r"cursor=c_(-1|$)", "cursor=c_0")),
    ),
    "a parameter twice": (
        "accepted",
        "query.duplicate",
        lambda request, ask: ask(query(request, r"limit=5&pagination\.limit=5", "limit=5")),
    ),
    "task_type in any case": (
        "accepted",
        "query.task_type.enum",
        lambda request, ask: ask(query(request, "task_type=SUBJECT", "task_type=subject")),
    ),
    "a value of a filter": (
        "refused",
        "query.filter.types",
        lambda request, ask: ask(query(request, "types=vae", "types=x")),
    ),
    "an empty filter": (
        "accepted",
        "query.filter.source.enum",
        lambda request, ask: ask(query(request, "filter.source=(?=&|$)", "")),
    ),
    "unknown parameters": (
        "refused",
        "query.unknown",
        where(
            lambda one: "loracle=1" in one.query and "limit" not in one.query,
            lambda one: query(one, r"\?.*", "?pagination.limit=0"),
        ),
    ),
    "brackets": (
        "refused",
        "query.unknown",
        lambda request, ask: ask(query(request, r"pagination\[limit\]", "pagination.limit")),
    ),
    "a NUL in a filter": (
        "refused",
        "query.filter.query",
        where(lambda one: "filter.query=%00" in one.query, lambda _: BROKEN),
    ),
    "a quote in an id": (
        "status",
        "404 TASK_NOT_FOUND answered with 500 LIST_TASK_FAILED",
        where(lambda one: "task_id=%27" in one.query, lambda _: BROKEN),
    ),
    "ids of one form": (
        "status",
        "404 TASK_NOT_FOUND answered with 400 INVALID_REQUEST_BODY",
        where(lambda one: "task_id=x" in one.query, lambda one: query(one, "task_id=x", "x=x")),
    ),
    "every id": ("accepted", "task_id.unknown", _unknown),
    "the beginning of an id": ("accepted", "task_id.unknown", _by_prefix),
    "ids of the other kind": ("accepted", "task_id.kind", _either_kind),
    "no task_id": (
        "status",
        "400 INVALID_REQUEST_BODY answered with 404 TASK_NOT_FOUND",
        where(
            lambda one: one.method == "GET" and one.target == SUBJECT,
            lambda one: query(one, "$", "?task_id=x"),
        ),
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_the_defect_is_found(name: str) -> None:
    check, subject, defect = DEFECTS[name]
    assert (check, subject) in found("queries", defect)
