"""Mocks that several tests share; none of these tests changes what another one sees."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from live import RunningMock, running_mock
from redis_server import RedisServer, private_redis
from torch_environment import diffusers_python, peft_python

# The same cases on every run and machine, and no limit on how slow a machine may be.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")
# For what tests import of numpy: its threads cost more than they bring on matrices as small as the trainer's.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def strict_mock() -> Iterator[RunningMock]:
    with running_mock() as mock:
        yield mock


@pytest.fixture(scope="session")
def lenient_mock() -> Iterator[RunningMock]:
    with running_mock("--profile", "lenient") as mock:
        yield mock


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One that all tests of a process share; who stops it takes one of its own."""
    with private_redis() as server:
        yield server


@pytest.fixture(scope="session")
def python_with_peft(tmp_path_factory: pytest.TempPathFactory) -> str:
    return peft_python(tmp_path_factory.mktemp("torch"))


@pytest.fixture(scope="session")
def python_with_diffusers(python_with_peft: str) -> str:
    return diffusers_python(python_with_peft)
