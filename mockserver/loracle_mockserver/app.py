"""The FastAPI app behind the contract's operations: documents and the control API."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi_offline import FastAPIOffline

from loracle_contracts import spec
from loracle_mockserver.control import Control
from loracle_mockserver.engine import Engine
from loracle_mockserver.journal import describe
from loracle_mockserver.message import Reply, error_reply

__all__ = ["document_app"]


class _Forbidden(Exception):  # noqa: N818 - becomes a 403, never seen as an exception
    """The control API was called from afar without the admin token."""


def document_app(engine: Engine, admin_token: str | None, *, is_public: bool) -> FastAPI:
    """The app for /docs, /openapi.json, /openapi.yaml and /_mock/.

    Where the server listens on other than a loopback address (`is_public`), all of /_mock/ but health
    wants the header `Authorization: Bearer <admin token>`; without a token it is closed.
    """
    app = FastAPIOffline(
        title="loracle mock",
        docs_url="/docs",
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,  # a redirect would name the Host that the client sent
        swagger_ui_parameters={"tryItOutEnabled": True},
    )
    # The shipped contract, not one that FastAPI would derive from the control API's routes.
    document = json.loads(spec.read(f"openapi-{engine.profile}.json"))
    app.openapi = lambda: document  # type: ignore[method-assign]
    control = Control(engine)
    guard = Depends(_guard(admin_token, is_public=is_public))

    @app.exception_handler(_Forbidden)
    async def forbidden(_: Request, __: Exception) -> Response:
        reply = error_reply(
            "API_NOT_ALLOWED",
            "The control API is open on loopback only; send 'Authorization: Bearer <admin token>'.",
        )
        return _response(reply)

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def unknown(request: Request, error: Any) -> Response:
        reason = "API_NOT_FOUND" if error.status_code == 404 else "METHOD_NOT_ALLOWED"
        reply = error_reply(reason, f"{request.method} {request.url.path}: no such page of the mock.")
        return _response(reply, error.headers)

    @app.exception_handler(RequestValidationError)
    async def wrong_query(_: Request, error: Exception) -> Response:
        details = error.errors() if isinstance(error, RequestValidationError) else []
        first = f"{details[0]['loc'][-1]}: {details[0]['msg']}" if details else str(error)
        reply = error_reply("INVALID_REQUEST_BODY", f"The control API does not understand {first}.")
        return _response(reply)

    @app.get("/openapi.yaml", include_in_schema=False)
    async def openapi_yaml() -> Response:
        return Response(spec.read(f"openapi-{engine.profile}.yaml"), media_type="application/yaml")

    @app.get("/_mock/health")
    async def health() -> dict[str, Any]:
        return control.health()

    @app.post("/_mock/reset", dependencies=[guard])
    async def reset() -> dict[str, str]:
        control.reset()
        return {"status": "reset"}

    @app.get("/_mock/requests", dependencies=[guard])
    async def requests(
        operation: str | None = None,
        status: int | None = None,
        namespace: str | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> Response:
        found = [
            describe(n, entry)
            for n, entry in control.entries(namespace)
            if (operation is None or entry.operation == operation)
            and (status is None or entry.status == status)
        ]
        statistics = engine.store.statistics()
        counts = {"total": statistics.requests, "dropped": statistics.requests_dropped}
        return JSONResponse({**counts, "requests": found[-limit:]})

    @app.get("/_mock/tasks", dependencies=[guard])
    async def tasks(namespace: str | None = None) -> Response:
        return JSONResponse({"tasks": control.tasks(namespace)})

    return app


def _response(reply: Reply, headers: Mapping[str, str] | None = None) -> Response:
    return Response(reply.body, reply.status, headers, "application/json")


def _guard(admin_token: str | None, *, is_public: bool) -> Any:
    async def check(request: Request) -> None:
        if not is_public:
            return
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        if admin_token is None or not secrets.compare_digest(sent.encode(), admin_token.encode()):
            raise _Forbidden

    return check
