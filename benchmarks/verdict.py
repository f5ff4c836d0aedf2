"""What a verdict costs: orjson's parse, the verdict with all proofs, and the call that explains it.

    python benchmarks/verdict.py [--calls N] [--rounds N]

All are measured in turns in one process, on the example of the page that the API is known from. Shown is the
CPU time of one call: of each the best round, and the ratios to orjson's parse. Ends with 1 where the bar is
missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import jsonschema
import orjson

from loracle_contracts import SubjectTrainingRequest, spec, validate
from loracle_contracts.parse import parse_any_depth

BAR = 3.5
RIGHT = spec.example("valid/createSubjectTraining/request/seed-page.json")
WRONG = RIGHT.replace(b'"width": 512', b'"width": "512"').replace(b'"lora_r"', b'"lora_rank"')
SLOW = 50  # times slower than orjson; such a reference gets fewer calls


def reference_validator() -> Any:
    document = json.loads(spec.read("openapi-strict.json"))
    return jsonschema.Draft202012Validator(
        {**document, "$ref": "#/components/schemas/SubjectTrainingRequest"}
    )


def seconds(call: Callable[[], Any], calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - began) / calls


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=5_000, help="calls in a round")
    parser.add_argument("--rounds", type=int, default=9)
    chosen = parser.parse_args()
    reference = reference_validator()
    validator = spec.validator("strict", "SubjectTrainingRequest")
    value = orjson.loads(RIGHT)
    subjects: dict[str, tuple[Callable[[], Any], int]] = {
        "orjson.loads": (lambda: orjson.loads(RIGHT), 1),
        "json.loads": (lambda: json.loads(RIGHT), 1),
        # What the mock does with a body: strict JSON, proven, and the schema, which bounds the depth.
        "verdict": (lambda: validator.is_valid(parse_any_depth(RIGHT)), 1),
        "validate, right": (lambda: validate(RIGHT), 1),
        "validate, 2 mistakes": (lambda: validate(WRONG), 1),
        "Pydantic model of the parsed value": (lambda: SubjectTrainingRequest.model_validate(value), 1),
        "jsonschema of the parsed value": (lambda: reference.is_valid(value), SLOW),
    }
    if validate(RIGHT).violations or len(validate(WRONG).violations) != 2:
        raise RuntimeError("the payloads are not what they are measured as")
    best = dict.fromkeys(subjects, float("inf"))
    for _ in range(chosen.rounds):
        for name, (call, share) in subjects.items():
            best[name] = min(best[name], seconds(call, max(1, chosen.calls // share)))
    parse = best["orjson.loads"]
    print(f"{len(RIGHT)} bytes, CPU of one call, best of {chosen.rounds} rounds of {chosen.calls}:")
    for name, taken in best.items():
        print(f"  {name:<38} {taken * 1e6:8.1f} us  {taken / parse:6.1f}x")
    ratio = best["verdict"] / parse
    print(f"a verdict at most {BAR}x orjson's parse: {'reached' if ratio <= BAR else 'MISSED'}, {ratio:.2f}x")
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
