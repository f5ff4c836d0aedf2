"""The engine without HTTP: whatever comes in, a documented answer goes out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from engine_calls import call
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from payloads import CREATES, mutated_bodies, valid_bodies

from loracle_contracts import operations, task_id, validate
from loracle_mockserver.control import Control
from loracle_mockserver.engine import Engine
from loracle_mockserver.journal import describe
from loracle_mockserver.message import Reply, Request
from loracle_mockserver.store import limits, memory

SUBJECT = "/v3/training/subject"
JSON = (b"content-type", b"application/json")


def headers(key: str = "k") -> list[tuple[bytes, bytes]]:
    return [(b"authorization", f"Bearer {key}".encode()), JSON]


def create(engine: Engine, name: str = "x", key: str = "k", path: str = SUBJECT) -> Reply:
    body = {**valid_bodies("createStyleTraining")[0], "name": name}
    body.pop("expert_setting", None)
    return engine.handle(Request("POST", path, headers=headers(key), body=json.dumps(body).encode()))


def get(engine: Engine, path: str, query: str = "", key: str = "k") -> Any:
    reply = engine.handle(Request("GET", path, query.encode(), headers(key)))
    return reply.status, json.loads(reply.body)


def judged(reply: Reply, operation: str) -> None:
    """Asserts that the answer is documented and keeps its schema."""
    known = operations()[operation]
    if reply.status == 200:
        if known.response:
            assert validate(reply.body, operation, part="response").valid
        return
    envelope = json.loads(reply.body)
    assert envelope["reason"] in known.errors[str(reply.status)]
    assert envelope["code"] == reply.status
    assert validate(reply.body, operation, part="error").valid


WORDS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["Bearer k", "Bearer", "k", "Basic eDp5", "gzip", "identity", "RATE_LIMIT_EXCEEDED"]),
    st.sampled_from(["application/json", "text/plain", "code=429", "code=999"]),
    st.sampled_from(["application/json; charset=utf-8", "application/json;charset=latin-1"]),
)
HEADER_NAMES = st.sampled_from(
    ["authorization", "content-type", "content-encoding", "prefer", "x-loracle-fault", "host", "accept", "x"]
)
HEADERS = st.lists(
    st.tuples(HEADER_NAMES.map(str.encode), WORDS.map(lambda text: text.encode("utf-8"))), max_size=5
)
REQUESTS = st.builds(
    Request,
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"]),
    path=st.one_of(
        st.sampled_from(
            [*{operation.path for operation in operations().values()}, "/_uploads/", "//v3/training", "/"]
        ),
        st.text(max_size=20).map(lambda text: "/" + text),
    ),
    query=st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [b"task_id=x", b"pagination.limit=0", b"task_id=%ff&task_id=1", b"pagination.cursor=c_1%0a"]
        ),
    ),
    headers=st.one_of(HEADERS, HEADERS.map(lambda more: [*headers(), *more])),
    body=st.one_of(
        st.binary(max_size=60),
        mutated_bodies("createSubjectTraining").map(lambda body: json.dumps(body).encode()),
    ),
)


@settings(max_examples=400)
@given(st.lists(REQUESTS, max_size=6), st.sampled_from(["strict", "lenient", "seed"]), st.integers(0, 3))
def test_any_requests_get_documented_answers_and_always_the_same(
    requests: list[Request], profile: Any, seed: int
) -> None:
    worlds = [Engine(profile=profile, seed=seed), Engine(profile=profile, seed=seed)]
    for request in requests:
        replies = [world.handle(request) for world in worlds]
        assert replies[0] == replies[1]
        reply = replies[0]
        assert reply.status < 500 or request.values(b"x-loracle-fault") or request.values(b"prefer")
        if reply.status != 200:
            envelope = json.loads(reply.body)
            assert set(envelope) == {"code", "reason", "message", "metadata"}
            assert envelope["code"] == reply.status
            assert validate(reply.body, part="error").valid
        for operation in operations().values():
            if (operation.method, operation.path) == (request.method, request.path):
                judged(reply, operation.id)


@given(st.sampled_from(CREATES).flatmap(lambda name: st.tuples(st.just(name), mutated_bodies(name))))
def test_a_refusal_lists_what_the_verdict_lists(case: tuple[str, Any]) -> None:
    operation, body = case
    assume(not (isinstance(body, dict) and str(body.get("name")).startswith("fault:")))
    raw = json.dumps(body).encode()
    reply = Engine().handle(Request("POST", operations()[operation].path, headers=headers(), body=raw))
    verdict = validate(raw, operation)
    assert (reply.status == 200) == verdict.valid
    judged(reply, operation)
    if not verdict.valid:
        listed = json.loads(reply.body)["metadata"]["violations"]
        assert listed == [violation.as_dict() for violation in verdict.violations[:100]]


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "ü"]), st.sampled_from(["k1", "k2"])), max_size=12))
def test_ids_count_per_name_and_key_and_lists_are_newest_first(calls: list[tuple[str, str]]) -> None:
    engine = Engine(seed=5)
    made: dict[str, list[tuple[str, str]]] = {"k1": [], "k2": []}
    for name, key in calls:
        n = sum(1 for earlier, _ in made[key] if earlier == name)
        made_id = json.loads(create(engine, name, key).body)["task_id"]
        assert made_id == task_id(5, "createSubjectTraining", name, n)
        made[key].append((name, made_id))
    for key, tasks in made.items():
        seen, cursor = [], ""
        while True:
            status, page = get(engine, "/v3/training", f"pagination.limit=3&pagination.cursor={cursor}", key)
            assert status == 200
            assert len(page["tasks"]) <= 3
            seen += [(task["task_name"], task["task_id"]) for task in page["tasks"]]
            cursor = page["pagination"]["next_cursor"]
            if not cursor:
                break
        assert seen == tasks[::-1]
        for _, made_id in tasks:
            assert get(engine, SUBJECT, f"task_id={made_id}", key)[1]["task_id"] == made_id
            assert get(engine, "/v3/training/style", f"task_id={made_id}", key)[0] == 404


def test_subject_and_style_are_told_apart_in_the_list() -> None:
    engine = Engine()
    create(engine, "one")
    create(engine, "two", path="/v3/training/style")
    kinds = {
        kind: get(engine, "/v3/training", f"task_type={kind}")[1]["tasks"] for kind in ("subject", "style")
    }
    assert [task["task_name"] for task in kinds["subject"]] == ["one"]
    assert [task["task_name"] for task in kinds["style"]] == ["two"]


def test_who_asks_for_a_training_of_the_other_kind_is_told() -> None:
    engine = Engine()
    made = json.loads(create(engine).body)["task_id"]
    status, answer = get(engine, "/v3/training/style", f"task_id={made}")
    assert (status, answer["reason"]) == (404, "TASK_NOT_FOUND")
    assert "ask GET /v3/training/subject" in answer["message"]
    assert get(engine, "/v3/training/style", "task_id=none")[1]["message"].endswith("'none'.")


def test_one_key_never_sees_the_tasks_of_another() -> None:
    engine = Engine()
    made = json.loads(create(engine, key="k1").body)["task_id"]
    assert get(engine, SUBJECT, f"task_id={made}", "k1")[0] == 200
    assert get(engine, SUBJECT, f"task_id={made}", "k2")[0] == 404
    assert get(engine, "/v3/training", key="k2")[1]["tasks"] == []


def test_an_upload_goes_to_the_url_that_was_answered() -> None:
    engine = Engine()
    target = json.loads(
        engine.handle(
            Request(
                "POST",
                "/v3/assets/training_dataset",
                headers=[*headers(), (b"host", b"mock.test:81")],
                body=b'{"file_extension": "png"}',
            )
        ).body
    )
    assert target["upload_url"].startswith("http://mock.test:81/_uploads/" + target["assets_id"])
    path, _, query = target["upload_url"].partition("mock.test:81")[2].partition("?")
    put = engine.handle(Request("PUT", path, query.encode(), [], b"\x89PNG"))
    assert (put.status, put.body) == (200, b"")
    assert engine.handle(Request("PUT", "/_uploads/other.png")).status == 404


@pytest.mark.parametrize(
    ("said", "scheme"),
    [
        ((), "http"),
        (("https",), "https"),
        (("HTTPS, http",), "https"),
        (("https", "http"), "https"),
        (("x:",), "http"),
    ],
)
def test_an_upload_url_has_the_scheme_that_a_proxy_names(said: tuple[str, ...], scheme: str) -> None:
    headers = [("X-Forwarded-Proto", value) for value in said]
    reply = call(Engine(), "createUploadUrl", ("Host", "mock.test"), *headers)
    assert json.loads(reply.body)["upload_url"].startswith(f"{scheme}://mock.test/_uploads/")


def test_lenient_takes_what_strict_refuses_and_records_it() -> None:
    body = json.dumps({**valid_bodies("createStyleTraining")[0], "width": "512", "components": None}).encode()
    request = Request("POST", "/v3/training/style", headers=headers(), body=body)
    assert Engine().handle(request).status == 400
    lenient = Engine(profile="lenient")
    assert lenient.handle(request).status == 200
    ((_, entry),) = lenient.store.entries()
    assert entry.rules == ()
    assert set(entry.strict_rules) == {"width.type", "components.type"}
    bare = [(b"authorization", b"k"), JSON]
    assert lenient.handle(Request("GET", "/v3/training", headers=bare)).status == 200
    assert list(lenient.store.entries())[-1][1].strict_rules == ("header.authorization.scheme",)


def test_the_memory_is_bounded_and_says_what_it_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_NAMESPACES", 3)
    engine = Engine(store=memory.MemoryStore(max_tasks=5))
    ids = [json.loads(create(engine, f"n{n}").body)["task_id"] for n in range(8)]
    listed = [task["task_id"] for task in get(engine, "/v3/training")[1]["tasks"]]
    assert listed == ids[:2:-1]
    assert engine.store.statistics().tasks_dropped == 3
    for n in range(4):
        assert create(engine, key=f"other{n}").status == 200
    assert engine.store.statistics().namespaces == 3
    assert engine.store.statistics().namespaces_dropped == 2
    # The key's first world was dropped with its tasks; it begins a new one, which the store knows.
    assert create(engine, "again").status == 200
    assert [task["task_name"] for task in get(engine, "/v3/training")[1]["tasks"]] == ["again"]
    assert "again" in {task["task_name"] for task in Control(engine).tasks()}
    for n in range(20):
        assert create(engine, f"more{n}").status == 200
    assert len(Control(engine).tasks()) == 5


def test_large_bodies_fill_the_memory_no_more_than_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TASK_BYTES", 20_000)
    engine = Engine()
    for n in range(30):
        assert create(engine, "x" * 200 + str(n), key=f"key{n % 2}").status == 200
    kept = [task for key in engine.store.namespaces() for task in engine.store.tasks(key)]
    assert sum(len(task.body) for task in kept) <= 20_000
    assert len(kept) + engine.store.statistics().tasks_dropped == 30
    assert kept


def test_lenient_notes_a_doubled_slash_and_takes_no_other_scheme() -> None:
    engine = Engine(profile="lenient")
    assert create(engine, path="/" + SUBJECT).status == 200
    ((_, entry),) = engine.store.entries()
    assert (entry.path, entry.strict_rules) == ("/" + SUBJECT, ("path.doubled_slash",))
    token = [(b"authorization", b"Token eA=="), JSON]
    assert engine.handle(Request("GET", "/v3/training", headers=token)).status == 403


def test_reset_puts_the_world_back_to_the_start() -> None:
    engine = Engine()
    first = create(engine).body
    assert create(engine).body != first
    engine.reset()
    assert get(engine, "/v3/training")[1]["tasks"] == []
    assert create(engine).body == first
    assert engine.store.statistics().requests == 2


def test_keys_never_enter_the_journal() -> None:
    engine = Engine(keys=frozenset({"secret-one"}))
    create(engine, key="secret-one")
    refused = create(engine, key="secret-two")
    assert refused.status == 403
    written = repr([describe(*kept) for kept in engine.store.entries()]) + refused.body.decode()
    assert "secret" not in written


def test_a_full_last_page_is_the_last() -> None:
    engine = Engine()
    for n in range(3):
        create(engine, f"n{n}")
    for limit, cursor in ((2, "c_2"), (3, ""), (4, "")):
        _, page = get(engine, "/v3/training", f"pagination.limit={limit}")
        assert page["pagination"]["next_cursor"] == cursor


@pytest.mark.parametrize("profile", ["strict", "lenient", "seed"])
def test_a_deep_member_is_refused_for_its_depth(profile: Any) -> None:
    body = {**valid_bodies("createStyleTraining")[0], "unknown": None}
    raw = json.dumps(body).replace("null", "[" * 64 + "]" * 64)
    reply = Engine(profile=profile).handle(Request("POST", SUBJECT, headers=headers(), body=raw.encode()))
    rules = [violation["rule"] for violation in json.loads(reply.body)["metadata"]["violations"]]
    assert rules == ["json.depth"]
