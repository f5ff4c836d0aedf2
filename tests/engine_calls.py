"""Calls of the engine without a socket."""

from __future__ import annotations

from typing import Any

import orjson

from loracle_contracts import spec
from loracle_mockserver.engine import Engine
from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.message import Reply, Request

OPERATIONS = spec.operations()
CREATE = "createSubjectTraining"
QUERIES = {"getSubjectTraining": b"task_id=none", "getStyleTraining": b"task_id=none"}
BODIES = {
    CREATE: {
        "name": "a",
        "base_model": "b",
        "width": 512,
        "height": 512,
        "image_dataset_items": [{"assets_id": 26}],
        "components": [],
    },
    "createUploadUrl": {"file_extension": "png"},
}
BODIES["createStyleTraining"] = {**BODIES[CREATE], "image_dataset_items": [{"assets_id": 26, "caption": "c"}]}


def call(
    engine: Engine,
    operation: str = CREATE,
    *headers: tuple[str, str],
    name: str = "a",
    key: str = "k",
    body: bytes | None = None,
) -> Reply:
    known = OPERATIONS[operation]
    sent = [(header.lower().encode(), value.encode()) for header, value in headers]
    if known.authenticated and key:
        sent.append((b"authorization", b"Bearer " + key.encode()))
    if known.request:
        sent.append((b"content-type", b"application/json"))
        content = {**BODIES[operation], "name": name} if "name" in BODIES[operation] else BODIES[operation]
        body = orjson.dumps(content) if body is None else body
    path = known.path.replace("{file}", "x.png")
    return engine.handle(Request(known.method, path, QUERIES.get(operation, b""), sent, body or b""))


def planned(*rules: dict[str, Any], keys: frozenset[str] = frozenset()) -> Engine:
    return Engine(plan=FaultPlan.parse({"faults": list(rules)}), keys=keys)


def statuses(engine: Engine, count: int, **options: Any) -> list[int]:
    return [call(engine, **options).status for _ in range(count)]


def check_error(reply: Reply, status: int, reason: str) -> dict[str, Any]:
    """The envelope of an error, found to be as the contract says."""
    envelope = dict(orjson.loads(reply.body))
    assert (reply.status, reply.reason) == (status, reason), reply.body
    assert set(envelope) == {"code", "reason", "message", "metadata"}
    assert (envelope["code"], envelope["reason"]) == (status, reason)
    return envelope
