"""`loracle serve` as a user meets it: what it prints, where its settings come from, how it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urljoin

import pytest
import yaml
from live import Answer, RunningMock, ask, run_command, running_mock
from wire_cases import JSON, SUBJECT, create_body

from loracle_contracts import spec, task_id

KEY = ("Authorization", "Bearer served")
CREATE = "createSubjectTraining"


def create(mock: RunningMock, name: str, key: tuple[str, str] = KEY) -> Answer:
    return ask(mock.port, "POST", SUBJECT, key, JSON, body=create_body(name=json.dumps(name)))


def created_id(mock: RunningMock, name: str) -> str:
    answer = create(mock, name)
    assert answer.status == 200, answer.body
    return str(answer.json["task_id"])


def write_settings(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(f"[tool.loracle]\n{text}\n", encoding="utf-8")
    return folder


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="needs bash and curl")
@pytest.mark.parametrize("key", [None, 'it\'s a "key" & $HOME'])
def test_the_printed_line_works(key: str | None) -> None:
    with running_mock(*(["--api-key", key] if key else [])) as mock:
        [line] = [line for line in mock.printed.splitlines() if line.startswith("try:")]
        command = line.removeprefix("try:").strip()
        ran = subprocess.run(["bash", "-c", command], check=True, capture_output=True, timeout=60)
        assert json.loads(ran.stdout) == {"task_id": task_id(0, CREATE, "test", 0)}
        assert f"docs: {mock.url}/docs\n" in mock.printed
        assert ask(mock.port, "GET", "/docs").status == 200


def test_port_0_takes_a_free_port() -> None:
    with running_mock(port=0) as one, running_mock(port=0) as other:
        assert 0 not in {one.port, other.port}
        assert one.port != other.port
        assert [ask(mock.port, "GET", "/_mock/health").status for mock in (one, other)] == [200, 200]


def test_a_busy_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ended = run_command("serve", "--port", str(port))
    assert ended.returncode == 3
    assert ended.stdout == ""
    [line] = ended.stderr.splitlines()
    assert re.search(rf"port {port} of 127\.0\.0\.1 is taken.*--port 0", line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    with running_mock() as mock:
        # Once it has answered, the server has taken over the signals from Python.
        created_id(mock, "before the end")
        code, errors = mock.stop(number)
    assert code == 0 if number is signal.SIGINT else code in (0, -number, 128 + number)
    assert errors == ""


def test_a_signal_ends_it_while_a_connection_is_open() -> None:
    with running_mock() as mock, socket.create_connection(("127.0.0.1", mock.port)) as idle:
        created_id(mock, "before the end")
        assert mock.stop(signal.SIGINT) == (0, "")
        idle.settimeout(60)
        assert idle.recv(1) == b""


def test_the_environment_is_honoured(tmp_path: Path) -> None:
    port = free_port()
    environment = {"LORACLE_PORT": str(port), "LORACLE_SEED": "7"}
    with running_mock(environment=environment, port=None, cwd=tmp_path) as mock:
        assert mock.port == port
        assert created_id(mock, "a") == task_id(7, CREATE, "a", 0)


def test_pyproject_is_honoured(tmp_path: Path) -> None:
    port = free_port()
    cwd = write_settings(tmp_path, f'port = {port}\nseed = 8\nprofile = "lenient"\napi-key = ["one", "two"]')
    with running_mock(port=None, cwd=cwd) as mock:
        assert mock.port == port
        health = ask(mock.port, "GET", "/_mock/health").json
        assert (health["seed"], health["profile"]) == (8, "lenient")
        answers = [create(mock, "a", ("Authorization", f"Bearer {key}")) for key in ("one", "two", "n", "o")]
        assert [answer.status for answer in answers] == [200, 200, 403, 403]


def test_one_key_in_pyproject_is_one_key(tmp_path: Path) -> None:
    with running_mock(cwd=write_settings(tmp_path, 'api_key = "secret"')) as mock:
        answers = [create(mock, "a", ("Authorization", f"Bearer {key}")) for key in ("secret", "s")]
        assert [answer.status for answer in answers] == [200, 403]


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    cwd = write_settings(tmp_path, "seed = 8")
    seeds = []
    for arguments, environment in [
        ((), {}),
        ((), {"LORACLE_SEED": "7"}),
        (("--seed", "3"), {"LORACLE_SEED": "7"}),
    ]:
        with running_mock(*arguments, environment=environment, cwd=cwd) as mock:
            seeds.append(ask(mock.port, "GET", "/_mock/health").json["seed"])
    assert seeds == [8, 7, 3]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("sede = 1", 2, "no setting 'sede'. Did you mean 'seed'?"),
        ('port = "eighty"', 2, "'eighty' is not a valid integer"),
        ("port = true", 2, "port is True, but it has to be a whole number"),
        ("seed = 1.7", 2, "seed is 1.7, but it has to be a whole number"),
        ("faults = 7", 2, "faults is 7, but it has to be text"),
        ("api-key = []", 2, "api-key is an empty list"),
        ("port = 70000", 2, "70000 is not in the range"),
        ('profile = "loose"', 2, "'loose' is not one of"),
        ("port = ", 3, "pyproject.toml cannot be read"),
    ],
)
def test_wrong_settings_are_refused(text: str, code: int, said: str, tmp_path: Path) -> None:
    ended = run_command("serve", cwd=write_settings(tmp_path, text))
    assert ended.returncode == code
    assert said in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("text", ["tool = 1", "[tool]\nloracle = 1"])
def test_a_table_that_is_none_is_a_usage_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    ended = run_command("serve", cwd=tmp_path)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False), ended.stderr


@pytest.mark.parametrize("blank", ["", " "])
def test_a_key_that_is_set_but_blank_does_not_open_the_mock(blank: str, tmp_path: Path) -> None:
    ended = run_command("serve", environment={"LORACLE_API_KEY": blank}, cwd=tmp_path)
    assert ended.returncode == 2
    assert "a key cannot be blank" in ended.stderr


@pytest.mark.parametrize("host", ["...", "a" * 300])
def test_what_is_no_host_name_is_refused(host: str, tmp_path: Path) -> None:
    ended = run_command("serve", "--host", host, cwd=tmp_path)
    assert ended.returncode in (2, 3)
    assert "Traceback" not in ended.stderr
    assert "host" in ended.stderr.lower() or "listen" in ended.stderr


def test_a_missing_fault_plan_could_not_be_read(tmp_path: Path) -> None:
    ended = run_command("serve", "--faults", "absent.yaml", cwd=tmp_path)
    assert ended.returncode == 3
    assert "absent.yaml cannot be read" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_fault_plan_is_a_usage_error(tmp_path: Path) -> None:
    plan = {"faults": [{"fault": "RATE_LIMIT_EXCEEDED"}, {"fault": "RATE_LIMIT_EXCEDED"}]}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    ended = run_command("serve", "--faults", "plan.yaml", cwd=tmp_path)
    assert ended.returncode == 2
    said = " ".join(ended.stderr.split())
    assert "faults[1]" in said
    assert "did you mean RATE_LIMIT_EXCEEDED?" in said


def test_a_fault_plan_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("faults: [{status: 503, first: 1, retry_after: 2}]", encoding="utf-8")
    with running_mock("--faults", "plan.yaml", cwd=tmp_path) as mock:
        first = create(mock, "a")
        assert (first.status, first.header("retry-after")) == (503, "2")
        assert created_id(mock, "a") == task_id(0, CREATE, "a", 0)


def test_two_servers_give_the_same_ids_and_a_seed_gives_others() -> None:
    names = ["a", "b", "a", "ä 😀", "a"]
    with running_mock() as one, running_mock("--seed", "0") as other, running_mock("--seed", "1") as third:
        ids = [[created_id(mock, name) for name in names] for mock in (one, other, third)]
    counts = [names[:at].count(name) for at, name in enumerate(names)]
    assert ids[0] == ids[1] == [task_id(0, CREATE, name, n) for name, n in zip(names, counts, strict=True)]
    assert not set(ids[0]) & set(ids[2])


def test_the_key_is_needed_and_never_shown() -> None:
    key, other = "sk-correct-horse", "sk-wrong-battery"
    with running_mock("--api-key", key, "--api-key", "second") as mock:
        right, wrong = (("Authorization", f"Bearer {value}") for value in (key, other))
        answers = [
            create(mock, "a", right),
            create(mock, "a", wrong),
            create(mock, "a", ("Authorization", other)),
        ]
        assert [answer.status for answer in answers] == [200, 403, 403]
        assert answers[1].json["reason"] == "INVALID_API_KEY"
        assert create(mock, "a", ("Authorization", "Bearer second")).status == 200
        answers += [
            ask(mock.port, "GET", target, wrong) for target in ("/v3/training", "/nowhere", "/_mock/none")
        ]
        answers += [ask(mock.port, "DELETE", SUBJECT, right), ask(mock.port, "GET", "/v3/training", right)]
        answers += [
            ask(mock.port, "GET", f"/_mock/{page}", right) for page in ("requests", "tasks", "health")
        ]
        journal = answers[-3].json["requests"]
        assert [entry["status"] for entry in journal] == [200, 403, 403, 200, 403, 403, 405, 200]
        for answer in answers:
            shown = answer.body + repr(answer.headers).encode()
            assert b"horse" not in shown
            assert b"battery" not in shown
        assert mock.stop() == (0, "")


@pytest.mark.parametrize("profile", spec.PROFILES)
def test_the_documents_are_the_shipped_ones(profile: str) -> None:
    with running_mock("--profile", profile) as mock:
        served = ask(mock.port, "GET", "/openapi.json")
        assert served.header("content-type") == "application/json"
        assert served.json == json.loads(spec.read(f"openapi-{profile}.json"))
        text = ask(mock.port, "GET", "/openapi.yaml")
        assert text.status == 200
        assert yaml.safe_load(text.body) == served.json


def test_the_docs_page_needs_no_other_host(strict_mock: RunningMock) -> None:
    page = ask(strict_mock.port, "GET", "/docs")
    assert page.status == 200
    assert str(page.header("content-type")).startswith("text/html")
    text = page.body.decode()
    assets = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)""", text)
    assert {Path(asset).suffix for asset in assets} >= {".js", ".css"}
    assert "http:" not in text
    assert "https:" not in text
    for asset in assets:
        answer = ask(strict_mock.port, "GET", urljoin("/docs", asset))
        assert answer.status == 200, asset
        assert answer.body, asset
    [document] = re.findall(r"""url:\s*["']([^"']+)""", text)
    assert ask(strict_mock.port, "GET", document).json["openapi"].startswith("3.1")


