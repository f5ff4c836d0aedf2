"""The command `loracle fuzz`: options, guards, settings, exit codes."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from fuzz_calls import always, document_of, run, serving, takes_text_as_width
from served_app import served

from loracle_contracts.fuzzing import LAYERS
from loracle_mockserver.fuzz_command import fuzz

FAST = ("--layers", "examples")
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- runs


def test_a_server_that_keeps_the_contract_is_found_right() -> None:
    with serving() as server:
        result = run(server.url, *FAST)
    assert result.exit_code == 0, result.output
    assert "no findings; 168 requests, 0 trainings started" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("form", ["text", "json", "junit", "sarif", "github", "html"])
def test_a_defect_is_told_in_every_format(form: str) -> None:
    with serving(takes_text_as_width) as server:
        result = run(server.url, *FAST, "--format", form)
    assert result.exit_code == 1
    assert "width.type" in result.stdout
    assert "\x1b" not in result.stdout
    assert server.app.creates == 1, "after the first one the layer backs off"


def test_same_seed_same_report() -> None:
    with serving(takes_text_as_width) as server:
        told = [document_of(run(server.url, *FAST, "--format", "json")) for _ in range(2)]
    first, second = (
        [(one["id"], one["expected"], one["got"], one["exchanges"][0]["request"]) for one in run["findings"]]
        for run in told
    )
    assert first == second
    assert told[0]["counts"] == told[1]["counts"]
    assert told[0]["not_checked"] == told[1]["not_checked"]


def test_a_prefix_of_the_url_is_kept() -> None:
    with serving() as server:

        async def behind_a_prefix(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                assert scope["path"].startswith("/api/v3/")
                scope = {**scope, "path": scope["path"].removeprefix("/api"), "raw_path": b""}
            await server.app(scope, receive, send)

        with served(behind_a_prefix) as there:
            result = run(f"http://127.0.0.1:{there.port}/api/", *FAST, "--max-requests", "40")
    assert result.exit_code == 0, result.output


def test_options_are_followed() -> None:
    options = ("--max-requests", "10", "--seed", "7", "--profile", "lenient", "--timeout", "3")
    more = ("--asset-id", "a1", "--asset-id", "a2", "--base-model", "m", "--upload-host", "S3.test")
    with serving() as server:
        result = run(server.url, *FAST, *options, *more, "--rate", "1000", "--format", "json")
    told = document_of(result)
    assert result.exit_code == 0
    assert (told["counts"]["requests"], told["end"]) == (10, "spent")
    assert told["stopped"] == "all 10 requests of --max-requests are spent"
    assert told["not_checked"][-1]["layer"] == "examples"
    chosen = told["options"]
    assert (chosen["seed"], chosen["profile"], chosen["timeout"], chosen["rate"]) == (7, "lenient", 3, 1000)
    assert (chosen["asset_ids"], chosen["base_model"], chosen["upload_hosts"]) == (
        ["a1", "a2"],
        "m",
        ["s3.test"],
    )


def test_a_slow_answer_is_a_finding_where_a_bound_is_given() -> None:
    with serving() as server:
        result = run(
            server.url, *FAST, "--max-latency", "0.0000001", "--max-findings", "1", "--format", "json"
        )
    assert document_of(result)["findings"][0]["check"] == "latency"


def test_the_report_goes_to_a_file_and_its_json_beside_it(folder: Path) -> None:
    with serving(takes_text_as_width) as server:
        result = run(server.url, *FAST, "--output", "report.html", "--format", "html", "--save", "all.json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert sorted(path.name for path in folder.iterdir()) == ["all.json", "report.html"]
    assert "loracle fuzz --replay all.json --max-creates 1" in (folder / "report.html").read_text()
    assert json.loads((folder / "all.json").read_text())["version"] == 1


@pytest.mark.parametrize("option", ["--output", "--save"])
def test_a_file_that_cannot_be_is_told_before_anything_is_sent(option: str) -> None:
    result = run(NOWHERE, *FAST, option, "none/report.json")
    assert result.exit_code == 3
    assert "there is no folder" in result.stderr


# --- what could not be tested


def test_a_server_that_is_not_there() -> None:
    result = run(NOWHERE, "--format", "json")
    assert result.exit_code == 3
    assert "127.0.0.1:1 could not be tested: the server does not answer" in result.stderr
    told = document_of(result)
    assert (told["findings"], told["end"], told["counts"]["answered"]) == ([], "server", 0)
    assert {one["layer"] for one in told["not_checked"]} == set(LAYERS)


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [(503, "SERVICE_UNAVAILABLE", 3), (500, "LIST_TASK_FAILED", 1)],
)
def test_a_server_that_only_fails(status: int, reason: str, code: int) -> None:
    with served(always(status, reason)) as there:
        result = run(f"http://127.0.0.1:{there.port}", *FAST)
    assert result.exit_code == code, result.output
    assert f"in a row with {status}" in result.stdout


# --- guards


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("127.0.0.1:8000", "does not begin with http://"),
        ("ftp://a.test", "does not begin with http://"),
        ("http://", "names no host"),
        ("http://a.test:99999", "is no URL"),
        ("http://[::1", "is no URL"),
        ("http://a.test/?x=1", "it has no query"),
        ("http://a.test/#x", "it has no query"),
        ("http://me:secret-word@a.test", "LORACLE_API_KEY or --api-key-file"),
        ("http://a b.test", "no blanks"),
        ("", "does not begin"),
    ],
)
def test_a_url_that_cannot_be_is_refused(url: str, said: str) -> None:
    result = run(url)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert "secret-word" not in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (NOWHERE, "--layers", "nonsense"),
        (NOWHERE, "--layers", ","),
        (NOWHERE, "--max-creates", "-1"),
        (NOWHERE, "--rate", "0"),
        (NOWHERE, "--format", "pdf"),
        (NOWHERE, "--api-key", " "),
        (NOWHERE, "--api-key", "kéy-with-accent"),
        (NOWHERE, "--replay", "x.json", "--dry-run"),
        (NOWHERE, "--replay", "x.json", "--format", "html"),
        (NOWHERE, "--replay", "x.json", "--save", "y.json"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "kéy" not in result.output


def test_another_machine_needs_an_agreement_that_states_the_plan() -> None:
    result = run("https://staging.example.com/x", "--max-creates", "3", "--max-requests", "50")
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert "sends at most 50 requests to staging.example.com, 5 a second, under the profile strict" in said
    assert "starts at most 3 trainings, which may cost money" in said
    assert "add --yes" in said


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_this_machine_needs_none(host: str) -> None:
    assert run(f"http://{host}:1", "--timeout", "0.5", *FAST).exit_code == 3


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost.example.com", "10.0.0.1", "127.0.0.1.example.com"])
def test_what_only_looks_like_this_machine_does(host: str) -> None:
    assert run(f"http://{host}:1", *FAST).exit_code == 2


def test_a_dry_run_sends_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        result = run(f"http://127.0.0.1:{listener.getsockname()[1]}", *FAST, "--dry-run")
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["layer", "requests", "refused", "reads", "uploads", "creates"] in lines
    assert ["examples", "168", "152", "16", "0", "0"] in lines
    assert "would send at most 700 requests" in result.stdout
    # Another machine may be planned for without an agreement.
    assert run("https://staging.example.com", *FAST, "--dry-run").exit_code == 0


def test_the_plan_counts_trainings() -> None:
    result = run(NOWHERE, "--layers", "walk,pairwise", "--max-creates", "12", "--dry-run")
    (total,) = [line.split() for line in result.stdout.splitlines() if line.startswith("total")]
    assert 0 < int(total[-1]) <= 12


# --- keys and settings


def test_the_key_comes_from_the_environment_or_a_file(folder: Path) -> None:
    with serving(key="sk-of-the-test") as server:
        assert run(server.url, *FAST).exit_code == 1, "the stand-in is not known there"
        assert run(server.url, *FAST, env={"LORACLE_API_KEY": "sk-of-the-test"}).exit_code == 0
        (folder / "key").write_text("sk-of-the-test\n")
        assert run(server.url, *FAST, "--api-key-file", "key").exit_code == 0
        # Of both, the file was asked for, and the environment may hold any command's key.
        wrong = {"LORACLE_API_KEY": "sk-wrong"}
        assert run(server.url, *FAST, "--api-key-file", "key", env=wrong).exit_code == 0


@pytest.mark.parametrize(
    ("content", "code"), [("two words\n", 2), ("", 2), ("x" * 100_000, 2), (None, 3), (b"\xff", 3)]
)
def test_a_file_that_holds_no_key(folder: Path, content: Any, code: int) -> None:
    if content is not None:
        data = content if isinstance(content, bytes) else content.encode()
        (folder / "key").write_bytes(data)
    result = run(NOWHERE, "--api-key-file", "key")
    assert result.exit_code == code
    assert "two words" not in result.output


def test_a_key_twice_is_refused_and_never_quoted() -> None:
    result = run(NOWHERE, "--api-key", "sk-canary-one", "--api-key-file", "key")
    assert result.exit_code == 2
    assert "canary" not in result.output


def test_a_key_that_is_set_but_empty_is_refused() -> None:
    result = run(NOWHERE, env={"LORACLE_API_KEY": ""})
    assert result.exit_code == 2
    assert "blank" in result.stderr


def test_pyproject_toml_and_the_environment_set_options(folder: Path) -> None:
    settings = 'layers = ["examples"]\nmax-requests = 9\nrate = 500\napi-key = "sk-canary-toml"\n'
    (folder / "pyproject.toml").write_text(f"[tool.loracle]\n{settings}")
    with serving() as server:
        told = document_of(run(server.url, "--format", "json"))
        assert (told["counts"]["requests"], told["options"]["rate"]) == (9, 500)
        assert told["options"]["layers"] == ["examples"]
        again = run(server.url, "--format", "json", env={"LORACLE_MAX_REQUESTS": "8"})
        assert document_of(again)["counts"]["requests"] == 8
    assert "canary" not in run("--help").output


def test_a_setting_that_another_command_knows_stops_none(folder: Path) -> None:
    # `loracle serve` takes several keys, `loracle fuzz` takes one.
    (folder / "pyproject.toml").write_text('[tool.loracle]\napi-key = ["one-key", "another-key"]\n')
    with serving() as server:
        told = document_of(run(server.url, *FAST, "--format", "json", "--max-requests", "2"))
    assert told["options"]["api_key"] is False


@pytest.mark.parametrize("name", ["LORACLE_YES", "LORACLE_REPLAY", "LORACLE_DRY_RUN"])
def test_no_agreement_comes_from_the_environment(name: str) -> None:
    result = run("http://10.0.0.1:1", *FAST, env={name: "1"})
    assert result.exit_code == 2
    assert "--yes" in result.stderr


def test_the_layers_are_named_in_the_help() -> None:
    (layers,) = [one for one in fuzz.params if one.name == "layers"]
    assert ", ".join(LAYERS) in str(layers.help)  # type: ignore[attr-defined]
