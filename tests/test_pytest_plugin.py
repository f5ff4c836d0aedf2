"""The pytest plugin, used by test runs of its own."""

from __future__ import annotations

import json
import re

import pytest
from inner_runs import Run, shown

pytest_plugins = ["pytester"]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    return Run(pytester)


# --- the fixtures


def test_the_three_fixtures_give_a_mock(run: Run) -> None:
    result = run(
        """
        import asyncio
        import httpx

        def test_live(training_mock):
            assert create(training_mock).status_code == 200
            training_mock.assert_created("a")

        def test_transport(training_transport):
            assert create(training_transport.mock, transport=training_transport).status_code == 200
            training_transport.mock.assert_created("a")

        def test_app(training_app):
            async def ask():
                transport = httpx.ASGITransport(app=training_app)
                async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                    return await client.get("/v3/training", headers=training_app.mock.headers)

            assert asyncio.run(ask()).status_code == 200
            training_app.mock.assert_requested("listTrainings")

        def test_all(training_mock, training_transport, training_app):
            assert training_mock.api_key == training_transport.mock.api_key == training_app.mock.api_key
            create(training_mock)
            assert training_transport.mock.tasks == training_app.mock.tasks == []
        """,
        apart=True,
    )
    result.assert_outcomes(passed=4)


def test_fixtures_and_mark_are_listed(run: Run) -> None:
    listed = shown(run("", "--fixtures"))
    for name in ("training_mock", "training_transport", "training_app"):
        assert re.search(rf"^{name} -- .*\n    \S.{{20}}", listed, re.MULTILINE)
    assert "@pytest.mark.training_mock(faults=..., allow_violations=False" in shown(run("", "--markers"))


def test_every_test_begins_anew(run: Run) -> None:
    result = run(
        """
        import httpx

        SEEN = []

        @pytest.mark.parametrize("n", range(4))
        def test_one(training_mock, n):
            mock = training_mock
            assert mock.tasks == mock.requests == mock.faults == []
            assert mock.configure()["progression"] == "polls"
            assert mock.clock.now == 1704067200
            SEEN.append((mock.url, mock.api_key, create(mock).json()["task_id"],
                         create(mock, key="hard-coded").json()["task_id"]))
            urls, keys, ids, other_ids = (set(column) for column in zip(*SEEN))
            assert len(keys) == n + 1 and len(urls) == len(ids) == len(other_ids) == 1
            mock.fail("SERVICE_UNAVAILABLE")
            mock.configure(progression="immediate")
            mock.clock.advance(5)
            # What is said over HTTP, and to all keys at once, ends with the test as well.
            httpx.post(mock.url + "/_mock/faults", json={"fault": "SERVICE_UNAVAILABLE"})
        """
    )
    result.assert_outcomes(passed=4)


def test_without_a_fixture_nothing_is_imported(run: Run) -> None:
    result = run(
        """
        import sys

        def test_modules(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("loracle")
            ours = {name for name in sys.modules if name.startswith(("loracle", "uvicorn", "yaml", "orjson"))}
            assert ours == {"loracle_mockserver", "loracle_mockserver.pytest_plugin"}
        """.replace("from client import create", ""),
        apart=True,
    )
    result.assert_outcomes(passed=1)


