"""What docs/train.md says is so: its commands are run, its numbers are the program's."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from checks import SEED_PAGE, seed_page
from drawn_pictures import encoded, face
from trained import run_train

from loracle_mockserver.train_command import train
from loracle_mockserver.trainer.plan import CLASS_IMAGES, Caps

PAGE = (Path(__file__).parents[1] / "docs" / "train.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("request.json").write_bytes(SEED_PAGE)
    Path("broken.json").write_text(json.dumps(seed_page(width="512")))
    Path("photos").mkdir()
    Path("photos/one.png").write_bytes(encoded(face(120)))


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_end_as_they_say(line: str) -> None:
    command, _, said = line.partition("#")
    program, subcommand, *arguments = shlex.split(command)
    assert (program, subcommand) == ("loracle", "train")
    code = re.search(r"exit code (\d)", said)
    assert run_train(*arguments).exit_code == int(code[1] if code else 0)


def test_the_code_reads_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    run_train("request.json", "--out", "out")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out.startswith("32 32 ['blocks.0.down'")


def test_the_files_are_those_that_are_written() -> None:
    Path("request.json").write_text(
        json.dumps(seed_page(expert_setting={**seed_page()["expert_setting"], "train_text_encoder": True}))
    )
    run_train("request.json", "--out", "out")
    for path in Path("out").iterdir():
        assert f"`{path.name}{'/' * path.is_dir()}`" in PAGE


def test_the_numbers_are_those_of_the_program() -> None:
    caps = Caps()
    text = " ".join(PAGE.split())
    for said in (
        f"`--max-steps` ({caps.max_steps})",
        f"beyond {caps.max_pixels:,} pixels",
        f"beyond {caps.max_input_pixels // 10**6} million pixels",
        f"**Class images**: {CLASS_IMAGES} with",
    ):
        assert said in text


def test_every_option_is_told() -> None:
    told = set(
        re.findall(r"--[\w-]+", PAGE + (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8"))
    )
    options = {name for parameter in train.params for name in parameter.opts if name.startswith("--")}
    assert options - told - {"--operation", "--profile"} == set()
