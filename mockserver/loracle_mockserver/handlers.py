"""What each operation does, once its request is known to be right."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from typing import Any, Protocol

from loracle_mockserver.call import Call
from loracle_mockserver.clock import Clock
from loracle_mockserver.message import JSON_TYPE, Reply, error_reply, json_reply
from loracle_mockserver.store import MemoryStore, Namespace

__all__ = ["HANDLERS"]

_PAGE = 10


class World(Protocol):
    """What an operation acts on; the engine is one."""

    seed: int
    clock: Clock
    store: MemoryStore


def _create(world: World, call: Call) -> Reply:
    task = world.store.create(
        _namespace(call),
        world.seed,
        call.operation.id,
        call.value["name"],
        world.clock.now(),
        call.request.body,
    )
    return Reply(200, b'{"task_id":"%b"}' % task.id.encode(), [JSON_TYPE])


def _state(_world: World, call: Call) -> Reply:
    task_id = call.value["task_id"]
    task = _namespace(call).tasks.get(task_id)
    created_by = {"getSubjectTraining": "createSubjectTraining", "getStyleTraining": "createStyleTraining"}
    if task is None or task.operation != created_by[call.operation.id]:
        return error_reply("TASK_NOT_FOUND", f"No {call.operation.id[3:]} task {task_id[:80]!r} of this key.")
    return json_reply(task.as_state())


def _list(_world: World, call: Call) -> Reply:
    kind = call.value.get("task_type")
    newest_first = reversed(_namespace(call).tasks.values())
    tasks = (task for task in newest_first if kind is None or task.type == kind)
    start, limit = _offset(call.value), call.value.get("pagination.limit", _PAGE)
    page = list(itertools.islice(tasks, start, start + limit + 1))
    cursor = f"c_{start + limit}" if len(page) > limit else ""
    return json_reply(
        {"tasks": [task.as_summary() for task in page[:limit]], "pagination": {"next_cursor": cursor}}
    )


def _upload_url(world: World, call: Call) -> Reply:
    namespace = _namespace(call)
    n, namespace.uploads = namespace.uploads, namespace.uploads + 1
    assets_id = hashlib.sha256(f"loracle asset\n{world.seed}\n{n}".encode()).hexdigest()[:32]
    file = f"{assets_id}.{call.value['file_extension']}"
    world.store.expect_upload(file)
    hosts = call.headers.get(b"host")
    host = hosts[0].decode("latin-1") if hosts else "127.0.0.1"
    query = f"X-Amz-Date={world.clock.now()}&X-Amz-Expires=600&X-Amz-SignedHeaders=host&x-id=PutObject"
    return json_reply(
        {
            "assets_id": assets_id,
            "upload_url": f"{call.request.scheme}://{host}/_uploads/{file}?{query}",
            "method": "PUT",
            "headers": {"Host": {"values": [host]}},
        }
    )


def _upload(world: World, call: Call) -> Reply:
    file = call.request.path.rpartition("/")[2]
    if not world.store.expects_upload(file):
        return error_reply("API_NOT_FOUND", "No upload URL of this name was handed out.")
    return Reply(200)


def _models(_world: World, _call: Call) -> Reply:
    # No training has ended yet in this world, so no model was trained, and the mock serves no others.
    return json_reply({"models": [], "pagination": {"next_cursor": ""}})


def _offset(query: dict[str, Any]) -> int:
    cursor = query.get("pagination.cursor", "").strip()
    return int(cursor[2:]) if cursor else 0


def _namespace(call: Call) -> Namespace:
    if call.namespace is None:
        raise LookupError(f"{call.operation.id} has no namespace, because it takes no key")
    return call.namespace


HANDLERS: dict[str, Callable[[World, Call], Reply]] = {
    "createSubjectTraining": _create,
    "createStyleTraining": _create,
    "getSubjectTraining": _state,
    "getStyleTraining": _state,
    "listTrainings": _list,
    "createUploadUrl": _upload_url,
    "putUpload": _upload,
    "listModels": _models,
}
