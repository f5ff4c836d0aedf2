"""Requests that go through the proxy, and answers that a server behind it may give."""

from __future__ import annotations

from typing import Any

import orjson
from live import raw_request

from loracle_contracts import spec

KEY = "sk-very-secret-key-0123456789"
AUTHORIZATION = ("Authorization", f"Bearer {KEY}")
JSON = ("Content-Type", "application/json")
CREATE = spec.example("valid/createSubjectTraining/request/seed-page.json")
TASK = b'{"task_id":"b299b567-531a-4745-b600-eca9591aae24"}'
SUBJECT = "/v3/training/subject"


def answer_with(body: bytes, status: int = 200, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d X" % status, *(headers or (b"Content-Type: application/json",))]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", b""]) + body


def create(body: bytes = CREATE, *headers: tuple[str, str]) -> bytes:
    return raw_request("POST", SUBJECT, *(headers or (AUTHORIZATION, JSON)), body=body)


def error(status: int, reason: str, **more: Any) -> bytes:
    envelope = {"code": status, "reason": reason, "message": "m", "metadata": {}, **more}
    return answer_with(orjson.dumps(envelope), status)
