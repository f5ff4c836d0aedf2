"""What the fuzzer finds and costs beside stock Schemathesis: the same broken servers, in process, in one run.

    python benchmarks/fuzz.py [--sample N] [--corpus known|first|second|third|fourth] [--seed N]

For each tool: defects found, requests, paid trainings (as the server counts them) and CPU seconds a defect,
and false alarms on the right servers. A defect is found where at least one finding comes that the right
server does not give. Stock Schemathesis runs its engine with default phases and checks and 50 examples. The
corpora but `known` are by authors who had not seen the fuzzer. Slow servers are among them, so that a run of
all takes hours; CPU tells what it costs.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.engine import events, from_schema

from loracle_contracts import spec

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from detection import App, Counted, Run, broken_app, loracle, right_app, sampled

EXAMPLES = 50
CORPORA = {
    "known": ("broken_servers", "KNOWN"),
    "first": ("broken_servers_unseen", "UNSEEN"),
    "second": ("broken_servers_second", "UNSEEN"),
    "third": ("broken_servers_third", "UNSEEN"),
    "fourth": ("broken_servers_fourth", "UNSEEN"),
}
BUDGETS = (0, 1, 5, 25, 70)


def stock(app: App, seed: int = 0) -> Run:
    """A run of Schemathesis' engine."""
    counted = Counted(app)
    document = spec.read("openapi-strict.json")

    async def described(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/openapi.json":
            head = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": document})
            return
        await counted(scope, receive, send)

    config = schemathesis.Config.from_dict(
        {
            "seed": seed,
            "continue-on-failure": True,
            "auth": {"openapi": {"bearer": {"bearer": "test-key"}}},
            "generation": {"deterministic": True, "max-examples": EXAMPLES},
        }
    )
    began = time.process_time()
    schema = schemathesis.openapi.from_asgi("/openapi.json", described, config=config)
    causes = set()
    for event in from_schema(schema).execute():
        if isinstance(event, events.FatalError):
            raise event.exception
        if not isinstance(event, events.ScenarioFinished):
            continue
        for case_id, checks in event.recorder.checks.items():
            case = event.recorder.cases[case_id].value
            # The mock fails on demand where a task's name asks it to; generators read the word in its code.
            if isinstance(case.body, dict) and str(case.body.get("name")).startswith("fault:"):
                continue
            causes |= {(one.name, case.operation.label) for one in checks if one.failure_info is not None}
    return Run(frozenset(causes), counted.requests, counted.creates, time.process_time() - began)


def tools(seed: int) -> dict[str, Any]:
    """What is measured, by its name in the table: a function of an app."""
    return {
        f"Schemathesis {schemathesis.__version__}": lambda app: stock(app, seed),
        **{
            f"loracle, {budget} creates": lambda app, budget=budget: loracle(
                app, max_creates=budget, seed=seed
            )
            for budget in BUDGETS
        },
    }


def main() -> None:
    """Prints the table, and what each tool missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sample", type=int, help="only so many defects")
    parser.add_argument("--corpus", choices=tuple(CORPORA), default="known")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    module, listed = CORPORA[chosen.corpus]
    defects = list(getattr(importlib.import_module(module), listed))
    defects = sampled(defects, chosen.sample or len(defects))
    correct = importlib.import_module("broken_servers.correct").CORRECT
    print(f"{len(defects)} defects, corpus {chosen.corpus}; requests, creates and CPU are medians\n")
    print(f"{'':24} {'found':>12} {'requests':>9} {'creates':>8} {'most':>5} {'CPU s':>6}  false alarms")
    missed = {}
    for name, tool in tools(chosen.seed).items():
        usual = tool(right_app()).causes
        done = [(defect, tool(broken_app(defect))) for defect in defects]
        found = [defect for defect, run in done if run.causes - usual]
        missed[name] = sorted({one.name for one in defects} - {one.name for one in found})
        alarms = sum(len(tool(make()).causes) for server, make in correct.items() if server != "lenient")
        print(
            f"{name:24} {len(found):4} of {len(defects):4}"
            f" {statistics.median(run.requests for _, run in done):9.0f}"
            f" {statistics.median(run.creates for _, run in done):8.0f}"
            f" {max(run.creates for _, run in done):5}"
            f" {statistics.median(run.cpu for _, run in done):6.1f}  {alarms}",
            flush=True,
        )
    for name, names in missed.items():
        print(f"\nmissed by {name} ({len(names)}): {', '.join(names)}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as elsewhere:
        os.chdir(elsewhere)  # Hypothesis keeps files in the working directory
        main()
