"""Layer `authentication`: who has no right key is refused, before anything else is judged, and has no effect.

Where no API key was given the server may take every key, so that no key is a wrong one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from loracle_contracts import spec
from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing.effects import marked_name, send_without_effect
from loracle_contracts.fuzzing.probe import Probe
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, known_base_models, plain_body
from loracle_contracts.oracle import CREATES

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["probes", "run"]

LAYER = "authentication"
_NO_TASK = "00000000-0000-4000-8000-000000000000"
_MISSING = "header.authorization.required"
_SCHEME = "header.authorization.scheme"
_KEY = "header.authorization.key"
# No key and a wrong one are judged at one place in most servers, so that a part tells enough.
_WITH_A_WRONG_KEY = ("an unknown route", "a broken body")
_WITH_A_BODY = (*CREATES, "createUploadUrl")
Header = tuple[str, str]


async def run(session: Session) -> None:
    """Sends every probe, and looks whether one of those that were refused left a task behind."""
    await send_without_effect(session, LAYER, probes(session))
    if not session.options.api_key:
        session.skip(LAYER, "wrong keys", "no --api-key was given, so every key may be right")


def probes(session: Session) -> Iterator[Probe]:
    """Requests whose key is missing or wrong, and a few whose key is right and spelled otherwise."""
    key = session.key
    yield from _on_every_operation(session, key)
    yield from _on_one_operation(session, key)
    yield from _before_all_else(session)
    right = {
        "a lower-case scheme": f"bearer {key}",
        "an upper-case scheme": f"BEARER {key}",
        "two blanks before the key": f"Bearer  {key}",
    }
    for title, value in right.items():
        # RFC 9110, section 11: a scheme counts in any case, and blanks may separate it from the key.
        yield Probe(LAYER, title, _with(session, "listTrainings", [value]), _SCHEME)


def _on_every_operation(session: Session, key: str) -> Iterator[Probe]:
    for operation in spec.operations().values():
        if not operation.authenticated:
            continue
        name = operation.id
        yield Probe(LAYER, f"{name} without a key", _with(session, name, []), _MISSING)
        if name in CREATES:
            basic = base64.b64encode(f"{key}:".encode()).decode()
            yield Probe(LAYER, f"{name} with Basic", _with(session, name, [f"Basic {basic}"]), _SCHEME)
        if session.options.api_key:
            yield Probe(LAYER, f"{name} with a wrong key", _with(session, name, ["Bearer wrong-key"]), _KEY)


def _on_one_operation(session: Session, key: str) -> Iterator[Probe]:
    odd: list[tuple[str, str, Sequence[str]]] = [
        ("a blank key", _MISSING, [""]),
        ("Bearer alone", _SCHEME, ["Bearer"]),
        ("the key without a scheme", _SCHEME, [key]),
        ("the scheme Token", _SCHEME, [f"Token {key}"]),
        ("Bearer and the key without a blank", _SCHEME, [f"Bearer{key}"]),
        ("two Authorization headers, the second wrong", _SCHEME, [f"Bearer {key}", "Bearer wrong-key"]),
    ]
    if session.options.api_key:
        wrong = {
            "the key and one character more": key + "x",
            "the key without its last character": key[:-1],
            "the key in the other case": key.swapcase(),
            "the key, a blank and one word more": f"{key} x",
            "a key of 2,000 characters": "k" * 2_000,
        }
        known = (key, session.options.other_api_key, "")
        odd += [(title, _KEY, [f"Bearer {sent}"]) for title, sent in wrong.items() if sent not in known]
    for title, subject, values in odd:
        yield Probe(LAYER, title, _with(session, "listTrainings", values), subject)
    elsewhere = {
        "the key in the query": _with(
            session, "listTrainings", [], query=f"access_token={quote(key, safe='')}"
        ),
        "the key in a cookie": _with(session, "listTrainings", [], [("Cookie", f"api_key={quote(key)}")]),
    }
    for title, request in elsewhere.items():
        yield Probe(LAYER, title, request, _MISSING)


def _before_all_else(session: Session) -> Iterator[Probe]:
    """The key is judged before the route, the method, the content type, the query and the body."""
    # A scheme that is refused whatever the keys are, and a key that is wrong.
    refused = ["Bearer wrong-key"] if session.options.api_key else ["Basic eDo="]
    path = spec.operations()["listTrainings"].path
    create = spec.operations()["createSubjectTraining"].path
    json_type, text_type = ("Content-Type", "application/json"), ("Content-Type", "text/plain")
    for values, subject, who in (([], _MISSING, "no key"), (refused, _KEY, "a wrong key")):
        key: list[Header] = [("Authorization", value) for value in values]
        cases: dict[str, Request] = {
            "an unknown route": Request("GET", "/v3/loracle-unknown", tuple(key)),
            "a wrong method": Request("DELETE", path, tuple(key)),
            "a wrong content type": Request("POST", create, (*key, text_type), b"{}"),
            "a broken body": Request("POST", create, (*key, json_type), b"{"),
            "a wrong query": Request("GET", f"{path}?pagination.limit=0", tuple(key)),
        }
        for operation in _WITH_A_BODY:
            wrong = session.request(operation, b"{}", headers=key, drop=["Authorization"])
            cases[f"a body that breaks the contract at {operation}"] = wrong
        for title, request in cases.items():
            if values and title not in _WITH_A_WRONG_KEY:
                continue
            yield Probe(LAYER, f"{title} with {who}", request, subject)


def _with(
    session: Session,
    operation: str,
    authorization: Sequence[str],
    headers: Sequence[Header] = (),
    query: str = "",
) -> Request:
    """A request that is right but for its Authorization headers; which are `authorization`."""
    sent = [("Authorization", value) for value in authorization]
    known = spec.operations()[operation]
    if known.query and "task_id" in spec.document("strict")["$defs"][known.query]["required"]:
        query = f"task_id={_NO_TASK}"
    body = _body(session, operation) if known.request else None
    return session.request(operation, body, query=query, headers=[*sent, *headers], drop=["Authorization"])


def _body(session: Session, operation: str) -> bytes:
    # With a budget, a right body shows a server that takes the wrong key; without one, the wrong status does.
    if not session.options.max_creates:
        return b"{}"
    if operation not in CREATES:
        return b'{"file_extension": "png"}'
    model = session.options.base_model or known_base_models()[0]
    assets = session.options.asset_ids or UNKNOWN_ASSETS
    return json.dumps(plain_body(operation, marked_name(session, LAYER), model, assets)).encode()
