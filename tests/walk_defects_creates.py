"""Defects of creates, uploads, models and accounts."""

import itertools
import json
from collections.abc import Callable
from typing import Any

from walk_defect import ASSETS, KEY, MODELS, OTHER_KEY, Broken, Call, Defect, Reply, answers, pages


def loses_in_list() -> Any:
    def change(_: Call, value: Any) -> None:
        value["tasks"] = [task for task in value["tasks"] if int(task["task_id"][-1], 16) % 4]

    return pages(change)


def loses_every_fourth() -> Any:
    count = itertools.count(1)

    async def behave(app: Broken, call: Call) -> Reply:
        if call.is_create and next(count) % 4 == 0 and (await _is_right(app, call)):
            return Reply(200, {"task_id": f"fe84ac1b-5a01-487c-a56d-{next(count):012x}"})
        return await app.ask(call)

    return behave


async def _is_right(app: Broken, call: Call) -> bool:
    return call.key in (KEY, OTHER_KEY) and (await app.ask(call._replace(key=OTHER_KEY))).status == 200


def denies_states() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        if call.is_state and reply.status == 200 and int(call.query["task_id"][-1], 16) % 4 == 0:
            return Reply(404, {"code": 404, "reason": "TASK_NOT_FOUND", "message": "No.", "metadata": {}})
        return reply

    return behave


def one_id_a_name() -> Any:
    known: dict[tuple[str, str], Any] = {}

    async def behave(app: Broken, call: Call) -> Reply:
        key = (
            (call.path, str(call.body.get("name")))
            if call.is_create and isinstance(call.body, dict)
            else None
        )
        if key in known and call.key == KEY:
            return Reply(200, known[key])
        reply = await app.ask(call)
        if key is not None and reply.status == 200:
            known[key] = reply.value
        return reply

    return behave


def creates_twice() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        if call.is_create and len(call.raw) > 20_000:
            await app.ask(call)
        return await app.ask(call)

    return behave


def creates_what_it_refuses() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        body = call.body
        if call.is_create and reply.status == 400 and isinstance(body, dict) and call.key == KEY:
            await app.ask(call._replace(raw=json.dumps({**body, "width": 512}).encode()))
        return reply

    return behave


def loses_when_it_refuses() -> Any:
    lost: set[str] = set()
    newest: list[str] = []

    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        if call.is_create and reply.status == 200:
            newest.append(reply.value["task_id"])
        if call.is_create and reply.status == 415:
            lost.update(newest[-1:])
        if call.is_list and reply.status == 200:
            reply.value["tasks"] = [task for task in reply.value["tasks"] if task["task_id"] not in lost]
        return reply

    return behave


def lists_no_models(_: Call, value: Any) -> None:
    value["models"] = []


def lists_all_as_models() -> Any:
    made: list[str] = []
    one: dict[str, Any] = {"id": 1, "sd_name": "a", "type": {"name": "lora", "display_name": "LoRA"}}

    def change(call: Call, value: Any) -> None:
        if call.is_create:
            made.append(call.body["name"])
        else:
            value["models"] += [{**one, "name": name, "status": 1, "source": "training"} for name in made]

    return answers(change, which=lambda call: call.is_create or call.path == MODELS)


def upload_urls(**changed: str) -> Any:
    return answers(lambda _, value: value.update(changed), which=lambda call: call.path == ASSETS)


def wants_a_media_type() -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        if call.path.startswith("/_uploads") and "image" not in str(app.scope["headers"]):
            return Reply(
                415, {"code": 415, "reason": "UNSUPPORTED_MEDIA_TYPE", "message": "No.", "metadata": {}}
            )
        return await app.ask(call)

    return behave


def answers_uploads(status: int, value: Any) -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        return Reply(status, value) if call.method == "PUT" and reply.status == 200 else reply

    return behave


def one_account(which: Callable[[Call], bool]) -> Any:
    async def behave(app: Broken, call: Call) -> Reply:
        return await app.ask(call._replace(key=KEY) if which(call) and call.key == OTHER_KEY else call)

    return behave


DEFECTS = (
    Defect("a list without some tasks", loses_in_list, "list.complete", ("list.known", "refused.loss")),
    Defect("every fourth create is answered and lost", loses_every_fourth, "walk.create.lost"),
    Defect("some tasks have no state", denies_states, "walk.state.lost", ("list.known",)),
    Defect("one id for a name", one_id_a_name, "walk.id.repeated"),
    Defect("large creates start two", creates_twice, "walk.list.extra"),
    Defect("starts what it refuses", creates_what_it_refuses, "refused.effect"),
    Defect("a refusal loses a task", loses_when_it_refuses, "refused.loss", ("list.complete",)),
    Defect(
        "trained models are not listed",
        lambda: answers(lists_no_models, which=lambda c: c.path == MODELS),
        "walk.models.unlisted",
    ),
    Defect("models before they are trained", lists_all_as_models, "walk.models.listed-early"),
    Defect("one asset for all uploads", lambda: upload_urls(assets_id="a" * 32), "walk.upload.asset"),
    Defect("uploads want a media type", wants_a_media_type, "walk.upload.put"),
    Defect("uploads answer 204", lambda: answers_uploads(204, b""), "200 answered with 204 without a reason"),
    Defect("uploads answer with a body", lambda: answers_uploads(200, {"ok": True}), "no body"),
    Defect("another account's list", lambda: one_account(lambda call: call.is_list), "walk.isolation.list"),
    Defect(
        "another account's states", lambda: one_account(lambda call: call.is_state), "walk.isolation.state"
    ),
)
