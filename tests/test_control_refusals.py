"""What the control API cannot do it refuses, in the envelope, with a text that teaches; nothing breaks it."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from control_calls import JSON, YAML, App, check_refusal
from engine_calls import call
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loracle_contracts import spec, validate
from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.fault_catalogue import CATALOGUE
from loracle_mockserver.fault_rules import FaultRule, namespace_of
from loracle_mockserver.life_cycle import STATES
from loracle_mockserver.verify import Expectation

K = namespace_of("k")
BAD = "INVALID_REQUEST_BODY"


@cache
def shared() -> App:
    """An app that no test changes for another: each one says what it needs."""
    return App()


# --- bodies

BODIES: list[tuple[str, str, Any, tuple[str, ...]]] = [
    # not what the page takes
    ("POST", "faults", None, ("faults[0]", "mapping")),
    ("POST", "faults", 7, ("faults[0]", "mapping")),
    ("POST", "faults", {}, ("needs an effect",)),
    ("POST", "faults", "flaky ", ("no scenario", "did you mean @flaky?")),
    ("PUT", "faults", {"scenario": "@none"}, ("no scenario", "@flaky, @rate-limited")),
    ("PUT", "faults", {"scenario": None}, ("no scenario",)),
    ("PUT", "faults", {"fautls": []}, ("unknown key 'fautls'",)),
    ("PUT", "faults", {"faults": {}}, ("'faults' is a list",)),
    ("PUT", "faults", {"faults": [], "polls_per_state": 0}, ("polls_per_state", "from 1")),
    ("POST", "faults", {"fault": "RATE_LIMIT"}, ("no fault", "did you mean")),
    ("POST", "faults", {"status": 418}, ("418", "429")),
    ("POST", "faults", {"status": 503, "frist": 1}, ("'frist'", "did you mean 'first'?")),
    ("POST", "faults", {"status": 503, "namespace": "sk-secret"}, ("namespace", "api_key takes the key")),
    ("POST", "faults", {"status": 503, "name": "[" * 1_001}, ("name", "at most 1,000 characters")),
    ("POST", "faults", {"status": 503, "nth": [1] * 1_001}, ("nth", "at most 1,000 calls")),
    ("POST", "clock", [], ("mapping", "frozen, advance, scale")),
    ("POST", "clock", {}, ("mapping", "frozen, advance, scale")),
    ("POST", "clock", {"frozen": "yes"}, ("frozen is true or false", '"yes"')),
    ("POST", "clock", {"advance": "60"}, ("advance is a number", '"60"')),
    ("POST", "clock", {"advance": None}, ("advance is a number", "null")),
    ("POST", "clock", {"advance": True}, ("advance is a number", "true")),
    ("POST", "clock", {"advance": -1}, ("forward only", "-1")),
    ("POST", "clock", {"scale": 1e7}, ("1,000,000 times",)),
    ("POST", "clock", {"freeze": True}, ("'freeze'", "did you mean 'frozen'?")),
    ("PUT", "settings", {"progression": "time"}, ("progression is immediate, polls or seconds", "'time'")),
    ("PUT", "settings", {"seconds_per_state": [1, 2]}, ("three numbers",)),
    ("PUT", "settings", {"polls_per_state": True}, ("whole number",)),
    ("PUT", "settings", {"require_asset": True}, ("did you mean 'require_assets'?",)),
    ("PUT", "settings", "polls", ("mapping", "progression")),
    ("POST", "verify", [], ("mapping", "operation")),
    ("POST", "verify", {}, ("mapping", "operation")),
    ("POST", "verify", {"operation": "createSubject"}, ("did you mean 'createSubjectTraining'?",)),
    ("POST", "verify", {"stauts": 200}, ("did you mean 'status'?",)),
    ("POST", "verify", {"status": "200"}, ("status is a whole number", '"200"')),
    ("POST", "verify", {"valid": 1}, ("valid is true or false",)),
    ("POST", "verify", {"body": []}, ("body is a mapping",)),
    ("POST", "verify", {"name": 5}, ("name is text",)),
    ("POST", "verify", {"name": "[" * 1_001}, ("name", "at most 1,000 characters")),
    ("POST", "verify", {"body": {str(n): n for n in range(1_001)}}, ("more than 1,000 fields",)),
    ("POST", "verify", {"count": 1, "at_most": 2}, ("count, or at_least and at_most",)),
    ("POST", "verify", {"at_least": 3, "at_most": 2}, ("at_least is 3",)),
    ("POST", "verify", {"count": -1}, ("count is a whole number from 0",)),
    ("POST", "verify", {"status": 200, "namespace": "sk-secret"}, ("12 lower-case hex digits", "sha256sum")),
    ("POST", f"verify?namespace={K}", {"namespace": "0" * 12, "status": 200}, ("two namespaces",)),
    ("POST", "tasks/x", {"state": "DONE"}, ("no state 'DONE'", "SERVING")),
    ("POST", "tasks/x", {"state": 1}, ("state is text or null",)),
    ("POST", "tasks/x", {"state": "FAILED", "task_status": "FAILED"}, ("not both",)),
    ("POST", "tasks/x", {"task_status": "FAILED", "model_status": "SERVING"}, ("SUCCESS with SERVING",)),
    ("POST", "tasks/x", {"status": "FAILED"}, ("unknown member 'status'",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "page", "body", "parts"), BODIES, ids=lambda value: str(value)[:40] if value else "nothing"
)
def test_a_body_that_cannot_be_is_refused_with_advice(
    method: str, page: str, body: Any, parts: tuple[str, ...]
) -> None:
    answer = shared().ask(method, f"/_mock/{page}", JSON, body=json.dumps(body).encode())
    envelope = check_refusal(answer, 400, BAD, *parts)
    assert "secret" not in envelope["message"], "what was given for a namespace may be a key"
    assert not envelope["message"].endswith("?.")


PAGES_WITH_BODY = [
    ("POST", "faults"),
    ("PUT", "faults"),
    ("POST", "clock"),
    ("PUT", "settings"),
    ("POST", "verify"),
    ("POST", "tasks/x"),
]
TEXTS: list[tuple[tuple[str, str], bytes, int, tuple[str, ...]]] = [
    (JSON, b"", 400, ("empty", "application/yaml")),
    (JSON, b" \n", 400, ("empty",)),
    (JSON, b"{", 400, ("not JSON",)),
    (JSON, b'{"a": 1,}', 400, ("Line 1, column",)),
    (JSON, b'{\n"a": 1, "a": 2}', 400, ("Line 2, column", "once")),
    (JSON, b'{"a": NaN}', 400, ("NaN",)),
    (JSON, b'{"a": 1e999}', 400, ("1e999",)),
    (JSON, b'{"a": "\\ud800"}', 400, ("whole Unicode",)),
    (JSON, b'{"a": "\xff"}', 400, ("UTF-8",)),
    (JSON, b"\xff\xfe{\x00}\x00", 400, ("not JSON",)),
    (JSON, b"\xef\xbb\xbf{}", 400, ("not JSON",)),
    (JSON, b"[" * 500_000, 400, ("64 levels",)),
    (JSON, b'{"a":' * 100 + b"1" + b"}" * 100, 400, ("64 levels",)),
    (JSON, b'{"a": "' + b"x" * 2**20 + b'"}', 413, ("1024 KiB",)),
    (YAML, b"", 400, ("empty",)),
    (YAML, b"a: [", 400, ("not YAML", "line 1")),
    (YAML, b"a: 1\nb: 1\na: 2", 400, ("line 3, column 1", "'a' is given twice")),
    (YAML, b"a: &x [1]\nb: *x", 400, ("line 2, column 4", "alias")),
    (YAML, b"&x {a: *x}", 400, ("alias",)),
    (YAML, b"a: 2024-05-01", 400, ("JSON", "date")),
    (YAML, b"a: 2024-13-01", 400, ("month",)),
    (YAML, b"a: .nan", 400, ("JSON",)),
    (YAML, b"a: .inf", 400, ("JSON",)),
    (YAML, b"a: !!binary aGk=", 400, ("JSON", "bytes")),
    (YAML, b"a: !!set {b}", 400, ("JSON", "set")),
    (YAML, b"a: !!python/object/apply:os.system [exit]", 400, ("constructor",)),
    (YAML, b"1: 2", 400, ("the key 1 is no text",)),
    (YAML, b"[1]: 2", 400, ("not YAML",)),
    (YAML, b"a: " + b"9" * 30_000, 400, ("digits",)),
    (YAML, b"a: " + b"1:" * 30_000 + b"1", 400, ("digits",)),
    (YAML, b"[" * 60_000, 400, ("too deeply",)),
    (YAML, b"{" * 60_000, 400, ("too deeply",)),
    (YAML, b"- " * 30_000, 400, ("too deeply",)),
    (YAML, b"? " * 30_000, 400, ("too deeply",)),
    (YAML, b"--- 1\n--- 2", 400, ("not YAML",)),
    (YAML, b"a: \xff", 400, ("not YAML",)),
    (YAML, b"a: \x00", 400, ("not YAML",)),
    (YAML, b"a: " + b"x" * 2**16, 413, ("64 KiB",)),
]  # fmt: skip
LAUGHS = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%b]\n" % (97 + n, 97 + n, b", ".join([b"*%c" % (96 + n)] * 9)) for n in range(1, 20)
)


@pytest.mark.parametrize(("header", "body", "status", "parts"), [*TEXTS, (YAML, LAUGHS, 400, ("alias",))])
def test_a_text_that_is_no_plain_json_or_yaml_is_refused(
    header: tuple[str, str], body: bytes, status: int, parts: tuple[str, ...]
) -> None:
    answer = shared().ask("POST", "/_mock/faults", header, body=body)
    envelope = check_refusal(answer, status, BAD if status == 400 else "REQUEST_TOO_LARGE", *parts)
    assert len(envelope["message"]) < 1_000, "long texts are cut"


@pytest.mark.parametrize(("method", "page"), PAGES_WITH_BODY)
def test_every_page_reads_its_body_so(method: str, page: str) -> None:
    for header, body, part in ((JSON, b"{", "not JSON"), (YAML, b"a: [", "not YAML"), (YAML, b"", "empty")):
        check_refusal(shared().ask(method, f"/_mock/{page}", header, body=body), 400, BAD, part)


# --- queries

QUERIES: list[tuple[str, tuple[str, ...]]] = [
    ("requests?limit=0", ("limit is a whole number from 1 to 10000", "'0'")),
    ("requests?limit=10001", ("limit is a whole number",)),
    ("requests?limit=", ("limit is a whole number",)),
    ("requests?limit=%D9%A3", ("limit is a whole number",)),
    ("requests?limit=" + "9" * 5_000, ("limit is a whole number",)),
    ("requests?since=-1", ("since is a whole number",)),
    ("requests?status=99", ("status is a whole number from 100 to 599",)),
    ("requests?verdict=good", ("verdict is valid or invalid", "'good'")),
    ("requests?operation=create", ("no operation 'create'", "createSubjectTraining")),
    ("requests?format=xml", ("format is one of json, jsonl, har, curl",)),
    ("requests?fault=" + "[" * 1_001, ("fault", "at most 1,000 characters")),
    ("requests?stauts=200", ("no query parameter 'stauts'", "did you mean 'status'?")),
    ("requests?limit=1&limit=2", ("limit is given more than once",)),
    ("tasks?limit=x", ("limit is a whole number",)),
    ("tasks?zzz=x", ("no query parameter 'zzz'", "it takes namespace, limit")),
    ("scenarios?x=1", ("no query parameter 'x'", "it takes none")),
    ("metrics?namespace=" + K, ("it takes none",)),
    ("clock?namespace=sk-secret", ("12 lower-case hex digits", "never the key itself")),
    ("settings?namespace=", ("12 lower-case hex digits",)),
    ("faults?namespace=" + K.upper() + "X", ("12 lower-case hex digits",)),
]


@pytest.mark.parametrize(("target", "parts"), QUERIES, ids=lambda value: str(value)[:40])
def test_a_query_that_cannot_be_is_refused_with_advice(target: str, parts: tuple[str, ...]) -> None:
    envelope = check_refusal(shared().ask("GET", f"/_mock/{target}"), 400, BAD, *parts)
    assert "secret" not in envelope["message"]


# --- whatever comes

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
# Values that mean something somewhere.
WORDS = st.sampled_from(
    [
        *(*CATALOGUE, *STATES, *spec.errors(), *spec.operations()),
        *(K, "@flaky", "*", "[a", "polls", "hex", "a", "", "\x00", True, False, None),
        *(0, 1, -1, 200, 429, 503, 2**31, 2**63, 2**64, 10**30, 1e300, 0.5),
    ]
)  # fmt: skip
MEMBERS = {
    "faults": [
        *(field.name for field in fields(FaultRule)),
        "api_key",
        "faults",
        "scenario",
        *Behaviour.names(),
    ],
    "clock": ["frozen", "advance", "scale"],
    "settings": Behaviour.names(),
    "verify": [*(field.name for field in fields(Expectation)), "count", "at_least", "at_most", "namespace"],
    "tasks/x": ["state", "task_status", "model_status"],
}
STATUSES = {200, 400, 404, 409, 413}


def check_answer(answer: Any) -> None:
    """Whether a call was done, or refused in the envelope with a text that says something."""
    assert answer.status in STATUSES, answer.body
    if answer.status != 200:
        assert validate(answer.body, "createSubjectTraining", part="error").valid or answer.status == 409
        assert len(answer.json["message"]) > 10
    assert answer.header("content-type")


def near_bodies(page: str) -> st.SearchStrategy[Any]:
    """Bodies that have the members which the page takes, with values that may be wrong."""
    member = st.sampled_from(MEMBERS[page])
    value = WORDS | JSON_VALUES | st.lists(WORDS, max_size=3)
    mapping = st.dictionaries(member, value, max_size=4)
    nested = st.fixed_dictionaries({"median": WORDS, "sigma": WORDS})
    return JSON_VALUES | mapping | st.lists(mapping, max_size=2) | st.dictionaries(member, nested, max_size=2)


@pytest.mark.parametrize(("method", "page"), PAGES_WITH_BODY)
@given(data=st.data(), namespace=st.sampled_from(["", f"?namespace={K}"]))
@settings(max_examples=40)
def test_whatever_json_comes_is_done_or_refused(
    method: str, page: str, data: st.DataObject, namespace: str
) -> None:
    app = shared()
    body = json.dumps(data.draw(near_bodies(page))).encode("utf-8")
    check_answer(app.ask(method, f"/_mock/{page}{namespace}", JSON, body=body))
    # Whatever was taken over, the mock answers on.
    for key in ("k", "other"):
        # Not over ASGI, which would wait where a delay was asked for.
        reply = call(app.engine, "listTrainings", key=key)
        assert reply.status in (200, 502, *map(int, spec.operations()["listTrainings"].errors))
    for shown in ("faults", "settings", "clock", f"faults?namespace={K}", f"clock?namespace={K}"):
        assert app.ask("GET", f"/_mock/{shown}").status == 200
    if app.engine.store.statistics().requests > 1_000:
        app.control("POST", "reset")


@pytest.mark.parametrize("header", [JSON, YAML], ids=["JSON", "YAML"])
@given(body=st.binary(max_size=60) | st.text("{}[]:,-&*!|>%@#'\"\n \t~?a1.e", max_size=60).map(str.encode))
@example(body=b"<<: {a: 1}")
@example(body=b"!!omap [a: 1]")
@example(body=b"%YAML 9.9\n---\na")
@settings(max_examples=80)
def test_whatever_text_comes_is_done_or_refused(header: tuple[str, str], body: bytes) -> None:
    app = shared()
    for method, page in PAGES_WITH_BODY:
        check_answer(app.ask(method, f"/_mock/{page}", header, body=body))


PAGES = ("health", "faults", "clock", "settings", "requests", "tasks", "scenarios", "metrics", "verify")
NAMES = st.sampled_from(
    ["namespace", "limit", "since", "status", "verdict", "operation", "task", "fault", "format", "x"]
)


@given(
    page=st.sampled_from(PAGES),
    pairs=st.lists(st.tuples(NAMES | st.text(max_size=5), WORDS.map(str) | st.text(max_size=20)), max_size=3),
    raw=st.none() | st.text(st.characters(codec="ascii", exclude_characters="#"), max_size=20),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
)
@example(page="requests", pairs=[("fault", "[" * 100)], raw=None, method="GET")
@settings(max_examples=150)
def test_whatever_query_comes_is_done_or_refused(
    page: str, pairs: list[tuple[str, str]], raw: str | None, method: str
) -> None:
    app = shared()
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs) if raw is None else raw
    answer = app.ask(method, f"/_mock/{page}?{query}")
    if answer.status == 405:
        assert method not in str(answer.header("allow")).split(", ")
    else:
        check_answer(answer)


@given(page=st.text(max_size=30), method=st.sampled_from(["GET", "POST", "DELETE", "ODD"]))
def test_whatever_page_is_asked_for(page: str, method: str) -> None:
    answer = shared().ask(method, f"/_mock/{page.replace('?', '')}", body=b"{}")
    assert answer.status in STATUSES | {405}, answer.body
