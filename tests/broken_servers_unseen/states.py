"""Tasks: how they come to be, and how their states follow each other."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx

from broken_servers_unseen.client import created, expert, listed, outcome, polled, send
from broken_servers_unseen.registry import behaviour, on_answer, on_call
from broken_servers_unseen.wire import Answer, Call, Forward, Handler


async def _at_once(client: httpx.AsyncClient) -> object:
    ids = [await created(client, name) for name in ("a", "b")]
    states = await asyncio.gather(*(polled(client, task_id) for task_id in ids))
    return [state["task_id"] == task_id for state, task_id in zip(states, ids, strict=True)]


# openapi getSubjectTraining: "Answers the state of a subject training" (of "the task to ask for")
@behaviour("getSubjectTraining", _at_once, needs_create=True)
def calls_under_way_are_shared_by_path() -> Handler:
    """Like calls that are under way at once share an answer; the query is not part of their name."""
    under_way: dict[tuple[str, str], asyncio.Future[Answer]] = {}

    async def handle(call: Call, forward: Forward) -> Answer:
        if call.operation != "getSubjectTraining" or not call.key:
            return await forward(call)
        place = (call.path, call.key)
        if place in under_way:
            answer = await under_way[place]
            return Answer(answer.status, list(answer.headers), answer.body)
        future = under_way[place] = asyncio.get_running_loop().create_future()
        try:
            # As long as a database needs to answer.
            for _ in range(20):
                await asyncio.sleep(0)
            answer = await forward(call)
            future.set_result(answer)
        finally:
            del under_way[place]
            future.cancel()
        return Answer(answer.status, list(answer.headers), answer.body)

    return handle


async def _pair(client: httpx.AsyncClient) -> object:
    ids = await asyncio.gather(created(client, "twin"), created(client, "twin"))
    return len(set(ids)), len((await listed(client))["tasks"])


# openapi TaskName: "A name may be used again; tasks are told apart by their task_id."
@behaviour("createSubjectTraining", _pair, needs_create=True)
def creates_of_one_name_meet_in_the_queue() -> Handler:
    """The job's lock is named after the task; who finds it taken answers that job's id."""
    locks: dict[tuple[str, Any], asyncio.Future[Answer]] = {}

    async def handle(call: Call, forward: Forward) -> Answer:
        if call.operation != "createSubjectTraining" or not call.key:
            return await forward(call)
        try:
            name = json.loads(await call.body())["name"]
        except (ValueError, KeyError, TypeError):
            return await forward(call)
        place = (call.key, str(name))
        if place in locks:
            answer = await locks[place]
            return Answer(answer.status, list(answer.headers), answer.body)
        future = locks[place] = asyncio.get_running_loop().create_future()
        try:
            for _ in range(20):
                await asyncio.sleep(0)
            answer = await forward(call)
            future.set_result(answer)
        finally:
            del locks[place]
            future.cancel()
        return Answer(answer.status, list(answer.headers), answer.body)

    return handle


async def _twice(client: httpx.AsyncClient) -> object:
    first = await created(client, "same")
    return first == await created(client, "same")


# openapi TaskName: "A name may be used again; tasks are told apart by their task_id."
@behaviour("createSubjectTraining", _twice, needs_create=True)
def same_body_is_the_same_task() -> Handler:
    """A hash of the body serves as an idempotency key."""
    answers: dict[tuple[str, bytes], Answer] = {}

    async def handle(call: Call, forward: Forward) -> Answer:
        if call.operation != "createSubjectTraining":
            return await forward(call)
        place = (call.key, await call.body())
        if place not in answers:
            answer = await forward(call)
            if not answer.is_ok:
                return answer
            answers[place] = answer
        kept = answers[place]
        return Answer(kept.status, list(kept.headers), kept.body)

    return handle


async def _to_the_end(client: httpx.AsyncClient) -> object:
    task_id = await created(client)
    return [await polled(client, task_id) for _ in range(8)]


# contract 5: "create -> QUEUING -> TRAINING -> SUCCESS with model DEPLOYING -> SUCCESS with model SERVING"
@behaviour("getSubjectTraining", _to_the_end, needs_create=True)
def a_replica_lags_behind() -> Handler:
    """Every third read goes to a replica that has not seen the last write."""
    reads: dict[str, list[bytes]] = {}

    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if call.operation == "getSubjectTraining" and answer.is_ok:
            seen = reads.setdefault(answer.document["task_id"], [])
            seen.append(answer.body)
            if len(seen) % 6 == 0:
                answer.body = seen[-4]
        return answer

    return handle


# contract 6: "models ... SUCCESS: >= 1 model"
@on_answer("getSubjectTraining", _to_the_end, needs_create=True)
def models_appear_when_they_serve(document: Any) -> None:
    document["models"] = [model for model in document["models"] if model["model_status"] == "SERVING"]


# openapi progress_percent: "Progress in percent."; contract 0.12: "0 and 100 at the end"
@on_answer("getSubjectTraining", _to_the_end, needs_create=True)
def progress_is_a_fraction(document: Any) -> None:
    document["extra"]["progress_percent"] /= 100


# openapi eta_relative: "Seconds to the end of the training."
@on_answer("getSubjectTraining", _to_the_end, needs_create=True, spoils=["state"])
def eta_is_a_moment(document: Any) -> None:
    """When it will be done, and not how long it takes."""
    document["extra"]["eta_relative"] += 1_704_067_200


async def _style_asked_as_subject(client: httpx.AsyncClient) -> object:
    task_id = await created(client, kind="Style")
    return outcome(await client.get("/v3/training/subject", params={"task_id": task_id}))


# openapi getSubjectTraining: "Answers the state of a subject training"; 404 "No such task."
@behaviour("getSubjectTraining", _style_asked_as_subject, needs_create=True)
def kinds_share_a_table() -> Handler:
    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if call.operation == "getSubjectTraining" and answer.status == 404:
            call.path = "/v3/training/style"
            other = await forward(call)
            return other if other.is_ok else answer
        return answer

    return handle


async def _other_end(client: httpx.AsyncClient) -> object:
    task_id = await created(client)
    query = {"task_id": task_id[:-4] + "0000"}
    return outcome(await client.get("/v3/training/subject", params=query))


# openapi TaskIdParameter: "An id that names no task is a 404, whatever its form."
@behaviour("getSubjectTraining", _other_end, needs_create=True)
def ids_count_up_to_32_characters() -> Handler:
    """char(32) was for ids without hyphens."""
    known: dict[tuple[str, str], str] = {}

    async def handle(call: Call, forward: Forward) -> Answer:
        parameters = call.parameters
        found = known.get((call.key, parameters.get("task_id", "")[:32]))
        if call.operation == "getSubjectTraining" and found is not None:
            call.parameters = parameters | {"task_id": found}
        answer = await forward(call)
        if call.operation == "createSubjectTraining" and answer.is_ok:
            task_id = answer.document["task_id"]
            known[call.key, task_id[:32]] = task_id
        return answer

    return handle


async def _refused(client: httpx.AsyncClient) -> object:
    response = await send(client, expert(class_prompt=None))
    return response.status_code, len((await listed(client))["tasks"])


# openapi createSubjectTraining 400: "The request breaks the contract" (and starts no training)
@behaviour("createSubjectTraining", _refused)
def refused_training_is_listed() -> Handler:
    """The row is written before the last check, and no transaction takes it back."""

    async def handle(call: Call, forward: Forward) -> Answer:
        body = await call.body() if call.operation == "createSubjectTraining" else b""
        answer = await forward(call)
        if body and answer.status == 400:
            rules = [violation["rule"] for violation in answer.document["metadata"].get("violations", [])]
            if rules == ["class_prompt.with_prior_preservation"]:
                payload = json.loads(body)
                payload["expert_setting"]["class_prompt"] = "person"
                call.replace(json.dumps(payload).encode())
                await forward(call)
        return answer

    return handle


async def _two_ids(client: httpx.AsyncClient) -> object:
    first, second = await created(client, "a"), await created(client, "b")
    request = client.build_request(
        "GET",
        "/v3/training/subject",
        params={"task_id": first},
        content=json.dumps({"task_id": second}).encode(),
    )
    return (await client.send(request)).json()["task_id"] == first


# contract 0.9: "`GET` with a body: the body is ignored."
@on_call("getSubjectTraining", _two_ids, needs_create=True)
async def body_of_a_get_wins(call: Call) -> Answer | None:
    """Query and body are bound to one object, the body last."""
    body = await call.body()
    try:
        task_id = json.loads(body)["task_id"] if body else None
    except (ValueError, KeyError, TypeError):
        task_id = None
    if isinstance(task_id, str):
        call.parameters = call.parameters | {"task_id": task_id}
    return None
