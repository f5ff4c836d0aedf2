"""Four judges, one verdict: jsonschema-rs, jsonschema, the Pydantic models and the mock."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from payloads import CREATES, generated_bodies, mutated_bodies
from pydantic import ValidationError

import loracle_contracts
from loracle_contracts import operations, spec, validate
from loracle_mockserver.engine import Engine
from loracle_mockserver.message import Request

FAST_CASES = 2_000
LONG_CASES = 54_000
# A shrunk example is worth more than speed only when something failed; the database would make
# runs differ.
SETTINGS: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.explicit, Phase.generate, Phase.shrink],
}
SOURCES = ("right", "wrong", "mutated")
HEADERS = [(b"authorization", b"Bearer k"), (b"content-type", b"application/json")]


@cache
def independent(operation: str) -> jsonschema.Draft202012Validator:
    """The union form of the bundle, not the if/then form that the verdict uses."""
    document = json.loads(spec.read("openapi-strict.json"))
    reference = f"#/components/schemas/{operations()[operation].request}"
    return jsonschema.Draft202012Validator({**document, "$ref": reference})


def judgements(engine: Engine, operation: str, body: Any) -> dict[str, bool]:
    """What each judge says of a body."""
    raw = json.dumps(body).encode()
    value = orjson.loads(raw)
    model = getattr(loracle_contracts, str(operations()[operation].request))
    try:
        model.model_validate(value)
        loads = True
    except ValidationError:
        loads = False
    reply = engine.handle(Request("POST", operations()[operation].path, headers=HEADERS, body=raw))
    assert reply.status in (200, 400)
    return {
        "verdict": validate(raw, operation).valid,
        "verdict of the parsed value": validate(body, operation).valid,
        "jsonschema": independent(operation).is_valid(value),
        "model": loads,
        "mock": reply.status == 200,
    }


def bodies(operation: str, source: str) -> st.SearchStrategy[Any]:
    if source == "mutated":
        return mutated_bodies(operation)
    return generated_bodies(operation, valid=source == "right")


def divergences(cases: int, operation: str, source: str) -> tuple[int, int]:
    """Runs so many cases and answers (unique payloads, accepted ones); fails at the first divergence."""
    engine = Engine()
    seen: dict[bytes, bool] = {}

    @seed(20_260_101)
    @settings(max_examples=cases, **SETTINGS)
    @given(bodies(operation, source))
    def judge(body: Any) -> None:
        # Such a name asks the mock to fail; generators pick the prefix up from the code.
        assume(not (isinstance(body, dict) and str(body.get("name")).startswith("fault:")))
        said = judgements(engine, operation, body)
        assert len(set(said.values())) == 1, f"{said}: {json.dumps(body)[:500]}"
        if said["verdict"]:
            assert validate(body, operation, "lenient").valid, f"lenient refuses {json.dumps(body)[:500]}"
        seen[hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()] = said["verdict"]

    judge()
    return len(seen), sum(seen.values())


def share(cases: int, operation: str, source: str) -> int:
    """The subject request is where the rules are; the upload request has one."""
    of_operation = {"createSubjectTraining": 0.7, "createStyleTraining": 0.28, "createUploadUrl": 0.02}
    of_source = {"right": 0.05, "wrong": 0.15, "mutated": 0.8}
    return int(cases * of_operation[operation] * of_source[source])


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("operation", CREATES)
def test_all_judges_agree(operation: str, source: str) -> None:
    unique, accepted = divergences(share(FAST_CASES, operation, source), operation, source)
    assert unique > 0
    if source == "right":
        assert accepted == unique
    if source == "mutated" and operation != "createUploadUrl":
        # Mutations that never pass, or always do, would test nothing.
        assert 0 < accepted < unique


@pytest.mark.long
def test_all_judges_agree_on_40000_cases_and_more(
    pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    total = 0
    for operation in CREATES:
        for source in SOURCES:
            unique, accepted = divergences(share(LONG_CASES, operation, source), operation, source)
            total += unique
            with capsys.disabled():
                line = f"{operation}, {source}: {unique} different payloads, {accepted} accepted"
                pytestconfig.get_terminal_writer().line(line)
    # Some cases repeat; the bar is about different payloads.
    assert total >= 38_000
