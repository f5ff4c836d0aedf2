"""The API key of a request is shown nowhere, wherever in the request or in the answer it stands."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

import pytest
from control_calls import App
from engine_calls import BODIES, CREATE
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from loracle_mockserver.contract_report import contract_report
from loracle_mockserver.control import Control
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_rules import namespace_of
from loracle_mockserver.journal import MAX_BODY_KEPT, describe
from loracle_mockserver.logs import AccessLog, JsonFormatter
from loracle_mockserver.message import Request
from loracle_mockserver.redaction import REDACTED, Credentials
from loracle_mockserver.store.record import decode_entry, encode_entry
from loracle_mockserver.verify import Expectation, verify

BODY = BODIES[CREATE]
Place = Callable[[str], dict[str, Any]]


def body_of(**members: Any) -> bytes:
    return json.dumps({**BODY, **members}).encode()


# Where the key stands beside the header that it belongs into.
PLACES: dict[str, Place] = {
    "another header": lambda key: {"headers": [(b"x-trace", key.encode())]},
    "a header in a text": lambda key: {"headers": [(b"x-trace", b"<" + key.encode() + b">,")]},
    "a header of a secret": lambda key: {"headers": [(b"x-api-key", key.encode())]},
    "a content type": lambda key: {"headers": [(b"content-type", key.encode())]},
    "a cookie": lambda key: {"headers": [(b"cookie", b"session=" + key.encode())]},
    "the query": lambda key: {"query": f"x={quote(key, safe='')}"},
    "the query, as it is": lambda key: {"query": f"task_id={key.replace('&', '').replace('#', '')}"},
    "the query, with plus signs": lambda key: {"query": f"task_id={quote(key, safe=' ').replace(' ', '+')}"},
    "the query, all of it encoded": lambda key: {"query": "x=" + "".join(f"%{b:02x}" for b in key.encode())},
    "the name of a parameter": lambda key: {"query": f"{quote(key, safe='')}=1"},
    "the path": lambda key: {"path": f"/v3/{key}/subject"},
    "the path of an upload": lambda key: {"path": f"/_uploads/{key.replace('/', '')}"},
    "an excerpt of the path": lambda key: {"path": "/" + "x" * 70 + key},
    "the name of the task": lambda key: {"body": body_of(name=f"<{key}>")},
    "the body, in ASCII": lambda key: {"body": body_of(width=key)},
    "the body, as it is": lambda key: {"body": json.dumps({"width": key}, ensure_ascii=False).encode()},
    "the name of a member": lambda key: {"body": body_of(**{key: {"a": 1}})},
    "the middle of a long text": lambda key: {"body": body_of(base_model=["x" * 70 + key])},
    "a body that is no JSON": lambda key: {"body": b"\xff" + key.encode() + b"\x00"},
    "the name of a fault": lambda key: {"headers": [(b"x-loracle-fault", key.encode())]},
    "a magic name": lambda key: {"body": body_of(name=f"fault:{key}")},
    "the preferred code": lambda key: {"headers": [(b"prefer", f'code="{key}"'.encode())]},
    "the end of what is kept": lambda key: {"body": b"x" * (MAX_BODY_KEPT - 9) + key.encode()},
    "the name of a host": lambda key: {"headers": [(b"host", key.encode())]},
}  # fmt: skip
# How the key is sent; the last ones are wrong.
FORMS: list[Callable[[str], list[str]]] = [
    lambda key: [f"Bearer {key}"],
    lambda key: [f"bearer   {key}  "],
    lambda key: [key],
    lambda key: [f"Token {key}"],
    lambda key: [f"Bearer {key}", "Bearer other"],
    lambda key: ["Bearer other", key],
    lambda key: [f"{key} Bearer"],
]


@cache
def shared() -> App:
    return App()


def fresh() -> App:
    """An app whose journal is empty."""
    app = shared()
    app.engine.reset()
    return app


def shown_by(app: App) -> Iterator[tuple[str, str]]:
    """All that the mock tells of what it was asked."""
    for form in ("jsonl", "har", "curl"):
        yield form, app.ask("GET", f"/_mock/requests?format={form}").body.decode()
    for page in ("requests", "faults", "metrics"):
        yield page, app.ask("GET", f"/_mock/{page}").body.decode()
    entries = list(Control(app.engine).entries())
    for wanted in ({"body": {"width": "?", "name": "?"}}, {"path": "/?"}, {"task": "?", "valid": True}):
        yield "verify", app.ask("POST", "/_mock/verify", json={**wanted, "count": 99}).body.decode()
        yield "verify", repr(verify(entries, Expectation(**wanted), count=99))
    yield "report", contract_report(entries, "", "strict") or ""
    for n, entry in entries:
        yield "line", entry.line()
        again = decode_entry(encode_entry(entry))
        yield "what a store keeps", repr(again)
        yield "what is told of what a store keeps", json.dumps(describe(n, again))


def spellings(text: str) -> Iterator[str]:
    """The text as others may read it: encoded for URLs, for JSON, for JSON Pointers, for a shell."""
    for read in (text, unquote(text), unquote_plus(text), unquote(text).replace("+", " ")):
        unescaped = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), read)
        whole = unescaped.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        yield from (read, whole)
        plain = whole.replace('\\\\\\"', '"').replace('\\"', '"').replace("\\/", "/")
        yield from (plain, plain.replace("\\\\\\\\", "\\").replace("\\\\", "\\"))
        yield whole.replace("~1", "/").replace("~0", "~")


def check_hidden(key: str, where: str, text: str) -> None:
    for read in spellings(text):
        assert key not in read, (where, read)
        # Not even the beginning of it, where an excerpt ends.
        for length in range(6, len(key)) if "…" in read else ():
            assert f"{key[:length]}…" not in read, (where, read)


KEYS = st.text(
    st.sampled_from("abcXYZ0189-_.~/+=%\"\\' é😀&?:"), min_size=8, max_size=40
).filter(lambda key: key == key.strip() and not set(key) <= set(" x.-~/0"))  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@given(key=KEYS, form=st.sampled_from(FORMS))
@example(key="sk-0123456789abcdef", form=FORMS[0])
@example(key="sk/with~odd%2Fparts+\"and'\\", form=FORMS[0])
@example(key="schlüssel-😀-key", form=FORMS[0])
@example(key="with blanks in it", form=FORMS[0])
@example(key="ab cd ef gh", form=FORMS[0])
@settings(max_examples=5)
def test_the_key_is_shown_nowhere(place: str, key: str, form: Callable[[str], list[str]]) -> None:
    # Behind what looks like a scheme, and before nothing that is one, blanks do not tell where a key ends.
    assume(" " not in key or form is not FORMS[-1])
    app = fresh()
    parts = PLACES[place](key)
    sent = [(b"authorization", value.encode()) for value in form(key)]
    method = "POST" if "body" in parts else "GET"
    sent += parts.get("headers", [])
    if method == "POST":
        sent.append((b"content-type", b"application/json"))
    request = Request(
        method,
        parts.get("path", "/v3/training/subject"),
        parts.get("query", "").encode(),
        sent,
        parts.get("body", b""),
    )
    app.engine.handle(request)
    # The answer may hold it, too: the list has the name of the task.
    app.list(key)
    assert len(list(Control(app.engine).entries())) == 2
    for where, text in shown_by(app):
        check_hidden(key, where, text)


@given(key=KEYS)
@settings(max_examples=30)
def test_what_is_asked_for_does_not_show_it_either(key: str) -> None:
    app = fresh()
    app.create(key, name=key)
    for wanted in ({"name": key}, {"path": f"/{key}"}, {"body": {"name": key, key: key}}, {"task": key}):
        assume("*" not in key)
        for count in (0, 9):
            body = {**wanted, "count": count}
            check_hidden(key, "verify", app.ask("POST", "/_mock/verify", json=body).body.decode())
    text = str(verify([], Expectation(path=f"/{key}"), keys=[key]))
    check_hidden(key, "without a request", text)
    assert REDACTED in text


@pytest.mark.parametrize("length", [4, 9, 18])
def test_the_beginning_of_a_key_where_a_body_was_cut_is_not_shown(length: int) -> None:
    key = "sk-0123456789abcdef"
    app = fresh()
    app.ask("POST", "/v3/training/subject", body=b"x" * (MAX_BODY_KEPT - length) + key.encode(), key=key)
    for _, text in shown_by(app):
        assert key[:length] not in text
    [entry] = app.control("GET", "requests?format=har")["log"]["entries"]
    assert entry["request"]["postData"]["text"].endswith(f"xx{REDACTED}")


def test_nobody_knows_the_key_of_headers_that_were_too_large_to_keep() -> None:
    key = "sk-0123456789abcdef"
    app = fresh()
    headers = [(b"authorization", b"Bearer " + key.encode()), (b"x-large", b"x" * 40_000)]
    refused = app.engine.admit(Request("GET", f"/v3/{key}", f"x={key}".encode(), headers))
    assert not isinstance(refused, int)
    assert refused.reason == "HEADERS_TOO_LARGE"
    for where, text in shown_by(app):
        check_hidden(key, where, text)
    [entry] = app.control("GET", f"requests?namespace={namespace_of(key)}")["requests"]
    assert (entry["status"], entry["path"]) == (431, quote(REDACTED))


@pytest.mark.parametrize("form", FORMS)
def test_a_refused_key_is_not_in_the_answer(form: Callable[[str], list[str]]) -> None:
    key = "sk-0123456789abcdef"
    for profile in ("strict", "lenient"):
        engine = Engine(keys=frozenset(["another"]), profile=profile)  # type: ignore[arg-type]
        sent = [(b"authorization", value.encode()) for value in form(key)]
        for path in ("/v3/training", "/nowhere"):
            reply = engine.handle(Request("GET", path, b"", sent))
            assert reply.status == 403
            assert key.encode() not in reply.body


def test_a_rule_for_a_key_does_not_tell_it() -> None:
    key, app = "sk-0123456789abcdef", App()
    for method in ("POST", "PUT"):
        told = app.ask(method, "/_mock/faults", json={"status": 503, "api_key": key})
        assert [rule["namespace"] for rule in told.json["faults"]][-1] == namespace_of(key)
        check_hidden(key, "faults", told.body.decode())
    assert [app.list(key).status, app.list("other").status] == [503, 200]


def test_secrets_go_by_their_names_too() -> None:
    app = fresh()
    secrets = {"X-Api-Key": "hidden-1", "Cookie": "a=hidden-2", "X-Auth-Token": "hidden-3"}
    app.ask("GET", "/v3/training?api_key=hidden-4&Access%5Ftoken=hidden-5&x=1", *secrets.items(), key="k")
    for where, text in shown_by(app):
        assert "hidden" not in text, where
    entry = app.control("GET", "requests?format=har")["log"]["entries"][0]
    headers = {header["name"]: header["value"] for header in entry["request"]["headers"]}
    assert headers["x-api-key"] == headers["cookie"] == headers["x-auth-token"] == REDACTED
    assert headers["authorization"] == f"Bearer {REDACTED}"


@pytest.mark.parametrize("key", ["abc", "Bearer", "name"])
def test_what_the_mock_says_by_itself_stays_readable(key: str) -> None:
    app = fresh()
    app.create(key, width="x")
    [entry] = app.control("GET", "requests")["requests"]
    assert (entry["path"], entry["operation"]) == ("/v3/training/subject", CREATE)
    assert entry["strict"]["violations"][0]["pointer"] == "/width"
    assert "Send width as a JSON number" in app.control("GET", "requests?format=har")["log"]["entries"][0][
        "response"
    ]["content"]["text"].replace("[redacted]", "name")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("\\" * 40 + "x", b"\\" * 60_000),
        ('\\"' * 40 + "x", b'\\\\"' * 20_000),
        ("a" * 30_000 + "b", b"a" * 60_000),
        (" ".join(f"w{n:04}" for n in range(5_000)), b"w000 " * 12_000),
        ("~" * 1_000 + "x", b"~0" * 30_000),
        ("%" * 1_000 + "x", b"%25" * 20_000),
        ("abcd" * 8 + "x" * 30_000, (b"abcd" * 8 + b"y") * 2_000),
    ],
    ids=lambda value: str(value)[:8],
)
def test_the_search_for_a_key_ends(key: str, text: bytes) -> None:
    # With a pattern that goes back over what it has matched each of these would take minutes or years.
    credentials = Credentials.of([(b"authorization", b"Bearer " + key.encode())])
    cleaned = credentials.clean(text + b" and then " + key.encode())
    assert cleaned.endswith(f" and then {REDACTED}".encode())
    assert credentials.clean(text, is_cut=True)


@given(key=KEYS, place=st.sampled_from(["query", "path", "header", "secret", "name"]))
@settings(max_examples=50)
def test_the_access_log_does_not_show_it(key: str, place: str) -> None:
    records: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.extend([record.getMessage(), JsonFormatter().format(record)])

    log = logging.getLogger("loracle.access")
    handler, level = Kept(), log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        app = App()
        app.app = AccessLog(app.app)  # type: ignore[assignment]
        target = {
            "query": f"/v3/training?x={quote(key, safe='')}",
            "secret": f"/v3/training?api_key={quote(key, safe='')}",
            "name": f"/v3/training?{quote(key, safe='')}=1",
            "path": f"/v3/{key.replace('?', '')}",
        }.get(place, "/v3/training")
        assume("?" not in key or place != "path")
        app.ask("GET", target, ("X-Trace", key), key=key)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
    assert len(records) == 2
    assert json.loads(records[1])["path"].startswith("/v3/")
    for record in records:
        check_hidden(key, "log", record)
