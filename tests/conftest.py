"""Mocks that several tests share; none of these tests changes what another one sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from live import RunningMock, running_mock

# The same cases on every run and machine, and no limit on how slow a machine may be.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def strict_mock() -> Iterator[RunningMock]:
    with running_mock() as mock:
        yield mock


@pytest.fixture(scope="session")
def lenient_mock() -> Iterator[RunningMock]:
    with running_mock("--profile", "lenient") as mock:
        yield mock
