"""An interpreter with torch, peft and diffusers, which the development environment leaves out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PEFT = {"torch": "torch==2.13.0+cpu", "peft": "peft==0.21.2"}  # without CUDA, which brings gigabytes
DIFFUSERS = {"diffusers": "diffusers==0.42.1", "transformers": "transformers==5.23.0"}
PATIENCE = 1800.0


def peft_python(home: Path) -> str:
    """This interpreter where it has torch and peft, else one in a new environment; else the tests skip."""
    if all(map(find_spec, PEFT)):
        return sys.executable
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    python = str(home / "bin" / "python")
    _install(python, [*PEFT.values(), f"{ROOT}[trainer]"])
    return python


def diffusers_python(python: str) -> str:
    """The same one, with diffusers and transformers, too; else the tests skip."""
    if python != sys.executable:
        _install(python, list(DIFFUSERS.values()))
    elif not all(map(find_spec, DIFFUSERS)):
        pytest.skip(f"{' and '.join(DIFFUSERS)} are not installed beside torch and peft")
    return python


def _install(python: str, needed: list[str]) -> None:
    command = [python, "-m", "pip", "install", "-q", *needed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        pytest.skip(f"{' and '.join(needed[:2])} cannot be installed here: {reason}")


def printed(python: str, program: str, *arguments: str | Path) -> Any:
    """The JSON that a program of the tests prints in that environment."""
    command = [python, str(ROOT / "tests" / program), *map(str, arguments)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
