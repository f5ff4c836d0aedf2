"""What the control API answers: JSON, or an error in the envelope of the API."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from loracle_mockserver.control import AmbiguousTaskError, ControlError, UnknownTaskError
from loracle_mockserver.control_reading import RefusedError
from loracle_mockserver.engine import store_failure
from loracle_mockserver.journal_search import SearchError
from loracle_mockserver.message import Reply, error_reply
from loracle_mockserver.store import StoreError

__all__ = ["add_error_handlers", "json_response", "response"]

_MAX_MESSAGE = 2_000


def response(reply: Reply) -> Response:
    """A reply of the engine as Starlette sends it."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers}
    return Response(reply.body, reply.status, headers)


def json_response(value: Any) -> Response:
    """A 200 with JSON in ASCII, which holds whatever text there is, half surrogate pairs included."""
    return Response(json.dumps(value).encode(), media_type="application/json")


def add_error_handlers(app: FastAPI) -> None:
    """Makes an answer in the envelope of whatever the control API raises."""

    def refuse(reason: str, message: str) -> Response:
        # What ends in a question of its own needs no full stop.
        text = message[:_MAX_MESSAGE]
        return response(error_reply(reason, text.removesuffix(".") if text.endswith("?.") else text))

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: Exception) -> Response:
        return refuse(getattr(error, "reason", "INVALID_REQUEST_BODY"), str(error))

    @app.exception_handler(ControlError)
    @app.exception_handler(SearchError)
    async def impossible(_: Request, error: Exception) -> Response:
        return refuse("INVALID_REQUEST_BODY", f"The mock cannot do that: {error}.")

    @app.exception_handler(UnknownTaskError)
    async def unknown_task(_: Request, error: Exception) -> Response:
        return refuse("TASK_NOT_FOUND", f"{error}.")

    @app.exception_handler(AmbiguousTaskError)
    async def ambiguous_task(_: Request, error: Exception) -> Response:
        # The contract has no error of this status; this one is the control API's own.
        envelope = {"code": 409, "reason": "TASK_AMBIGUOUS", "message": f"{error}.", "metadata": {}}
        return Response(json.dumps(envelope).encode(), 409, media_type="application/json")

    @app.exception_handler(StoreError)
    async def broken_store(_: Request, error: Exception) -> Response:
        return response(store_failure(StoreError(str(error)[:_MAX_MESSAGE])))

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=400)  # nobody is there to read it
