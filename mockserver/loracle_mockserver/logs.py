"""What the server logs: text for people or JSON for machines, on stderr; and the access log."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from loracle_mockserver.redaction import Credentials, redacted_query

__all__ = ["AccessLog", "JsonFormatter", "log_config"]

Message = MutableMapping[str, Any]
App = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]

_access = logging.getLogger("loracle.access")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, message, a traceback if there is one, the access fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "message": record.getMessage().strip()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        line |= getattr(record, "access", {})
        return json.dumps(line, default=repr)  # in ASCII, so that a lone surrogate does not cost the line


def log_config(log_format: str, *, access_log: bool) -> dict[str, Any]:
    """The logging configuration for `log_format` text or json, as `logging.config.dictConfig` takes it."""
    formatter = {"format": "%(levelname)s: %(message)s"}
    if log_format == "json":
        formatter = {"()": f"{__name__}.JsonFormatter"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"chosen": formatter},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "chosen", "stream": "ext://sys.stderr"}
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "uvicorn": {"level": "WARNING"},
            "loracle": {"level": "INFO"},
            "loracle.access": {"level": "INFO" if access_log else "WARNING"},
        },
    }


class AccessLog:
    """An ASGI app around another one, which logs every request when its answer is over.

    uvicorn's own would show the secrets in a query, and says nothing of calls that get no answer.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answers as the other app does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, watched)
        finally:
            _note(scope, status, time.perf_counter() - began)


def _note(scope: MutableMapping[str, Any], status: int | None, seconds: float) -> None:
    """Logs one request; without a status where it got no answer."""
    credentials = Credentials.of(scope["headers"])
    path = credentials.clean(scope["path"].encode("utf-8", "surrogatepass"))
    query = redacted_query(scope["query_string"], credentials)
    target = quote(path, safe="/:@[]") + ("?" + quote(query, safe="/:@?=&%+[],;~!$'()*") if query else "")
    host, port = scope.get("client") or ("-", 0)
    access = {
        "client": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "method": scope["method"],
        "path": target,
        "status": status,
        "seconds": round(seconds, 6),
    }
    shown = "no answer" if status is None else status
    _access.info("%s %s %s %s", access["client"], access["method"], target, shown, extra={"access": access})
