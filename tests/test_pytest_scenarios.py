"""The mark training_scenarios: one test under each scenario, judged as a command would be."""

from __future__ import annotations

import pytest
from inner_runs import Run, shown

pytest_plugins = ["pytester"]

WAITS = """
import time
import httpx

class AppError(Exception):
    pass

def train(mock, transport=None, tries=10):
    headers = {"Authorization": f"Bearer {mock.api_key}"}
    with httpx.Client(transport=transport, base_url=mock.url, headers=headers) as http:
        order = {"name": "a", "base_model": "b", "width": 512, "height": 512,
                 "image_dataset_items": [{"assets_id": 26}], "components": []}
        task = http.post("/v3/training/subject", json=order).raise_for_status().json()["task_id"]
        for _ in range(tries):
            answer = http.get("/v3/training/subject", params={"task_id": task})
            if answer.status_code == 404:
                raise AppError("it is gone")
            state = answer.json()
            if state["task_status"] in ("FAILED", "CANCELED"):
                raise AppError(state["task_status"])
            if any(model["model_status"] == "SERVING" for model in state["models"]):
                return state["models"][0]["model_name"]
        raise AppError("it takes too long")
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    return Run(pytester)


@pytest.mark.parametrize(
    ("fixture", "given"),
    [
        ("training_mock", "training_mock"),
        ("training_transport", "training_transport.mock, training_transport"),
    ],
)
def test_a_good_client_passes_under_each(run: Run, fixture: str, given: str) -> None:
    result = run(
        f"""
        {WAITS.replace(chr(10), chr(10) + " " * 8)}
        @pytest.mark.training_scenarios("happy-path", "unknown", "failed", "expired", "no-models")
        def test_app({fixture}):
            train({given})
        """
    )
    result.assert_outcomes(passed=5)


def test_a_finding_fails_the_test(run: Run) -> None:
    result = run(
        f"""
        {WAITS.replace(chr(10), chr(10) + " " * 8)}
        @pytest.mark.training_scenarios("failed", "no-models")
        def test_swallows(training_mock):
            try:
                train(training_mock)
            except AppError:
                pass

        @pytest.mark.training_scenarios("no-models", "happy-path")
        def test_crashes(training_mock):
            task = create(training_mock).json()["task_id"]
            while True:
                headers = {{"Authorization": f"Bearer {{training_mock.api_key}}"}}
                url = f"{{training_mock.url}}/v3/training/subject?task_id={{task}}"
                state = httpx.get(url, headers=headers).json()
                if state["task_status"] == "SUCCESS" and state["models"][0]["model_status"] == "SERVING":
                    break
        """
    )
    result.assert_outcomes(passed=4, errors=3)
    text = shown(result)
    assert "failure-as-success (failed): The training ended as FAILED" in text
    assert "crash (no-models): The command broke off with IndexError: list index out of range" in text


def test_what_the_scenario_did_not_reach_is_skipped(run: Run) -> None:
    result = run(
        """
        @pytest.mark.training_scenarios("upload-refused")
        def test_app(training_mock):
            create(training_mock)
        """,
        "-rs",
    )
    result.assert_outcomes(passed=1, skipped=1)
    assert "was not exercised: the command made no call of the kind upload" in shown(result)


def test_a_test_that_fails_by_itself_has_failed(run: Run) -> None:
    result = run(
        """
        @pytest.mark.training_scenarios("failed")
        def test_asserts(training_mock):
            create(training_mock)
            assert False

        @pytest.mark.training_scenarios("happy-path")
        def test_raises(training_mock):
            create(training_mock)
            raise ValueError
        """
    )
    result.assert_outcomes(failed=2)


def test_marks_that_cannot_be_are_told(run: Run) -> None:
    for mark, text in (
        ("'hapy-path'", "did you mean happy-path?"),
        ("poll_pouse=1", "did you mean 'poll_pause'?"),
    ):
        result = run(
            f"""
            @pytest.mark.training_scenarios({mark})
            def test_app(training_mock):
                pass
            """
        )
        assert result.ret != 0
        assert text in shown(result) + result.stderr.str()
    result = run(
        """
        @pytest.mark.training_scenarios("failed")
        def test_app():
            pass
        """
    )
    assert "is for tests that use one of training_mock" in shown(result) + result.stderr.str()


def test_a_test_without_the_mark_is_as_before(run: Run) -> None:
    result = run(
        """
        def test_app(training_mock, training_transport, training_app):
            assert create(training_mock).status_code == 200
        """
    )
    result.assert_outcomes(passed=1)
