"""Servers whose successes tell what is not so: states, lists, uploads."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
from broken_servers_unseen.defect import Case, Witness

from broken_servers_second.bodies import images, listed, put, start, upload_url
from broken_servers_second.editing import behaves
from broken_servers_second.wire import (
    MODELS,
    STYLE,
    SUBJECT,
    TRAININGS,
    UPLOAD_URL,
    Answer,
    Handler,
    Next,
    Request,
    envelope,
)

__all__ = ["CASES"]


def _tells(method: str, paths: tuple[str, ...], change: Callable[[Any], Any]) -> Callable[[], Handler]:
    """A server that changes the parsed body of a success."""

    def make() -> Handler:
        async def handler(request: Request, pass_on: Next) -> Answer:
            answer = await pass_on(request)
            if not request.is_to(method, *paths) or answer.status != 200:
                return answer
            return answer.with_json(change(answer.json()))

        return handler

    return make


def _each_task(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[], Handler]:
    def changed(page: Any) -> Any:
        return {**page, "tasks": [{**task, **change(task)} for task in page["tasks"]]}

    return _tells("GET", (TRAININGS,), changed)


def _escaped(task: dict[str, Any]) -> dict[str, Any]:
    return {"task_name": html.escape(task["task_name"])}


def _decoded_wrongly(task: dict[str, Any]) -> dict[str, Any]:
    return {"task_name": task["task_name"].encode("utf-8", "replace").decode("latin-1")}


def _milliseconds(task: dict[str, Any]) -> dict[str, Any]:
    return {"created_at": task["created_at"] * 1000}


def _never_updated(_: dict[str, Any]) -> dict[str, Any]:
    return {"task_status": "QUEUING", "models": []}


def _other_model_name(task: dict[str, Any]) -> dict[str, Any]:
    models = task["models"]
    return {
        "models": [{**each, "model_name": each["model_name"].removesuffix(".safetensors")} for each in models]
    }


def _one_kind(_: dict[str, Any]) -> dict[str, Any]:
    return {"task_type": "subject"}


def _no_model_yet(state: Any) -> Any:
    models = [model for model in state["models"] if model["model_status"] == "SERVING"]
    return {**state, "models": models}


def _early_model(state: Any) -> Any:
    if state["task_status"] != "TRAINING":
        return state
    name = f"model_1700000000_{state['task_id'].replace('-', '')[:10].upper()}.safetensors"
    return {**state, "models": [{"model_name": name, "model_status": "DEPLOYING"}]}


def _as_share(state: Any) -> Any:
    extra = state["extra"]
    return {**state, "extra": {**extra, "progress_percent": extra["progress_percent"] / 100}}


def _no_kind_yet(state: Any) -> Any:
    return state if state["task_status"] == "SUCCESS" else {**state, "model_type": None}


def _wrapped(target: Any) -> Any:
    return {"code": 0, "msg": "success", "data": target}


def _relative(target: Any) -> Any:
    return {**target, "upload_url": "/" + target["upload_url"].split("/", 3)[3]}


def _untyped_models() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        is_list = request.is_to("GET", MODELS) and answer.status == 200
        return answer.with_type("text/plain; charset=utf-8") if is_list else answer

    return handler


def _counted_characters() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("GET", TRAININGS) and answer.status == 200:
            return answer.with_body(answer.body[: len(answer.body.decode())])
        return answer

    return handler


def _stale_replica() -> Handler:
    seen: dict[str, list[bytes]] = {}

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("GET", SUBJECT, STYLE) and answer.status == 200:
            states = seen.setdefault(answer.json()["task_id"], [])
            states.append(answer.body)
            if len(states) % 3 == 0:
                return answer.with_body(states[-3])
        return answer

    return handler


def _lagging_replica() -> Handler:
    fresh: set[str] = set()

    async def handler(request: Request, pass_on: Next) -> Answer:
        asked = httpx.QueryParams(request.query).get("task_id", "")
        if request.is_to("GET", SUBJECT) and request.is_authorised and asked in fresh:
            fresh.remove(asked)
            return envelope(404, "TASK_NOT_FOUND", "There is no such training.")
        answer = await pass_on(request)
        if request.is_to("POST", SUBJECT) and answer.status == 200:
            fresh.add(answer.json()["task_id"])
        return answer

    return handler


def _forgotten_result() -> Handler:
    read: set[str] = set()

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if not request.is_to("GET", SUBJECT) or answer.status != 200:
            return answer
        state = answer.json()
        if state["task_id"] in read:
            return envelope(404, "TASK_NOT_FOUND", "There is no such training.")
        if [model["model_status"] for model in state["models"]] == ["SERVING"]:
            read.add(state["task_id"])
        return answer

    return handler


def _either_kind() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("GET", SUBJECT) and answer.status == 404:
            other = await pass_on(replace(request, path=STYLE))
            return other if other.status == 200 else answer
        return answer

    return handler


def _same_body_same_task() -> Handler:
    known: dict[tuple[str, bytes], Answer] = {}

    async def handler(request: Request, pass_on: Next) -> Answer:
        if not request.is_to("POST", STYLE):
            return await pass_on(request)
        key = request.header("authorization"), request.body
        if request.is_judged and not request.header("content-encoding") and key in known:
            return known[key]
        answer = await pass_on(request)
        if answer.status == 200:
            known[key] = answer
        return answer

    return handler


def _one_id_a_kind() -> Handler:
    targets: dict[tuple[str, str], bytes] = {}

    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        if request.is_to("POST", UPLOAD_URL) and answer.status == 200:
            key = request.header("authorization"), str(json.loads(request.body)["file_extension"])
            return answer.with_body(targets.setdefault(key, answer.body))
        return answer

    return handler


def _upload_with_key() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        if request.method == "PUT" and request.path.startswith("/_uploads/") and not request.is_authorised:
            return envelope(400, "MISSING_API_KEY", "No API key.")
        return await pass_on(request)

    return handler


def _no_content() -> Handler:
    async def handler(request: Request, pass_on: Next) -> Answer:
        answer = await pass_on(request)
        is_stored = request.method == "PUT" and answer.status == 200
        return Answer(204, (), b"") if is_stored else answer

    return handler


def _walk(polls: int, kind: str = "subject", ask: str = "") -> Witness:
    async def witness(client: httpx.AsyncClient) -> object:
        task = await start(client, kind)
        path = ask or (SUBJECT if kind == "subject" else STYLE)
        answers = [await client.get(path, params={"task_id": task}) for _ in range(polls)]
        return [(answer.status_code, answer.json()) for answer in answers]

    return witness


def _named(name: str, polls: int = 0, kind: str = "subject") -> Witness:
    async def witness(client: httpx.AsyncClient) -> object:
        task = await start(client, kind, name=name, image_dataset_items=images(2))
        for _ in range(polls):
            await client.get(SUBJECT if kind == "subject" else STYLE, params={"task_id": task})
        return (await client.get(TRAININGS)).text

    return witness


async def _twice(client: httpx.AsyncClient) -> object:
    tasks = {await start(client, "style"), await start(client, "style")}
    return len(tasks), len((await listed(client))["tasks"])


async def _two_uploads(client: httpx.AsyncClient) -> object:
    return (await upload_url(client))["assets_id"] == (await upload_url(client))["assets_id"]


async def _target(client: httpx.AsyncClient) -> object:
    return await upload_url(client)


async def _typed(client: httpx.AsyncClient) -> object:
    return (await client.get(MODELS)).headers["content-type"]


def _create(name: str, operation: str, make: Callable[[], Handler], witness: Witness) -> Case:
    return behaves(name, operation, make, witness, needs_create=True)


_STATES = (SUBJECT, STYLE)

CASES: list[Case] = [
    # task_name: "The name that the training was started with"; escaped for a page
    _create("escaped-names", "listTrainings", _each_task(_escaped), _named("Tom & Jerry")),
    # the same; a connection that says latin-1
    _create("names-decoded-wrongly", "listTrainings", _each_task(_decoded_wrongly), _named("Zoë")),
    # 2.6: "created_at (integer, Unix seconds)"; Date.now()
    _create("created-in-milliseconds", "listTrainings", _each_task(_milliseconds), _named("avatar")),
    # 2.6: task_status of a list, section 5's lifecycle; a column that the worker never writes
    _create("list-stays-queuing", "listTrainings", _each_task(_never_updated), _named("avatar", 3)),
    # 2.6: models of a list are those of the state; the name is made in two places
    _create("two-names-of-a-model", "listTrainings", _each_task(_other_model_name), _named("avatar", 4)),
    # 2.6: "task_type (`subject` or `style`)"; a column default
    _create("one-kind-of-training", "listTrainings", _each_task(_one_kind), _named("look", 0, "style")),
    # 6: "SUCCESS: >= 1 model"; the join wants models that serve
    _create(
        "success-without-model", "getStyleTraining", _tells("GET", (STYLE,), _no_model_yet), _walk(3, "style")
    ),
    # 0.12: "`models` is `[]` before SUCCESS"; the row is made when the work begins
    _create("model-before-success", "getSubjectTraining", _tells("GET", (SUBJECT,), _early_model), _walk(2)),
    # 2.5: "progress_percent (number, 0 to 100)"; 0.12: "0 and 100 at the end"
    _create("progress-as-share", "getSubjectTraining", _tells("GET", _STATES, _as_share), _walk(4)),
    # 0.12: "never null ... `model_type` is `lora`"; set by the worker when it is done
    _create("no-kind-yet", "getStyleTraining", _tells("GET", (STYLE,), _no_kind_yet), _walk(1, "style")),
    # 4.25: "wrapper {code,msg,data}: never"
    behaves("wrapped-target", "createUploadUrl", _tells("POST", (UPLOAD_URL,), _wrapped), _target),
    # 6: "upload_url uri, absolute URL"; url_for without the host
    behaves("relative-upload-url", "createUploadUrl", _tells("POST", (UPLOAD_URL,), _relative), _target),
    # openapi.yaml: 200 is application/json; w.Write before the header is set
    behaves("untyped-models", "listModels", _untyped_models, _typed),
    # 2.6: the list is a JSON document; Content-Length counted in characters
    _create("cut-by-characters", "listTrainings", _counted_characters, _named("Zoë")),
    # 5: "create -> QUEUING -> TRAINING -> SUCCESS"; one replica in three is late
    _create("late-replica", "", _stale_replica, _walk(4)),
    # 2.5: the state of what create answered; a replica has not got it yet
    _create("fresh-task-is-missing", "getSubjectTraining", _lagging_replica, _walk(2)),
    # 5: SUCCESS with SERVING is where it ends; the result backend forgets what was read
    _create("result-read-once", "getSubjectTraining", _forgotten_result, _walk(6)),
    # openapi.yaml: "the state of a subject training"; one table, and the kind is not in the query
    _create("either-kind", "getSubjectTraining", _either_kind, _walk(1, "style", SUBJECT)),
    # TaskName: "A name may be used again; tasks are told apart by their task_id"; deduplicated by content
    _create("same-body-same-task", "createStyleTraining", _same_body_same_task, _twice),
    # 2.1: an asset id is of one image; the id is a hash of the request
    behaves("one-asset-id", "createUploadUrl", _one_id_a_kind, _two_uploads),
    # 2.8: "on every endpoint but the PUT"
    behaves("upload-wants-a-key", "putUpload", _upload_with_key, put(10)),
    # 2.2: "200 with an empty body"
    behaves("upload-no-content", "putUpload", _no_content, put(10)),
]
