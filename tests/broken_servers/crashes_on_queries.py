"""Servers that fall over a query, or over the size of a request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from broken_servers.changes import CRASH, SUBJECT, Make, behaviour, crashing
from broken_servers.defect import Corpus, Witness
from broken_servers.right_bodies import minimal
from broken_servers.scripts import NOBODY, posted, queried, sent
from broken_servers.wire import Answer, Change, Forward, Request
from loracle_contracts.parse import MAX_BODY

__all__ = ["CASES"]

CASES = Corpus()
_OF_THE_LIST = {"pagination.limit", "pagination.cursor", "task_type"}


def _has_unknown(request: Request) -> bool:
    names = {name for name, _ in parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)}
    return not names <= _OF_THE_LIST


def _query(slug: str) -> Callable[[Request], bool]:
    pattern = re.compile(slug.encode(), re.IGNORECASE)
    return lambda request: pattern.search(request.query) is not None


_STATE, _LIST = "getSubjectTraining", "listTrainings"
_BY_QUERY: list[tuple[str, str, Make, Witness]] = [
    (
        "task-id-no-uuid",
        _STATE,
        crashing(lambda r: not re.search(rb"task_id=[0-9a-f-]{36}", r.query), _STATE),
        queried(_STATE, "task_id=nobody"),
    ),
    ("task-id-missing", _STATE, crashing(lambda r: b"task_id" not in r.query, _STATE), queried(_STATE, "")),
    ("task-id-with-a-quote", _STATE, crashing(_query("%27|'"), _STATE), queried(_STATE, "task_id=%27")),
    ("task-id-with-nul", _STATE, crashing(_query("%00"), _STATE), queried(_STATE, "task_id=%00")),
    (
        "task-id-long",
        _STATE,
        crashing(lambda r: len(r.query) > 1000, _STATE),
        queried(_STATE, "task_id=" + "x" * 3000),
    ),
    ("task-id-broken-bytes", _STATE, crashing(_query("%ff"), _STATE), queried(_STATE, "task_id=%ff")),
    (
        "task-id-twice",
        _STATE,
        crashing(lambda r: r.query.count(b"task_id=") > 1, _STATE),
        queried(_STATE, f"task_id={NOBODY}&task_id=x"),
    ),
    ("limit-as-text", _LIST, crashing(_query("limit=[a-z]"), _LIST), queried(_LIST, "pagination.limit=ten")),
    ("limit-zero", _LIST, crashing(_query("limit=0+(&|$)"), _LIST), queried(_LIST, "pagination.limit=0")),
    ("limit-negative", _LIST, crashing(_query("limit=-"), _LIST), queried(_LIST, "pagination.limit=-1")),
    (
        "limit-huge",
        _LIST,
        crashing(_query("limit=[0-9]{19}"), _LIST),
        queried(_LIST, f"pagination.limit={2**63}"),
    ),
    (
        "limit-fraction",
        _LIST,
        crashing(_query(r"limit=[0-9]+\."), _LIST),
        queried(_LIST, "pagination.limit=1.5"),
    ),
    ("limit-empty", _LIST, crashing(_query("limit=(&|$)"), _LIST), queried(_LIST, "pagination.limit=")),
    (
        "cursor-as-text",
        _LIST,
        crashing(_query("cursor=[abd-z]"), _LIST),
        queried(_LIST, "pagination.cursor=next"),
    ),
    (
        "cursor-huge",
        _LIST,
        crashing(_query("cursor=c_[0-9]{12}"), _LIST),
        queried(_LIST, "pagination.cursor=c_999999999999"),
    ),
    ("cursor-empty", _LIST, crashing(_query("cursor=(&|$)"), _LIST), queried(_LIST, "pagination.cursor=")),
    (
        "task-type-unknown",
        _LIST,
        crashing(_query("task_type=(?!subject|style)"), _LIST),
        queried(_LIST, "task_type=lora"),
    ),
    (
        "unknown-parameter",
        _LIST,
        crashing(_has_unknown, _LIST),
        queried(_LIST, "unknown=1"),
    ),
    (
        "filter-unknown",
        "listModels",
        crashing(_query("source=(?!civitai|training|uploading)"), "listModels"),
        queried("listModels", "filter.source=x"),
    ),
]


def _large() -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        announced = int(request.header("content-length") or 0)
        if request.path.startswith("/v3/") and (announced > MAX_BODY or len(request.body or b"") > MAX_BODY):
            return CRASH
        return await forward(request)

    return change


def _long_headers() -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        size = sum(len(name) + len(value) for name, value in request.headers)
        return CRASH if size > 8000 else await forward(request)

    return change


def _fill() -> None:
    for slug, operation, make, witness in _BY_QUERY:
        behaviour(CASES, f"crashes-on-{slug}", operation, make, witness)
    big = json.dumps(minimal()).encode() + b" " * (MAX_BODY + 1)
    behaviour(CASES, "crashes-on-a-large-body", "", _large, posted(SUBJECT, big))
    behaviour(
        CASES,
        "crashes-on-long-headers",
        "",
        _long_headers,
        sent("GET", "/v3/training", x_note="n" * 20000),
    )


_fill()