def test_afar_the_control_api_wants_the_admin_token() -> None:
    # Tests listen on loopback only; here the address to listen on is itself what is tested.
    pages = [("GET", "/_mock/requests"), ("GET", "/_mock/tasks"), ("POST", "/_mock/reset")]
    token, wrong = ("Authorization", "Bearer open-sesame"), ("Authorization", "Bearer open")
    with (
        running_mock("--host", "0.0.0.0") as closed,
        running_mock("--host", "0.0.0.0", "--admin-token", "open-sesame") as guarded,
    ):
        for mock in (closed, guarded):
            assert ask(mock.port, "GET", "/_mock/health").status == 200
            created_id(mock, "a")
        for method, page in pages:
            refused = ask(guarded.port, method, page, wrong)
            assert (refused.status, refused.json["code"]) == (403, 403)
            assert ask(guarded.port, method, page).status == 403
            assert ask(closed.port, method, page, token).status == 403
            assert ask(guarded.port, method, page, token).status == 200
        assert ask(closed.port, "GET", "/_mock/health").json["tasks"] == 1
        assert ask(guarded.port, "GET", "/_mock/health").json["tasks"] == 0


def test_on_loopback_the_control_api_is_open(strict_mock: RunningMock) -> None:
    assert ask(strict_mock.port, "GET", "/_mock/requests").status == 200


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "loracle_mockserver", *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=dict(os.environ),
        timeout=60,
    )
    assert "Usage: loracle" in ended.stdout
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in ended.stderr.splitlines()}
    assert "click" in imported
    assert not imported & {"pydantic", "fastapi", "starlette", "uvicorn", "jsonschema_rs", "yaml"}
