"""The unseen corpus: each broken server is broken in a way that a client sees, and is otherwise whole."""

from __future__ import annotations

import asyncio
import re
from collections import Counter

import httpx
import pytest
from broken_servers_unseen import CASES, UNSEEN, ASGIApp, Case
from broken_servers_unseen.client import send, subject

from loracle_contracts import spec
from loracle_mockserver.asgi import MockApp
from loracle_mockserver.engine import Engine
from loracle_mockserver.engine_options import make_engine

_BY_NAME = pytest.mark.parametrize("case", CASES, ids=[case.defect.name for case in CASES])


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


def test_corpus_is_whole() -> None:
    families = Counter(defect.family for defect in UNSEEN)
    assert families == {"behaviour": 60, "accepts-invalid": 30, "rejects-valid": 30}
    assert len({defect.name for defect in UNSEEN}) == len(UNSEEN)
    assert {defect.operation for defect in UNSEEN} <= {"", *spec.operations()}
    assert all(re.fullmatch(r"[a-z0-9-]+", defect.name) for defect in UNSEEN)


@_BY_NAME
def test_client_sees_the_defect(case: Case) -> None:
    async def seen(app: ASGIApp) -> object:
        async with _client(app) as client:
            return await case.witness(client)

    correct, again = asyncio.run(seen(_correct())), asyncio.run(seen(_correct()))
    assert correct == again
    plant = case.defect.plant
    broken, anew = asyncio.run(seen(plant(_correct()))), asyncio.run(seen(plant(_correct())))
    assert broken != correct
    assert broken == anew


@_BY_NAME
def test_plain_use_still_works(case: Case) -> None:
    """A create, a state and a list are as on the correct server, but for what the defect says."""

    async def plain(app: ASGIApp) -> dict[str, object]:
        async with _client(app) as client:
            start = await send(client, subject())
            state = await client.get("/v3/training/subject", params=start.json())
            page = await client.get("/v3/training")
            return {"create": start.json(), "state": state.json(), "list": page.json()}

    correct, broken = asyncio.run(plain(_correct())), asyncio.run(plain(case.defect.plant(_correct())))
    assert {step for step in correct if correct[step] != broken[step]} == case.spoils
