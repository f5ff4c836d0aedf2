"""Runs of `loracle fuzz` in this process, and servers on a socket with a defect."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from click.testing import CliRunner, Result
from fuzzed_apps import Altered, refusal
from served_app import served

from loracle_mockserver.cli import main
from loracle_mockserver.training_app import TrainingApp

Answer = tuple[int, Any]
TASK = {"task_id": "b299b567-531a-4745-b600-eca9591aae24"}


def run(*arguments: Any, env: dict[str, str] | None = None, stdin: str | None = None) -> Result:
    """A run of the command; whatever it raises fails the test. No settings of the developer reach it."""
    unset: dict[str, str | None] = {name: None for name in os.environ if name.startswith("LORACLE_")}
    environment = {**unset, **(env or {})}
    result = CliRunner().invoke(main, ["fuzz", *map(str, arguments)], input=stdin, env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@dataclass
class Server:
    """A server that can be mended: `alter` gives its wrong answers to creates, or None for the right one."""

    alter: Callable[[Any], Answer | None] | None = None
    app: Altered = field(init=False)
    url: str = ""
    key: str | None = None
    """The only key that the server knows; None: it knows every key."""

    def __post_init__(self) -> None:
        keys = [self.key] if self.key else []
        mock = TrainingApp(api_key=self.key or "any-key", api_keys=keys)
        self.app = Altered(mock, lambda body: self.alter(body) if self.alter else None)


@contextlib.contextmanager
def serving(alter: Callable[[Any], Answer | None] | None = None, **options: Any) -> Iterator[Server]:
    server = Server(alter, **options)
    with served(server.app) as there:
        server.url = f"http://127.0.0.1:{there.port}"
        yield server


def takes_text_as_width(body: Any) -> Answer | None:
    """A defect: a create whose width is text is accepted."""
    return (200, TASK) if isinstance(body, dict) and isinstance(body.get("width"), str) else None


def document_of(result: Result) -> dict[str, Any]:
    """The report of a run with --format json."""
    return dict(json.loads(result.stdout))


def always(status: int, reason: str) -> Any:
    """An app that gives every request the same refusal."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        body = json.dumps(refusal(reason, status)[1]).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
