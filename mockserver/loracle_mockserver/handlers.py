"""What each operation does, once its request is known to be right."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import orjson

from loracle_contracts import spec
from loracle_contracts.explain import excerpt
from loracle_contracts.locate import Lines, locate, pointer
from loracle_mockserver.call import Call
from loracle_mockserver.journal import NOTE
from loracle_mockserver.life_cycle import GONE, STATES, Stage, trained_model
from loracle_mockserver.message import JSON_TYPE, Reply, error_reply, json_reply
from loracle_mockserver.redaction import REDACTED, Credentials
from loracle_mockserver.store import Store
from loracle_mockserver.tasks import Task
from loracle_mockserver.trainers import Trainer

__all__ = ["HANDLERS", "asset_text"]

_PAGE = 10
_FIRST_INTEGER_ASSET = 100_024  # the example of the vendor's page
_KINDS = {"getSubjectTraining": "subject", "getStyleTraining": "style"}
_LISTED_VIOLATIONS = 50
_LONGEST_NOTE = 500
_HOST = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_Item = TypeVar("_Item")


class Mock(Protocol):
    """What an operation acts on; the engine is one."""

    seed: int
    store: Store
    trainer: Trainer


def _create(mock: Mock, call: Call) -> Reply:
    if call.world.behaviour.require_assets:
        refusal = _refuse_unknown_assets(mock, call)
        if refusal is not None:
            return refusal
    seconds = mock.trainer.seconds_to_wait()
    if seconds is not None:
        return _refuse_for_now(seconds)
    body = call.request.body
    if mock.store.is_shared:
        # What leaves the process holds no key, be it that a client writes its own into a caption.
        body = Credentials.of(call.request.headers).clean(body)
    task = mock.store.create(
        call.namespace,
        mock.seed,
        call.operation.id,
        call.value["name"],
        call.moment,
        body,
        call.task_fault,
    )
    reply = Reply(200, b'{"task_id":"%b"}' % task.id.encode(), [JSON_TYPE])
    for note in mock.trainer.begin(call, task):
        reply.headers.append(_note(note))
    return reply


def _refuse_for_now(seconds: float) -> Reply:
    later = math.ceil(seconds)
    message = f"The queue of trainings is full; in {later} s there may be room."
    return error_reply("RATE_LIMIT_EXCEEDED", message, headers=((b"retry-after", b"%d" % later),))


def _note(text: str) -> tuple[bytes, bytes]:
    # A message may quote a request, and a header takes no text but ASCII on one line.
    return NOTE, " ".join(ascii(text)[1:-1].split())[:_LONGEST_NOTE].encode()


def _refuse_unknown_assets(mock: Mock, call: Call) -> Reply | None:
    items = call.value["image_dataset_items"]
    unknown = [
        index
        for index, item in enumerate(items)
        if not mock.store.has_asset(call.namespace, asset_text(item["assets_id"]))
    ]
    if not unknown:
        return None
    rule = spec.rules("strict")["assets_id.uploaded"]
    call.rules = (rule.id,)
    text = call.request.body.decode()
    paths = [("image_dataset_items", index, "assets_id") for index in unknown[:_LISTED_VIOLATIONS]]
    lines, places = Lines(text), locate(text, paths)
    violations = [
        rule.violation(
            "body",
            pointer(path),
            excerpt(text[places[path].start : places[path].end]),
            *lines.place(places[path].start),
        )
        for path in paths
    ]
    were = "was" if len(unknown) == 1 else "were"
    message = f"{len(unknown)} of {len(items)} images {were} never uploaded. {rule.advice}"
    metadata = {"violations": [violation.as_dict() for violation in violations]}
    return error_reply("INVALID_REQUEST_BODY", message, metadata)


def asset_text(asset: str | float) -> str:
    """An asset id as the store knows it."""
    # The contract takes 26.0 for the integer 26, and SDKs send integer ids back as text.
    return str(int(asset)) if isinstance(asset, float) else str(asset)


def _state(mock: Mock, call: Call) -> Reply:
    task_id = call.value["task_id"]
    known = mock.store.task(call.namespace, task_id)
    if known is not None and known.type == _KINDS[call.operation.id]:
        task = mock.store.poll(call.namespace, task_id)
        if task is not None:
            behaviour = call.world.behaviour
            stage = mock.trainer.stage(call.namespace, task, behaviour, call.moment, call.task_fault)
            if stage.state != GONE:
                reply = json_reply(stage.as_state(task))
                if stage.note:
                    reply.headers.append(_note(stage.note))
                return reply
    kind = _KINDS[call.operation.id]
    message = f"This key has no {kind} training {excerpt(task_id)!r}."
    if known is not None and known.type != kind:
        message += f" It has a {known.type} training of this id: ask GET /v3/training/{known.type}."
    return error_reply("TASK_NOT_FOUND", message)


def _stages(mock: Mock, call: Call) -> Iterator[tuple[Task, Stage]]:
    """The tasks of the key with where they stand, newest first."""
    for task in mock.store.tasks(call.namespace):
        stage = mock.trainer.stage(call.namespace, task, call.world.behaviour, call.moment)
        if stage.state != GONE:
            yield task, stage


def _list(mock: Mock, call: Call) -> Reply:
    kind = call.value.get("task_type")
    found = (pair for pair in _stages(mock, call) if kind is None or pair[0].type == kind)
    page, cursor = _page(call, found)
    tasks = [stage.as_summary(task) for task, stage in page]
    return json_reply({"tasks": tasks, "pagination": {"next_cursor": cursor}})


def _upload_url(mock: Mock, call: Call) -> Reply:
    n = mock.store.count(call.namespace, ["uploads"])[0] - 1
    digest = hashlib.sha256(f"loracle asset\n{mock.seed}\n{n}".encode()).hexdigest()
    is_number = call.world.behaviour.asset_ids == "int"
    asset: str | int = _FIRST_INTEGER_ASSET + n if is_number else digest[:32]
    file = f"{asset}.{call.value['file_extension']}"
    mock.store.expect_upload(call.namespace, str(asset), file)
    host = call.headers.get(b"host", [b""])[0].decode("latin-1")
    if not _HOST.fullmatch(host):
        host = "127.0.0.1"  # the client said none that a URL can hold
    # As the vendor's storage signs its URLs; the credential says whose upload it is.
    credential = quote(f"{call.namespace}/mock/s3/aws4_request", safe="")
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={int(call.moment)}"
        f"&X-Amz-Expires=600&X-Amz-SignedHeaders=host&x-id=PutObject&X-Amz-Signature={digest}"
    )
    return json_reply(
        {
            "assets_id": asset,
            "upload_url": f"{_scheme(call)}://{host}/_uploads/{file}?{query}",
            "method": "PUT",
            "headers": {"Host": {"values": [host]}},
        }
    )


def _scheme(call: Call) -> str:
    """How the client reached the mock; a proxy in front of it that speaks TLS says so."""
    said = b",".join(call.headers.get(b"x-forwarded-proto", [])).partition(b",")[0].strip().lower()
    return said.decode() if said in (b"http", b"https") else call.request.scheme


def _upload(mock: Mock, call: Call) -> Reply:
    file = call.request.path.rpartition("/")[2]
    asset = file.partition(".")[0]
    if not mock.store.receive_upload(call.namespace, asset, file, len(call.request.body)):
        return error_reply(
            "API_NOT_FOUND", "No such upload URL was handed out; use it whole, with its query."
        )
    mock.trainer.keep(call.namespace, asset, call.request.body)
    return Reply(200)


def _models(mock: Mock, call: Call) -> Reply:
    query = call.value
    # The mock has no models but those that were trained: LoRAs, private, none of them for SDXL.
    wanted = {
        "filter.source": "training",
        "filter.types": "lora",
        "filter.visibility": "private",
        "filter.is_sdxl": "false",
        "filter.is_inpainting": "false",
    }
    excluded = any(
        name in query and str(query[name]).strip().lower() != value for name, value in wanted.items()
    )
    words = str(query.get("filter.query", "")).strip().lower()
    found = (
        (task, stage)
        for task, stage in (() if excluded else _stages(mock, call))
        if STATES[stage.state].model_status is not None
        and (words in task.name.lower() or words in trained_model(task, stage.weights).lower())
    )
    page, cursor = _page(call, found)
    models = [_model(task, stage) for task, stage in page]
    return json_reply({"models": models, "pagination": {"next_cursor": cursor}})


def _model(task: Task, stage: Stage) -> dict[str, Any]:
    name = trained_model(task, stage.weights)
    digest = stage.file or hashlib.sha256(f"loracle file\n{task.id}".encode()).hexdigest()
    return {
        "id": int(digest[:8], 16),
        "name": task.name,
        "hash_sha256": digest,
        "sd_name": name,
        "sd_name_in_api": name,
        "type": {"name": "lora", "display_name": "LoRA"},
        "categories": [],
        # The page does not explain its numbers; its example shows 1 for a model that can be used.
        "status": 1 if stage.state == "SERVING" else 0,
        "download_url": "",
        "download_url_ttl": 0,
        "tags": [],
        "cover_url": "",
        "source": "training",
        "base_model": _base_model(task),
        "base_model_type": "SD 1.5",
    }


def _base_model(task: Task) -> str:
    try:
        return str(orjson.loads(task.body)["base_model"])
    except (orjson.JSONDecodeError, KeyError):
        return REDACTED  # a key with quotation marks in it, which stood across members


def _page(call: Call, items: Iterator[_Item]) -> tuple[list[_Item], str]:
    """The page that the call asks for, and the cursor of the next one."""
    cursor = call.value.get("pagination.cursor", "").strip()
    start = int(cursor[2:]) if cursor else 0
    limit = int(call.value.get("pagination.limit", _PAGE))
    page = list(itertools.islice(items, start, start + limit + 1))
    return page[:limit], f"c_{start + limit}" if len(page) > limit else ""


HANDLERS: dict[str, Callable[[Mock, Call], Reply]] = {
    "createSubjectTraining": _create,
    "createStyleTraining": _create,
    "getSubjectTraining": _state,
    "getStyleTraining": _state,
    "listTrainings": _list,
    "createUploadUrl": _upload_url,
    "putUpload": _upload,
    "listModels": _models,
}
