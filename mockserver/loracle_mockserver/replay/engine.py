"""The engine of a mock that plays a cassette."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

import orjson

from loracle_contracts import spec
from loracle_contracts.explain import excerpt
from loracle_contracts.validation import validate
from loracle_mockserver.authentication import Refusal
from loracle_mockserver.engine import MAX_UPLOAD, Engine
from loracle_mockserver.message import JSON_TYPE, Reply, Request
from loracle_mockserver.replay.cassette import Cassette
from loracle_mockserver.replay.recording import Asked, Recording, asked

__all__ = ["NOT_RECORDED", "ReplayingEngine"]

NOT_RECORDED = "NOT_RECORDED"
_MOST_NAMESPACES = 1_000
_LISTED = 20
_UNKNOWN_KEY = "header.authorization.key"


@dataclass
class ReplayingEngine(Engine):
    """A mock that answers from a cassette; each API key hears it from its beginning.

    What was recorded several times is played in that order, and the last answer then stays. What was not
    recorded gets an error that names the nearest entry, or with `fallback` "mock" the mock's own answer.
    Upload URLs lead to the mock, which takes every upload that was not recorded. With `with_latency` an
    answer takes as long as it took the recorded server.
    """

    cassette: Cassette = field(default_factory=lambda: Cassette("", []))
    fallback: Literal["error", "mock"] = "error"
    with_latency: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        # namespace -> number of the first matching recording -> how many were played
        self._played: dict[str, dict[int, int]] = {}

    def reset(self, namespace: str | None = None) -> None:
        """Puts one namespace, or all, back to the start, the cassette, too."""
        super().reset(namespace)
        if namespace is None:
            self._played.clear()
        else:
            self._played.pop(namespace, None)

    def admit(self, request: Request) -> int | Reply:
        """As the mock, but uploads may be large wherever the recorded server took them."""
        is_upload = request.method == "PUT" and request.path in self.cassette.uploads
        if is_upload and request.announced_length <= MAX_UPLOAD:
            return MAX_UPLOAD
        return super().admit(request)

    def _handle(self, request: Request) -> Reply:
        sent = request.values.get(b"authorization", [])
        namespace = self._authentication.namespace(sent)
        if isinstance(namespace, Refusal):
            if namespace.rule == _UNKNOWN_KEY:
                return super()._handle(request)
            namespace = ""
        compared = _asked(request)
        matching = self.cassette.matching(compared)
        if matching:
            return self._noted(request, namespace, compared, self._next(namespace, matching, request))
        if request.method == "PUT" and request.path in self.cassette.uploads:
            return self._noted(request, namespace, compared, Reply(200))
        if self.fallback == "mock":
            return super()._handle(request)
        return self._noted(request, namespace, compared, self._missing(compared))

    def _next(self, namespace: str, matching: list[Recording], request: Request) -> Reply:
        if namespace not in self._played and len(self._played) >= _MOST_NAMESPACES:
            del self._played[next(iter(self._played))]
        played = self._played.setdefault(namespace, {})
        first = matching[0].n
        found = matching[min(played.get(first, 0), len(matching) - 1)]
        played[first] = played.get(first, 0) + 1
        body = _with_local_upload(found.body, request) if b"upload_url" in found.body else found.body
        delay = found.seconds if self.with_latency else 0.0
        return Reply(found.status, body, list(found.headers), delay, _reason(found))

    def _noted(self, request: Request, namespace: str, compared: Asked, reply: Reply) -> Reply:
        rules = compared.rules
        operation = spec.operations().get(compared.operation or "")
        if operation is not None and operation.request:
            found = validate(request.body, operation.id, self.profile).violations
            rules += tuple(dict.fromkeys(violation.rule for violation in found))
        self._refused(request, namespace, reply, compared.operation, rules)
        return reply

    def _missing(self, compared: Asked) -> Reply:
        nearest = self.cassette.nearest(compared)
        what = f"{compared.method} {excerpt(compared.path)}"
        metadata: dict[str, object] = {}
        if nearest is None:
            text = f"The nearest that was recorded is {self.cassette.nearest_route(compared)}."
        else:
            one, found = nearest
            more = f" ({len(found) - 1} more differences)" if len(found) > 1 else ""
            text = f"The nearest is entry {one.n}: {found[0]}{more}."
            listed = [difference._asdict() for difference in found[:_LISTED]]
            metadata["nearest"] = {"entry": one.n, "differences": listed}
        envelope = {
            "code": 404,
            "reason": NOT_RECORDED,
            "message": f"The cassette {self.cassette.name} has no {what} like this one. {text}",
            "metadata": metadata,
        }
        return Reply(404, orjson.dumps(envelope), [JSON_TYPE], reason=NOT_RECORDED)


def _asked(request: Request) -> Asked:
    headers = [
        (name.decode("latin-1"), value.decode("utf-8" if name == b"authorization" else "latin-1", "replace"))
        for name, value in request.headers
    ]
    return asked(request.method, request.path, request.query.decode("latin-1"), request.body, headers)


def _reason(found: Recording) -> str | None:
    if found.status < 400:
        return None
    try:
        value = orjson.loads(found.body)
    except orjson.JSONDecodeError:
        return None
    reason = value.get("reason") if isinstance(value, dict) else None
    return reason if isinstance(reason, str) else None


def _with_local_upload(body: bytes, request: Request) -> bytes:
    """The answer with its upload URL at the host that the request was sent to."""
    host = next((value for name, value in request.headers if name == b"host"), b"127.0.0.1").decode("latin-1")
    try:
        value = orjson.loads(body)
        url = urlsplit(value["upload_url"])
        value["upload_url"] = url._replace(scheme=request.scheme, netloc=host).geturl()
        if "headers" in value and "Host" in value["headers"]:
            value["headers"]["Host"]["values"] = [host]
        return orjson.dumps(value)
    except (ValueError, LookupError, TypeError, AttributeError):
        return body  # it was recorded so
