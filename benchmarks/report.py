"""What it costs to report a payload, by format, against parsing the payload with orjson.

    python benchmarks/report.py

Prints microseconds of CPU for one outcome and, in brackets, how often orjson could have parsed the seed
page's example meanwhile. The median of five rounds, with reference and subjects in turn.
"""

import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from loracle_contracts import validate
from loracle_contracts.report import FORMATS, Checked, reporter
from loracle_contracts.verdict import Verdict

PAYLOAD = Path(__file__).parents[1] / "openapi/examples/valid/createSubjectTraining/request/seed-page.json"
ROUNDS = 5
CALLS = 5_000


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


def cost(call: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - began) / CALLS * 1e6


def adding(form: str, checked: Checked, lints: str) -> Callable[[], object]:
    report = reporter(form, stream=_Nowhere(), lints=lints, environment={})
    return lambda: report.add(checked)


def main() -> None:
    data = PAYLOAD.read_bytes()
    valid, broken = validate(data), validate(b'{"name": ""}')
    outcomes = {
        "valid": Checked("a.jsonl", "line 7", Verdict(valid.operation, "strict", "request", ())),
        f"{len(valid.lints)} lints": Checked("a.jsonl", "line 7", valid, text=data.decode()),
        f"{len(broken.violations)} violations": Checked("a.jsonl", "line 7", broken, text='{"name": ""}'),
    }
    subjects = {
        (form, name): adding(form, found, "warn") for form in FORMATS for name, found in outcomes.items()
    }
    parsing, costs = [], {subject: [] for subject in subjects}
    for _ in range(ROUNDS):
        parsing.append(cost(lambda: orjson.loads(data)))
        for subject, call in subjects.items():
            costs[subject].append(cost(call))
    parse = statistics.median(parsing)
    print(f"orjson parses the payload in {parse:.1f} us; us of CPU an outcome (times orjson):\n")
    print(f"{'format':<8}" + "".join(f"{name:>20}" for name in outcomes))
    for form in FORMATS:
        cells = [statistics.median(costs[form, name]) for name in outcomes]
        print(f"{form:<8}" + "".join(f"{f'{cell:.1f} ({cell / parse:.1f})':>20}" for cell in cells))


if __name__ == "__main__":
    main()
