"""loracle serve --replay: the mock answers as was recorded, and says what was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from live import Answer, RunningMock, exchange, parse_answer, raw_request, run_command, running_mock
from proxied_calls import answer_with
from raw_upstream import answering, raw_upstream
from running_proxy import running_proxy

from loracle_contracts import spec
from loracle_mockserver.message import Request
from loracle_mockserver.redaction import REDACTED
from loracle_mockserver.replay import Cassette, ReplayingEngine
from loracle_mockserver.replay.recording import recording

KEY = "sk-recorded-key-0123456789"
JSON = ("Content-Type", "application/json")
CREATE = spec.example("valid/createSubjectTraining/request/seed-page.json")
SUBJECT = "/v3/training/subject"


def create(name: str, key: str = KEY, **more: Any) -> bytes:
    body = orjson.dumps({**orjson.loads(CREATE), "name": name, **more})
    return raw_request("POST", SUBJECT, ("Authorization", f"Bearer {key}"), JSON, body=body)


def poll(task: str, key: str = KEY) -> bytes:
    return raw_request("GET", f"{SUBJECT}?task_id={task}", ("Authorization", f"Bearer {key}"))


def ask(port: int, raw: bytes) -> Answer:
    return parse_answer(exchange(port, raw))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[bytes, Answer]]]:
    """A cassette of a client's life, and what was asked and answered in it."""
    cassette = tmp_path_factory.mktemp("cassette") / "c.har"
    said: list[tuple[bytes, Answer]] = []
    with running_mock() as mock, running_proxy(mock.url, "--record", str(cassette)) as proxy:

        def hear(raw: bytes) -> Answer:
            said.append((raw, ask(proxy.port, raw)))
            return said[-1][1]

        task = hear(create("first")).json["task_id"]
        hear(create(f"with {KEY} in it"))
        for _ in range(5):
            hear(poll(task))
        hear(raw_request("GET", "/v3/training?pagination.limit=1", ("Authorization", f"Bearer {KEY}")))
        hear(raw_request("GET", "/v3/nothing", ("Authorization", f"Bearer {KEY}")))
        hear(raw_request("POST", SUBJECT, JSON, body=CREATE))
        hear(create("", width="512"))
        hear(
            raw_request(
                "POST",
                "/v3/assets/training_dataset",
                ("Authorization", f"Bearer {KEY}"),
                JSON,
                body=b'{"file_extension":"png"}',
            )
        )
    return cassette, said


def without_redactions(answer: Answer) -> tuple[int, Any]:
    value = orjson.loads(answer.body.replace(KEY.encode(), REDACTED.encode()))
    if "upload_url" in value:
        value["upload_url"] = value["upload_url"].partition("?")[0].rpartition("/")[2]
        value["headers"] = len(value["headers"])
    return answer.status, value


def test_a_recording_is_played_with_the_same_answers(
    recorded: tuple[Path, list[tuple[bytes, Answer]]],
) -> None:
    cassette, said = recorded
    with running_mock("--replay", str(cassette)) as mock:
        for raw, answer in said:
            played = ask(mock.port, raw)
            assert without_redactions(played) == without_redactions(answer), raw
            assert played.header("content-type") == answer.header("content-type")
        states = [
            answer.json["task_status"] for raw, answer in said if raw.startswith(b"GET /v3/training/subject")
        ]
        assert len(set(states)) > 1
        last = ask(
            mock.port, next(raw for raw, _ in reversed(said) if raw.startswith(b"GET /v3/training/subject"))
        )
        assert last.json["task_status"] == states[-1], "the last answer stays"


def test_each_key_hears_the_recording_from_its_beginning(
    recorded: tuple[Path, list[tuple[bytes, Answer]]],
) -> None:
    cassette, said = recorded
    polled = [raw for raw, _ in said if raw.startswith(b"GET /v3/training/subject")]
    expected = [answer.json["task_status"] for raw, answer in said if raw in polled]
    with running_mock("--replay", str(cassette)) as mock:
        for key in ("another", "yet-another", KEY):
            heard = [ask(mock.port, raw.replace(KEY.encode(), key.encode())) for raw in polled]
            assert [answer.json["task_status"] for answer in heard] == expected
        ask(mock.port, raw_request("POST", "/_mock/reset", ("Content-Length", "0")))
        assert ask(mock.port, polled[0]).json["task_status"] == expected[0]


def test_uploads_lead_to_the_mock(recorded: tuple[Path, list[tuple[bytes, Answer]]]) -> None:
    cassette, said = recorded
    asking = next(raw for raw, _ in said if b"training_dataset" in raw)
    with running_mock("--replay", str(cassette)) as mock:
        url = ask(mock.port, asking).json["upload_url"]
        assert url.startswith("http://mock.test/_uploads/")
        sent = raw_request("PUT", url.removeprefix("http://mock.test"), body=b"\xff" * 2_000_000)
        assert ask(mock.port, sent).status == 200


def test_what_was_not_recorded_names_the_nearest_entry(
    recorded: tuple[Path, list[tuple[bytes, Answer]]],
) -> None:
    cassette, _ = recorded
    with running_mock("--replay", str(cassette)) as mock:
        near = ask(mock.port, create("second"))
        far = ask(mock.port, raw_request("GET", "/v3/modell", ("Authorization", "Bearer k")))
        other = ask(mock.port, poll("another-task"))
    assert (near.status, near.json["reason"]) == (404, "NOT_RECORDED")
    assert near.json["metadata"]["nearest"] == {
        "entry": 1,
        "differences": [{"place": "body", "pointer": "/name", "recorded": '"first"', "sent": '"second"'}],
    }
    assert 'The nearest is entry 1: /name is "first" there and "second" here.' in near.json["message"]
    assert "has no GET /v3/modell like this one. The nearest that was recorded is GET " in far.json["message"]
    assert other.json["metadata"]["nearest"]["differences"][0]["pointer"] == "/task_id"


