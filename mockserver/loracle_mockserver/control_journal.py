"""The control API's view of what happened: the journal, expectations of it, the counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, fields
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from loracle_mockserver.control import Control
from loracle_mockserver.control_answers import json_response, response
from loracle_mockserver.control_reading import (
    RefusedError,
    check_members,
    namespace_in,
    read_body,
    read_query,
)
from loracle_mockserver.engine import Engine
from loracle_mockserver.exports import curl_command, har_document, har_entry, json_line
from loracle_mockserver.journal import Entry, describe
from loracle_mockserver.journal_search import Search
from loracle_mockserver.message import error_reply
from loracle_mockserver.verify import Expectation, verify

__all__ = ["journal_routes", "metrics_routes"]

_BATCH = 25  # entries that are described before others get their turn
_EXPECTED = [field.name for field in fields(Expectation)]
_FILTERS = ("operation", "status", "verdict", "task", "fault", "since", "limit")
_ACCEPTED = {
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/har+json": "har",
    "text/x-shellscript": "curl",
}
_FORMATS: dict[str, tuple[str, Callable[..., Any]]] = {
    "json": ("application/json", describe),
    "jsonl": ("application/x-ndjson", json_line),
    "har": ("application/json", har_entry),
    "curl": ("text/plain; charset=utf-8", curl_command),
}


def journal_routes(control: Control, engine: Engine) -> APIRouter:
    """The routes for the requests that the mock answered."""
    router = APIRouter()

    @router.get("/_mock/requests")
    async def requests(request: Request) -> Response:
        """The requests that the mock answered, oldest first: the latest 100, or `limit`.

        Filters: `operation`, `status`, `verdict` (valid or invalid, under strict), `task` (its id),
        `fault` (a glob; none for no fault), `namespace`; `since` answers the first ones after a number.
        `format` is json, jsonl, har or curl; instead of it Accept may name application/x-ndjson,
        application/har+json or text/x-shellscript. `total` counts all since the start, or those of the
        namespace that are kept; `dropped` those of every namespace that the journal has forgotten.
        """
        given = read_query(request, *_FILTERS, "namespace", "format")
        name = given.get("format") or _accepted(request)
        if name not in _FORMATS:
            raise RefusedError(f"format is one of {', '.join(_FORMATS)}, not {name[:80]!r}.")
        search = Search.parse(given)
        media_type, write = _FORMATS[name]
        if name in ("har", "curl"):
            write = partial(write, base=f"{request.scope['scheme']}://{request.headers.get('host', '')}")
        namespace = given.get("namespace")
        entries = list(control.entries(namespace))
        found = await _found(search, entries)
        written = []
        for index, (n, entry) in enumerate(found):
            written.append(write(n, entry))
            if index % _BATCH == _BATCH - 1:
                await asyncio.sleep(0)
        if name == "har":
            return json_response(har_document(written))
        if name != "json":
            text = "".join(f"{line}\n" for line in written)
            return Response(text.encode(errors="backslashreplace"), media_type=media_type)
        counted = engine.store.statistics()
        total = counted.requests if namespace is None else len(entries)
        return json_response({"total": total, "dropped": counted.requests_dropped, "requests": written})

    @router.post("/_mock/verify")
    async def verify_requests(request: Request) -> Response:
        """Whether requests came as expected, and of the others the nearest with its differing fields.

        The body has the fields of an expectation (operation, method, path, name, body, status, task,
        valid), one or two of count, at_least and at_most (without: at least 1), and a namespace. The
        status is 200 also where it does not hold.
        """
        namespace = read_query(request, "namespace").get("namespace")
        body = await read_body(request)
        check_members(body, [*_EXPECTED, "count", "at_least", "at_most", "namespace"])
        given = {name: value for name, value in body.items() if value is not None}
        if "namespace" in given:
            named = namespace_in(given.pop("namespace"))
            if namespace not in (None, named):
                raise RefusedError("The query and the body name two namespaces; give one.")
            namespace = named
        numbers = {name: given.pop(name) for name in ("count", "at_least", "at_most") if name in given}
        try:
            # In a thread, because ten thousand requests take a while in which others are to be answered.
            searched = list(control.entries(namespace))
            outcome = await asyncio.to_thread(verify, searched, Expectation(**given), **numbers)
        except ValueError as error:
            raise RefusedError(f"The expectation cannot be: {error}.") from None
        nearest = None if outcome.nearest is None else asdict(outcome.nearest)
        return json_response(
            {
                "holds": outcome.holds,
                "count": outcome.count,
                "expected": outcome.expected,
                "matched": outcome.matched,
                "nearest": nearest,
                "text": str(outcome),
            }
        )

    return router


async def _found(search: Search, entries: list[tuple[int, Entry]]) -> list[tuple[int, Entry]]:
    """The entries that the search finds, oldest first; others get their turn meanwhile."""
    found = []
    for tried, (n, entry) in enumerate(search.ordered(entries), 1):
        if search.takes(entry):
            found.append((n, entry))
            if len(found) == search.limit:
                break
        if tried % (10 * _BATCH) == 0:
            await asyncio.sleep(0)
    return sorted(found, key=lambda kept: kept[0])


def _accepted(request: Request) -> str:
    for part in request.headers.get("accept", "").split(","):
        name = _ACCEPTED.get(part.partition(";")[0].strip().lower())
        if name is not None:
            return name
    return "json"


def metrics_routes(engine: Engine) -> APIRouter:
    """The route for Prometheus."""
    router = APIRouter()

    @router.get("/_mock/metrics")
    async def metrics(request: Request) -> Response:
        """What the mock counts, in Prometheus' text format. Needs the extra `metrics`."""
        read_query(request)
        try:
            from loracle_mockserver.metrics import CONTENT_TYPE, metrics_text  # noqa: PLC0415 - an extra
        except ImportError:
            message = "Metrics need the package prometheus-client: pip install 'loracle[metrics]'"
            return response(error_reply("SERVICE_UNAVAILABLE", message))
        return Response(metrics_text(engine), headers={"content-type": CONTENT_TYPE})

    return router
