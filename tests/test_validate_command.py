"""The command `loracle validate`: options, settings, exit codes, how it ends early, what it loads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from checks import SEED_PAGE, clean, run, seed_page
from terminals import on_a_terminal

from loracle_contracts import operations
from loracle_contracts.report import Checked, Outcome, Reporter

COMMAND = (sys.executable, "-m", "loracle_mockserver", "validate")
PATIENCE = 60.0
_IN_ANOTHER_PROGRAM = "from loracle_mockserver.cli import main; main()"
pytestmark = pytest.mark.usefixtures("files")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("good.json").write_text(json.dumps(clean()))
    Path("linted.json").write_bytes(SEED_PAGE)
    Path("bad.json").write_text(json.dumps(seed_page(width="512")))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("good.json", 0),
        ("linted.json", 0),
        ("linted.json --lints error", 1),
        ("linted.json --lints off", 0),
        ("bad.json", 1),
        ("good.json bad.json", 1),
        ("bad.json --profile lenient", 0),
        ("bad.json none.json", 3),
        ("good.json none.json", 3),
        ("none.json bad.json --format json", 3),
        ("", 2),
        ("good.json --format html", 2),
        ("good.json --operation nothing", 2),
        ("good.json --operation putUpload", 2),
        ("good.json --profile loose", 2),
        ("- --fix", 2),
        ("good.json --nonsense", 2),
        ("--explain width.type", 0),
        ("--explain width.typ", 2),
    ],
)
def test_the_exit_code_says_what_came_of_it(arguments: str, code: int) -> None:
    assert run(*arguments.split()).exit_code == code


def test_results_are_on_stdout_and_nothing_else_is() -> None:
    Path("folder").mkdir()
    Path("folder/package.json").write_text('{"name": "x"}')
    Path("folder/good.json").write_text(json.dumps(clean()))
    result = run("folder", "--format", "json")
    assert json.loads(result.stdout)["counts"]["payloads"] == 1
    assert "package.json" in result.stderr
    assert "package.json" not in result.stdout


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "github"])
def test_every_format_tells_the_violation(form: str) -> None:
    result = run("bad.json", "--format", form)
    assert result.exit_code == 1
    assert "width.type" in result.stdout
    assert "\x1b" not in result.stdout


def test_an_operation_and_a_profile_are_said() -> None:
    assert "createSubjectTraining request, recognised by shape" in run("good.json").stdout
    result = run("good.json", "--operation", "createStyleTraining", "--format", "json", "--profile", "seed")
    report = json.loads(result.stdout)
    (outcome,) = report["outcomes"]
    assert (outcome["operation"], outcome["recognised"], report["profile"]) == (
        "createStyleTraining",
        False,
        "seed",
    )


def test_answers_are_judged_as_such() -> None:
    Path("answer.json").write_text('{"task_id": 5}')
    result = run("answer.json", "--operation", "createSubjectTraining", "--response", "--format", "json")
    (outcome,) = json.loads(result.stdout)["outcomes"]
    assert (outcome["part"], outcome["violations"][0]["rule"]) == ("response", "task_id.type")


def test_an_unknown_operation_is_answered_with_those_there_are() -> None:
    result = run("good.json", "--operation", "nothing")
    assert all(name in result.stderr for name in operations())


def test_standard_input_is_read() -> None:
    assert run("-", stdin=json.dumps(clean())).exit_code == 0
    assert run("-", stdin="").exit_code == 1  # a body that is empty breaks the contract
    result = run("-", stdin=json.dumps(seed_page(width=0)))
    assert "standard input:1:" in result.stdout


# --- settings


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("LORACLE_PROFILE", "lenient", 0),
        ("LORACLE_LINTS", "error", 1),
        ("LORACLE_OPERATION", "createUploadUrl", 1),
        ("LORACLE_RESPONSE", "1", 1),
        ("LORACLE_FORMAT", "nonsense", 2),
    ],
)
def test_the_environment_sets_options(name: str, value: str, code: int) -> None:
    file = "bad.json" if name == "LORACLE_PROFILE" else "linted.json"
    assert (
        run(file, env={name: value, "LORACLE_LINTS": value if name.endswith("LINTS") else "warn"}).exit_code
        == code
    )


def test_pyproject_toml_sets_options_and_the_command_line_wins() -> None:
    Path("pyproject.toml").write_text('[tool.loracle]\nlints = "error"\nformat = "json"\nport = 8001\n')
    result = run("linted.json")
    assert (result.exit_code, json.loads(result.stdout)["lint_level"]) == (1, "error")
    assert run("linted.json", "--lints", "warn").exit_code == 0
    Path("pyproject.toml").write_text("[tool.loracle]\nfix = true\nresponse = false\n")
    Path("bad.json").write_text('{"file_extension": "jpg"}')
    assert run("bad.json").exit_code == 0
    assert Path("bad.json").read_text() == '{"file_extension": "jpeg"}'


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("lint = 'off'", "Did you mean 'lints'?"),
        ("fix = 'yes'", "true or false"),
        ("explain = 'width.type'", "no setting 'explain'"),
        ("help = true", "no setting 'help'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting: str, said: str) -> None:
    Path("pyproject.toml").write_text(f"[tool.loracle]\n{setting}\n")
    result = run("good.json")
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_choice_of_one_command_does_not_reach_another() -> None:
    # No command but validate has this choice; serve has its own options and starts not at all here.
    Path("pyproject.toml").write_text('[tool.loracle]\nlints = "loud"\n')
    assert run("good.json").exit_code == 2


# --- ends


def _started(*arguments: str | Path, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_an_interrupt_reports_what_was_found() -> None:
    process = _started("-", "--format", "json", "--lints", "off", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    # So much that the first outcomes have left the buffer, and fits into the pipe; then it waits for more.
    line = json.dumps(seed_page(width="512")).encode() + b"\n"
    process.stdin.write(line * 60)
    process.stdin.flush()
    begun = b""
    while b'"width.type"' not in begun:
        begun += os.read(process.stdout.fileno(), 1000)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    report = json.loads(begun + rest)
    assert report["counts"]["invalid"] >= 1
    last = report["outcomes"][-1]
    assert (last["source"], last["status"]) == ("-", "unreadable")
    assert "nterrupted" in last["reason"]
    assert b"Traceback" not in errors


def test_an_interrupt_does_not_cut_what_is_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    really_add = Reporter.add

    def interrupted(report: Reporter, outcome: Outcome) -> None:
        if isinstance(outcome, Checked):
            os.kill(os.getpid(), signal.SIGINT)
        really_add(report, outcome)

    monkeypatch.setattr(Reporter, "add", interrupted)
    result = run("good.json", "bad.json", "--format", "json")
    assert result.exit_code == 130
    first, last = json.loads(result.stdout)["outcomes"]
    assert (first["source"], first["status"], last["status"]) == ("good.json", "valid", "unreadable")


@pytest.mark.parametrize("program", [COMMAND, (sys.executable, "-c", _IN_ANOTHER_PROGRAM, "validate")])
@pytest.mark.parametrize("lines", [1, 5000])
def test_a_reader_that_goes_away_ends_it_quietly(files: Path, program: tuple[str, ...], lines: int) -> None:
    many = files / "many.jsonl"
    many.write_text((json.dumps(seed_page(width="512")) + "\n") * lines)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(
        [*program, str(many)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=buffered
    )
    assert process.stdout is not None
    if lines > 1:  # else all of it is still in its buffer when it finds out
        process.stdout.read(10)
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(PATIENCE) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full disk to write to")
def test_a_full_disk_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, "bad.json"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_closed_standard_input_is_told() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "-"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "could not be checked" in done.stdout
    assert "Traceback" not in done.stderr


# --- on a terminal


def _on_a_terminal(*arguments: str, env: dict[str, str]) -> tuple[int, str]:
    return on_a_terminal([*COMMAND, *arguments], env)


def test_a_person_at_a_terminal_sees_colors_and_the_source() -> None:
    code, said = _on_a_terminal("bad.json", env={"NO_COLOR": ""})
    assert code == 1
    assert "\x1b[31m" in said
    assert "\x1b[31m^" in said
    _, plain = _on_a_terminal("bad.json", env={"NO_COLOR": "1"})
    assert "\x1b" not in plain
    assert "^" in plain


def test_a_bar_is_drawn_on_a_terminal_and_makes_room_for_results(files: Path) -> None:
    many = files / "many.jsonl"
    many.write_text((json.dumps(clean()) + "\n") * 40_000 + json.dumps(seed_page(width="512")))
    code, said = _on_a_terminal(str(many), env={"NO_COLOR": "1"})
    assert code == 1
    shown = [line for line in said.replace("\r\n", "\n").split("\r") if "payloads" in line and "%" in line]
    if shown:  # a machine so fast that half a second suffices draws none
        assert "\x1b[K" in said
    last = said.split("\x1b[K")[-1]
    assert "40001 payloads checked" in last
    assert "%" not in last


def test_no_bar_without_a_terminal() -> None:
    done = subprocess.run([*COMMAND, "bad.json"], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


# --- what is loaded

_LOADED = """
import json, sys
from loracle_mockserver.cli import main
try:
    main(["validate", *sys.argv[1:]])
except SystemExit:
    pass
sys.stderr.write(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "github"])
def test_nothing_heavy_is_loaded(form: str) -> None:
    command = [sys.executable, "-c", _LOADED, "bad.json", "linted.json", "--format", form]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stderr)}
    assert loaded & {"pydantic", "fastapi", "starlette", "uvicorn", "rich", "yaml", "gzip"} == set()


def test_what_is_right_loads_no_explanations() -> None:
    command = [sys.executable, "-c", _LOADED, "good.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stderr))
    assert "loracle_contracts.validation" not in loaded
    assert "loracle_contracts.inputs.archives" not in loaded
    assert "difflib" not in loaded
