"""A program of its own: writes the requests that Schemathesis makes of an OpenAPI document.

    python -P schemathesis_cases.py < {"document": ..., "seed": 0, "examples": 10, "skip": []} > [{...}, ...]

It imports nothing of this package, and runs in a process and a directory of its own: Hypothesis draws
constants out of whatever local modules a process has loaded, so that the same seed would give other
requests beside other code, and it keeps files in the working directory.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

# A module without a file is no local module.
globals().pop("__file__", None)

_BASE = "http://generated.invalid"
_CONFIG = {
    "generation": {"with-security-parameters": False, "allow-x00": False, "deterministic": True},
    "analysis": {"constants": {"enabled": False}},
    "output": {"sanitization": {"enabled": False}},
}


def cases(document: dict[str, Any], seed: int, examples: int, skip: list[str]) -> list[dict[str, Any]]:
    """What Schemathesis generates for each operation, valid and invalid, `examples` of each."""
    config = schemathesis.Config.from_dict(_CONFIG)
    schema = schemathesis.openapi.from_dict(document, config=config)
    made = []
    for result in schema.get_all_operations():
        if not isinstance(result, Ok):
            raise result.err()
        operation = result.ok()
        name = operation.definition.raw.get("operationId")
        if name in skip:
            continue
        for mode in GenerationMode:
            found = _drawn(operation.as_strategy(generation_mode=mode), seed, examples)
            made += [{"operation": name, "mode": mode.value, **_sent(case)} for case in found]
    return made


def _drawn(strategy: Any, seed: int, examples: int) -> list[Any]:
    found: list[Any] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(strategy)
    def collect(case: Any) -> None:
        found.append(case)

    try:
        collect()
    except Unsatisfiable:
        return found  # such as an invalid request where every request is valid
    return found


def _sent(case: Any) -> dict[str, Any]:
    """The request as `requests` would send it."""
    asked = case.as_transport_kwargs(base_url=_BASE)
    headers = dict(case.headers or {})
    asked.pop("headers", None)
    prepared = requests.Request(**asked).prepare()
    body: Any = prepared.body or b""
    if case.media_type and "Content-Type" not in headers:
        headers["Content-Type"] = case.media_type
    return {
        "method": prepared.method,
        "target": prepared.path_url,
        "headers": [[str(name), str(value)] for name, value in headers.items()],
        "body": base64.b64encode(body.encode() if isinstance(body, str) else body).decode(),
    }


if __name__ == "__main__":
    json.dump(cases(**json.load(sys.stdin)), sys.stdout)