def test_what_was_not_recorded_may_be_answered_by_the_mock(
    recorded: tuple[Path, list[tuple[bytes, Answer]]], strict_mock: RunningMock
) -> None:
    cassette, said = recorded
    raw = create("never recorded", "key-of-a-fallback")
    with running_mock("--replay", str(cassette), "--replay-fallback", "mock") as mock:
        assert ask(mock.port, raw).body == ask(strict_mock.port, raw).body
        assert without_redactions(ask(mock.port, said[0][0])) == without_redactions(said[0][1])


def test_the_journal_knows_what_was_wrong(recorded: tuple[Path, list[tuple[bytes, Answer]]]) -> None:
    cassette, said = recorded
    wrong = next(raw for raw, answer in said if answer.status == 400 and b"Authorization" in raw)
    with running_mock("--replay", str(cassette)) as mock:
        ask(mock.port, wrong)
        [entry] = ask(mock.port, raw_request("GET", "/_mock/requests")).json["requests"]
    assert (entry["operation"], entry["status"]) == ("createSubjectTraining", 400)
    assert {violation["rule"] for violation in entry["strict"]["violations"]} >= {"width.type"}


def test_keys_that_are_not_listed_are_refused(recorded: tuple[Path, list[tuple[bytes, Answer]]]) -> None:
    cassette, said = recorded
    with running_mock("--replay", str(cassette), "--api-key", "listed") as mock:
        assert ask(mock.port, said[0][0]).json["reason"] == "INVALID_API_KEY"
        assert ask(mock.port, create("first", "listed")).status == 200


# --- latency, without a clock: what the engine asks to be waited for


def engine_of(*entries: dict[str, Any], **options: Any) -> ReplayingEngine:
    recordings = [recording(n, entry) for n, entry in enumerate(entries, 1)]
    return ReplayingEngine(cassette=Cassette("c.har", recordings), **options)


def entry_of(target: str, status: int = 200, text: str = "{}", **more: Any) -> dict[str, Any]:
    return {
        "time": 1500.0,
        "request": {"method": "GET", "url": f"https://api.test{target}", "headers": []},
        "response": {"status": status, "headers": [], "content": {"size": len(text), "text": text}},
        **more,
    }


@pytest.mark.parametrize(("with_latency", "expected"), [(True, 1.5), (False, 0.0)])
def test_answers_take_as_long_as_recorded_where_asked_for(with_latency: bool, expected: float) -> None:
    engine = engine_of(entry_of("/v3/training"), with_latency=with_latency)
    reply = engine.handle(Request("GET", "/v3/training", b"", [(b"authorization", b"Bearer k")]))
    assert (reply.status, reply.delay) == (200, expected)


def test_recorded_latencies_are_real_and_played(tmp_path: Path) -> None:
    cassette = tmp_path / "c.har"
    with raw_upstream() as upstream, running_proxy(upstream.url, "--record", str(cassette)) as proxy:
        upstream.behave = answering(answer_with(b'{"tasks":[],"pagination":{"next_cursor":""}}'))
        ask(proxy.port, raw_request("GET", "/v3/training", ("Authorization", "Bearer k")))
    [entry] = json.loads(cassette.read_bytes())["log"]["entries"]
    engine = engine_of(entry, with_latency=True)
    reply = engine.handle(Request("GET", "/v3/training", b"", [(b"authorization", b"Bearer k")]))
    assert reply.delay == pytest.approx(entry["time"] / 1000)
    assert reply.delay > 0


def test_namespaces_are_bounded() -> None:
    engine = engine_of(entry_of("/v3/training"))
    for n in range(1_100):
        engine.handle(Request("GET", "/v3/training", b"", [(b"authorization", b"Bearer key-%d" % n)]))
    assert len(engine._played) == 1_000


# --- files


def test_what_cannot_be_played_is_told(tmp_path: Path) -> None:
    lost = entry_of("/v3/model")
    del lost["response"]["content"]["text"]
    lost["response"]["content"]["size"] = 7
    cassette = tmp_path / "c.har"
    document = {"log": {"entries": [entry_of("/v3/training"), lost, entry_of("/v3/x", 0), {}]}}
    cassette.write_bytes(orjson.dumps(document)[:-3] + b",")
    with running_mock("--replay", str(cassette)) as mock:
        assert ask(mock.port, raw_request("GET", "/v3/training", ("Authorization", "Bearer k"))).status == 200
        said = mock.said()
    assert "entry 2 is not played: the body of its answer is not in the cassette" in said
    assert "entry 3 is not played: it has no answer" in said
    assert "entry 4 is not played: it has no method or no URL" in said
    assert "ends early, behind entry 4" in said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        (b"no json", "is no HTTP Archive"),
        (b'{"log": {}}', "is no HTTP Archive"),
        (b'{"log": {"entries": []}}', "has no entry that can be played"),
        (b"\xff\xfe", "is no HTTP Archive"),
    ],
)
def test_a_file_that_is_no_cassette_is_told(tmp_path: Path, content: bytes | None, says: str) -> None:
    cassette = tmp_path / "c.har"
    if content is not None:
        cassette.write_bytes(content)
    done = run_command("serve", "--port", "0", "--replay", str(cassette))
    assert done.returncode == 3
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--replay-latency"],
        ["--replay-fallback", "mock"],
        ["--replay", "x.har", "--workers", "2", "--store", "sqlite:x.db"],
    ],
)
def test_options_that_make_no_sense_together_are_told(arguments: list[str]) -> None:
    done = run_command("serve", "--port", "0", *arguments)
    assert done.returncode == 2
    assert "--replay" in done.stderr
