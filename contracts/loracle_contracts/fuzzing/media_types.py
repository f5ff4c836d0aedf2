"""Content types and codings, right and wrong ones, and what else headers ask for.

The type is judged before the body, so a wrong body shows all: 415 says that the type was refused, 400 that
it was taken. Where a type is wrong, the body of the upload's request is right, which starts no training.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing.probe import Probe
from loracle_contracts.oracle import CREATES

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["media_type_probes", "negotiation_probes"]

_TYPE, _CODING = "header.content_type", "header.content_encoding"
_UPLOAD = "createUploadUrl"
_RIGHT, _WRONG = b'{"file_extension": "png"}', b'{"file_extension": 1}'
_FORM = "application/x-www-form-urlencoded"
_PART = b'--x\r\nContent-Disposition: form-data; name="file_extension"\r\n\r\npng\r\n--x--\r\n'


def media_type_probes(session: Session, layer: str) -> Iterator[Probe]:
    """What is no JSON, or says that it is none, is refused with 415; other spellings of JSON are not."""
    wrong: dict[str, tuple[tuple[str, ...], bytes]] = {
        "no Content-Type": ((), _RIGHT),
        "text/plain": (("text/plain",), _RIGHT),
        "a form": ((_FORM,), b"file_extension=png"),
        "a form of parts": (("multipart/form-data; boundary=x",), _PART),
        "application/jsonp": (("application/jsonp",), _RIGHT),
        "another type written in JSON": (("application/merge-patch+json",), _RIGHT),
        "JSON in UTF-16": (("application/json; charset=utf-16",), _RIGHT.decode().encode("utf-16")),
        "two types, JSON first": (("application/json", "text/plain"), _RIGHT),
    }
    for title, (types, body) in wrong.items():
        yield Probe(layer, title, _typed(session, _UPLOAD, types, body), _TYPE)
    for operation in CREATES:
        # The body is wrong, too; the type comes first.
        request = _typed(session, operation, ("text/plain",), b"{}")
        yield Probe(layer, f"text/plain at {operation}", request, _TYPE)
    value = 'APPLICATION/JSON ; Charset="UTF-8"'
    # The type has no parameters; RFC 8259, section 11, has them change nothing.
    for right in (value, "application/json; version=1"):
        yield Probe(layer, f"Content-Type {right}", _typed(session, _UPLOAD, (right,), _WRONG), _TYPE)
    if session.options.max_creates:
        yield Probe(layer, f"{value}, a right body", _typed(session, _UPLOAD, (value,), _RIGHT), _TYPE)
    packed = gzip.compress(_RIGHT, mtime=0)
    request = session.request(_UPLOAD, packed, headers=[("Content-Encoding", "gzip")])
    yield Probe(layer, "a body in gzip", request, _CODING)
    wrong_packed = gzip.compress(_WRONG, mtime=0)
    for operation in CREATES:
        request = session.request(operation, wrong_packed, headers=[("Content-Encoding", "gzip")])
        yield Probe(layer, f"a wrong body in gzip at {operation}", request, _CODING)
    identity = session.request(CREATES[0], b"{}", headers=[("Content-Encoding", "identity")])
    yield Probe(layer, "a wrong body that is not encoded", identity, _CODING)


def negotiation_probes(session: Session, layer: str) -> Iterator[Probe]:
    """Headers that change nothing in what is answered: the contract has one form of each answer."""
    reads = {
        "a read with Content-Type, as the SDKs send it": ("Content-Type", "application/json"),
        "a read that takes gzip": ("Accept-Encoding", "gzip"),
        "a read with a header of 4,000 bytes": ("X-Loracle-Long", "a" * 4_000),
        "a read that says to be a DELETE": ("X-HTTP-Method-Override", "DELETE"),
    }
    for title, header in reads.items():
        yield Probe(layer, title, session.request("listTrainings", headers=[header]), f"header {header[0]}")
    # RFC 9110, section 12.5.1, leaves it to the server to say that it has no such form.
    html = [("Accept", "text/html")]
    request = session.request("listTrainings", headers=html)
    demand = replace(session.oracle.expect(request), also=(406,))
    yield Probe(layer, "a read with Accept: text/html", request, "header Accept", demand)
    refused = session.request(CREATES[0], b"{", headers=html)
    demand = replace(session.oracle.expect(refused), also=(406,))
    yield Probe(layer, "a broken body with Accept: text/html", refused, "header Accept", demand)
    query = f"task_id={quote('00000000-0000-4000-8000-000000000000')}&_method=POST"
    headers = [("X-HTTP-Method-Override", "POST"), ("Content-Type", "application/json")]
    turned = session.request("getSubjectTraining", query=query, headers=headers)
    # A right read of a task that there is not; as a create it would be a wrong one.
    yield Probe(layer, "a read that says to be a POST", turned, "header X-HTTP-Method-Override")
    turned = session.request(CREATES[0], b"{}", headers=[("X-HTTP-Method-Override", "GET")])
    yield Probe(layer, "a wrong create that says to be a GET", turned, "header X-HTTP-Method-Override")


def _typed(session: Session, operation: str, types: tuple[str, ...], body: bytes) -> Request:
    headers = [("Content-Type", value) for value in types]
    return session.request(operation, body, headers=headers, drop=["Content-Type"])
