"""Keys: who is let in, and whose tasks are seen."""

from __future__ import annotations

import json

import httpx

from broken_servers_unseen.client import created, outcome
from broken_servers_unseen.registry import behaviour, on_call
from broken_servers_unseen.wire import Answer, Call, Forward, Handler, error


def _as(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def _other_schemes(client: httpx.AsyncClient) -> object:
    return [
        (await client.get("/v3/training", headers={"authorization": value})).status_code
        for value in ("Token one", "Basic b25lOnR3bw==", "one")
    ]


# contract 0.9: "another scheme, a bare or a wrong key 403 `INVALID_API_KEY`"
@on_call("", _other_schemes)
async def scheme_is_not_read(call: Call) -> Answer | None:
    """`header.split()[-1]` is the key."""
    words = (call.value(b"authorization") or "").split()
    if words and words[-1].lower() != "bearer":
        call.header(b"authorization", b"Bearer " + words[-1].encode("latin-1"))
    return None


async def _no_key(client: httpx.AsyncClient) -> object:
    found = []
    for path in ("/v3/training/subject", "/v3/training/style", "/v3/training"):
        request = client.build_request("GET", path, params={"task_id": "x"})
        del request.headers["authorization"]
        found.append(outcome(await client.send(request)))
    return found


# contract 0.9: "No key 400 `MISSING_API_KEY`"
@on_call("getStyleTraining", _no_key)
async def newer_route_has_other_guard(call: Call) -> Answer | None:
    """The route was written with the framework's own guard, which knows only 401."""
    if call.value(b"authorization") is None:
        return error(401, "FAILED_TO_AUTH")
    return None


async def _no_key_bad_body(client: httpx.AsyncClient) -> object:
    request = client.build_request("POST", "/v3/assets/training_dataset", json={"file_extension": "gif"})
    del request.headers["authorization"]
    return outcome(await client.send(request))


# contract 0.9: "authentication -> route ... -> query, parse and schema"
@on_call("createUploadUrl", _no_key_bad_body)
async def body_is_judged_before_key(call: Call) -> Answer | None:
    """The body model is a dependency that is resolved before the guard."""
    if call.value(b"authorization") is None:
        try:
            extension = json.loads(await call.body())["file_extension"]
        except (ValueError, KeyError, TypeError):
            extension = None
        if extension not in ("png", "webp", "jpeg"):
            return error(400, "INVALID_REQUEST_BODY")
    return None


async def _unknown_route_no_key(client: httpx.AsyncClient) -> object:
    request = client.build_request("GET", "/v3/training/nothing")
    del request.headers["authorization"]
    return outcome(await client.send(request))


# contract 0.9: "authentication -> route (404 `API_NOT_FOUND`)"
@behaviour("", _unknown_route_no_key)
def routes_are_found_before_keys() -> Handler:
    """The guard hangs on each route, so that a route that there is not has none."""

    async def handle(call: Call, forward: Forward) -> Answer:
        if call.value(b"authorization") is None and call.path.startswith("/v3/"):
            call.header(b"authorization", b"Bearer anonymous")
            answer = await forward(call)
            if answer.status == 404 and answer.document["reason"] == "API_NOT_FOUND":
                return answer
            call.header(b"authorization", None)
        return await forward(call)

    return handle


async def _two_cases(client: httpx.AsyncClient) -> object:
    task_id = await created(client)
    state = await client.get("/v3/training", headers=_as("KEY-ONE"))
    return task_id in state.text


# openapi listTrainings: "Lists the trainings of this key"
@behaviour("", _two_cases, needs_create=True)
def keys_count_in_any_case() -> Handler:
    """The column of keys has a collation that ignores case."""
    known: dict[str, str] = {}

    async def handle(call: Call, forward: Forward) -> Answer:
        sent = call.value(b"authorization") or ""
        kept = known.get(call.key.lower())
        if kept is not None and sent.lower().startswith("bearer "):
            call.header(b"authorization", f"Bearer {kept}".encode("latin-1"))
        answer = await forward(call)
        if answer.is_ok and call.key and call.operation != "putUpload":
            known.setdefault(call.key.lower(), call.key)
        return answer

    return handle


async def _foreign_state(client: httpx.AsyncClient) -> object:
    task_id = await created(client, kind="Style")
    query = {"task_id": task_id}
    return (await client.get("/v3/training/style", params=query, headers=_as("someone"))).status_code


# openapi getStyleTraining 404: "No such task."; listTrainings: tasks are "of this key"
@behaviour("getStyleTraining", _foreign_state, needs_create=True)
def style_state_is_not_scoped_to_the_key() -> Handler:
    """`SELECT ... WHERE task_id = %s`, and nothing about the owner."""
    owners: dict[str, bytes] = {}

    async def handle(call: Call, forward: Forward) -> Answer:
        sent = (call.value(b"authorization") or "").encode("latin-1")
        if call.operation == "getStyleTraining" and call.key:
            owner = owners.get(call.parameters.get("task_id", ""))
            if owner is not None:
                call.header(b"authorization", owner)
        answer = await forward(call)
        if call.operation == "createStyleTraining" and answer.is_ok:
            owners[answer.document["task_id"]] = sent
        return answer

    return handle


async def _cached_list(client: httpx.AsyncClient) -> object:
    await client.get("/v3/training?pagination.limit=7")
    request = client.build_request("GET", "/v3/training?pagination.limit=7")
    del request.headers["authorization"]
    return outcome(await client.send(request))


# openapi: "security: - bearer: []"; contract 0.9: "No key 400 `MISSING_API_KEY`"
@behaviour("listTrainings", _cached_list)
def lists_are_cached_in_front_of_the_guard() -> Handler:
    """Who sends a key is not served from the cache, but fills it."""
    pages: dict[str, Answer] = {}

    async def handle(call: Call, forward: Forward) -> Answer:
        if call.operation != "listTrainings":
            return await forward(call)
        if call.value(b"authorization") is None and call.query in pages:
            return pages[call.query]
        answer = await forward(call)
        if answer.is_ok:
            pages[call.query] = Answer(200, list(answer.headers), answer.body)
        return answer

    return handle
