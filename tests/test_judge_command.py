"""`loracle judge`: what it runs, how it reports, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from judged import client, judge
from live import COMMAND, PATIENCE

from loracle_mockserver.faults import scenarios
from loracle_mockserver.judging import judged_scenarios

GOOD = """
task = call("POST", "/v3/training/subject", BODY)["task_id"]
while True:
    state = call("GET", "/v3/training/subject?task_id=" + task)
    if state["models"] and state["models"][0]["model_status"] == "SERVING":
        break
    time.sleep(0.02)
"""
HAPPY = ("--scenario", "happy-path", "--poll-pause", "0.01")


def test_a_good_client_passes(tmp_path: Path) -> None:
    done = judge(*HAPPY, command=client(tmp_path, GOOD))
    assert done.code == 0, done
    assert done.output.startswith("ok   happy-path")
    assert done.output.endswith("1 scenarios: 1 passed; 0 findings\n")


def test_the_variables_of_the_user_are_filled_in(tmp_path: Path) -> None:
    script = 'URL, KEY = os.environ["API"], os.environ["TOKEN"]\nassert os.environ["PORT_"] in URL' + GOOD
    variables = ["--env", "API={url}", "--env", "TOKEN={key}", "--env", "PORT_={port}"]
    assert judge(*HAPPY, *variables, command=client(tmp_path, script)).code == 0


def test_a_client_that_breaks_the_contract_fails(tmp_path: Path) -> None:
    script = (
        'BODY["width"] = "512"\ntry: call("POST", "/v3/training/subject", BODY)\nexcept OSError: sys.exit(1)'
    )
    done = judge("--format", "json", *HAPPY, command=client(tmp_path, script))
    assert done.code == 1
    assert done.findings("happy-path") == ["breaks-strict"]
    assert done.report["happy-path"]["exit_code"] == 1
    assert judge("--profile", "lenient", *HAPPY, command=client(tmp_path, script)).code == 0


def test_every_format_tells_the_finding(tmp_path: Path) -> None:
    command = client(tmp_path, "call('GET', '/v3/training/nowhere')")
    for form in ("text", "json", "junit", "html"):
        done = judge("--format", form, *HAPPY, command=command)
        assert done.code == 1
        assert "breaks-contract" in done.output
        assert "/v3/training/nowhere" in done.output
        if form == "junit":
            suite = ET.fromstring(done.output)[0]
            assert suite.attrib["failures"] == "1"
            assert [one.tag for one in suite[0]] == ["failure"]
        if form == "json":
            assert json.loads(done.output)["version"] == 1


def test_no_report_shows_the_key(tmp_path: Path) -> None:
    command = client(tmp_path, "print(KEY)\ncall('GET', '/v3/training?key=' + KEY + '&' + KEY)")
    found = set(judge("--format", "json", *HAPPY, command=command).findings("happy-path"))
    assert found == {"key-in-output", "key-in-query"}
    for form in ("text", "json", "junit", "html"):
        assert "loracle-judge-key" not in judge("--format", form, *HAPPY, command=command).output


def test_a_command_that_makes_no_call_could_not_be_judged() -> None:
    done = judge(*HAPPY, command=[sys.executable, "-c", "pass"])
    assert done.code == 3
    assert "LORACLE_URL" in done.errors
    assert "the command made no call" in done.output


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_the_command_left_behind_is_ended(tmp_path: Path) -> None:
    script = GOOD + (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('child', 'w').write(str(child.pid))\n"
    )
    assert judge(*HAPPY, command=client(tmp_path, script), cwd=tmp_path).code == 0
    child = int((tmp_path / "child").read_text())
    assert not is_running(child)


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    script = "call('GET', '/v3/training')\nwhile True: time.sleep(1)"
    done = judge("--format", "json", "--timeout", "2", *HAPPY, command=client(tmp_path, script))
    assert done.findings("happy-path") == ["gave-up"]
    assert done.report["happy-path"]["exit_code"] is None


@pytest.mark.parametrize(
    ("options", "command", "code", "text"),
    [
        ((), None, 2, "name the command"),
        (("--scenario", "hapy-path"), ["true"], 2, "did you mean happy-path?"),
        (("--scenario", "flaky"), ["true"], 2, "no scenario flaky to judge"),
        (("--env", "NAME"), ["true"], 2, "NAME=VALUE"),
        (HAPPY, ["./no-such-program"], 3, "No such file"),
    ],
)
def test_wrong_usage_is_told(
    options: tuple[str, ...], command: list[str] | None, code: int, text: str
) -> None:
    done = judge(*options, command=command)
    assert done.code == code
    assert text in done.errors
    assert "Traceback" not in done.errors


def test_the_list_names_every_scenario_that_is_judged() -> None:
    done = judge("--list")
    assert done.code == 0
    listed = [line.partition(":")[0] for line in done.output.splitlines() if not line.startswith(" ")]
    assert listed == [one.name for one in judged_scenarios()]
    assert set(listed) <= set(scenarios())


def test_interrupted_it_reports_what_it_has(tmp_path: Path) -> None:
    script = (
        GOOD
        + "open('seen', 'a').write('x')\n"
        + "if len(open('seen').read()) > 1:\n    print('waits', flush=True)\n    time.sleep(600)"
    )
    given = [*COMMAND, "judge", "--show-output", *HAPPY, "--scenario", "slow-queue", "--"]
    process = subprocess.Popen(
        [*given, *client(tmp_path, script)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if "waits" in line:
                break
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert output.startswith("ok   happy-path")
    assert "1 scenarios: 1 passed" in output
    assert "Traceback" not in errors
