"""Reports of the fuzzer of every kind, made by hand, and what hostile text can be in them."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st
from report_outcomes import texts

from loracle_contracts import spec
from loracle_contracts.answers import Mismatch
from loracle_contracts.exchange import Answer, Request
from loracle_contracts.fuzzing import LAYERS, Finding, FuzzOptions, FuzzReport, NotChecked
from loracle_contracts.fuzzing.probe import Exchange, Failure, Probe
from loracle_contracts.fuzzing.run import End
from loracle_contracts.fuzzing.session import KINDS
from loracle_contracts.oracle import Oracle

KEY = "sk-canary-0123456789abcdef"
OTHER_KEY = "sk-other-canary-fedcba987654"
URL = "http://127.0.0.1:8000/prefix"
OPTIONS = FuzzOptions(URL, api_key=KEY, other_api_key=OTHER_KEY, max_creates=5)
WIDTH = spec.rules("strict")["width.type"]

ascii_texts = texts.map(
    lambda text: "".join(filter(str.isprintable, text.encode("ascii", "ignore").decode()))
)


def request(body: bytes = b'{"width": "512"}', **changes: Any) -> Request:
    sent = Request(
        "POST",
        "/v3/training/subject",
        (("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")),
        body,
    )
    return sent._replace(**changes)


def answer(status: int = 200, body: bytes = b'{"task_id": "x"}') -> Answer:
    return Answer(status, (("Content-Type", "application/json"),), body, 0.0123)


def exchange(sent: Request | None = None, came: Answer | Failure | None = None, **changes: Any) -> Exchange:
    probe = Probe("table", "width as text", sent or request(), "width.type")
    expectation = Oracle("strict").expect(probe.request)
    wrong = (Mismatch("accepted", str(expectation), "200"),)
    return Exchange(probe, expectation, came or answer(), wrong, **changes)


def finding(**changes: Any) -> Finding:
    told: dict[str, Any] = {
        "check": "accepted",
        "subject": "width.type",
        "layer": "table",
        "title": "width as text",
        "expected": "400 INVALID_REQUEST_BODY",
        "got": "200",
        "exchanges": (exchange(),),
        "operations": ["createSubjectTraining"],
        "rule": WIDTH.id,
        "source": WIDTH.source,
    }
    return Finding(**{**told, **changes})


def report(*findings: Finding, **changes: Any) -> FuzzReport:
    told: dict[str, Any] = {
        "options": OPTIONS,
        "findings": findings,
        "not_checked": (),
        "requests": {"table": 7},
        "total_requests": 7,
        "creates": 1,
        "mistakes": 1,
        "seconds": 1.25,
        "kinds": {("table", "refused"): 7},
        "answered": 7,
    }
    return FuzzReport(**{**told, **changes})


_bodies = st.binary(max_size=40) | texts.map(lambda text: text.encode("utf-8", "backslashreplace"))
_headers = st.lists(st.tuples(st.sampled_from(["X-A", "accept"]), ascii_texts), max_size=2).map(tuple)
_requests = st.builds(
    Request,
    st.sampled_from(["GET", "POST", "BREW"]),
    ascii_texts.map(lambda text: "/" + text.replace(" ", "%20")),
    _headers.map(lambda more: (("Authorization", f"Bearer {KEY}"), *more)),
    _bodies,
)
_failures = st.builds(
    Failure, st.sampled_from(["timeout", "reset", "refused", "protocol"]), texts, st.floats(0, 9)
)
_answers = st.builds(Answer, st.integers(100, 599), _headers, _bodies, st.floats(0, 9))


@st.composite
def _exchanges(draw: st.DrawFn) -> Exchange:
    probe = Probe(draw(st.sampled_from(LAYERS)), draw(texts), draw(_requests), draw(texts))
    url = draw(st.none() | st.just("http://storage.test/a?X-Amz-Signature=0123456789"))
    return Exchange(probe, Oracle("strict").expect(probe.request), draw(_answers | _failures), (), url)


_rules = st.none() | st.sampled_from(["width.type", "lint.few_images"]) | texts
findings = st.builds(
    Finding,
    check=st.sampled_from(["accepted", "refused", "status", "no-answer"]) | texts,
    subject=texts,
    layer=st.sampled_from(LAYERS),
    title=texts,
    expected=texts,
    got=texts,
    exchanges=st.lists(_exchanges(), min_size=1, max_size=2).map(tuple),
    operations=st.lists(texts, max_size=2),
    rule=_rules,
    source=st.none() | st.just(WIDTH.source),
    vanishes_under_lenient=st.booleans(),
    is_relation=st.booleans(),
    occurrences=st.integers(1, 9),
)
_skips = st.builds(NotChecked, st.sampled_from(LAYERS), texts, texts)
reports = st.builds(
    FuzzReport,
    options=st.just(OPTIONS),
    findings=st.lists(findings, max_size=3).map(tuple),
    not_checked=st.lists(_skips, max_size=3).map(tuple),
    requests=st.just({"examples": 3}),
    total_requests=st.integers(0, 9),
    creates=st.just(2),
    mistakes=st.integers(0, 2),
    seconds=st.floats(0, 100),
    stopped=st.none() | texts,
    end=st.sampled_from(get_args(End)),
    kinds=st.just({("examples", KINDS[0]): 3}),
    answered=st.integers(0, 9),
)