def test_the_plugin_can_be_switched_off(run: Run) -> None:
    result = run(
        """
        def test_plain():
            pass

        def test_fixture(training_mock):
            pass
        """,
        "-p",
        "no:loracle",
        apart=True,
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*fixture 'training_mock' not found*"])


def test_folders_of_ones_own_are_not_in_the_way(run: Run) -> None:
    for folder in ("contracts", "mockserver"):
        (run.pytester.path / folder).mkdir()
        (run.pytester.path / folder / "__init__.py").write_text(f"NAME = '{folder} of the user'\n")
    (run.pytester.path / "conftest.py").write_text("import contracts\nimport mockserver\n")
    result = run(
        """
        import contracts
        import mockserver

        def test_mine(training_mock):
            assert contracts.NAME == "contracts of the user"
            assert mockserver.NAME == "mockserver of the user"
            assert create(training_mock).status_code == 200
        """,
        apart=True,
    )
    result.assert_outcomes(passed=1)


def test_workers_have_a_server_each(run: Run) -> None:
    result = run(
        """
        import json, os, pathlib

        @pytest.mark.parametrize("n", range(6))
        def test_one(training_mock, n):
            made = [create(training_mock).json()["task_id"] for _ in range(3)]
            assert len(training_mock.tasks) == 3
            # Without a worker of its own for some test, one of them would have the server of the other.
            said = [os.environ["PYTEST_XDIST_WORKER"], training_mock.url, made]
            pathlib.Path(f"said-{n}.json").write_text(json.dumps(said))
        """,
        "-n2",
        apart=True,
    )
    result.assert_outcomes(passed=6)
    said = [json.loads(path.read_text()) for path in run.pytester.path.glob("said-*.json")]
    workers, urls = {worker for worker, _, _ in said}, {url for _, url, _ in said}
    assert len(workers) == len(urls) == len({(worker, url) for worker, url, _ in said})
    assert len({tuple(made) for _, _, made in said}) == 1


def test_classes_of_unittest_can_use_it(run: Run) -> None:
    result = run(
        """
        import unittest

        class Tests(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _mock(self, training_mock):
                self.mock = training_mock

            def test_good(self):
                self.assertEqual(create(self.mock).status_code, 200)

            def test_bad(self):
                self.assertEqual(create(self.mock, width="512").status_code, 400)
        """
    )
    result.assert_outcomes(passed=2, errors=1)


# --- the contract


def test_a_broken_contract_fails_the_test(run: Run) -> None:
    result = run(
        """
        def test_bad(training_mock):
            create(training_mock, "good")
            create(training_mock, "bad", width="512", heigth=512)
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    assert result.ret == 1
    text = shown(result)
    for part in (
        "ERROR at teardown of test_bad",
        "training_mock: The client broke the contract (profile strict) in 1 of 2 requests:",
        "#2 POST /v3/training/subject -> 400",
        '/width: expected an integer, got "512"',
        "Send width as a JSON number",
        "Did you mean height?",
        "@pytest.mark.training_mock(allow_violations=True)",
    ):
        assert part in text
    # A report, no traceback of the plugin.
    assert "pytest_plugin.py" not in text


@pytest.mark.parametrize("fixture", ["training_transport", "training_app"])
def test_every_fixture_watches(run: Run, fixture: str) -> None:
    result = run(
        f"""
        import asyncio, httpx

        def test_bad({fixture}):
            handle = {fixture}
            transport = handle if "transport" in "{fixture}" else httpx.ASGITransport(app=handle)
            async def ask():
                async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                    await client.get("/v3/trainings", headers=handle.mock.headers)
            asyncio.run(ask())
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    assert f"{fixture}: The client broke the contract" in shown(result)


@pytest.mark.parametrize(
    ("statement", "whose"),
    [
        ("httpx.get(mock.url + '/v3/training')", "without an accepted API key"),
        ("create(mock, key='hard-coded', width='512')", "with another API key"),
    ],
)
def test_requests_of_nobody_count(run: Run, statement: str, whose: str) -> None:
    result = run(
        f"""
        import httpx

        def test_before(training_mock):
            create(training_mock)

        @pytest.mark.training_mock(allow_violations=True)
        def test_allowed(training_mock):
            mock = training_mock
            {statement}

        def test_bad(training_mock):
            mock = training_mock
            {statement}

        def test_after(training_mock):
            create(training_mock)
        """
    )
    result.assert_outcomes(passed=4, errors=1)
    assert "ERROR at teardown of test_bad" in shown(result)
    assert whose in shown(result)


def test_a_latecomer_of_an_earlier_test_is_not_held_against_the_next(run: Run) -> None:
    result = run(
        """
        KEYS = []

        def test_first(training_mock):
            KEYS.append(training_mock.api_key)

        def test_second(training_mock):
            create(training_mock, key=KEYS[0], width="512")
        """
    )
    result.assert_outcomes(passed=2)


def test_a_test_that_fails_by_itself_is_told_of_the_contract_too(run: Run) -> None:
    result = run(
        """
        def test_bad(training_mock):
            assert create(training_mock, width="512").status_code == 200

        def test_other(training_mock):
            create(training_mock)
            assert False
        """
    )
    result.assert_outcomes(failed=2)
    text = shown(result)
    assert text.count("training_mock: contract") == 1
    assert text.index("assert 400 == 200") < text.index("training_mock: contract")
    assert '/width: expected an integer, got "512"' in text


def test_a_fixture_that_fails_is_told_of_the_contract_too(run: Run) -> None:
    result = run(
        """
        @pytest.fixture
        def trained(training_mock):
            create(training_mock, width="512").raise_for_status()

        def test_bad(trained):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    text = shown(result)
    assert text.index("ERROR at setup of test_bad") < text.index("training_mock: contract")
    assert '/width: expected an integer, got "512"' in text


def test_what_the_journal_could_not_keep_is_a_warning(run: Run) -> None:
    result = run(
        """
        def test_many(training_transport, monkeypatch):
            monkeypatch.setattr("loracle_mockserver.store.limits.MAX_ENTRIES", 3)
            for n in range(5):
                create(training_transport.mock, transport=training_transport, width=1 if n else "1")
        """,
        "-Wdefault",
    )
    result.assert_outcomes(passed=1, warnings=1)
    assert "the 2 oldest requests were not held to the contract" in shown(result)


def test_tests_that_are_skipped_or_meant_to_fail_stay_so(run: Run) -> None:
    result = run(
        """
        def test_skipped(training_mock):
            create(training_mock, width="512")
            pytest.skip("enough")

        @pytest.mark.xfail(strict=True)
        def test_fails(training_mock):
            create(training_mock, width="512")
            assert False
        """
    )
    result.assert_outcomes(skipped=1, xfailed=1)


def test_errors_that_are_asked_for_break_nothing(run: Run) -> None:
    result = run(
        """
        def test_faults(training_mock):
            for fault in ("INVALID_REQUEST_BODY", "API_NOT_FOUND", "html-error"):
                training_mock.fail(fault, nth=1)
                assert create(training_mock).status_code in (400, 404, 502)
                training_mock.clear_faults()
        """
    )
    result.assert_outcomes(passed=1)
