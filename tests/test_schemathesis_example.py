"""What users of Schemathesis are given: the example's settings, the check, and the strategies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.engine import events, from_schema
from test_check_server import Replaced, accept

from loracle_contracts import validate
from loracle_contracts.schemathesis_checks import BrokenContractFailure, ContractAnswers
from loracle_contracts.strategies import broken_requests, training_requests
from loracle_mockserver.training_app import TrainingApp

EXAMPLE = Path(__file__).parents[1] / "examples" / "schemathesis" / "schemathesis.toml"


def run(
    app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str | None = None
) -> tuple[list[Any], int]:
    """Failures of a run with the example's settings, and how many answers the contract's check judged."""
    monkeypatch.setenv("LORACLE_API_KEY", "test-key")
    monkeypatch.chdir(tmp_path)
    config = schemathesis.Config.from_path(EXAMPLE)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    if path is not None:
        schema = schema.include(path=path)
    failures, judged = [], 0
    for event in from_schema(schema).execute():
        assert not isinstance(event, (events.NonFatalError, events.FatalError)), event
        if not isinstance(event, events.ScenarioFinished):
            continue
        for case_id, checks in event.recorder.checks.items():
            body = event.recorder.cases[case_id].value.body
            # The mock fails on demand where a task's name asks it to; generators read the word in its code.
            if isinstance(body, dict) and str(body.get("name")).startswith("fault:"):
                continue
            judged += sum(check.name == "ContractAnswers" for check in checks)
            failures += [check.failure_info.failure for check in checks if check.failure_info is not None]
    return failures, judged


def test_the_mock_passes_with_the_settings_of_the_example(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failures, judged = run(TrainingApp(api_keys=("test-key",)), monkeypatch, tmp_path)
    assert failures == []
    assert judged > 500


def test_a_planted_defect_fails_the_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failures, _ = run(Replaced("assets_id.pattern", accept), monkeypatch, tmp_path, "/v3/training/subject")
    ours = {(one.check, one.subject) for one in failures if isinstance(one, BrokenContractFailure)}
    assert ours == {("accepted", "assets_id.pattern")}
    told = next(str(one) for one in failures if isinstance(one, BrokenContractFailure))
    assert "Expected: 400 INVALID_REQUEST_BODY\nGot: 200" in told


def call(app: Any, body: dict[str, Any], key: str, check: ContractAnswers) -> None:
    """A create with this body, judged by nothing but this check."""
    config = schemathesis.Config.from_dict({})
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    case = schema["/v3/training/subject"]["POST"].Case(
        body=body, media_type="application/json", headers={"Authorization": f"Bearer {key}"}
    )
    case.call_and_validate(checks=[check.after_response])


SEED_PAGE = {
    "name": "n",
    "base_model": "m",
    "width": 512,
    "height": 512,
    "image_dataset_items": [{"assets_id": 1}],
    "components": [],
}


def test_the_check_can_be_used_as_a_function() -> None:
    app = Replaced("width.minimum", accept)
    call(app, SEED_PAGE, "k", ContractAnswers())
    with pytest.raises(BaseExceptionGroup) as caught:
        call(app, {**SEED_PAGE, "width": 0}, "k", ContractAnswers())
    assert "width.minimum" in str(caught.value.exceptions[0])


def test_a_refused_key_fails_only_where_the_keys_are_known() -> None:
    app = TrainingApp(api_keys=("test-key",))
    call(app, SEED_PAGE, "another", ContractAnswers())
    call(app, SEED_PAGE, "another", ContractAnswers(api_keys=["test-key"]))
    with pytest.raises(BaseExceptionGroup):
        call(app, SEED_PAGE, "another", ContractAnswers(api_keys=["another"]))


def test_a_profile_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="strict, lenient, seed, not 'strickt'"):
        ContractAnswers(profile="strickt")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="strict, lenient, seed, not 'x'"):
        training_requests("x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"createUploadUrl.*not 'listModels'"):
        broken_requests(operation="listModels")


# --- strategies


@pytest.mark.parametrize("profile", ["strict", "lenient"])
@pytest.mark.parametrize("operation", ["createSubjectTraining", "createStyleTraining"])
def test_bodies_are_what_they_are_said_to_be(profile: Any, operation: str) -> None:
    broken = set()

    @given(training_requests(profile, operation))
    def valid(body: Any) -> None:
        assert validate(json.dumps(body), operation, profile).valid

    @given(broken_requests(profile, operation))
    def invalid(pair: tuple[Any, str]) -> None:
        body, rule = pair
        assert [one.rule for one in validate(json.dumps(body), operation, profile).violations] == [rule]
        broken.add(rule)

    valid()
    invalid()
    assert len(broken) > 10, "the rules were to be many"


def test_strategies_combine_as_all_others() -> None:
    @given(st.lists(training_requests(), min_size=2, max_size=2))
    def test(bodies: list[dict[str, Any]]) -> None:
        assert all(isinstance(body["name"], str) for body in bodies)

    test()
