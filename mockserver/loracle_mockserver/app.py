"""The FastAPI app behind the contract's operations: documents and the control API."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi_offline import FastAPIOffline
from starlette.routing import Match

from loracle_contracts import spec
from loracle_contracts.explain import excerpt
from loracle_mockserver.control_answers import response
from loracle_mockserver.control_api import add_control_api
from loracle_mockserver.engine import Engine
from loracle_mockserver.message import error_reply

__all__ = ["document_app"]

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")


def document_app(engine: Engine) -> FastAPI:
    """The app for /docs, /openapi.json, /openapi.yaml and /_mock/, which whoever reaches it may steer."""
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

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def unknown(request: Request, error: Any) -> Response:
        path = excerpt(request.scope["path"])
        if error.status_code == 404:
            return response(error_reply("API_NOT_FOUND", f"There is no page {path} of the mock."))
        # Routes of one path are apart for each method, and each knows of itself only.
        allowed = ", ".join(method for method in _METHODS if _takes(app, request, method))
        message = f"{path} does not take {excerpt(request.method)}; it takes {allowed}."
        return response(error_reply("METHOD_NOT_ALLOWED", message, headers=((b"allow", allowed.encode()),)))

    @app.get("/openapi.yaml", include_in_schema=False)
    async def openapi_yaml() -> Response:
        return Response(spec.read(f"openapi-{engine.profile}.yaml"), media_type="application/yaml")

    add_control_api(app, engine)
    return app


def _takes(app: FastAPI, request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in app.routes)
