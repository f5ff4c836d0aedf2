"""How schema defects are written down: a wrong judgement of bodies or of queries."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

from broken_servers_unseen.client import outcome, send
from broken_servers_unseen.registry import add
from broken_servers_unseen.wire import Answer, Call, Forward, error, is_valid

__all__ = ["accepts", "accepts_bytes", "accepts_query", "refuses", "refuses_query", "settings_of"]

Repair = Callable[[Any], None]
SUBJECT = "createSubjectTraining"


def settings_of(payload: Any) -> dict[str, Any]:
    """The expert settings; an empty object where there are none."""
    settings = payload.get("expert_setting")
    return settings if isinstance(settings, dict) else {}


class _DuplicateError(ValueError):
    pass


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateError
    return found


def _constant(text: str) -> Any:
    raise ValueError(text)


def _parsed(body: bytes) -> Any:
    """The payload where it is plain JSON, and None where a parser would have to decide something."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_plain, parse_constant=_constant)
    except (ValueError, RecursionError):
        return None


def _posts(payload: Any, operation: str) -> Any:
    async def witness(client: httpx.AsyncClient) -> object:
        return outcome(await send(client, payload, operation))

    return witness


def _gets(url: str) -> Any:
    async def witness(client: httpx.AsyncClient) -> object:
        return outcome(await client.get(f"http://mock.test{url}"))

    return witness


def accepts(name: str, repair: Repair, bad: Any, operation: str = SUBJECT) -> None:
    """Keeps a server that takes `bad`: its reading of a payload is what `repair` makes of it.

    What the repair stumbles over goes on as it came.
    """

    async def handle(call: Call, forward: Forward) -> Answer:
        if call.operation == operation:
            body = await call.body()
            payload = _parsed(body)
            if isinstance(payload, dict):
                before = json.dumps(payload)
                try:
                    repair(payload)
                except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError):
                    payload = json.loads(before)
                # Whatever else is wrong: what a server does not know it does not tell.
                if json.dumps(payload) != before:
                    call.replace(json.dumps(payload).encode())
        return await forward(call)

    add(name, "accepts-invalid", operation, lambda: handle, _posts(bad, operation), needs_create=False)


def accepts_bytes(name: str, read: Callable[[bytes], bytes], bad: bytes, operation: str = SUBJECT) -> None:
    """Keeps a server whose parser takes what is not JSON: `read` makes plain JSON of it."""

    async def handle(call: Call, forward: Forward) -> Answer:
        if call.operation == operation:
            body = await call.body()
            try:
                plain = read(body)
            except (ValueError, RecursionError):
                plain = body
            if plain != body and is_valid(plain, operation):
                call.replace(plain)
        return await forward(call)

    add(name, "accepts-invalid", operation, lambda: handle, _posts(bad, operation), needs_create=False)


def accepts_query(name: str, operation: str, repair: Callable[[dict[str, str]], None], bad: str) -> None:
    """Keeps a server that takes the query of the URL `bad`."""

    async def handle(call: Call, forward: Forward) -> Answer:
        if call.operation == operation:
            parameters = call.parameters
            repair(parameters)
            if parameters != call.parameters:
                call.parameters = parameters
        return await forward(call)

    add(name, "accepts-invalid", operation, lambda: handle, _gets(bad), needs_create=False)


def refuses(
    name: str,
    is_refused: Callable[[Any], bool],
    good: Any,
    operation: str = SUBJECT,
    *,
    of_text: Callable[[str], bool] | None = None,
    spoils: tuple[str, ...] = (),
) -> None:
    """Keeps a server that refuses valid payloads for which `is_refused` (or, of the body, `of_text`) is so.

    Whatever else is wrong with a call is refused as before, and a refused call starts nothing.
    """

    async def handle(call: Call, forward: Forward) -> Answer:
        if call.operation != operation:
            return await forward(call)
        body = await call.body()
        payload = _parsed(body)
        if not isinstance(payload, dict) or not is_valid(body, operation):
            return await forward(call)
        if not (of_text(body.decode()) if of_text is not None else is_refused(payload)):
            return await forward(call)
        call.replace(b"null")
        answer = await forward(call)
        if answer.status == 400 and answer.document["reason"] == "INVALID_REQUEST_BODY":
            return error(400, "INVALID_REQUEST_BODY", "The body is not valid.")
        return answer

    is_create = operation != "createUploadUrl"
    witness = _posts(good, operation)
    add(name, "rejects-valid", operation, lambda: handle, witness, needs_create=is_create, spoils=spoils)


def refuses_query(name: str, operation: str, is_refused: Callable[[dict[str, str]], bool], good: str) -> None:
    """Keeps a server that refuses the valid query of the URL `good`."""

    async def handle(call: Call, forward: Forward) -> Answer:
        answer = await forward(call)
        if call.operation == operation and answer.is_ok and is_refused(call.parameters):
            return error(400, "INVALID_REQUEST_BODY", "The query is not valid.")
        return answer

    add(name, "rejects-valid", operation, lambda: handle, _gets(good), needs_create=False)
