"""The oracle is the mock's twin: both say the same of every request, under each profile, with any keys."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loracle_contracts import spec
from loracle_contracts.answers import reason_of
from loracle_contracts.exchange import Answer, Request
from loracle_contracts.fuzzing.raw_bodies import CASES
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, known_base_models, plain_body
from loracle_contracts.oracle import Oracle
from loracle_mockserver.training_app import TrainingApp

KEY = "the-right-key"
RIGHT = (("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json"))
TEXTS = [
    json.dumps(plain_body(operation, "n", known_base_models()[0], UNKNOWN_ASSETS))
    for operation in ("createSubjectTraining", "createStyleTraining")
] + ['{"file_extension": "png"}']
ROUTES = [(one.method, one.path.replace("{file}", "x.png")) for one in spec.operations().values()]

odd_methods = st.sampled_from(
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "get", "Post", "LORACLE"]
)


def _spoilt(path: str) -> st.SearchStrategy[str]:
    spelled = [path + "/", "/" + path, "//" + path, path.upper(), path[:-1], path + "/x", path + "%20"]
    spelled += [path.replace("v", "%76"), path.replace("/", "%2F", 1), path.replace("/", "//"), path + ";a=1"]
    return st.sampled_from([*spelled, path + "%00", path + "%ff", "/", "/v3"])


names = [
    *("task_id", "pagination.limit", "pagination.cursor", "task_type", "filter.source", "filter.is_sdxl"),
    *("filter.query", "filter%2Equery", "task%5Fid", "other", "pagination[limit]", "Task_Id", ""),
]
values = st.one_of(
    st.sampled_from(["", "x", "1", "0", "100", "101", "-1", "1.0", "010", "+1", "%2B1", "%201", "1" * 20]),
    st.sampled_from(["c_0", "c_", "c_1 ", "c_1%0A", "subject", "style+", "%ff", "%C3%28", "%zz", "true"]),
    st.sampled_from(["training", "%00", "a=b", "%D9%A1", "null", "training%26", "%E9%9B%AA"]),
)
pairs = st.tuples(st.sampled_from(names), values).map("=".join)
queries = st.lists(st.one_of(pairs, pairs, st.sampled_from(names)), max_size=4).flatmap(
    lambda parts: st.sampled_from(["&", "&&", ";"]).map(lambda separator: separator.join(parts))
)
authorizations = st.one_of(
    st.just([f"Bearer {KEY}"]),
    st.just([f"Bearer {KEY}"]),
    st.lists(
        st.one_of(
            st.sampled_from(["", " ", "Bearer", "bearer", "Bearer ", KEY, f"bearer {KEY}", f"Bearer  {KEY}"]),
            st.sampled_from(
                [f"Basic {KEY}", "Bearer wrong", f"Bearer {KEY}x", f"Bearer{KEY}", f"Bearer\t{KEY}"]
            ),
            st.text("Bearer \tx", max_size=12),
        ),
        max_size=2,
    ),
)
types = st.one_of(
    st.just(["application/json"]),
    st.just(["application/json"]),
    st.lists(
        st.sampled_from(
            [
                *(
                    "application/json",
                    "APPLICATION/JSON",
                    "application/json; charset=utf-8",
                    "text/plain",
                    "",
                ),
                *(
                    'application/json;charset="UTF-8"',
                    "application/json; charset=utf-16",
                    "application/jsonp",
                ),
                *("application/json; x=y", "application/json, application/json", "application/json;", "json"),
            ]
        ),
        max_size=2,
    ),
)
codings: st.SearchStrategy[list[str]] = st.one_of(
    st.just([]), st.lists(st.sampled_from(["gzip", "identity", "IDENTITY", "", "br"]), max_size=2)
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    text = draw(st.sampled_from(TEXTS))
    kind = draw(st.sampled_from(["right", "case", "changed", "spliced", "bytes", "value"]))
    if kind == "case":
        fitting = [case for case in CASES if case.needs in text]
        return draw(st.sampled_from(fitting)).write(text)
    if kind == "changed":
        value: Any = json.loads(text)
        name = draw(st.sampled_from([*value, "extra"]))
        if draw(st.booleans()):
            value.pop(name, None)
        else:
            value[name] = draw(
                st.sampled_from([None, "", 0, 1, 512.0, -1, True, [], {}, "x" * 300, "512", [{}]])
            )
        return json.dumps(value).encode()
    if kind == "spliced":
        at = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 3))
        return text[:at].encode() + draw(st.binary(max_size=4)) + text[at + cut :].encode()
    if kind == "bytes":
        return draw(st.binary(max_size=20))
    if kind == "value":
        scalar = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))
        return json.dumps(draw(st.one_of(scalar, st.lists(scalar, max_size=3)))).encode()
    return text.encode()


@st.composite
def requests(draw: st.DrawFn) -> Request:
    method, path = draw(st.sampled_from(ROUTES))
    if draw(st.integers(0, 4)) == 0:
        method = draw(odd_methods)
    if draw(st.integers(0, 4)) == 0:
        path = draw(_spoilt(path))
    query = draw(queries)
    fields = [("Authorization", value) for value in draw(authorizations)]
    fields += [("Content-Type", value) for value in draw(types)]
    fields += [("Content-Encoding", value) for value in draw(codings)]
    size = draw(st.sampled_from([0] * 30 + [30_000, 33_000]))
    if size:
        fields.append(("X-Long", "a" * size))
    body = draw(bodies())
    if draw(st.integers(0, 25)) == 0:
        body += b" " * (1_048_576 - len(body) + draw(st.sampled_from([-1, 0, 1])))
    return Request(method, path + ("?" + query if query else ""), tuple(fields), body)


async def _answer(app: Any, request: Request) -> Answer:
    headers = [(name.lower().encode(), value.strip().encode("latin-1")) for name, value in request.headers]
    headers.append((b"content-length", b"%d" % len(request.body)))
    scope = {
        "type": "http",
        "method": request.method,
        # As uvicorn reads a target.
        "path": unquote(request.path),
        "query_string": request.query.encode(),
        "headers": headers,
        "scheme": "http",
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.body}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return Answer(sent[0]["status"], (), b"".join(message.get("body", b"") for message in sent[1:]))


def _check(profile: Any, keys: list[str], request: Request) -> None:
    app = TrainingApp(profile=profile, api_keys=keys, api_key=KEY)
    expectation = Oracle(profile, keys).expect(request)
    answer = asyncio.run(_answer(app, request))
    got = f"{answer.status} {reason_of(answer)}"
    if expectation.refusal is not None:
        assert got == str(expectation.refusal), request
    else:
        # What the oracle cannot know: whether there is such a task, or such an upload.
        allowed = ["200 None"] + [
            str(one) for one in expectation.tolerated if one.reason in ("TASK_NOT_FOUND", "API_NOT_FOUND")
        ]
        assert got in allowed, request


@pytest.mark.parametrize("keys", [[], [KEY]], ids=["every-key", "one-key"])
@pytest.mark.parametrize("profile", ["strict", "lenient"])
@settings(max_examples=500)
@given(request=requests())
@example(request=Request("POST", "/v3/training/subject", RIGHT, TEXTS[0].encode()))
@example(request=Request("POST", "/v3/training/style", RIGHT, TEXTS[1].encode()))
@example(request=Request("GET", "//v3/training", RIGHT))
@example(request=Request("GET", "//_uploads/x.png", RIGHT, b" " * 1_048_577))
def test_mock_answers_as_the_oracle_demands(profile: Any, keys: list[str], request: Request) -> None:
    _check(profile, keys, request)
