"""The artefact, loaded through PEFT itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch_environment import printed


@pytest.mark.long
def test_peft_predicts_as_the_trainer_does(python_with_peft: str, tmp_path: Path) -> None:
    found = printed(python_with_peft, "peft_reload.py", tmp_path / "out")
    assert found["difference"] <= 1e-5, found
    assert found["effect"] >= 1e-2, found
