"""The pytest plugin: the fixtures `training_mock`, `training_transport` and `training_app`.

It imports nothing but pytest until a fixture is used.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from loracle_mockserver.live import LiveServer
    from loracle_mockserver.training_app import TrainingApp
    from loracle_mockserver.training_mock import TrainingMock
    from loracle_mockserver.transport import TrainingTransport

__all__ = ["pytest_configure", "pytest_runtest_makereport"]

_MARK = "training_mock"
_HELP = (
    f"{_MARK}(faults=..., allow_violations=False, profile='strict', seed=0, progression='polls', ...): "
    "what the loracle mock of this test begins with, and whether the test may break the contract; see "
    "docs/fixtures.md of loracle."
)
_MOCKS = pytest.StashKey["dict[str, TrainingMock]"]()
_PASSED = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Registers the mark."""
    config.addinivalue_line("markers", _HELP)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes whether the test passed; shows beside its own failure what the client did wrong."""
    report = yield
    if call.when == "call" and _MOCKS in item.stash:
        item.stash[_PASSED] = report.passed
        if report.failed:
            for fixture, mock in item.stash[_MOCKS].items():
                text = mock.contract_report()
                if text is not None:
                    report.sections.append((f"{fixture}: contract", text))
    return report


class _Servers:
    """The servers of this process, by profile and seed, each started when it is first asked for."""

    def __init__(self, running: contextlib.ExitStack) -> None:
        self._running = running
        self._servers: dict[tuple[Any, int], LiveServer] = {}
        self._in_use: set[str] = set()

    @contextlib.contextmanager
    def use(self, profile: Any, seed: int, namespace: str) -> Iterator[LiveServer]:
        """A server on which the namespace, and whatever else no test is using, is as at the start."""
        from loracle_mockserver.engine import Engine  # noqa: PLC0415
        from loracle_mockserver.live import LiveServer  # noqa: PLC0415

        server = self._servers.get((profile, seed))
        if server is None:
            server = self._running.enter_context(LiveServer(Engine(profile=profile, seed=seed)))
            self._servers[profile, seed] = server
        engine, forgotten = server.engine, namespace if self._in_use else None
        server.call(lambda: engine.reset(forgotten))
        self._in_use.add(namespace)
        try:
            yield server
        finally:
            self._in_use.discard(namespace)


@pytest.fixture(scope="session")
def _loracle_servers() -> Iterator[_Servers]:
    with contextlib.ExitStack() as running:
        yield _Servers(running)


@pytest.fixture
def training_mock(request: pytest.FixtureRequest, _loracle_servers: _Servers) -> Iterator[TrainingMock]:
    """A mock on a port of this machine, with a URL and an API key of this test's own."""
    from loracle_mockserver.fault_rules import namespace_of  # noqa: PLC0415
    from loracle_mockserver.training_mock import TrainingMock  # noqa: PLC0415

    options, key = _Options(request), _key(request)
    with _loracle_servers.use(options.profile, options.seed, namespace_of(key)) as server:
        with options.errors():
            mock = TrainingMock(server, key, options.faults, options.settings)
        yield from _watched("training_mock", mock, mock, request, options)


@pytest.fixture
def training_transport(request: pytest.FixtureRequest) -> Iterator[TrainingTransport]:
    """A transport for httpx clients that answers without a socket; its `mock` is the handle."""
    from loracle_mockserver.transport import TrainingTransport  # noqa: PLC0415

    options = _Options(request)
    with options.errors():
        transport = TrainingTransport(api_key=_key(request), **options.for_engine())
    yield from _watched("training_transport", transport, transport.mock, request, options)


@pytest.fixture
def training_app(request: pytest.FixtureRequest) -> Iterator[TrainingApp]:
    """The mock as an ASGI app; its `mock` is the handle."""
    from loracle_mockserver.training_app import TrainingApp  # noqa: PLC0415

    options = _Options(request)
    with options.errors():
        app = TrainingApp(api_key=_key(request), **options.for_engine())
    yield from _watched("training_app", app, app.mock, request, options)


class _Options:
    """What the marks of a test say; those nearer to the test win."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        from loracle_mockserver.engine_options import (  # noqa: PLC0415
            check_names,
            check_profile,
            fault_plan,
            option_names,
        )

        known = ["allow_violations", *(name for name in option_names() if name not in ("api_keys", "store"))]
        said: dict[str, Any] = {}
        with self.errors():
            for mark in reversed(list(request.node.iter_markers(_MARK))):
                if mark.args:
                    raise TypeError(
                        f"it takes options by name, such as faults='@flaky', not {mark.args[0]!r}"
                    )
                check_names(mark.kwargs, known, "it")
                said.update(mark.kwargs)
            self.allow_violations = said.pop("allow_violations", False)
            if type(self.allow_violations) is not bool:
                raise TypeError(f"allow_violations is True or False, not {self.allow_violations!r}")
            self.profile, self.seed = said.pop("profile", "strict"), said.pop("seed", 0)
            check_profile(self.profile, self.seed, "it")
            self.faults = fault_plan(said.pop("faults")) if "faults" in said else None
        self.settings = said

    def for_engine(self) -> dict[str, Any]:
        """The options for a mock that is made for this test."""
        return {
            "profile": self.profile,
            "seed": self.seed,
            "begin_with": self.faults,
            "settings": self.settings,
        }

    @staticmethod
    @contextlib.contextmanager
    def errors() -> Iterator[None]:
        """Reports a mark that cannot be as a wrong use, without the traceback of the plugin."""
        try:
            yield
        except (TypeError, ValueError, OSError) as error:
            pytest.fail(f"usage error: @pytest.mark.{_MARK}: {error}", pytrace=False)


def _key(request: pytest.FixtureRequest) -> str:
    """An API key of the test's own, the same in every run."""
    digest = hashlib.sha256(request.node.nodeid.encode("utf-8", "surrogatepass")).hexdigest()
    return f"test-{digest[:16]}"


def _watched(
    fixture: str, value: Any, mock: TrainingMock, request: pytest.FixtureRequest, options: _Options
) -> Iterator[Any]:
    """Yields the value of a fixture, and afterwards fails where the client broke the contract.

    A test that did not pass has its own failure to tell.
    """
    stash = request.node.stash
    stash.setdefault(_MOCKS, {})
    if not options.allow_violations:
        stash[_MOCKS][fixture] = mock
    stash[_PASSED] = False
    yield value
    if stash[_MOCKS].pop(fixture, None) is None or not stash[_PASSED]:
        return
    report = mock.contract_report()
    if report is not None:
        hint = f"\n\nA test that breaks it on purpose is marked @pytest.mark.{_MARK}(allow_violations=True)."
        pytest.fail(f"{fixture}: {report}{hint}", pytrace=False)
