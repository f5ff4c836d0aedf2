"""Stores in SQLite and Redis answer as memory does, whatever is asked, by whomever, in whatever order."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from redis_server import RedisServer
from store_calls import SEED, Reopen, Story, in_one_turn, kept, stories, take

from loracle_mockserver.store import MemoryStore, Store, limits, open_store

Places = Callable[[], str]


@pytest.fixture(params=["sqlite", "redis"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Places:
    """Gives the URL of a store that nobody has used yet, each time that it is called."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return server.url
    numbers = itertools.count()
    return lambda: f"sqlite:{tmp_path}/{next(numbers)}.db"


@contextlib.contextmanager
def opened_twice(url: str, max_tasks: int | None) -> Iterator[Callable[[], list[Store]]]:
    """Gives what opens the store for two, and closes it before where it is open."""
    stores: list[Store] = []

    def reopened() -> list[Store]:
        while stores:
            stores.pop().close()
        stores.extend(open_store(url, max_tasks, seed=SEED) for _ in range(2))
        return stores

    try:
        yield reopened
    finally:
        for store in stores:
            store.close()


def check(places: Places, story: Story, *, max_tasks: int | None, most_entries: int, most_bytes: int) -> None:
    model = MemoryStore(max_tasks)
    caps = {"MAX_ENTRIES": most_entries, "MAX_ENTRY_BYTES": most_bytes}
    with (
        mock.patch.multiple(limits, **caps),
        asyncio.Runner() as runner,
        opened_twice(places(), max_tasks) as reopened,
    ):
        stores = reopened()
        for step in story.steps:
            note(repr(step))
            if isinstance(step, Reopen):
                stores = reopened()
            else:
                store = stores[step.who]
                expected: list[Any] = [take(model, call) for call in step.calls]
                if step.in_a_turn:
                    assert runner.run(in_one_turn(store, step.calls)) == expected
                else:
                    assert [take(store, call) for call in step.calls] == expected
                store.flush()
            for store in stores:
                assert store.statistics() == model.statistics()
        # Whoever asks, of the two who have it open.
        for store in stores:
            assert kept(store, story.words.names) == kept(model, story.words.names)


def checked(examples: int, longest: int) -> Callable[[Places], None]:
    return settings(max_examples=examples)(
        given(
            story=stories(longest),
            max_tasks=st.sampled_from((None, None, 0, 1, 3)),
            most_entries=st.sampled_from((10_000, 4)),
            most_bytes=st.sampled_from((10_000_000, 60)),
        )(check)
    )


def test_it_answers_as_memory_does(places: Places) -> None:
    checked(examples=80, longest=20)(places)


@pytest.mark.long
def test_it_answers_as_memory_does_in_longer_stories(places: Places) -> None:
    checked(examples=2_000, longest=60)(places)
