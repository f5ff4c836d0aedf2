"""HTTP Archives and the mock's journal: the requests and answers in them, and where they stand."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from checks import at, checked, clean, outcomes, rules, seed_page, unreadable
from engine_calls import call
from hypothesis import given
from hypothesis import strategies as st
from payloads import mutated_bodies

from loracle_contracts import validate
from loracle_contracts.inputs import Judge
from loracle_contracts.report import Unreadable
from loracle_mockserver.engine import Engine
from loracle_mockserver.exports import har_document, har_entry, json_line
from loracle_mockserver.journal import describe

SUBJECT = "https://api.example.com/v3/training/subject"
TASK = {"task_id": "fe84ac1b-5a01-487c-a56d-2c6c93b61f49"}
HEADERS = [
    {"name": "Authorization", "value": "Bearer k"},
    {"name": "Content-Type", "value": "application/json"},
]
BASIC = {"name": "authorization", "value": "Basic x"}
PLAIN_TEXT = {"name": "content-type", "value": "text/plain"}
NO_LINTS = Judge(with_lints=False)


def entry(
    body: str | None = None,
    answer: Any = TASK,
    *,
    method: str = "POST",
    url: str = SUBJECT,
    status: int = 200,
    headers: list[dict[str, str]] = HEADERS,
    **posted: Any,
) -> dict[str, Any]:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    request = {"method": method, "url": url, "headers": headers, "bodySize": len(body or "")}
    if body is not None:
        request["postData"] = {"mimeType": "application/json", "text": body, **posted}
    content = {"size": len(text), "mimeType": "application/json", "text": text}
    return {"request": request, "response": {"status": status, "content": content}}


def archive(*entries: Any, **layout: Any) -> bytes:
    log = {"version": "1.2", "pages": [], "entries": list(entries), "comment": "é"}
    return json.dumps({"log": log}, **layout).encode()


def one(data: bytes, judge: Judge = NO_LINTS) -> Any:
    (first, *_) = checked("-", judge=judge, stdin=data)
    return first


# --- archives


@given(
    mutated_bodies("createSubjectTraining"),
    st.sampled_from([None, 2]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_bodies_are_pointed_into_through_their_escapes(
    body: Any, indent: int | None, body_ascii: bool, file_ascii: bool, file_indent: int | None
) -> None:
    text = json.dumps(body, indent=indent, ensure_ascii=body_ascii)
    data = archive(entry(text), ensure_ascii=file_ascii, indent=file_indent)
    outcome = one(data)
    verdict = validate(text.encode(errors="surrogatepass"))
    told = [(violation.rule, violation.pointer, violation.got) for violation in verdict.violations]
    assert [(v.rule, v.pointer, v.got) for v in outcome.verdict.violations] == told
    for violation, original in zip(outcome.verdict.violations, verdict.violations, strict=True):
        there = at(text, original.line or 0, original.column or 0)
        here = at(data.decode(), violation.line or 0, violation.column or 0)
        # The rest of the body as a JSON string, from the place on.
        assert here.startswith(json.dumps(there, ensure_ascii=file_ascii)[1:-1])
    if outcome.verdict.violations:
        first = outcome.verdict.violations[0]
        shown = outcome.text.split("\n")[(first.line or 0) - outcome.first_line]
        assert shown == data.decode().split("\n")[(first.line or 0) - 1]


def test_requests_and_answers_are_outcomes_of_their_own() -> None:
    data = archive(
        entry(json.dumps(clean())),
        entry(json.dumps(seed_page(width=0)), status=400, answer={"code": 400}),
        entry(method="GET", url=f"{SUBJECT}?task_id=x&task_id=y", answer={"task_id": 1}),
        entry(
            method="GET",
            url="https://api.example.com/v3/training?pagination.limit=101",
            answer={},
            status=302,
        ),
        entry(method="GET", url="https://api.example.com/favicon.ico"),
    )
    told: list[str] = []
    found = outcomes("-", judge=NO_LINTS, stdin=data, told=told)
    shown = [(o.place, o.verdict.operation, o.verdict.part, o.verdict.valid) for o in found]
    assert shown == [
        ("entry 1, request", "createSubjectTraining", "request", True),
        ("entry 1, answer", "createSubjectTraining", "response", True),
        ("entry 2, request", "createSubjectTraining", "request", False),
        ("entry 2, answer", "createSubjectTraining", "error", False),
        ("entry 3, request", "getSubjectTraining", "query", False),
        ("entry 3, answer", "getSubjectTraining", "response", False),
        ("entry 4, request", "listTrainings", "query", False),
    ]
    assert rules(found[4]) == ["query.duplicate"]
    assert not any(outcome.is_recognised for outcome in found)
    assert len(told) == 1
    assert "1 request" in told[0]


def test_an_operation_and_answers_can_be_chosen() -> None:
    data = archive(entry(json.dumps(clean())), entry(method="GET", url=f"{SUBJECT}?task_id=x", answer={}))
    chosen = outcomes("-", judge=Judge(operation="createSubjectTraining", with_lints=False), stdin=data)
    assert [outcome.place for outcome in chosen] == ["entry 1, request", "entry 1, answer"]
    answers = outcomes("-", judge=Judge(is_answer=True), stdin=data)
    assert [outcome.place for outcome in answers] == ["entry 1, answer", "entry 2, answer"]


@pytest.mark.parametrize(
    ("headers", "status", "expected", "pointed"),
    [
        ([], 400, [], ""),
        (HEADERS, 200, [], ""),
        (HEADERS[1:], 200, [], ""),
        (HEADERS[1:], 403, ["header.authorization.required"], '[{"name": "Content-Type"'),
        ([BASIC, HEADERS[1]], 200, ["header.authorization.scheme"], '{"name": "auth'),
        (HEADERS[:1], 200, [], ""),
        ([HEADERS[0], PLAIN_TEXT], 415, ["header.content_type"], '{"name": "content-type"'),
        ([*HEADERS, {"name": ":method", "value": "POST"}], 200, [], ""),
    ],
)  # fmt: skip
def test_headers_are_judged_where_the_archive_has_them(
    headers: list[dict[str, str]], status: int, expected: list[str], pointed: str
) -> None:
    data = archive(entry(json.dumps(clean()), status=status, headers=headers))
    outcome = one(data)
    assert rules(outcome) == expected
    for violation in outcome.verdict.violations:
        assert violation.in_ == "header"
        assert at(data.decode(), violation.line or 0, violation.column or 0).startswith(pointed)


@pytest.mark.parametrize(
    ("url", "profile", "expected"),
    [
        ("https://h//v3/training/subject", "strict", ["path.doubled_slash"]),
        ("https://h//v3/training/subject", "lenient", []),
        ("https://h/gateway/v3/training/subject", "strict", []),
        ("https://h:8443/v3/training/subject?x=1#y", "strict", []),
        ("https://h/v3/training/subject/", "strict", None),
        ("https://h/training/subject", "strict", None),
        ("nonsense", "strict", None),
    ],
)
def test_the_url_says_which_operation_it_is(url: str, profile: Any, expected: list[str] | None) -> None:
    data = archive(entry(json.dumps(clean()), url=url))
    if expected is None:
        (outcome,) = unreadable("-", judge=NO_LINTS, stdin=data)
        assert "no payload" in outcome.reason
    else:
        assert rules(one(data, Judge(profile, with_lints=False))) == expected


@pytest.mark.parametrize(
    "how", [{"encoding": "base64"}, {"comment": "base64, because the body is no UTF-8 text"}]
)
def test_bodies_in_base64_are_decoded(how: dict[str, str]) -> None:
    body = base64.b64encode(json.dumps(seed_page(width="x")).encode()).decode()
    data = archive(entry(body, **how))
    (violation,) = one(data).verdict.violations
    assert violation.rule == "width.type"
    assert at(data.decode(), violation.line or 0, violation.column or 0).startswith(f'"{body[:20]}')
    (outcome, _) = outcomes("-", stdin=archive(entry("*no*", encoding="base64")))
    assert "base64" in outcome.reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: e["request"].pop("postData"), "does not hold the body of the request"),
        (
            lambda e: e["request"]["postData"].update(comment="cut: the body had 9 bytes"),
            "only the beginning",
        ),
        (lambda e: e["response"]["content"].pop("text"), "does not hold the body of the answer"),
    ],
)
def test_what_the_archive_does_not_hold_is_told(change: Callable[[Any], Any], said: str) -> None:
    made = entry(json.dumps(clean()))
    change(made)
    results = outcomes("-", judge=NO_LINTS, stdin=archive(made))
    reasons = [outcome.reason for outcome in results if isinstance(outcome, Unreadable)]
    assert len(reasons) == 1
    assert said in reasons[0]
    assert len(results) == 2


@pytest.mark.parametrize(
    "entries", [None, 1, {}, [1], [{}], [{"request": 1}], [{"request": {"method": 1, "url": []}}]]
)
def test_an_archive_of_nonsense_does_no_harm(entries: Any) -> None:
    data = json.dumps({"log": {"entries": entries}}).encode()
    assert len(unreadable("-", stdin=data)) == 1


@given(st.data())
def test_entries_with_members_of_any_kind_do_no_harm(data: st.DataObject) -> None:
    made = entry(json.dumps(clean()))
    anything = st.sampled_from([None, 0, -1, True, "", "x", [], [1], {}, {"name": 1}])
    owner = data.draw(st.sampled_from([made, made["request"], made["response"], made["request"]["postData"]]))
    owner[data.draw(st.sampled_from(sorted(owner)))] = data.draw(anything)
    for outcome in outcomes("-", stdin=archive(made, ensure_ascii=False)):
        assert outcome.source == "-"


def test_an_archive_that_breaks_off_is_checked_up_to_there(tmp_path: Path) -> None:
    whole = archive(entry(json.dumps(seed_page(width=0))), entry(json.dumps(clean())))
    file = tmp_path / "a.har"
    file.write_bytes(whole[: whole.rindex(b'"response"')])
    results = outcomes(file, judge=NO_LINTS)
    assert [outcome.place for outcome in results] == ["entry 1, request", "entry 1, answer", ""]
    assert isinstance(results[-1], Unreadable)


# --- what the mock exports


@pytest.fixture
def engine() -> Engine:
    engine = Engine()
    call(engine)
    call(engine, body=json.dumps(seed_page(width="512", height=0)).encode())
    call(engine, "getSubjectTraining")
    call(engine, key="")
    call(engine, "listTrainings", ("X-Loracle-Fault", "LIST_TASK_FAILED"))
    return engine


def test_the_exported_archive_gives_the_verdicts_of_the_mock(engine: Engine) -> None:
    kept = list(engine.store.entries())
    document = orjson.dumps(har_document(har_entry(n, one) for n, one in kept))
    found = checked("-", judge=NO_LINTS, stdin=document)
    requests = [outcome for outcome in found if outcome.place.endswith("request")]
    expected = [sorted(v.rule for v in one.violations("strict")) for _, one in kept]
    assert [sorted(rules(outcome)) for outcome in requests] == expected
    assert all(outcome.verdict.valid for outcome in found if outcome.place.endswith("answer"))


@pytest.mark.parametrize("profile", ["strict", "lenient"])
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_the_exported_journal_is_read_as_it_was_noted(engine: Engine, profile: Any, form: str) -> None:
    kept = list(engine.store.entries())
    if form == "json":
        described = [describe(n, one) for n, one in kept]
        data = orjson.dumps({"total": 5, "dropped": 0, "requests": described}, option=orjson.OPT_INDENT_2)
    else:
        data = "".join(json_line(n, one) + "\n" for n, one in kept).encode()
    found = checked("-", judge=Judge(profile), stdin=data)
    assert [outcome.place.split()[0] for outcome in found] == ["request" if form == "json" else "line"] * 5
    text = data.decode()
    for outcome, (_, one) in zip(found, kept, strict=True):
        assert outcome.verdict.operation == one.operation
        noted = one.violations(profile)
        assert [v.as_dict() | {"line": 0, "column": 0} for v in outcome.verdict.violations] == [
            v.as_dict() | {"line": 0, "column": 0} for v in noted
        ]
        assert [v.source for v in outcome.verdict.violations] == [v.source for v in noted]
        lints = one.lints() if not noted else []  # as everywhere, of valid requests only
        assert [lint.rule for lint in outcome.verdict.lints] == [lint.rule for lint in lints]
        for violation in (*outcome.verdict.violations, *outcome.verdict.lints):
            decoder = json.JSONDecoder()
            here, _ = decoder.raw_decode(at(text, violation.line or 0, violation.column or 0))
            assert here["rule"] == violation.rule
            shown = outcome.text.split("\n")[(violation.line or 0) - outcome.first_line]
            assert shown == text.split("\n")[(violation.line or 0) - 1]


def test_a_journal_knows_two_profiles_and_no_answers(engine: Engine) -> None:
    data = "".join(json_line(n, one) + "\n" for n, one in engine.store.entries()).encode()
    for judge in (Judge("seed"), Judge(is_answer=True)):
        (outcome,) = unreadable("-", judge=judge, stdin=data)
        assert "journal" in outcome.reason


@pytest.mark.parametrize(
    "broken",
    [
        b"{",
        b"[]",
        b'{"n": 1}',
        b'{"n":1,"operation":"listModels","method":"","strict":1,"lenient":1,"lints":[]}',
    ],
)
def test_a_broken_line_of_a_journal_is_told_and_the_rest_is_read(engine: Engine, broken: bytes) -> None:
    lines = [json_line(n, one).encode() for n, one in engine.store.entries()]
    results = outcomes("-", judge=Judge(with_lints=False), stdin=b"\n".join([lines[0], broken, lines[1]]))
    assert [type(outcome).__name__ for outcome in results] == ["Checked", "Unreadable", "Checked"]
    assert results[1].place == "line 2"
