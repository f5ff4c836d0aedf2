"""Reads HTTP Archives (HAR 1.2): each request to an operation of the contract, and its answer."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import unquote

from loracle_contracts import spec
from loracle_contracts.headers import header_violations
from loracle_contracts.inputs.json_documents import Element, Text, elements, literal_offsets, position_in
from loracle_contracts.inputs.judge import Judge, moved
from loracle_contracts.inputs.shapes import Shape
from loracle_contracts.inputs.unit import Position, Unit
from loracle_contracts.locate import locate
from loracle_contracts.report.outcome import Checked, Outcome, Unreadable
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Verdict, Violation

__all__ = ["Archive"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^?#]*)(?:\?([^#]*))?")
_SLASHES = re.compile(r"/{2,}")
_Path = tuple[str | int, ...]


class _BodyError(Exception):
    """A body that the archive does not hold; the text is one sentence."""


class _Body(NamedTuple):
    """A body and the path to the string in its entry that holds it, as it is or in base64."""

    data: bytes
    path: _Path
    is_plain: bool = True


class _Call(NamedTuple):
    """One entry: the operation it belongs to, and the members that tell of it."""

    operation: spec.Operation
    path: str
    query: str
    request: dict[str, Any]
    response: dict[str, Any]


class Archive:
    """An HTTP Archive. `skipped` counts the entries that belong to no operation of the contract."""

    def __init__(self, source: str, data: bytes, judge: Judge) -> None:
        self.skipped = 0
        self._source = source
        self._document = Text(data)
        self._judge = judge

    def outcomes(self) -> Iterator[Outcome]:
        """What came of each request and each answer. Raises UnreadableError where the file ends too early."""
        for number, element in enumerate(elements(self._document, "log", "entries"), 1):
            call = _call(element.value)
            if call is None or self._judge.operation not in (None, call.operation.id):
                self.skipped += 1
                continue
            entry = _Entry(self._document, element, f"entry {number}")
            judged = [self._answer] if self._judge.is_answer else [self._request, self._answer]
            for judge in judged:
                try:
                    outcome = judge(call, entry)
                except _BodyError as error:
                    outcome = Unreadable(self._source, entry.place, str(error))
                if outcome is not None:
                    yield outcome

    def _request(self, call: _Call, entry: _Entry) -> Outcome | None:
        operation, profile = call.operation, self._judge.profile
        pairs = _headers(call)
        found: list[Violation] = []
        if pairs:
            found = [
                entry.at(violation, entry.header(violation.pointer[1:], call))
                for violation in header_violations(pairs, operation.id, profile)
            ]
        if call.path != operation.path and profile != "lenient" and "//" in call.path:
            violation = spec.rules(profile)["path.doubled_slash"].violation("body", "", call.path)
            found.append(entry.at(violation, ("request", "url")))
        if operation.query:
            verdict = validate(call.query, operation.id, profile, "query")
            found += [entry.at(violation, ("request", "url")) for violation in verdict.violations]
        if not operation.request:
            return self._checked(entry, Verdict(operation.id, profile, "query", tuple(found)))
        verdict = self._body(_request_body(call.request), Shape(operation.id, "request", True), entry)
        return self._checked(entry, replace(verdict, violations=(*found, *verdict.violations)))

    def _answer(self, call: _Call, entry: _Entry) -> Outcome | None:
        status = call.response.get("status")
        if not isinstance(status, (int, float)) or not (200 <= status < 300 or 400 <= status < 600):
            return None
        if status < 300 and call.operation.response is None:
            return None
        shape = Shape(call.operation.id, "response" if status < 300 else "error", True)
        return self._checked(entry, self._body(_answer_body(call.response), shape, entry))

    def _body(self, body: _Body, shape: Shape, entry: _Entry) -> Verdict:
        verdict = self._judge.judged(body.data, shape)
        if verdict.valid and not (self._judge.with_lints and verdict.lints):
            return verdict
        return moved(verdict, Unit(self._source, "", b"", position=entry.inside(body)))

    def _checked(self, entry: _Entry, verdict: Verdict) -> Checked:
        has_findings = verdict.violations or (self._judge.with_lints and verdict.lints)
        text, line = entry.lines() if has_findings else ("", 1)
        part = "request" if verdict.part in ("request", "query") else "answer"
        return Checked(self._source, f"{entry.place}, {part}", verdict, text=text, first_line=line)


class _Entry:
    """One entry of the archive, and where its members stand in the file."""

    def __init__(self, document: Text, element: Element, place: str) -> None:
        self.place = place
        self._document = document
        self._element = element
        self._text: str | None = None

    def lines(self) -> tuple[str, int]:
        """The lines that the entry stands on, and the number of the first."""
        return self._document.around(self._element.start, self._element.end)

    def at(self, violation: Violation, path: _Path) -> Violation:
        """The violation with the place of a member of the entry."""
        line, column = self._document.place(self._span(path)[0])
        return violation._replace(line=line, column=column)

    def header(self, name: str, call: _Call) -> _Path:
        """The path to a header of the request; to all of them where it is missing."""
        for index, header in enumerate(_listed(call.request.get("headers"))):
            if str(header.get("name")).lower() == name:
                return "request", "headers", index
        return "request", "headers"

    def inside(self, body: _Body) -> Position:
        """Leads from a place in a body to where it stands in the string that holds it."""
        start, end = self._span(body.path)
        if not body.is_plain:
            return lambda _line, _column: self._document.place(start)
        offset = literal_offsets(self._document.text[start:end])
        text = body.data.decode(errors="replace")
        return position_in(self._document, text, lambda index: start + offset(index))

    def _span(self, path: _Path) -> tuple[int, int]:
        if self._text is None:
            self._text = self._document.text[self._element.start : self._element.end]
        while True:
            place = locate(self._text, [path]).get(path)
            if place is not None:
                return self._element.start + place.start, self._element.start + place.end
            path = path[:-1]


def _call(entry: Any) -> _Call | None:
    """The call to an operation of the contract that an entry tells of, or None."""
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict):
        return None
    method, url = request.get("method"), request.get("url")
    found = _URL.match(url) if isinstance(url, str) else None
    if not isinstance(method, str) or found is None:
        return None
    path = unquote(found.group(1))
    single = _SLASHES.sub("/", path)
    response = entry.get("response")
    for operation in spec.operations().values():
        # The API may stand below a path of a gateway.
        if operation.method == method.upper() and single.endswith(operation.path):
            prefix = single.removesuffix(operation.path)
            return _Call(
                operation,
                path.removeprefix(prefix),
                found.group(2) or "",
                request,
                response if isinstance(response, dict) else {},
            )
    return None


def _headers(call: _Call) -> list[tuple[str, str]]:
    """The headers of the request that can be judged; archives often leave some out."""
    pairs = [
        (str(header.get("name")), str(header.get("value")))
        for header in _listed(call.request.get("headers"))
        if not str(header.get("name")).startswith(":")
    ]
    if not pairs:
        return []
    names = {name.lower() for name, _ in pairs}
    if "content-type" not in names:
        sent = _object(call.request.get("postData")).get("mimeType")
        pairs += [("Content-Type", str(sent))] if sent else []
    status = call.response.get("status")
    if "authorization" not in names and isinstance(status, (int, float)) and status < 400:
        # The server took it, so it was there; browsers take it out of what they export.
        pairs.append(("Authorization", "Bearer left-out"))
    return pairs


def _request_body(request: dict[str, Any]) -> _Body:
    posted = _object(request.get("postData"))
    text, path = posted.get("text"), ("request", "postData", "text")
    if not isinstance(text, str):
        if posted.get("params") or request.get("bodySize") not in (0, None):
            raise _BodyError("The archive does not hold the body of the request.")
        return _Body(b"", ("request",), is_plain=False)
    comment = str(posted.get("comment", ""))
    if "cut:" in comment:
        raise _BodyError("The archive holds only the beginning of the body of the request.")
    is_base64 = posted.get("encoding") == "base64" or comment.startswith("base64")
    return _decoded(text, path, is_base64=is_base64)


def _answer_body(response: dict[str, Any]) -> _Body:
    content = _object(response.get("content"))
    text, path = content.get("text"), ("response", "content", "text")
    if not isinstance(text, str):
        if content.get("size") != 0:
            raise _BodyError("The archive does not hold the body of the answer.")
        return _Body(b"", ("response",), is_plain=False)
    return _decoded(text, path, is_base64=content.get("encoding") == "base64")


def _decoded(text: str, path: _Path, *, is_base64: bool) -> _Body:
    if not is_base64:
        return _Body(text.encode(errors="surrogatepass"), path)
    try:
        return _Body(base64.b64decode(text, validate=True), path, is_plain=False)
    except (binascii.Error, ValueError) as error:
        raise _BodyError(f"The body is said to be base64, but it is not: {error}.") from None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
