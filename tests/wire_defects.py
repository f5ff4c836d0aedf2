"""How a broken server is made of the mock: some requests become others, or some answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fuzzed_wire import KEY, Ask, Broken, Defect, changed, fuzzed, mock, started

from loracle_contracts.exchange import Answer, Request

JSON = (("content-type", "application/json"),)
RIGHT = (("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json"))
LIST, MODELS, SUBJECT = "/v3/training", "/v3/model", "/v3/training/subject"
BROKEN = Answer(500, JSON, b'{"code":500,"reason":"LIST_TASK_FAILED","message":"No.","metadata":{}}')


def found(layer: str, defect: Defect) -> list[tuple[str, str]]:
    """Check and subject of what the layer finds in a mock with the defect, which has a few tasks."""
    app = Broken(mock(progression="immediate"), defect)
    started(app)
    report = fuzzed(app, layer, max_creates=70)
    return [(one.check, one.subject) for one in report.findings]


def with_headers(request: Request, **changed_headers: str | None) -> Request:
    """The request with headers replaced, or dropped where they are None; names with _ for -."""
    new = {name.replace("_", "-"): value for name, value in changed_headers.items()}
    kept = [(name, value) for name, value in request.headers if name.lower() not in new]
    return request._replace(
        headers=(*kept, *((name, value) for name, value in new.items() if value is not None))
    )


def where(does_match: Callable[[Request], Any], then: Callable[[Request], Request | Answer]) -> Defect:
    """A defect that meets some requests: another one is asked, or something else is answered."""

    def defect(request: Request, ask: Ask) -> Answer:
        if not does_match(request):
            return ask(request)
        result = then(request)
        return ask(result) if isinstance(result, Request) else result

    return defect


def of(path: str, change: Callable[[Any], Any], only: Callable[[Request], Any] = lambda _: True) -> Defect:
    """A defect of what is answered with 200 on a path."""

    def defect(request: Request, ask: Ask) -> Answer:
        answer = ask(request)
        is_met = request.path == path and answer.status == 200 and only(request)
        return changed(answer, change) if is_met else answer

    return defect


def query(request: Request, pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> Request:
    return request._replace(target=re.sub(pattern, replacement, request.target))


def key_of(request: Request) -> str:
    return "".join(request.values("authorization")).removeprefix("Bearer ")
