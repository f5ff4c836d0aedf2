"""A wrapper around an ASGI app that sees whole calls and whole answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from broken_servers_unseen.defect import ASGIApp, Message, Receive, Scope, Send
from loracle_contracts.validation import validate

__all__ = ["Answer", "Call", "Forward", "Handler", "error", "is_valid", "operation_of", "planted", "reply"]

_CONTRACT = ("/v3", "//", "/V3", "/_uploads")
# More than the largest body that is allowed; the rest is passed on unread.
_BUFFER = 31 * 1024 * 1024
_OPERATIONS = {
    ("POST", "/v3/training/subject"): "createSubjectTraining",
    ("GET", "/v3/training/subject"): "getSubjectTraining",
    ("POST", "/v3/training/style"): "createStyleTraining",
    ("GET", "/v3/training/style"): "getStyleTraining",
    ("GET", "/v3/training"): "listTrainings",
    ("POST", "/v3/assets/training_dataset"): "createUploadUrl",
    ("GET", "/v3/model"): "listModels",
}


def operation_of(method: str, path: str) -> str:
    """The operationId, or an empty text where there is none."""
    if method == "PUT" and path.startswith("/_uploads/"):
        return "putUpload"
    return _OPERATIONS.get((method, path), "")


@dataclass
class Answer:
    """A whole answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def document(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @document.setter
    def document(self, value: Any) -> None:
        self.body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def is_ok(self) -> bool:
        return self.status == 200

    def header(self, name: bytes, value: bytes | None) -> None:
        """Sets a header, or takes it away."""
        self.headers = [(known, old) for known, old in self.headers if known != name]
        if value is not None:
            self.headers.append((name, value))


@dataclass
class Call:
    """A request; its body is read only when it is asked for."""

    scope: Scope
    receive: Receive
    method: str
    path: str
    query: str
    headers: list[tuple[bytes, bytes]]
    _read: bytes | None = None
    _rest: bool = False
    _gone: bool = False
    _replaced: bytes | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def operation(self) -> str:
        return operation_of(self.method, self.path)

    @property
    def parameters(self) -> dict[str, str]:
        """The query; of a parameter that comes twice, the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @parameters.setter
    def parameters(self, value: dict[str, str]) -> None:
        self.query = urlencode(value)

    def value(self, name: bytes) -> str | None:
        """The first header of this name."""
        return next((value.decode("latin-1") for known, value in self.headers if known == name), None)

    def header(self, name: bytes, value: bytes | None) -> None:
        """Sets a header, or takes it away."""
        self.headers = [(known, old) for known, old in self.headers if known != name]
        if value is not None:
            self.headers.append((name, value))

    @property
    def key(self) -> str:
        """The API key, as it was sent."""
        return (self.value(b"authorization") or "").partition(" ")[2].strip()

    async def body(self) -> bytes:
        """The body as it came."""
        if self._read is None and self._gone:
            raise RuntimeError("the body has gone on unread: read it before the call is forwarded")
        if self._read is None:
            chunks, size, more = [], 0, True
            while more and size <= _BUFFER:
                message = await self.receive()
                if message["type"] != "http.request":
                    break
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                more = bool(message.get("more_body"))
            self._read, self._rest = b"".join(chunks), more and size > _BUFFER
        return self._read

    def replace(self, body: bytes) -> None:
        """Another body goes on to the correct server."""
        self._replaced = body
        if self.value(b"content-length") is not None:
            self.header(b"content-length", b"%d" % len(body))

    def passed_on(self) -> tuple[Scope, Receive]:
        """What the correct server gets."""
        scope = dict(self.scope)
        scope.update(method=self.method, path=self.path, raw_path=self.path.encode())
        scope.update(query_string=self.query.encode("latin-1"), headers=self.headers)
        body = self._read if self._replaced is None else self._replaced
        if body is None:
            self._gone = self.method not in ("GET", "HEAD")
            return scope, self.receive
        sent: list[Message] = [{"type": "http.request", "body": body, "more_body": self._rest}]

        async def receive() -> Message:
            return sent.pop() if sent else await self.receive()

        return scope, receive


Forward = Callable[[Call], Awaitable[Answer]]
Handler = Callable[[Call, Forward], Awaitable[Answer]]


def reply(document: Any, status: int = 200, *headers: tuple[bytes, bytes]) -> Answer:
    """An answer of JSON."""
    answer = Answer(status, [(b"content-type", b"application/json"), *headers], b"")
    answer.document = document
    return answer


def error(status: int, reason: str, message: str = "The request was refused.") -> Answer:
    """A refusal in the API's envelope."""
    return reply({"code": status, "reason": reason, "message": message, "metadata": {}}, status)


def is_valid(body: bytes, operation: str) -> bool:
    """Whether the contract accepts a body."""
    return not validate(body, operation, "strict").violations


def planted(make: Callable[[], Handler]) -> Callable[[ASGIApp], ASGIApp]:
    """The wrapper that puts a new handler, with state of its own, in front of an app."""

    def plant(app: ASGIApp) -> ASGIApp:
        handle = make()

        async def forward(call: Call) -> Answer:
            answer = Answer(500, [], b"")

            async def send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    answer.status = message["status"]
                    answer.headers = [h for h in message["headers"] if h[0] != b"content-length"]
                else:
                    answer.body += message.get("body", b"")

            await app(*call.passed_on(), send)
            return answer

        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].startswith(_CONTRACT):
                await app(scope, receive, send)
                return
            query = scope["query_string"].decode("latin-1")
            call = Call(scope, receive, scope["method"], scope["path"], query, list(scope["headers"]))
            answer = await handle(call, forward)
            answer.header(b"content-length", b"%d" % len(answer.body))
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            await send({"type": "http.response.body", "body": answer.body})

        return broken

    return plant
