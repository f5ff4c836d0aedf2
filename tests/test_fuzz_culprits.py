"""Which values are refused together is found by few tries, most of all by few accepted ones."""

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loracle_contracts.fuzzing.culprits import Knowledge, OutOfBudgetError, smallest_refused


class Server:
    """Refuses what holds one of the sets of culprits; `accepted` counts what it took."""

    def __init__(self, culprits: list[frozenset[int]], budget: int = 1000) -> None:
        self.culprits = culprits
        self.budget = budget
        self.accepted = 0
        self.tries = 0

    async def __call__(self, items: list[int]) -> bool | None:
        if self.accepted >= self.budget:
            return None
        self.tries += 1
        is_taken = not any(culprit <= frozenset(items) for culprit in self.culprits)
        self.accepted += is_taken
        return is_taken


def find(server: Server, items: list[int]) -> list[int]:
    return asyncio.run(smallest_refused(items, Knowledge(server)))


@given(st.data(), st.integers(1, 40))
def test_a_smallest_refused_set_is_found(data: st.DataObject, size: int) -> None:
    some = st.frozensets(st.integers(0, size - 1), min_size=1, max_size=3)
    culprits = data.draw(st.lists(some, min_size=1, max_size=3))
    found = frozenset(find(Server(culprits), list(range(size))))
    assert any(culprit <= found for culprit in culprits)
    for item in found:
        assert not any(culprit <= found - {item} for culprit in culprits)


@given(st.integers(1, 64), st.data())
def test_one_culprit_costs_few_accepted_tries(size: int, data: st.DataObject) -> None:
    culprit = data.draw(st.integers(0, size - 1))
    server = Server([frozenset({culprit})])
    assert find(server, list(range(size))) == [culprit]
    assert server.accepted <= math.ceil(math.log2(size)) + 1 <= 12


def test_what_was_accepted_before_is_not_tried_again() -> None:
    server = Server([frozenset({7})])
    knowledge = Knowledge(server)

    async def work() -> None:
        assert await knowledge.accepts(range(7))
        assert await knowledge.accepts([1, 2])
        assert server.tries == 1
        assert not await knowledge.accepts([7, 8])
        assert not await knowledge.accepts([6, 7, 8])
        assert server.tries == 2
        assert not await knowledge.accepts([6, 7, 8], is_certain=True)
        assert server.tries == 3
        assert knowledge.right == frozenset(range(7))

    asyncio.run(work())


def test_the_budget_ends_it() -> None:
    with pytest.raises(OutOfBudgetError):
        find(Server([frozenset({3})], budget=0), [0, 1, 2, 3])
