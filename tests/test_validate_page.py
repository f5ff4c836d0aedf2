"""What docs/validate.md says is so: its commands are run, its limits and its diff are the program's."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from checks import SEED_PAGE, clean, run

from loracle_contracts.inputs.contents import MAX_DOCUMENT, MAX_LINE
from loracle_contracts.inputs.formats import MAX_YAML
from loracle_contracts.proof import MAX_BODY

PAGE = (Path(__file__).parents[1] / "docs" / "validate.md").read_text(encoding="utf-8")
MIB = 1024 * 1024


def _block(language: str, section: str = "") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.partition(section)[2] if section else PAGE, re.DOTALL)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("payloads").mkdir()
    Path("payloads/a.json").write_bytes(SEED_PAGE)
    text = yaml.safe_dump(clean(), sort_keys=False).replace("0.0001", "1.0e-4")
    Path("payloads/b.yaml").write_text(text)
    Path("lines.jsonl.gz").write_bytes(gzip.compress(json.dumps(clean()).encode()))
    Path("style.json").write_bytes(SEED_PAGE)
    Path("broken.json").write_text("{")
    answer = {"status": 200, "content": {"text": '{"task_id": "fe84ac1b-5a01-487c-a56d-2c6c93b61f49"}'}}
    request = {"method": "POST", "url": "http://h/v3/training/subject"}
    Path("recorded.har").write_text(
        json.dumps({"log": {"entries": [{"request": request, "response": answer}]}})
    )


COMMANDS = [line for block in _block("sh")[:1] for line in block.splitlines()]


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_end_as_they_say(line: str) -> None:
    command, _, said = line.partition("#")
    stdin = None
    if "|" in command:
        source, _, command = command.partition("|")
        stdin = Path(shlex.split(source)[1]).read_bytes()
    program, subcommand, *arguments = shlex.split(command)
    assert (program, subcommand) == ("loracle", "validate")
    code = re.search(r"exit code (\d)", said)
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == int(code[1] if code else 0), result.output


def test_there_are_commands() -> None:
    assert len(COMMANDS) == 7


def test_the_diff_is_the_one_that_is_shown() -> None:
    (diff,) = _block("diff")
    before = [line[1:] for line in diff.splitlines()[3:] if line[:1] in " -"]
    Path("mend").mkdir()
    Path("mend/a.json").write_text("\n".join(before) + "\n")
    (command,) = _block("sh", "## Mending")
    assert run(*shlex.split(command)[2:]).stdout.startswith(diff)


def test_the_limits_are_those_of_the_program() -> None:
    assert f"a line of more than {MAX_LINE // MIB} MiB" in PAGE
    assert f"a document of more than {MAX_DOCUMENT // MIB} MiB (YAML: {MAX_YAML // MIB} MiB)" in PAGE
    assert f"A body over {MAX_BODY // MIB} MiB" in PAGE
