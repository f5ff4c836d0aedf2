"""The options of `loracle serve` that decide on the world, on CORS and on what is logged."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from live import (
    Answer,
    RunningMock,
    ask,
    exchange,
    raw_request,
    run_command,
    running_mock,
)
from wire_cases import JSON, SUBJECT, create_body

KEY = ("Authorization", "Bearer optional-secret")
UPLOAD = "/v3/assets/training_dataset"
# An option, the value that it gets, and how that is spelled in TOML.
WORLD = (
    ("progression", "seconds", '"seconds"'),
    ("seconds-per-state", "0,0,0", "[0, 0, 0]"),
    ("asset-ids", "int", '"int"'),
    ("require-assets", "true", "true"),
)
WAYS = ("command line", "environment", "pyproject.toml")


def given(way: str, folder: Path, *chosen: tuple[str, str, str]) -> dict[str, Any]:
    """The options of a mock that is told something in one of the ways."""
    if way == "command line":
        arguments = []
        for name, value, _ in chosen:
            arguments += [f"--{name}"] if value == "true" else [f"--{name}", value]
        return {"arguments": arguments}
    if way == "environment":
        return {"environment": {f"LORACLE_{n.upper().replace('-', '_')}": v for n, v, _ in chosen}}
    lines = [f"{name} = {toml}" for name, _, toml in chosen]
    (folder / "pyproject.toml").write_text("\n".join(["[tool.loracle]", *lines, ""]), encoding="utf-8")
    return {}


def start(told: dict[str, Any], folder: Path, *arguments: str) -> Any:
    return running_mock(
        *told.get("arguments", ()), *arguments, environment=told.get("environment"), cwd=folder
    )


def create(mock: RunningMock, asset: object = 26) -> Answer:
    items = orjson.dumps([{"assets_id": asset}]).decode()
    return ask(mock.port, "POST", SUBJECT, KEY, JSON, body=create_body(image_dataset_items=items))


def status_of(mock: RunningMock, task: str) -> tuple[str, list[str]]:
    """The status of a task and those of its models."""
    answer = ask(mock.port, "GET", f"{SUBJECT}?task_id={task}", KEY)
    assert answer.status == 200, answer.body
    found = answer.json
    return found["task_status"], [model["model_status"] for model in found["models"]]


def new_status(mock: RunningMock) -> tuple[str, list[str]]:
    return status_of(mock, create(mock).json["task_id"])


def asset_of(mock: RunningMock) -> Any:
    return ask(mock.port, "POST", UPLOAD, KEY, JSON, body=b'{"file_extension": "png"}').json["assets_id"]


# --- the settings of the world


@pytest.mark.parametrize("way", WAYS)
def test_the_settings_of_the_world_can_be_given_in_each_way(way: str, tmp_path: Path) -> None:
    with start(given(way, tmp_path, *WORLD), tmp_path) as mock:
        assert create(mock).status == 400, "assets are required"
        upload = ask(mock.port, "POST", UPLOAD, KEY, JSON, body=b'{"file_extension": "png"}').json
        assert str(upload["assets_id"]).isdigit()
        target = (
            upload["upload_url"].partition(str(mock.port))[2]
            or upload["upload_url"].partition("mock.test")[2]
        )
        assert ask(mock.port, "PUT", target, body=b"an image").status == 200
        created = create(mock, int(upload["assets_id"]))
        assert status_of(mock, created.json["task_id"]) == ("SUCCESS", ["SERVING"])


@pytest.mark.parametrize("way", WAYS)
def test_a_job_moves_on_as_it_is_told(way: str, tmp_path: Path) -> None:
    chosen = [("progression", "polls", '"polls"'), ("polls-per-state", "3", "3")]
    with start(given(way, tmp_path, *chosen), tmp_path) as mock:
        task = create(mock).json["task_id"]
        seen = [status_of(mock, task)[0] for _ in range(7)]
    assert seen == ["QUEUING"] * 3 + ["TRAINING"] * 3 + ["SUCCESS"]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_given_wins_over_the_plan_also_where_it_is_the_default(way: str, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("progression: immediate\nasset_ids: int", encoding="utf-8")
    told = given(way, tmp_path, ("progression", "polls", '"polls"'))
    with start(told, tmp_path, "--faults", "plan.yaml") as mock:
        assert new_status(mock) == ("QUEUING", [])
        assert str(asset_of(mock)).isdigit(), "what was not given comes from the plan"
        ask(mock.port, "POST", "/_mock/reset")
        assert new_status(mock) == ("QUEUING", [])


def test_what_is_not_given_comes_from_the_plan(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("progression: immediate", encoding="utf-8")
    with running_mock("--faults", "plan.yaml", cwd=tmp_path) as mock:
        assert new_status(mock) == ("SUCCESS", ["SERVING"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_was_answered_is_in_the_store_however_it_ends(
    workers: str, number: signal.Signals, tmp_path: Path
) -> None:
    with running_mock("--store", "sqlite:mock.db", "--workers", workers, cwd=tmp_path) as mock:
        assert create(mock).status == 200
        assert ask(mock.port, "GET", "/v3/training", KEY).status == 200
        mock.stop(number)
    with running_mock("--store", "sqlite:mock.db", cwd=tmp_path) as mock:
        journal = ask(mock.port, "GET", "/_mock/requests").json["requests"]
        assert [entry["method"] for entry in journal] == ["POST", "GET"]


def test_a_shipped_scenario_is_a_plan() -> None:
    with running_mock("--faults", "@outage") as mock:
        assert [create(mock).status for _ in range(10)] == [503] * 10


def test_what_was_created_is_there_after_a_restart(tmp_path: Path) -> None:
    with running_mock("--store", "sqlite:mock.db", "--max-tasks", "2", cwd=tmp_path) as mock:
        ids = [create(mock).json["task_id"] for _ in range(3)]
        assert mock.stop(signal.SIGTERM)[0] == 143
    with running_mock("--store", "sqlite:mock.db", cwd=tmp_path) as mock:
        listed = ask(mock.port, "GET", "/v3/training?page_size=10", KEY)
        kept = {task["task_id"] for task in ask(mock.port, "GET", "/_mock/tasks").json["tasks"]}
    assert kept == set(ids[1:]), listed.body


# --- what cannot be


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--progression", "never"], "'never' is not one of"),
        (["--polls-per-state", "0"], "--polls-per-state: polls_per_state is a whole number from 1"),
        (["--seconds-per-state", "1,2"], "--seconds-per-state: seconds_per_state is three numbers"),
        (["--seconds-per-state", "1,2,x"], "no numbers with commas"),
        (["--seconds-per-state", "nan,1,1"], "three numbers"),
        (["--faults", "@flakey"], "did you mean @flaky?"),
        (["--max-tasks", "0"], "x>=1"),
        (["--store", "mysql://localhost"], "memory, sqlite:PATH or redis://"),
        (["--store", "sqlite:"], "memory, sqlite:PATH or redis://"),
        (["--tls-cert", "cert.pem"], "--tls-cert needs --tls-key"),
        (["--tls-key", "key.pem"], "--tls-key needs --tls-cert"),
        (["--tls", "self-signed", "--tls-cert", "a", "--tls-key", "b"], "not both"),
        (["--cors", "http://localhost:3000/app"], "is no origin"),
        (["--cors", "localhost"], "is no origin"),
        (["--log-format", "xml"], "'xml' is not one of"),
        (["--admin-token", " "], "a token cannot be blank"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(arguments: list[str], said: str, tmp_path: Path) -> None:
    ended = run_command("serve", "--port", "0", *arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert said in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('require-assets = "yes"', "has to be true or false"),
        ("polls-per-state = true", "has to be a whole number"),
        ('cors = ["http://localhost:3000", 7]', "has to be text"),
        ("seconds-per-state = 60", "has to be a list of numbers"),
        ("seconds-per-state = [1, 2]", "seconds_per_state is three numbers"),
        ("workers = 2", "use --store"),
    ],
)
def test_what_makes_no_sense_in_the_settings_is_wrong_usage(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.loracle]\n{text}\n", encoding="utf-8")
    ended = run_command("serve", "--port", "0", cwd=tmp_path)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert said in " ".join(ended.stderr.split())


def test_a_store_that_cannot_be_used_could_not_run(tmp_path: Path) -> None:
    ended = run_command("serve", "--port", "0", "--store", "sqlite:no/such/folder.db", cwd=tmp_path)
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (3, "", 1), ended.stderr


def test_a_busy_port_closes_the_store_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        ended = run_command("serve", "--port", port, "--store", "sqlite:mock.db", cwd=tmp_path)
    assert ended.returncode == 3
    assert len(ended.stderr.splitlines()) == 1


# --- CORS

PAGE = "http://localhost:3000"


@pytest.fixture(scope="module")
def open_mock() -> Iterator[RunningMock]:
    with running_mock("--cors", PAGE, "--cors", "https://App.Example") as mock:
        yield mock


def preflight(mock: RunningMock, origin: str, target: str = SUBJECT) -> Answer:
    asked = ("Access-Control-Request-Headers", "authorization,content-type,x-loracle-fault")
    method = ("Access-Control-Request-Method", "POST")
    return ask(mock.port, "OPTIONS", target, ("Origin", origin), method, asked)


@pytest.mark.parametrize("origin", [PAGE, "https://app.example"])
@pytest.mark.parametrize("target", [SUBJECT, UPLOAD, "/_mock/requests"])
def test_a_page_that_was_named_may_call(open_mock: RunningMock, origin: str, target: str) -> None:
    answer = preflight(open_mock, origin, target)  # browsers send no key with it
    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == origin
    assert "POST" in str(answer.header("access-control-allow-methods"))
    assert "x-loracle-fault" in str(answer.header("access-control-allow-headers"))


def test_answers_say_so_too_also_those_that_refuse(open_mock: RunningMock) -> None:
    for headers, status in (((KEY, JSON), 200), ((JSON,), 400)):
        answer = ask(open_mock.port, "POST", SUBJECT, ("Origin", PAGE), *headers, body=create_body())
        assert answer.status == status
        assert answer.header("access-control-allow-origin") == PAGE
        assert "Retry-After" in str(answer.header("access-control-expose-headers"))


def test_other_pages_may_not(open_mock: RunningMock, strict_mock: RunningMock) -> None:
    for mock, origin in ((open_mock, "http://localhost:3001"), (strict_mock, PAGE)):
        assert preflight(mock, origin).header("access-control-allow-origin") is None
        answer = ask(mock.port, "GET", "/v3/training", KEY, ("Origin", origin))
        assert answer.status == 200
        assert answer.header("access-control-allow-origin") is None


def test_a_star_lets_every_page_call() -> None:
    with running_mock("--cors", "*") as mock:
        assert preflight(mock, "https://any.example").header("access-control-allow-origin") == "*"


# --- what is logged


def test_the_access_log_is_off_unless_asked_for(tmp_path: Path) -> None:
    with running_mock(cwd=tmp_path) as mock:
        create(mock)
        assert mock.stop() == (0, "")
    with running_mock("--access-log", cwd=tmp_path) as mock:
        create(mock)
        _, errors = mock.stop()
    assert re.fullmatch(r"INFO: 127\.0\.0\.1:\d+ POST /v3/training/subject 200\n", errors)


def test_the_log_in_json_is_an_object_a_line_and_holds_no_secret() -> None:
    with running_mock("--access-log", "--log-format", "json") as mock:
        create(mock)
        ask(mock.port, "GET", "/nowhere%0A/optional-secret?api_key=optional-secret&x=%22", KEY)
        ask(mock.port, "GET", "/v3/training?x=%FF", KEY)
        ask(mock.port, "POST", SUBJECT, KEY, JSON, ("X-Loracle-Fault", "UNKNOWN_ERROR"), body=create_body())
        exchange(mock.port, b"this is no HTTP\r\n\r\n", may_reset=True)
        code, errors = mock.stop()
    assert code == 0
    assert "secret" not in errors
    lines = [json.loads(line) for line in errors.splitlines()]
    for line in lines:
        assert {"time", "level", "message"} <= line.keys()
    requests = [(line["method"], line["path"], line["status"]) for line in lines if "method" in line]
    assert requests[0] == ("POST", SUBJECT, 200)
    assert requests[1] == ("GET", "/nowhere%0A/[redacted]?api_key=[redacted]&x=%22", 404)
    assert requests[2] == ("GET", "/v3/training?x=%FF", 200)
    assert len(requests) == 4
    assert all(line["seconds"] >= 0 and line["client"].startswith("127.0.0.1:") for line in lines[:4])
    assert [line["level"] for line in lines if "method" not in line] == ["warning"], "of the server library"


def test_a_call_without_an_answer_is_logged_without_a_status() -> None:
    with running_mock("--access-log", "--log-format", "json") as mock:
        broken = ("X-Loracle-Fault", "reset-before-headers")
        raw = raw_request("POST", SUBJECT, KEY, JSON, broken, body=create_body())
        assert exchange(mock.port, raw, may_reset=True) == b""
        _, errors = mock.stop()
    [line] = map(json.loads, errors.splitlines())
    assert line["status"] is None
    assert line["message"].endswith("no answer")
