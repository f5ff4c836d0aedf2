"""What a training of the reference trainer costs: the seed page's example and 200 steps, from process start.

    python benchmarks/training.py [--runs N]

The reference is a process that only imports numpy and Pillow. Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[1] / "openapi/examples/valid/createSubjectTraining/request/seed-page.json"
SECONDS = {"the seed page's example": 1.0, "200 steps": 2.0}
MEGABYTES = 80.0
LORACLE = Path(sys.executable).with_name("loracle")


@dataclass(frozen=True)
class Cost:
    wall: float
    cpu: float
    megabytes: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    example = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    requests = {"the seed page's example": example, "200 steps": _of_200_steps(example)}
    with tempfile.TemporaryDirectory() as folder:
        reference = _median([_cost([sys.executable, "-c", "import numpy, PIL.Image"]) for _ in range(runs)])
        print(f"{'':<26}{'wall s':>8}{'CPU s':>8}{'MB':>8}{'x CPU':>8}   bar")
        _print("import numpy and Pillow", reference, reference, "")
        is_missed = False
        for name, request in requests.items():
            file = Path(folder) / "request.json"
            file.write_text(json.dumps(request), encoding="utf-8")
            command = [str(LORACLE), "train", str(file), "--out", str(Path(folder) / "out")]
            cost = _median([_cost(command) for _ in range(runs)])
            _print(name, cost, reference, f"<= {SECONDS[name]:g} s, <= {MEGABYTES:g} MB")
            is_missed |= cost.wall > SECONDS[name] or cost.megabytes > MEGABYTES
    return int(is_missed)


def _of_200_steps(example: dict[str, Any]) -> dict[str, Any]:
    changed = {"max_train_steps": 200, "learning_rate": 1e-3}
    return {
        **example,
        "image_dataset_items": [{"assets_id": "26"}] * 4,
        "expert_setting": {**example["expert_setting"], **changed},
    }


def _cost(command: list[str]) -> Cost:
    """Of a process with all its children; the most memory is that of the largest one of them."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Cost(wall, usage.ru_utime + usage.ru_stime, kilobytes * 1024 / 1e6)


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in Cost.__annotations__))


def _print(name: str, cost: Cost, reference: Cost, bar: str) -> None:
    ratio = cost.cpu / reference.cpu
    print(f"{name:<26}{cost.wall:>8.2f}{cost.cpu:>8.2f}{cost.megabytes:>8.1f}{ratio:>8.1f}   {bar}")


if __name__ == "__main__":
    raise SystemExit(main())
