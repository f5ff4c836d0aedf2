"""Shrinking: the smallest body that shows the same, within what may be sent and paid."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fuzzed_apps import Answer, mock, refusal, session_with
from hypothesis import given
from hypothesis import strategies as st

from loracle_contracts import spec
from loracle_contracts.fuzzing.probe import Exchange, Probe
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.shrink import MOST, _reduced, shrink

CREATE = "createSubjectTraining"
SEED_PAGE: dict[str, Any] = json.loads(spec.example("valid/createSubjectTraining/request/seed-page.json"))
STARTED = 200, {"task_id": "b299b567-531a-4745-b600-eca9591aae24"}


def shrunk(
    alter: Any, body: Any, operation: str = CREATE, **options: Any
) -> tuple[Exchange, Exchange, Session, int]:
    """The exchange as it was, the smaller one, the session, and the trainings that were started."""
    app = mock(alter)
    kept: list[Exchange] = []

    async def use(session: Session) -> None:
        probe = Probe("random", "a generated request", session.request(operation, body), "a.subject")
        exchange = await session.send(probe)
        assert exchange is not None
        kept.extend([exchange, await shrink(session, exchange)])

    session = session_with(app, use, **options)
    return kept[0], kept[1], session, app.creates


def body_of(exchange: Exchange) -> Any:
    return json.loads(exchange.probe.request.body)


def takes_text_as_width(body: Any) -> Answer | None:
    return STARTED if isinstance(body.get("width"), str) else None


TWO_FAULTS = {**SEED_PAGE, "width": "512", "height": 0, "more": [1, 2, {"a": 3}]}


def test_of_several_faults_the_one_that_was_accepted_is_left() -> None:
    _, small, session, creates = shrunk(takes_text_as_width, TWO_FAULTS, max_creates=30)
    left = body_of(small)
    assert [violation.rule for violation in small.expectation.violations] == ["width.type"]
    assert left["width"] == "512"
    assert "more" not in left
    assert "expert_setting" not in left
    assert len(left["image_dataset_items"]) == 1
    assert small.probe.title == "a generated request, shrunk"
    assert creates == session.budget.spent <= 30
    assert session.client.sent <= 1 + MOST


def test_the_finding_shows_the_smaller_request_and_counts_no_more_cases() -> None:
    _, small, session, _ = shrunk(takes_text_as_width, TWO_FAULTS, max_creates=30)
    (finding,) = session.findings
    assert finding.exchanges == (small,)
    assert (finding.occurrences, finding.subject, finding.layer) == (1, "a.subject", "random")
    assert finding.title.endswith("shrunk")


def test_without_a_budget_a_single_rule_is_shrunk_and_told_as_not_confirmed() -> None:
    first, small, session, creates = shrunk(takes_text_as_width, {**SEED_PAGE, "width": "512"})
    assert creates == 1  # the mistake that the finding is about
    assert session.client.sent == 1
    assert len(small.probe.request.body) < len(first.probe.request.body) // 2
    assert [violation.rule for violation in small.expectation.violations] == ["width.type"]
    assert small.probe.title.endswith("(not confirmed)")
    assert small.outcome == first.outcome


def test_without_a_budget_several_rules_are_left_as_they_are() -> None:
    first, small, session, _ = shrunk(takes_text_as_width, TWO_FAULTS)
    assert small is first
    assert session.client.sent == 1


def test_what_a_valid_body_is_refused_for_is_left() -> None:
    def alter(body: Any) -> Answer | None:
        return refusal("INVALID_REQUEST_BODY") if "seed" in body.get("expert_setting", {}) else None

    _, small, session, creates = shrunk(alter, SEED_PAGE, max_creates=40)
    left = body_of(small)
    assert "seed" in left["expert_setting"]
    assert small.expectation.is_valid
    assert len(left["expert_setting"]) <= 4
    assert creates == session.budget.spent <= MOST


def test_never_more_is_paid_than_the_budget_leaves() -> None:
    def alter(body: Any) -> Answer | None:
        return refusal("INVALID_REQUEST_BODY") if "seed" in body.get("expert_setting", {}) else None

    _, _, session, creates = shrunk(alter, SEED_PAGE, max_creates=3)
    assert creates == session.budget.spent <= 3


def test_a_crash_is_shrunk_without_trainings() -> None:
    def alter(body: Any) -> Answer | None:
        return refusal("LIST_TASK_FAILED", 500) if "more" in body else None

    _, small, _, creates = shrunk(alter, {**TWO_FAULTS, "width": 512, "height": 512})
    assert body_of(small)["more"] == []
    assert small.answer is not None
    assert (small.answer.status, creates) == (500, 0)


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": 1, "a": 2}', b"3", b'{"a": NaN}'])
def test_a_body_that_is_no_object_is_left_as_it_is(body: bytes) -> None:
    first, small, session, _ = shrunk(lambda _: (500, {}), body)
    assert small is first
    assert session.client.sent == 1


def test_no_request_is_sent_where_all_are_spent() -> None:
    first, small, session, _ = shrunk(lambda _: (500, {}), TWO_FAULTS, max_requests=1)
    assert small is first
    assert session.client.sent == 1


VALUES = st.recursive(
    st.integers(0, 5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
).filter(lambda value: isinstance(value, (dict, list)))


def leaves(value: Any) -> list[int]:
    if isinstance(value, int):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [leaf for part in parts for leaf in leaves(part)]


@given(VALUES)
def test_a_reduced_value_holds_what_it_was_to_hold_and_nothing_else(value: Any) -> None:
    async def keeps(small: Any) -> bool:
        return 5 in leaves(small)

    small = asyncio.run(_reduced(value, keeps))
    if 5 in leaves(value):
        assert leaves(small) == [5]
    else:
        assert small == value
