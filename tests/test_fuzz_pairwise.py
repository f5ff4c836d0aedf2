"""Layer `pairwise`: valid bodies that bring the values of settings together; a refused pair is named."""

import itertools
import json
from typing import Any

import pytest
from fuzzed_apps import mock, session_with
from planted_values import holds, refuses

from loracle_contracts import validate
from loracle_contracts.fuzzing import boundaries, pairwise
from loracle_contracts.fuzzing.baseline import Baseline
from loracle_contracts.fuzzing.edge_values import edge_values
from loracle_contracts.fuzzing.packing import written
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, known_base_models
from loracle_contracts.oracle import CREATES

KNOWN = Baseline(UNKNOWN_ASSETS, known_base_models()[0])


def run(app: Any, max_creates: int = 20, **options: Any) -> Session:
    return session_with(app, pairwise.run, max_creates=max_creates, layers=("pairwise",), **options)


@pytest.mark.parametrize("seed", range(4))
def test_the_bodies_are_valid_and_bring_most_pairs_together(seed: int) -> None:
    rows = pairwise.rows(seed, KNOWN)
    assert len(rows) == 17
    for operation, row in rows:
        body, _ = written(operation, row, KNOWN, "loracle-fuzz-0-1")
        assert validate(body, operation).valid
        assert validate(body, operation, "lenient").valid
        assert not any(value.is_costly for value in row)
        assert all(holds(json.loads(body), value) for value in row)
    levels = pairwise._levels(edge_values(CREATES[0], seed))
    possible = {
        pairwise._pair((one, first), (other, second))
        for one, other in itertools.combinations(levels, 2)
        for first in levels[one]
        for second in levels[other]
    }
    covered = {pair for _, row in rows for pair in pairwise._pairs(row, levels)}
    assert len(covered & possible) > 0.85 * len(possible)
    early = {pair for _, row in rows[:6] for pair in pairwise._pairs(row, levels)}
    assert len(early & possible) > 0.45 * len(possible)


def test_one_seed_one_array() -> None:
    assert pairwise.rows(3, KNOWN, 5) == pairwise.rows(3, KNOWN, 5)
    assert pairwise.rows(3, KNOWN, 5) != pairwise.rows(4, KNOWN, 5)
    # With less budget the same bodies come first.
    assert pairwise.rows(3, KNOWN, 5)[:2] == pairwise.rows(3, KNOWN, 2)


@pytest.mark.parametrize("options", [{}, {"profile": "lenient"}, {"require_assets": True}])
def test_a_right_server_takes_them_all(options: Any) -> None:
    app = mock(**options)
    session = run(app, profile=options.get("profile", "strict"))
    assert not session.findings
    assert app.creates == session.budget.spent == 18
    assert not session.not_checked


@pytest.mark.parametrize("max_creates", [0, 1, 6])
def test_a_small_budget_is_kept(max_creates: int) -> None:
    app = mock()
    session = run(app, max_creates)
    assert app.creates == max_creates
    assert len(session.not_checked) == 1
    assert not session.findings


def test_a_refused_pair_is_named() -> None:
    operation, row = pairwise.rows(0, KNOWN)[3]
    values = [value for value in row if value.path[0] == "expert_setting" and value.value is not None]
    pair = values[0], values[-1]
    app = mock(refuses(*pair))

    async def both(session: Session) -> None:
        await boundaries.run(session)
        await pairwise.run(session)

    session = session_with(app, both, max_creates=70, layers=("boundaries", "pairwise"))
    assert operation == CREATES[0]
    assert any(
        set(finding.subject.split(" with ")) == {value.rule for value in pair} for finding in session.findings
    )
    assert len(session.findings) == 1
    assert app.creates <= 46 + 12
