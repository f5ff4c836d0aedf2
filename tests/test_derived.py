"""What is derived equals what the contract gives; nobody edited it by hand."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bundle import bundle
from models import prepared_schemas

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "contracts" / "loracle_contracts" / "_models.py"


def check(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "openapi" / "generate.py"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_everything_derived_is_fresh() -> None:
    done = check(ROOT)
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr


def test_the_models_were_made_from_these_schemas() -> None:
    # The generator's own check passes where a change has no effect on the code, such as in a condition.
    said = re.search(r"^# schemas: ([0-9a-f]{64})$", MODELS.read_text(encoding="utf-8"), re.MULTILINE)
    assert said is not None
    assert said.group(1) == hashlib.sha256(prepared_schemas(bundle()).encode()).hexdigest()


def test_a_change_to_the_contract_or_to_what_is_derived_is_noticed(tmp_path: Path) -> None:
    for folder in ("openapi", "contracts", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    schema = tmp_path / "openapi" / "schemas" / "expert-setting.yaml"
    schema.write_text(
        schema.read_text(encoding="utf-8").replace("properties: {class_prompt: {type: string}}", "")
    )
    spec = tmp_path / "contracts" / "loracle_contracts" / "_spec"
    (spec / "errors.json").write_text(json.dumps({}))
    (spec / "left-over.json").write_text("{}")
    done = check(tmp_path)
    assert done.returncode == 1
    stale = {Path(line.removeprefix("stale: ")).name for line in done.stdout.splitlines()}
    assert {"errors.json", "left-over.json", "_models.py", "validation-strict.json"} <= stale
