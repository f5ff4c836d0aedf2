"""Mocks that several tests share; none of these tests changes what another one sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live import RunningMock, running_mock


@pytest.fixture(scope="session")
def strict_mock() -> Iterator[RunningMock]:
    with running_mock() as mock:
        yield mock


@pytest.fixture(scope="session")
def lenient_mock() -> Iterator[RunningMock]:
    with running_mock("--profile", "lenient") as mock:
        yield mock
