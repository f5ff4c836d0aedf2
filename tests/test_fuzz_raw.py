"""The layer raw finds servers that read bytes, methods, paths or types otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fuzzed_wire import Ask, Defect, changed
from wire_defects import (
    BROKEN,
    JSON,
    LIST,
    found,
    query,
    where,
    with_headers,
)

from loracle_contracts.exchange import Answer, Request
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, known_base_models, plain_body


def _tasks(change: Callable[[list[Any]], list[Any]]) -> Callable[[Any], Any]:
    return lambda value: {**value, "tasks": change(value["tasks"])}


def _deleting() -> Defect:
    lost: list[bool] = []

    def defect(request: Request, ask: Ask) -> Answer:
        if request.method == "DELETE":
            lost.append(True)
        answer = ask(request)
        is_list = request.path == LIST and answer.status == 200 and lost
        return changed(answer, _tasks(lambda tasks: tasks[1:])) if is_list else answer

    return defect


def _loose(request: Request) -> Request:
    """The body as a parser reads it that takes NaN, and the last of equal names."""
    try:
        return request._replace(body=json.dumps(json.loads(request.body)).replace("NaN", "512").encode())
    except (ValueError, RecursionError):
        return request


def _right_body(request: Request) -> bytes:
    if request.path == "/v3/assets/training_dataset":
        return b'{"file_extension": "png"}'
    operation = "createStyleTraining" if "style" in request.path else "createSubjectTraining"
    return json.dumps(plain_body(operation, "n", known_base_models()[0], UNKNOWN_ASSETS)).encode()


def _is_post(request: Request) -> bool:
    return request.method == "POST"


# What is found (check and subject), and the defect.
DEFECTS: dict[str, tuple[str, str, Defect]] = {
    "a byte order mark": (
        "accepted",
        "json.byte_order_mark",
        where(lambda one: one.body.startswith(b"\xef\xbb\xbf"), lambda one: one._replace(body=one.body[3:])),
    ),
    "UTF-16": (
        "accepted",
        "json.encoding",
        where(
            lambda one: one.body[:2] == b"\xff\xfe",
            lambda one: one._replace(body=one.body.decode("utf-16").encode()),
        ),
    ),
    "NaN and names twice": ("accepted", "json.duplicate_key", where(_is_post, _loose)),
    "text after the text": (
        "accepted",
        "json.syntax",
        where(lambda one: one.body.endswith(b"} x"), lambda one: one._replace(body=one.body[:-2])),
    ),
    "Latin-1": (
        "accepted",
        "json.encoding",
        where(
            lambda one: b"\xe9" in one.body,
            lambda one: one._replace(body=one.body.decode("latin-1").encode()),
        ),
    ),
    "no body": (
        "accepted",
        "json.empty",
        where(lambda one: _is_post(one) and not one.body, lambda one: one._replace(body=_right_body(one))),
    ),
    "an error at depth": (
        "status",
        "400 INVALID_REQUEST_BODY answered with 500 LIST_TASK_FAILED",
        where(lambda one: one.body.startswith(b"[" * 9_000), lambda _: BROKEN),
    ),
    "a large body": (
        "accepted",
        "json.size",
        where(lambda one: len(one.body) > 2**20, lambda one: one._replace(body=_right_body(one))),
    ),
    "any type": (
        "accepted",
        "header.content_type",
        where(_is_post, lambda one: with_headers(one, content_type="application/json")),
    ),
    "a type that begins alike": (
        "accepted",
        "header.content_type",
        where(
            lambda one: "".join(one.values("content-type")).startswith("application/json"),
            lambda one: with_headers(one, content_type="application/json"),
        ),
    ),
    "the type in one case": (
        "status",
        "400 INVALID_REQUEST_BODY answered with 415 UNSUPPORTED_MEDIA_TYPE",
        where(
            lambda one: "APPLICATION/JSON" in "".join(one.values("content-type")),
            lambda one: with_headers(one, content_type="text/plain"),
        ),
    ),
    "no type at the style": (
        "status",
        "415 UNSUPPORTED_MEDIA_TYPE answered with 400 INVALID_REQUEST_BODY",
        where(
            lambda one: "style" in one.path, lambda one: with_headers(one, content_type="application/json")
        ),
    ),
    "chunks": (
        "status",
        "400 INVALID_REQUEST_BODY answered with 411 without a reason",
        where(lambda one: one.values("transfer-encoding"), lambda _: Answer(411, JSON, b"{}")),
    ),
    "Expect": (
        "status",
        "400 INVALID_REQUEST_BODY answered with 417 without a reason",
        where(lambda one: one.values("expect"), lambda _: Answer(417, JSON, b"{}")),
    ),
    "DELETE": (
        "accepted",
        "method DELETE",
        where(lambda one: one.method == "DELETE", lambda _: Answer(204, (), b"")),
    ),
    "PUT as POST": (
        "status",
        "405 METHOD_NOT_ALLOWED answered with 400 INVALID_REQUEST_BODY",
        where(lambda one: one.method == "PUT", lambda one: one._replace(method="POST")),
    ),
    "a method in any case": (
        "status",
        "405 METHOD_NOT_ALLOWED answered with 500 LIST_TASK_FAILED",
        where(lambda one: one.method == "post", lambda _: BROKEN),
    ),
    "no Allow": (
        "allow",
        "an Allow header with the methods that there are",
        lambda request, ask: ask(request)._replace(headers=JSON),
    ),
    "HEAD breaks": (
        "status",
        "405 answered with 500",
        where(lambda one: one.method == "HEAD", lambda _: Answer(500, (), b"")),
    ),
    "a slash at the end": (
        "accepted",
        "path",
        where(lambda one: one.path == LIST + "/", lambda one: one._replace(target=LIST)),
    ),
    "a path in any case": (
        "accepted",
        "path",
        where(lambda one: one.path == "/v3/TRAINING", lambda one: one._replace(target=LIST)),
    ),
    "an encoded letter": (
        "refused",
        "path.encoding",
        where(lambda one: "%6e" in one.path, lambda one: one._replace(target="/v3/x")),
    ),
    "the method in a header": (
        "refused",
        "header X-HTTP-Method-Override",
        where(
            lambda one: one.values("x-http-method-override"),
            lambda one: one._replace(method=one.values("x-http-method-override")[0]),
        ),
    ),
    "HTML on demand": (
        "content-type",
        "application/json",
        where(
            lambda one: one.values("accept") == ["text/html"],
            lambda _: Answer(200, (("content-type", "text/html"),), b"<p>"),
        ),
    ),
    "a read with a body": (
        "refused",
        "body of GET",
        where(
            lambda one: one.method == "GET" and one.body, lambda one: query(one, r"$", "?pagination.limit=0")
        ),
    ),
    "a task_id in the body": (
        "status",
        "400 INVALID_REQUEST_BODY answered with 404 TASK_NOT_FOUND",
        where(
            lambda one: one.method == "GET" and b"task_id" in one.body,
            lambda one: query(one, r"$", "?task_id=x"),
        ),
    ),
    "a DELETE that deletes": ("relation", "refused.loss", _deleting()),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_the_defect_is_found(name: str) -> None:
    check, subject, defect = DEFECTS[name]
    assert (check, subject) in found("raw", defect)
