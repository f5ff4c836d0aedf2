"""Servers that tell the state of a training wrongly."""

from __future__ import annotations

import re

import httpx
from broken_servers_second.bodies import start
from broken_servers_second.editing import behaves
from broken_servers_second.wire import STYLE, SUBJECT, Answer, Handler, Next, Request, envelope
from broken_servers_unseen.client import outcome
from broken_servers_unseen.defect import Case, Witness

from broken_servers_fourth.forms import asked, plain

__all__ = ["CASES"]

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


async def _typed_id(request: Request, pass_on: Next) -> Answer:
    """Spring's `@RequestParam UUID taskId`: what is no UUID is a bad request, before it is looked for."""
    answer = await pass_on(request)
    is_state = request.is_to("GET", SUBJECT) and answer.status == 404
    if is_state and not _UUID.fullmatch(asked(request).get("task_id", "")):
        return envelope(400, "INVALID_REQUEST_BODY", "task_id is not a UUID.")
    return answer


async def _renamed(request: Request, pass_on: Next) -> Answer:
    """The name holds a time, and is made anew when the deployment has ended."""
    answer = await pass_on(request)
    if not request.is_to("GET", SUBJECT) or answer.status != 200:
        return answer
    state = answer.json()
    for model in state["models"]:
        if model["model_status"] == "SERVING":
            _, stamp, rest = model["model_name"].split("_", 2)
            model["model_name"] = f"model_{int(stamp) + 60}_{rest}"
    return answer.with_json(state)


def _replicas() -> Handler:
    """A load balancer over three read replicas, one of which is behind by two changes."""
    told: dict[tuple[str, str], list[Answer]] = {}

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if not request.is_to("GET", SUBJECT) or answer.status != 200:
            return answer
        earlier = told.setdefault((request.header("authorization"), request.query), [])
        earlier.append(answer)
        return earlier[-3] if len(earlier) % 3 == 0 else answer

    return handler


async def _no_number(request: Request, pass_on: Next) -> Answer:
    """Who waits has no speed yet: the estimate is NaN, and Python's `json.dumps` writes that."""
    answer = await pass_on(request)
    if not request.is_to("GET", STYLE) or answer.status != 200:
        return answer
    state = answer.json()
    if state["task_status"] != "QUEUING":
        return answer
    state["extra"]["eta_relative"] = float("nan")
    return answer.with_json(state)


async def _typed_twice(request: Request, pass_on: Next) -> Answer:
    """The framework names the content type, and nginx's `add_header` adds it again."""
    answer = await pass_on(request)
    if not request.is_to("GET", STYLE):
        return answer
    return Answer(answer.status, (*answer.headers, (b"content-type", b"application/json")), answer.body)


def _states(kind: str, times: int = 5) -> Witness:
    async def witness(client: httpx.AsyncClient) -> object:
        task = await start(client, kind)
        answers = [await client.get(f"/v3/training/{kind}", params={"task_id": task}) for _ in range(times)]
        return [(answer.text, answer.headers.get_list("content-type")) for answer in answers]

    return witness


async def _an_id_of_another_form(client: httpx.AsyncClient) -> object:
    return outcome(await client.get(SUBJECT, params={"task_id": "4711"}))


_GET_SUBJECT, _GET_STYLE = "getSubjectTraining", "getStyleTraining"

CASES: list[Case] = [
    behaves("id-that-is-no-uuid-is-a-bad-request", _GET_SUBJECT, plain(_typed_id), _an_id_of_another_form),
    behaves(
        "model-is-renamed",
        _GET_SUBJECT,
        plain(_renamed),
        _states("subject"),
        needs_create=True,
    ),
    behaves("one-replica-is-behind", _GET_SUBJECT, _replicas, _states("subject"), needs_create=True),
    behaves("estimate-is-not-a-number", _GET_STYLE, plain(_no_number), _states("style"), needs_create=True),
    behaves("content-type-twice", _GET_STYLE, plain(_typed_twice), _states("style", 1), needs_create=True),
]
