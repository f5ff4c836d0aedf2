"""The same request gives the same adapter, byte for byte; another request gives another one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trainings import INSTANCE, request, run, subject

CODE = """
import sys
sys.path.insert(0, sys.argv[1])
from trainings import run, subject
setting = {"train_text_encoder": True, "max_train_steps": int(sys.argv[2])}
print(run(subject(), **setting).adapter.digest)
try:
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print(int(status["VmHWM"].split()[0]) * 1024)
except FileNotFoundError:  # only Linux tells; what getrusage tells includes the process that started this
    print(0)
"""
STEPS = 12
MOST_MEMORY = 80_000_000


def _in_a_process(steps: int = STEPS, **environment: str) -> tuple[str, int]:
    """The digest of a training, and the most memory it took in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(Path(__file__).parent), str(steps)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    digest, memory = done.stdout.split()
    return digest, int(memory)


def test_processes_and_numbers_of_threads_give_the_same_bytes_in_little_memory() -> None:
    here = run(subject(), train_text_encoder=True, max_train_steps=STEPS).adapter.digest
    one, memory = _in_a_process(OPENBLAS_NUM_THREADS="1", PYTHONHASHSEED="1")
    two, _ = _in_a_process(OPENBLAS_NUM_THREADS="2", PYTHONHASHSEED="2")
    assert {here, one, two} == {here}
    assert memory <= MOST_MEMORY


@pytest.mark.long
@pytest.mark.parametrize("kernel", ["Prescott", "Nehalem", "Haswell", "Zen"])
def test_kernels_of_other_processors_give_the_same_bytes(kernel: str) -> None:
    expected = run(subject(), train_text_encoder=True, max_train_steps=100).adapter.digest
    # Where numpy has another BLAS the name means nothing, and the same bytes are no less asked for.
    found, _ = _in_a_process(100, OPENBLAS_CORETYPE=kernel, NPY_DISABLE_CPU_FEATURES="AVX2 FMA3")
    assert found == expected


SETTING: dict[str, Any] = {"train_text_encoder": True, "max_train_steps": 3}
CHANGES: dict[str, dict[str, Any]] = {
    "seed": {"seed": 1},
    "max_train_steps": {"max_train_steps": 4},
    "train_batch_size": {"train_batch_size": 1},
    "learning_rate": {"learning_rate": 1.000001e-3},
    "lr_scheduler": {"lr_scheduler": "cosine"},
    "lr_warmup_steps": {"lr_scheduler": "cosine", "lr_warmup_steps": 1},
    "instance_prompt": {"instance_prompt": INSTANCE + "s"},
    "class_prompt": {"class_prompt": "woman"},
    "with_prior_preservation": {"with_prior_preservation": False},
    "prior_loss_weight": {"prior_loss_weight": 0.5},
    "train_text_encoder": {"train_text_encoder": False},
    "lora_r": {"lora_r": 8},
    "lora_alpha": {"lora_alpha": 8},
    "lora_text_encoder_r": {"lora_text_encoder_r": 8},
    "lora_text_encoder_alpha": {"lora_text_encoder_alpha": 8},
}


@pytest.fixture(scope="module")
def digest() -> Callable[..., str]:
    """Of a training with these settings changed; each is run once."""
    known: dict[str, str] = {}

    def found(**changes: Any) -> str:
        key = repr(sorted(changes.items()))
        if key not in known:
            known[key] = run(subject(), **{**SETTING, **changes}).adapter.digest
        return known[key]

    return found


@pytest.mark.parametrize("field", CHANGES)
def test_each_field_changes_the_adapter(field: str, digest: Callable[..., str]) -> None:
    before = digest() if field != "lr_warmup_steps" else digest(lr_scheduler="cosine")
    assert digest(**CHANGES[field]) != before


def test_every_setting_of_a_request_is_among_them() -> None:
    asked = {*request()["expert_setting"], *SETTING}
    assert asked <= set(CHANGES)


def test_the_pictures_change_the_adapter_and_the_name_does_not(digest: Callable[..., str]) -> None:
    pixels = subject()
    assert run(pixels, **SETTING, name="another").adapter.digest == digest()
    pixels[0, 0, 0, 0] += 2.0**-7
    assert run(pixels, **SETTING).adapter.digest != digest()
