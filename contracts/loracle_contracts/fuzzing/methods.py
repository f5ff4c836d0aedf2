"""Methods and paths that no operation has, and other spellings of those that one has.

Servers differ where HTTP libraries or proxies answer before the application does (TRACE, methods that
nobody knows, paths with a NUL): what those answer is taken as well, so that only an acceptance, an error of
the server or a hang is found there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from loracle_contracts import spec
from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing.probe import Probe

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["framing_probes", "method_probes", "path_probes"]

_LIST, _CREATE = "/v3/training", "/v3/training/subject"
_JSON = ("Content-Type", "application/json")
_CHANGING = ("DELETE", "PUT", "PATCH")
# What servers say, besides the contract's answer, to methods that they never heard of or do not let through.
_NEVER_HEARD_OF = (400, 403, 405, 501)
_TOO_LARGE = (400, 414, 431)


def method_probes(session: Session, layer: str) -> Iterator[Probe]:
    """On every route the methods that it has not."""
    routes: dict[str, set[str]] = {}
    for operation in spec.operations().values():
        if operation.authenticated:
            routes.setdefault(operation.path, set()).add(operation.method)
    for n, (path, methods) in enumerate(routes.items()):
        # On the first route each, on the others in turn.
        odd = _CHANGING if path == _CREATE else (_CHANGING[n % len(_CHANGING)],)
        for method in (*odd, *({"GET", "POST"} - methods)):
            yield _method(session, layer, method, path)
    for path in (_LIST, "/v3/assets/training_dataset"):
        yield _method(session, layer, "HEAD", path)
    yield _method(session, layer, "OPTIONS", _CREATE)
    for method in ("TRACE", "LORACLE", "post"):
        yield _method(session, layer, method, _CREATE, _NEVER_HEARD_OF)


def _method(session: Session, layer: str, method: str, path: str, also: tuple[int, ...] = ()) -> Probe:
    # TRACE has no body (RFC 9110, section 9.3.8). The others have a wrong one, so that nothing is started.
    has_body = method not in ("GET", "HEAD", "OPTIONS", "TRACE", "DELETE")
    headers = (_authorization(session), *([_JSON] if has_body else []))
    request = Request(method, path, headers, b"{}" if has_body else b"")
    expectation = session.oracle.expect(request)
    demand = replace(expectation, also=(*expectation.also, *also)) if also else None
    return Probe(layer, f"{method} {path}", request, f"method {method}", demand)


def path_probes(session: Session, layer: str) -> Iterator[Probe]:
    """Routes that there are not; the contract knows no route by a second name but by percent-encoding."""
    subject = "path"
    for path in (
        "/v3/loracle-unknown",
        "/v3/training/loracle-unknown",
        "/v3/training/",
        "//v3/training",
        "/v3/TRAINING",
        "/training",
    ):
        yield Probe(layer, f"GET {path}", Request("GET", path, (_authorization(session),)), subject)
    headers = (_authorization(session), _JSON)
    slash = Request("POST", "/v3/training/subject/", headers, b"{}")
    yield Probe(layer, "POST /v3/training/subject/", slash, subject)
    nothing = Request("GET", "/v3/training%00", (_authorization(session),))
    demand = replace(session.oracle.expect(nothing), also=(400,))
    yield Probe(layer, "GET a path with a NUL", nothing, subject, demand)
    # RFC 3986, section 6.2.2.2: percent-encoded letters are the letters.
    encoded = Request("GET", "/v3/traini%6eg", (_authorization(session),))
    yield Probe(layer, "GET a path with an encoded letter", encoded, "path.encoding")
    long = Request("GET", f"{_LIST}?loracle={'a' * 4_000}", (_authorization(session),))
    yield Probe(layer, "a target of 4,000 bytes", long, "path.long")


def framing_probes(session: Session, layer: str) -> Iterator[Probe]:
    """How bodies and headers are framed: chunks, Expect, a body where there is none, large headers."""
    chunked = [("Transfer-Encoding", "chunked")]
    wrong = session.request("createSubjectTraining", b'{"width": 0}', headers=chunked)
    yield Probe(layer, "a chunked body that breaks the contract", wrong, "chunked")
    if session.options.max_creates:
        right = session.request("createUploadUrl", b'{"file_extension": "webp"}', headers=chunked)
        yield Probe(layer, "a chunked right body", right, "chunked")
    expect = session.request("createSubjectTraining", b"{}", headers=[("Expect", "100-continue")])
    yield Probe(layer, "a wrong body with Expect: 100-continue", expect, "header Expect")
    with_body = session.request("listTrainings", b'{"pagination.limit": 0}', headers=[_JSON])
    yield Probe(layer, "a read with a body", with_body, "body of GET")
    task = "00000000-0000-4000-8000-000000000000"
    in_body = session.request("getSubjectTraining", f'{{"task_id": "{task}"}}'.encode(), headers=[_JSON])
    yield Probe(layer, "a task_id in the body of GET", in_body, "query.task_id.required")
    large = session.request("listTrainings", headers=[("X-Loracle-Long", "a" * 33_000)])
    demand = replace(session.oracle.expect(large), also=_TOO_LARGE)
    yield Probe(layer, "a header of 33,000 bytes", large, "header size", demand)


def _authorization(session: Session) -> tuple[str, str]:
    return "Authorization", f"Bearer {session.key}"
