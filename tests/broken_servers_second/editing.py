"""How a server comes to accept or refuse a body that it should not: it edits the body, or looks at it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from typing import Any

from broken_servers_unseen.defect import Case, Defect, Witness

from broken_servers_second.wire import (
    STYLE,
    SUBJECT,
    UPLOAD_URL,
    Answer,
    Handler,
    Next,
    Plant,
    Request,
    around,
    envelope,
    read_strictly,
)

__all__ = ["accepts", "arguments", "behaves", "components", "editing", "rejects", "rereading", "settings"]

_PATHS = {"createSubjectTraining": SUBJECT, "createStyleTraining": STYLE, "createUploadUrl": UPLOAD_URL}
_UNFIT = (TypeError, KeyError, IndexError, AttributeError, ValueError, RecursionError)


def settings(body: Any) -> dict[str, Any]:
    """The expert settings of a body. Raises TypeError where there are none."""
    found = body["expert_setting"]
    if not isinstance(found, dict):
        raise TypeError("no settings")
    return found


def components(body: Any) -> Iterable[dict[str, Any]]:
    """The components of a body that are objects."""
    return [entry for entry in body["components"] if isinstance(entry, dict)]


def arguments(body: Any) -> Iterable[tuple[Any, dict[str, Any]]]:
    """The arguments of the components of a body that are objects, each after its component's name."""
    for component in components(body):
        for argument in component.get("args") or []:
            if isinstance(argument, dict):
                yield component.get("name"), argument


def editing(operation: str, edit: Callable[[Any], object]) -> Plant:
    """A plant of a server that edits the parsed body before it judges it."""

    def make() -> Handler:
        async def handler(request: Request, pass_on: Next) -> Answer:
            if not request.is_to("POST", _PATHS[operation]):
                return await pass_on(request)
            try:
                body = read_strictly(request.body)
                edited = copy.deepcopy(body)
                edit(edited)
            except _UNFIT:
                return await pass_on(request)
            if repr(edited) == repr(body):
                return await pass_on(request)
            return await pass_on(request.with_body(_text(edited)))

        return handler

    return around(make)


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()


def rereading(operations: Iterable[str], reread: Callable[[Request], Request]) -> Plant:
    """A plant of a server that reads what was sent in a way of its own."""
    paths = [_PATHS[operation] for operation in operations]

    def make() -> Handler:
        async def handler(request: Request, pass_on: Next) -> Answer:
            if request.is_to("POST", *paths):
                try:
                    request = reread(request)
                except (ValueError, OSError, EOFError, RecursionError):
                    return await pass_on(request)
            return await pass_on(request)

        return handler

    return around(make)


def accepts(name: str, operation: str, edit: Callable[[Any], object], witness: Witness) -> Case:
    """A case of a server that mends a body that is wrong."""
    return Case(Defect(name, "accepts-invalid", operation, False, editing(operation, edit)), witness)


def rejects(name: str, operation: str, is_refused: Callable[[Any], object], witness: Witness) -> Case:
    """A case of a server that refuses a body that is right."""

    def make() -> Handler:
        async def handler(request: Request, pass_on: Next) -> Answer:
            if request.is_to("POST", _PATHS[operation]) and request.is_judged:
                try:
                    refused = is_refused(read_strictly(request.body))
                except _UNFIT:
                    refused = False
                if refused:
                    return envelope(400, "INVALID_REQUEST_BODY", "The request is not valid.")
            return await pass_on(request)

        return handler

    return Case(Defect(name, "rejects-valid", operation, False, around(make)), witness)


def behaves(
    name: str, operation: str, make: Callable[[], Handler], witness: Witness, *, needs_create: bool = False
) -> Case:
    """A case of a server that behaves otherwise."""
    return Case(Defect(name, "behaviour", operation, needs_create, around(make)), witness)
