"""Writes diffusers_schedules.json: learning rates as diffusers itself computes them.

    pip download --no-deps diffusers==0.42.1 && unzip diffusers-*.whl diffusers/optimization.py
    python tests/tables/make_schedules.py diffusers/optimization.py

torch is not needed: of it only LambdaLR is used, which multiplies the rate by what a function gives.
"""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

VERSION = "0.42.1"
CASES = [
    (name, rate, warmup, steps)
    for name in ("constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial")
    for rate, warmup, steps in (
        (1e-4, 0, 1), (1e-3, 0, 10), (1e-3, 3, 10), (2e-6, 7, 8), (0.5, 10, 10), (1e-4, 12, 10),
        (1.1e-7, 1, 6),
    )
]  # fmt: skip


class LambdaLR:
    def __init__(self, optimizer: types.SimpleNamespace, factor: object, last_epoch: int) -> None:  # noqa: ARG002
        self.optimizer, self.factor = optimizer, factor


def main(source: Path) -> None:
    stubs = {
        "torch": types.ModuleType("torch"),
        "torch.optim": types.SimpleNamespace(Optimizer=object),
        "torch.optim.lr_scheduler": types.SimpleNamespace(LambdaLR=LambdaLR),
        "diffusers": types.SimpleNamespace(__path__=[]),
        "diffusers.utils": types.SimpleNamespace(logging=types.SimpleNamespace(get_logger=lambda _: None)),
    }
    sys.modules.update(stubs)
    module = types.ModuleType("diffusers.optimization")
    module.__package__ = "diffusers"
    sys.modules["diffusers.optimization"] = module
    exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), module.__dict__)
    table = []
    for name, rate, warmup, steps in CASES:
        optimizer = types.SimpleNamespace(defaults={"lr": rate})
        scheduler = module.get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=steps)
        rates = []
        for step in range(steps + 2):
            try:
                rates.append(rate * scheduler.factor(step))
            except ZeroDivisionError:
                rates.append(None)
        table.append({"scheduler": name, "rate": rate, "warmup": warmup, "steps": steps, "rates": rates})
    made = {"made_by": f"tests/tables/make_schedules.py with diffusers {VERSION}", "cases": table}
    Path(__file__).with_name("diffusers_schedules.json").write_text(
        json.dumps(made, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
