"""Refusals: which error is answered, and how it looks."""

from __future__ import annotations

import re

import httpx

from broken_servers_unseen.client import outcome, send, subject
from broken_servers_unseen.registry import behaviour
from broken_servers_unseen.wire import Answer, Call, Forward, Handler, error, is_valid

_NOBODY = "fe84ac1b-5a01-487c-a56d-2c6c93b61f49"


async def _odd_ids(client: httpx.AsyncClient) -> object:
    ids = ("x", "00000000-0000-0000-0000-000000000000", _NOBODY, f"{_NOBODY}0")
    return [outcome(await client.get("/v3/training/subject", params={"task_id": task_id})) for task_id in ids]


# openapi TaskIdParameter: "An id that names no task is a 404, whatever its form."
@behaviour("getSubjectTraining", _odd_ids)
def ids_are_parsed_as_uuids() -> Handler:
    shape = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        is_asked = call.operation == "getSubjectTraining" and answer.status == 404
        if is_asked and not shape.fullmatch(call.parameters.get("task_id", "")):
            return error(400, "INVALID_REQUEST_BODY", "badly formed UUID")
        return answer

    return handle


async def _bad_limit(client: httpx.AsyncClient) -> object:
    return [
        outcome(await client.get(path, params={"pagination.limit": "0"}))
        for path in ("/v3/training", "/v3/model")
    ]


# contract 0.9: "(400 `INVALID_REQUEST_BODY`, never 422)"
@behaviour("listModels", _bad_limit)
def bad_queries_are_422() -> Handler:
    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if call.operation == "listModels" and answer.status == 400:
            document = answer.document
            if document["reason"] == "INVALID_REQUEST_BODY":
                answer.status = 422
                answer.document = document | {"code": 422}
        return answer

    return handle


async def _wrong_method(client: httpx.AsyncClient) -> object:
    response = await client.put("/v3/training/subject", json={})
    return response.json()


# openapi Error: "metadata: type: object"
@behaviour("", _wrong_method)
def metadata_without_details_is_null() -> Handler:
    """A nil map, as Go writes it."""

    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if answer.status in (404, 405):
            document = answer.document
            answer.document = document | {"metadata": document["metadata"] or None}
        return answer

    return handle


async def _browser(client: httpx.AsyncClient) -> object:
    accept = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    query = {"task_id": _NOBODY}
    response = await client.get("/v3/training/subject", params=query, headers=accept)
    return response.status_code, response.headers["content-type"]


# openapi responses: errors are "application/json" alone
@behaviour("", _browser)
def browsers_get_an_error_page() -> Handler:
    """Spring's white label page, for whoever prefers text/html."""

    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if answer.status >= 400 and (call.value(b"accept") or "").startswith("text/html"):
            page = f"<html><body><h1>Whitelabel Error Page</h1>status={answer.status}</body></html>"
            return Answer(answer.status, [(b"content-type", b"text/html;charset=UTF-8")], page.encode())
        return answer

    return handle


async def _null_character(client: httpx.AsyncClient) -> object:
    return outcome(await send(client, subject({"image_dataset_items/0/caption": "a\0b"})))


# openapi caption: "type: string, maxLength: 1024" (any character)
@behaviour("createSubjectTraining", _null_character, needs_create=True)
def null_characters_break_the_database() -> Handler:
    """Postgres cannot keep U+0000 in a text, and the driver raises."""

    async def handle(call: Call, forward: Forward) -> Answer:
        body = await call.body() if call.operation == "createSubjectTraining" else b""
        if b"\\u0000" in body and is_valid(body, call.operation):
            call.replace(b"null")
            answer = await forward(call)
            if answer.status == 400 and answer.document["reason"] == "INVALID_REQUEST_BODY":
                return error(500, "CREATE_TASK_FAILED", "invalid byte sequence for encoding UTF8: 0x00")
            return answer
        return await forward(call)

    return handle


async def _violations(client: httpx.AsyncClient) -> object:
    document = (await send(client, subject({"width": 0}))).json()
    return [sorted(violation) for violation in document["metadata"]["violations"]]


# openapi Violation: "required: [in, pointer, line, column, rule, expected, got, source, advice]"
@behaviour("createSubjectTraining", _violations)
def violations_look_like_the_validators() -> Handler:
    """The validator's own list is passed on under the contract's name."""

    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if call.operation == "createSubjectTraining" and answer.status == 400:
            document = answer.document
            found = document["metadata"].get("violations", [])
            document["metadata"]["violations"] = [
                {"loc": ["body", *v["pointer"].split("/")[1:]], "msg": v["advice"], "type": v["rule"]}
                for v in found
            ]
            answer.document = document
        return answer

    return handle
