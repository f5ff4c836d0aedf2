"""The FastAPI app behind the contract's operations: documents and the control API."""

from __future__ import annotations

import json
import secrets
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response
from fastapi_offline import FastAPIOffline

from loracle_contracts import spec
from loracle_contracts.explain import excerpt
from loracle_mockserver.control_answers import response
from loracle_mockserver.control_api import add_control_api
from loracle_mockserver.engine import Engine
from loracle_mockserver.message import error_reply

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

    @app.exception_handler(_Forbidden)
    async def forbidden(_: Request, __: Exception) -> Response:
        reply = error_reply(
            "API_NOT_ALLOWED",
            "The control API is open on loopback only; send 'Authorization: Bearer <admin token>'.",
        )
        return response(reply)

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def unknown(request: Request, error: Any) -> Response:
        reason = "API_NOT_FOUND" if error.status_code == 404 else "METHOD_NOT_ALLOWED"
        page = f"{excerpt(request.method)} {excerpt(request.url.path)}"
        refused = response(error_reply(reason, f"{page}: no such page of the mock."))
        refused.headers.update(error.headers or {})
        return refused

    @app.get("/openapi.yaml", include_in_schema=False)
    async def openapi_yaml() -> Response:
        return Response(spec.read(f"openapi-{engine.profile}.yaml"), media_type="application/yaml")

    add_control_api(app, engine, Depends(_guard(admin_token, is_public=is_public)))
    return app


def _guard(admin_token: str | None, *, is_public: bool) -> Any:
    async def check(request: Request) -> None:
        if not is_public:
            return
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        if admin_token is None or not secrets.compare_digest(sent.encode(), admin_token.encode()):
            raise _Forbidden

    return check
