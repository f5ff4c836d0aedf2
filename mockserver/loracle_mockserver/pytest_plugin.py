"""The pytest plugin: the fixtures `training_mock`, `training_transport` and `training_app`.

It imports nothing but pytest until a fixture is used.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from loracle_mockserver.judging.in_pytest import JudgedTest
    from loracle_mockserver.marks import Options
    from loracle_mockserver.session_servers import SessionServers
    from loracle_mockserver.training_app import TrainingApp
    from loracle_mockserver.training_mock import Host, TrainingMock
    from loracle_mockserver.transport import TrainingTransport

__all__ = ["pytest_configure", "pytest_runtest_makereport"]

_HELP = (
    "training_mock(faults=..., allow_violations=False, profile='strict', seed=0, progression='polls', ...): "
    "what the loracle mock of this test begins with, and whether the test may break the contract; see "
    "docs/fixtures.md of loracle."
)
_SCENARIOS_HELP = (
    "training_scenarios('failed', 'retry-after', ..., poll_pause=0, retry_pause=0, retry_after=True): runs "
    "the test under each of these scenarios, under all without a name, and judges its client; see "
    "docs/judge.md of loracle."
)
_SCENARIOS = "training_scenarios"
_JUDGED = pytest.StashKey["JudgedTest"]()
_MOCKS = pytest.StashKey["dict[str, TrainingMock]"]()
_PASSED = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marks."""
    config.addinivalue_line("markers", _HELP)
    config.addinivalue_line("markers", _SCENARIOS_HELP)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes a test of each scenario that the mark names."""
    mark = metafunc.definition.get_closest_marker(_SCENARIOS)
    if mark is None:
        return
    from loracle_mockserver.judging.in_pytest import names_of  # noqa: PLC0415

    if "_loracle_scenario" not in metafunc.fixturenames:
        fixtures = "training_mock, training_transport and training_app"
        raise pytest.UsageError(f"@pytest.mark.{_SCENARIOS} is for tests that use one of {fixtures}")
    metafunc.parametrize("_loracle_scenario", names_of(mark), indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Lets a test end with an error where a good client does."""
    try:
        return (yield)
    except Exception as error:
        judged = item.stash.get(_JUDGED, None)
        if judged is None or not judged.bears(error):
            raise
        return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes whether the test passed; shows beside its own failure what the client did wrong."""
    report = yield
    if call.when == "teardown" or _MOCKS not in item.stash:
        return report
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    if report.failed:
        for fixture, mock in item.stash[_MOCKS].items():
            text = mock.contract_report()
            if text is not None:
                report.sections.append((f"{fixture}: contract", text))
    return report


@pytest.fixture(scope="session")
def _loracle_servers() -> Iterator[SessionServers]:
    from loracle_mockserver.session_servers import SessionServers  # noqa: PLC0415

    with SessionServers() as servers:
        yield servers


@pytest.fixture
def _loracle_scenario(request: pytest.FixtureRequest) -> JudgedTest | None:
    """The scenario of a test that is marked so."""
    name = getattr(request, "param", None)
    if name is None:
        return None
    from loracle_mockserver.judging.in_pytest import JudgedTest, read_mark  # noqa: PLC0415

    scenarios, limits = read_mark(request.node.get_closest_marker(_SCENARIOS))
    judged = JudgedTest(next(one for one in scenarios if one.name == name), limits)
    request.node.stash[_JUDGED] = judged
    return judged


@pytest.fixture
def training_mock(
    request: pytest.FixtureRequest, _loracle_servers: SessionServers, _loracle_scenario: JudgedTest | None
) -> Iterator[TrainingMock]:
    """A mock on a port of this machine, with a URL and an API key of this test's own."""
    from loracle_mockserver.fault_rules import namespace_of  # noqa: PLC0415
    from loracle_mockserver.marks import Options  # noqa: PLC0415
    from loracle_mockserver.training_mock import TrainingMock  # noqa: PLC0415

    options, key = Options(request, _loracle_scenario), _key(request)
    with _loracle_servers.use(options.profile, options.seed, namespace_of(key)) as server:
        with options.errors():
            mock = TrainingMock(server, key, options.faults, options.settings)
        yield from _watched("training_mock", mock, mock, server, request, options)


@pytest.fixture
def training_transport(
    request: pytest.FixtureRequest, _loracle_scenario: JudgedTest | None
) -> Iterator[TrainingTransport]:
    """A transport for httpx clients that answers without a socket; its `mock` is the handle."""
    from loracle_mockserver.marks import Options  # noqa: PLC0415
    from loracle_mockserver.transport import TrainingTransport  # noqa: PLC0415

    options = Options(request, _loracle_scenario)
    with options.errors():
        transport = TrainingTransport(api_key=_key(request), **options.for_engine())
    yield from _watched("training_transport", transport, transport.mock, transport, request, options)


@pytest.fixture
def training_app(
    request: pytest.FixtureRequest, _loracle_scenario: JudgedTest | None
) -> Iterator[TrainingApp]:
    """The mock as an ASGI app; its `mock` is the handle."""
    from loracle_mockserver.marks import Options  # noqa: PLC0415
    from loracle_mockserver.training_app import TrainingApp  # noqa: PLC0415

    options = Options(request, _loracle_scenario)
    with options.errors():
        app = TrainingApp(api_key=_key(request), **options.for_engine())
    yield from _watched("training_app", app, app.mock, app, request, options)


def _key(request: pytest.FixtureRequest) -> str:
    """An API key of the test's own, the same in every run."""
    digest = hashlib.sha256(request.node.nodeid.encode("utf-8", "surrogatepass")).hexdigest()
    return f"test-{digest[:16]}"


def _watched(
    fixture: str, value: Any, mock: TrainingMock, host: Host, request: pytest.FixtureRequest, options: Options
) -> Iterator[Any]:
    """Yields the value of a fixture, and afterwards fails where the client broke the contract.

    A test that did not pass has its own failure to tell.
    """
    stash = request.node.stash
    stash.setdefault(_MOCKS, {})
    if not options.allow_violations:
        stash[_MOCKS][fixture] = mock
    stash[_PASSED] = False
    if options.judged is not None:
        options.judged.begin(host, mock.api_key)
    yield value
    is_watched = stash[_MOCKS].pop(fixture, None) is not None
    if not stash[_PASSED]:
        return
    if options.judged is not None:
        allow = options.allow_violations
        options.judged.check(options.judged.result(host, mock.api_key, allow_violations=allow))
        return
    if not is_watched:
        return
    report = mock.contract_report()
    if report is not None:
        mark = "@pytest.mark.training_mock(allow_violations=True)"
        hint = f"A test that breaks it on purpose is marked {mark}."
        pytest.fail(f"{fixture}: {report}\n\n{hint}", pytrace=False)
    if mock.forgotten:
        unjudged = f"the {mock.forgotten} oldest requests were not held to the contract: the journal is full"
        warnings.warn(pytest.PytestWarning(f"{fixture}: {unjudged}"), stacklevel=1)
