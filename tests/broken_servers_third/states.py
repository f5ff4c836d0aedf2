"""Servers that tell the state of a training wrongly."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import replace
from typing import Any

from broken_servers_second.bodies import start
from broken_servers_second.editing import behaves
from broken_servers_second.wire import STYLE, SUBJECT, Answer, Handler, Next, Request
from broken_servers_unseen.defect import Case
from httpx import AsyncClient

from broken_servers_third.answering import asked, changing, parameters, polled, with_query

__all__ = ["CASES"]

_SUBJECT, _STYLE = "getSubjectTraining", "getStyleTraining"


def _small(state: Any) -> Any:
    return {**state, "task_status": state["task_status"].lower()}


def _nameless(state: Any) -> Any:
    return {name: value for name, value in state.items() if name != "task_id"}


def _overdue(state: Any) -> Any:
    """The end that was foretold, less the time now."""
    if state["task_status"] == "SUCCESS":
        state["extra"]["eta_relative"] = -4.2
    return state


def _nothing_extra(state: Any) -> Any:
    """A Go pointer that nothing was assigned to yet."""
    return {**state, "extra": None} if state["task_status"] == "QUEUING" else state


def _null_models(state: Any) -> Any:
    """A Go slice that nothing was appended to."""
    return {**state, "models": state["models"] or None}


def _wrapped(state: Any) -> Any:
    return {"code": 0, "msg": "ok", "data": state}


def _new_name() -> Handler:
    """The time in the name is that of the answer."""
    polls: Counter[str] = Counter()

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("GET", SUBJECT) and answer.status == 200:
            state = answer.json()
            polls[state["task_id"]] += 1
            for model in state["models"]:
                _, moment, rest = model["model_name"].split("_", 2)
                model["model_name"] = f"model_{int(moment) + polls[state['task_id']]}_{rest}"
            return answer.with_json(state)
        return answer

    return handler


def _two_deployments() -> Handler:
    """Two replicas watch the deployment, and one of them has missed its end."""
    served: Counter[str] = Counter()

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("GET", STYLE) and answer.status == 200:
            state = answer.json()
            for model in state["models"]:
                if model["model_status"] == "SERVING":
                    served[state["task_id"]] += 1
                    model["model_status"] = "DEPLOYING" if served[state["task_id"]] % 2 == 0 else "SERVING"
            return answer.with_json(state)
        return answer

    return handler


def _trimmed_id() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        query = parameters(request)
        if request.is_to("GET", SUBJECT) and query.get("task_id", "").strip() != query.get("task_id", ""):
            request = with_query(request, {**query, "task_id": query["task_id"].strip()})
        return await pass_on(request)

    return handler


def _any_case() -> Handler:
    """The column's collation does not tell capitals from small letters."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        query = parameters(request)
        if request.is_to("GET", STYLE) and query.get("task_id", "").lower() != query.get("task_id", ""):
            request = with_query(request, {**query, "task_id": query["task_id"].lower()})
        return await pass_on(request)

    return handler


def _html() -> Handler:
    """PHP's type, where a script sets none."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("GET", SUBJECT) and answer.status == 200:
            return answer.with_type("text/html; charset=UTF-8")
        return answer

    return handler


def _no_number() -> Handler:
    """The rest is divided by a speed that is not measured yet, and Python writes NaN."""

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("GET", STYLE) and answer.status == 200 and b'"QUEUING"' in answer.body:
            return answer.with_body(re.sub(rb'("eta_relative":)[0-9.]+', rb"\1NaN", answer.body))
        return answer

    return handler


def _cached() -> Handler:
    """A cache of method results that nobody empties."""
    known: dict[tuple[str, str], Answer] = {}

    async def handler(request: Request, pass_on: Next) -> Answer:
        if not request.is_to("GET", STYLE):
            return await pass_on(request)
        entry = (request.header("authorization"), request.query)
        if entry not in known:
            answer = await pass_on(request)
            if answer.status != 200:
                return answer
            known[entry] = answer
        return known[entry]

    return handler


def _one_field() -> Handler:
    """One controller serves all calls, and keeps the id that was asked for in a field."""
    field = {"query": ""}

    async def handler(request: Request, pass_on: Next) -> Answer:
        if not request.is_to("GET", SUBJECT):
            return await pass_on(request)
        field["query"] = request.query
        await asyncio.sleep(0.003)  # the database answers
        return await pass_on(replace(request, query=field["query"]))

    return handler


async def _two_at_once(client: AsyncClient) -> object:
    tasks = [await start(client, name=name) for name in ("one", "two")]
    answers = await asyncio.gather(*(polled(client, "subject", task) for task in tasks))
    return [answer[0]["task_id"] for answer in answers]


CASES: list[Case] = [
    behaves(
        "status-in-small-letters",
        _SUBJECT,
        changing("GET", SUBJECT, _small),
        asked("subject"),
        needs_create=True,
    ),
    behaves(
        "state-lacks-its-id", _STYLE, changing("GET", STYLE, _nameless), asked("style"), needs_create=True
    ),
    behaves(
        "eta-below-zero", _SUBJECT, changing("GET", SUBJECT, _overdue), asked("subject", 6), needs_create=True
    ),
    behaves(
        "extra-is-null-in-the-queue",
        _SUBJECT,
        changing("GET", SUBJECT, _nothing_extra),
        asked("subject"),
        needs_create=True,
    ),
    behaves(
        "models-are-null-at-first",
        _SUBJECT,
        changing("GET", SUBJECT, _null_models),
        asked("subject"),
        needs_create=True,
    ),
    behaves("wrapped-state", _STYLE, changing("GET", STYLE, _wrapped), asked("style"), needs_create=True),
    behaves("model-name-of-the-moment", _SUBJECT, _new_name, asked("subject", 6), needs_create=True),
    behaves("serving-goes-back", _STYLE, _two_deployments, asked("style", 8), needs_create=True),
    behaves(
        "ids-are-trimmed", _SUBJECT, _trimmed_id, asked("subject", change="{} ".format), needs_create=True
    ),
    behaves("ids-count-in-any-case", _STYLE, _any_case, asked("style", change=str.upper), needs_create=True),
    behaves("states-are-html", _SUBJECT, _html, asked("subject"), needs_create=True),
    behaves("eta-is-not-a-number", _STYLE, _no_number, asked("style"), needs_create=True),
    behaves("first-state-is-cached", _STYLE, _cached, asked("style", 4), needs_create=True),
    behaves("polls-share-a-field", _SUBJECT, _one_field, _two_at_once, needs_create=True),
]
