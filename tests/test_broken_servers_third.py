"""The third corpus: each broken server is broken in a way that a client sees."""

from __future__ import annotations

import asyncio
import re
from collections import Counter

import httpx
import pytest
from broken_servers_third import CASES, UNSEEN, ASGIApp, Case
from broken_servers_unseen.client import created

from loracle_contracts import spec
from loracle_mockserver.asgi import MockApp
from loracle_mockserver.engine import Engine
from loracle_mockserver.engine_options import make_engine

_VERDICTS = [case for case in CASES if case.defect.family != "behaviour"]


def _names(cases: list[Case]) -> list[str]:
    return [case.defect.name for case in cases]


def _correct() -> ASGIApp:
    options = {"profile": "strict", "progression": "polls"}
    return MockApp(make_engine("the correct server", options, Engine))


def _client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://mock.test",
        headers={"authorization": "Bearer key-one"},
        trust_env=False,
    )


async def _seen(case: Case, app: ASGIApp) -> object:
    async with _client(app) as client:
        return await case.witness(client)


def test_corpus_is_whole() -> None:
    families = Counter(defect.family for defect in UNSEEN)
    assert families == {"behaviour": 60, "accepts-invalid": 30, "rejects-valid": 30}
    assert len({defect.name for defect in UNSEEN}) == len(UNSEEN)
    assert {defect.operation for defect in UNSEEN} <= {"", *spec.operations()}
    assert all(re.fullmatch(r"[a-z0-9-]+", defect.name) for defect in UNSEEN)


@pytest.mark.parametrize("case", CASES, ids=_names(CASES))
def test_client_sees_the_defect(case: Case) -> None:
    correct, again = asyncio.run(_seen(case, _correct())), asyncio.run(_seen(case, _correct()))
    assert correct == again
    plant = case.defect.plant
    broken, anew = asyncio.run(_seen(case, plant(_correct()))), asyncio.run(_seen(case, plant(_correct())))
    assert broken != correct
    assert broken == anew


@pytest.mark.parametrize("case", _VERDICTS, ids=_names(_VERDICTS))
def test_verdict_is_the_wrong_one(case: Case) -> None:
    statuses = asyncio.run(_seen(case, _correct())), asyncio.run(_seen(case, case.defect.plant(_correct())))
    assert all(isinstance(status, int) for status in statuses)
    refused = tuple(status != 200 for status in statuses)
    assert refused == ((True, False) if case.defect.family == "accepts-invalid" else (False, True))


@pytest.mark.parametrize("case", _VERDICTS, ids=_names(_VERDICTS))
def test_plain_use_still_works(case: Case) -> None:
    """A create of each kind, a state and a list are as on the correct server."""

    async def plain(app: ASGIApp) -> list[object]:
        async with _client(app) as client:
            tasks = [await created(client), await created(client, kind="Style")]
            state = await client.get("/v3/training/subject", params={"task_id": tasks[0]})
            pages = [await client.get(path) for path in ("/v3/training", "/v3/model")]
            return [tasks, state.json(), *(page.json() for page in pages)]

    assert asyncio.run(plain(case.defect.plant(_correct()))) == asyncio.run(plain(_correct()))
