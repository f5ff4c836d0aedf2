"""What a mark says of the mock of one test, and what is said of a mark that cannot be."""

from __future__ import annotations

import pytest
from inner_runs import Run, shown

pytest_plugins = ["pytester"]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    return Run(pytester)


def test_a_mark_says_what_the_mock_begins_with(run: Run) -> None:
    result = run(
        """
        import pathlib
        pathlib.Path("plan.yaml").write_text("faults: [{fault: RATE_LIMIT_EXCEEDED, first: 1}]")

        @pytest.mark.training_mock(progression="immediate", faults="@outage", seed=1)
        class TestClass:
            def test_class(self, training_mock):
                assert [create(training_mock).status_code for _ in range(2)] == [503, 503]
                training_mock.reset()
                assert create(training_mock).status_code == 503
                assert training_mock.configure()["progression"] == "immediate"

            @pytest.mark.training_mock(faults=[{"fault": "SERVICE_UNAVAILABLE", "nth": 2}], seed=0)
            def test_nearer(self, training_mock, training_transport):
                assert [create(training_mock).status_code for _ in range(3)] == [200, 503, 200]
                assert training_mock.configure()["progression"] == "immediate"
                assert create(training_transport.mock, transport=training_transport).status_code == 200

        @pytest.mark.training_mock(faults="plan.yaml", profile="lenient")
        def test_file(training_mock, training_transport):
            assert [create(training_mock).status_code for _ in range(2)] == [429, 200]
            import httpx
            assert httpx.get(training_mock.url + "/v3/training",
                             headers={"Authorization": training_mock.api_key}).status_code == 200

        def test_without(training_mock):
            assert create(training_mock).status_code == 200
        """
    )
    result.assert_outcomes(passed=4)


def test_a_plan_about_refused_keys_is_that_of_its_test_alone(run: Run) -> None:
    result = run(
        """
        import httpx

        def without_key(mock):
            return httpx.get(mock.url + "/v3/training").status_code

        @pytest.mark.training_mock(
            faults={"when": "refused-key", "fault": "FAILED_TO_AUTH"}, allow_violations=True
        )
        def test_with(training_mock):
            assert without_key(training_mock) == 401

        @pytest.mark.training_mock(allow_violations=True)
        def test_without(training_mock):
            assert without_key(training_mock) == 400
            training_mock.fail("FAILED_TO_AUTH", when="refused-key", times=1)
            assert [without_key(training_mock) for _ in range(2)] == [401, 400]

        @pytest.mark.training_mock(allow_violations=True)
        def test_after(training_mock):
            assert without_key(training_mock) == 400
            training_mock.fail("FAILED_TO_AUTH", when="refused-key", times=1)
            assert [without_key(training_mock) for _ in range(2)] == [401, 400]
        """
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize("fixture", ["training_mock", "training_transport", "training_app"])
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            "fault='@flaky'",
            "no option 'fault'; did you mean 'faults'? There are allow_violations, profile, seed",
        ),
        ("'@flaky'", "it takes options by name, such as faults='@flaky', not '@flaky'"),
        ("faults='@flakey'", "no scenario @flakey; did you mean @flaky?"),
        ("faults='none.yaml'", "none.yaml"),
        ("allow_violations='yes'", "allow_violations is True or False, not 'yes'"),
        ("progression='fast'", "progression is immediate, polls or seconds, not 'fast'"),
        ("profile='loose'", "profile is one of strict, lenient, seed"),
        ("seed='1'", "seed is a whole number"),
        ("store='memory'", "no option 'store'"),
    ],
)
def test_a_mark_that_cannot_be_is_told(run: Run, fixture: str, options: str, text: str) -> None:
    result = run(
        f"""
        @pytest.mark.training_mock({options})
        def test_marked({fixture}):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    found = shown(result)
    assert f"usage error: @pytest.mark.training_mock: {text}"[:40] in found
    assert text in found
    assert "pytest_plugin.py" not in found
