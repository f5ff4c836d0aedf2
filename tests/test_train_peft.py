"""The artefact, loaded through PEFT itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = ("torch==2.13.0+cpu", "peft==0.21.2")  # without CUDA, which brings gigabytes
PATIENCE = 1800.0


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter with torch and peft: this one, or one in a new environment; else the tests skip."""
    if find_spec("torch") and find_spec("peft"):
        return sys.executable
    home = tmp_path_factory.mktemp("peft")
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    command = [home / "bin" / "python", "-m", "pip", "install", "-q", *NEEDED, f"{ROOT}[trainer]"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        pytest.skip(f"{' and '.join(NEEDED)} cannot be installed here: {reason}")
    return str(home / "bin" / "python")


@pytest.mark.long
def test_peft_predicts_as_the_trainer_does(python: str, tmp_path: Path) -> None:
    command = [python, str(ROOT / "tests" / "peft_reload.py"), str(tmp_path / "out")]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["difference"] <= 1e-5, found
    assert found["effect"] >= 1e-2, found
