"""The unseen corpus: each broken server is broken in a way that a client sees, and is otherwise whole."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from broken_servers_unseen import CASES, UNSEEN, ASGIApp, Case
from broken_servers_unseen.client import send, subject
from witnessed import (
    check_names,
    check_that_a_client_sees_it,
    client_of,
    correct,
    names,
)

_BY_NAME = pytest.mark.parametrize("case", CASES, ids=names(CASES))


def test_corpus_is_whole() -> None:
    families = Counter(defect.family for defect in UNSEEN)
    assert families == {"behaviour": 60, "accepts-invalid": 30, "rejects-valid": 30}
    check_names(UNSEEN)


@_BY_NAME
def test_client_sees_the_defect(case: Case) -> None:
    check_that_a_client_sees_it(case)


@_BY_NAME
def test_plain_use_still_works(case: Case) -> None:
    """A create, a state and a list are as on the correct server, but for what the defect says."""

    async def plain(app: ASGIApp) -> dict[str, object]:
        async with client_of(app) as client:
            start = await send(client, subject())
            state = await client.get("/v3/training/subject", params=start.json())
            page = await client.get("/v3/training")
            return {"create": start.json(), "state": state.json(), "list": page.json()}

    right, broken = asyncio.run(plain(correct())), asyncio.run(plain(case.defect.plant(correct())))
    assert {step for step in right if right[step] != broken[step]} == case.spoils
