"""The fourth corpus: each broken server is broken in a way that a client sees."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from broken_servers_fourth import CASES, UNSEEN, ASGIApp, Case
from broken_servers_second.bodies import upload_url
from broken_servers_unseen.client import created
from witnessed import (
    check_names,
    check_that_a_client_sees_it,
    check_that_plain_use_still_works,
    check_that_the_verdict_is_wrong,
    client_of,
    correct,
    names,
    verdicts,
)

_BY_NAME = pytest.mark.parametrize("case", CASES, ids=names(CASES))
_VERDICTS = pytest.mark.parametrize("case", verdicts(CASES), ids=names(verdicts(CASES)))


def test_corpus_is_whole() -> None:
    families = Counter(defect.family for defect in UNSEEN)
    assert families == {"behaviour": 30, "accepts-invalid": 15, "rejects-valid": 15}
    check_names(UNSEEN)


@_BY_NAME
def test_client_sees_the_defect(case: Case) -> None:
    check_that_a_client_sees_it(case)


@_VERDICTS
def test_verdict_is_the_wrong_one(case: Case) -> None:
    check_that_the_verdict_is_wrong(case)


@_VERDICTS
def test_plain_use_still_works(case: Case) -> None:
    check_that_plain_use_still_works(case)


@_BY_NAME
def test_plain_use_is_answered(case: Case) -> None:
    """What a client does from the upload to the model is taken, whatever is told of it."""

    async def statuses(app: ASGIApp) -> set[int]:
        async with client_of(app) as client:
            target = await upload_url(client)
            answers = [await client.put(target["upload_url"], content=b"an image")]
            for kind in ("Subject", "Style"):
                asked = {"task_id": await created(client, kind=kind)}
                path = f"/v3/training/{kind.lower()}"
                # What was only just started may not be known yet.
                answers += [await client.get(path, params=asked) for _ in range(4)][1:]
            answers += [await client.get(path) for path in ("/v3/training", "/v3/model")]
        return {answer.status_code for answer in answers}

    assert asyncio.run(statuses(case.defect.plant(correct()))) == {200}
