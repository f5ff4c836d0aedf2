"""Uploads, models, media types."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import httpx

from broken_servers_unseen.client import outcome, ready, send, subject, upload_target
from broken_servers_unseen.registry import behaviour, on_answer, on_call
from broken_servers_unseen.wire import Answer, Call, Forward, Handler, error

_IMAGE = b"\x89PNG\r\n\x1a\n"


async def _target(client: httpx.AsyncClient) -> object:
    return await upload_target(client)


# openapi upload_url: "Absolute, signed URL"
@on_answer("createUploadUrl", _target)
def upload_url_is_relative(document: Any) -> None:
    """The public host of the storage is not configured."""
    document["upload_url"] = "/_uploads/" + document["upload_url"].partition("/_uploads/")[2]


async def _two_targets(client: httpx.AsyncClient) -> object:
    return len({(await upload_target(client))["assets_id"] for _ in range(2)})


# openapi createUploadUrl: "Answers an asset id and a signed URL to upload one image to."
@behaviour("createUploadUrl", _two_targets)
def asset_ids_repeat_within_a_second() -> Handler:
    """The id is a hash of the key, the kind and the second; here: every second call."""
    last: dict[tuple[str, bytes], Answer] = {}

    async def handle(call: Call, forward: Forward) -> Answer:
        if call.operation != "createUploadUrl":
            return await forward(call)
        place = (call.key, await call.body())
        if place in last:
            return last.pop(place)
        answer = await forward(call)
        if answer.is_ok:
            last[place] = Answer(200, list(answer.headers), answer.body)
        return answer

    return handle


def _puts(size: int = 8, **headers: str) -> Any:
    async def witness(client: httpx.AsyncClient) -> object:
        target = await upload_target(client)
        request = client.build_request("PUT", target["upload_url"], content=_IMAGE.ljust(size, b"\0"))
        del request.headers["authorization"]
        for name, value in headers.items():
            request.headers[name.replace("_", "-")] = value
        response = await client.send(request)
        return response.status_code, response.content

    return witness


# openapi putUpload: "security: []"
@on_call("putUpload", _puts())
async def uploads_need_a_key(call: Call) -> Answer | None:
    if call.value(b"authorization") is None:
        return error(400, "MISSING_API_KEY")
    return None


# openapi putUpload: "The bytes of the image, at most 30 MiB."
@on_call("putUpload", _puts(2**20 + 100))
async def uploads_end_at_one_mebibyte(call: Call) -> Answer | None:
    """nginx: client_max_body_size 1m, which is the default."""
    if int(call.value(b"content-length") or 0) > 2**20:
        return error(413, "REQUEST_TOO_LARGE")
    return None


# openapi putUpload: "Only Host is signed, so any or no Content-Type goes through."
@on_call("putUpload", _puts(content_type="application/x-www-form-urlencoded"))
async def upload_needs_an_image_type(call: Call) -> Answer | None:
    sent = call.value(b"content-type")
    if sent is not None and not sent.startswith(("image/", "application/octet-stream")):
        return error(400, "INVALID_IMAGE_FORMAT")
    return None


def _models(query: str) -> Any:
    async def witness(client: httpx.AsyncClient) -> object:
        await ready(client, "portrait")
        response = await client.get(f"http://mock.test/v3/model?{query}")
        return [model["name"] for model in response.json()["models"]]

    return witness


# openapi filter.source: "Only models from this source"
@on_call("listModels", _models("filter.source=civitai"), needs_create=True)
async def source_of_models_is_not_filtered(call: Call) -> Answer | None:
    parameters = call.parameters
    if parameters.get("filter.source") in ("civitai", "uploading"):
        del parameters["filter.source"]
        call.parameters = parameters
    return None


# openapi filter.query: "Only models in whose name this text occurs."
@on_call("listModels", _models("filter.query=p%25t"), needs_create=True)
async def text_of_models_is_a_pattern(call: Call) -> Answer | None:
    """LIKE '%' || text || '%', without escapes."""
    parameters = call.parameters
    text = parameters.get("filter.query", "")
    if "%" in text:
        call.parameters = parameters | {"filter.query": max(text.split("%"), key=len)}
    return None


# openapi filter.is_sdxl: enum ["true", "false"]: "Only models of which this is true, or false."
@on_call("listModels", _models("filter.is_sdxl=false"), needs_create=True)
async def false_is_a_text_that_is_true(call: Call) -> Answer | None:
    parameters = call.parameters
    if parameters.get("filter.is_sdxl") == "false":
        call.parameters = parameters | {"filter.is_sdxl": "true"}
    return None


async def _charset(client: httpx.AsyncClient) -> object:
    types = ("application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON")
    payload = {"file_extension": "png"}
    return [outcome(await send(client, payload, "createUploadUrl", content_type=name)) for name in types]


# contract 0.9: "content type (415 `UNSUPPORTED_MEDIA_TYPE`: absent, not JSON, or an encoded body)"
@on_call("createUploadUrl", _charset)
async def media_type_has_no_parameters(call: Call) -> Answer | None:
    """`request.headers["content-type"] == "application/json"`."""
    sent = call.value(b"content-type") or ""
    if call.key and sent != "application/json" and sent.lower().startswith("application/json"):
        return error(415, "UNSUPPORTED_MEDIA_TYPE")
    return None


async def _encoded(client: httpx.AsyncClient) -> object:
    body = gzip.compress(json.dumps(subject({"width": 0})).encode())
    return outcome(await send(client, body, content_encoding="gzip"))


# contract 0.9: "415 `UNSUPPORTED_MEDIA_TYPE`: ... an encoded body"
@on_call("createSubjectTraining", _encoded)
async def encoded_bodies_are_decoded(call: Call) -> Answer | None:
    """body-parser inflates, unless it is told otherwise."""
    if call.value(b"content-encoding") == "gzip":
        unpacker = zlib.decompressobj(31)
        try:
            body = unpacker.decompress(await call.body(), 2**21)
        except zlib.error:
            return error(400, "INVALID_REQUEST_BODY", "incorrect header check")
        call.header(b"content-encoding", None)
        call.replace(body)
    return None


async def _media_type(client: httpx.AsyncClient) -> object:
    response = await send(client, subject(), "createStyleTraining")
    return response.headers["content-type"]


# openapi createStyleTraining 200: "application/json"
@behaviour("createStyleTraining", _media_type, needs_create=True)
def type_of_the_answer_is_guessed() -> Handler:
    """Go's http.ResponseWriter sniffs it where nobody sets it."""

    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if call.operation == "createStyleTraining" and answer.is_ok:
            answer.header(b"content-type", b"text/plain; charset=utf-8")
        return answer

    return handle
