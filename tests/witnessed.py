"""What every defect of an unseen corpus must show: a client sees it, always alike; its name is in order."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import httpx
from broken_servers_unseen.client import created
from broken_servers_unseen.defect import ASGIApp, Case, Defect

from loracle_contracts import spec
from loracle_mockserver.asgi import MockApp
from loracle_mockserver.engine import Engine
from loracle_mockserver.engine_options import make_engine


def correct() -> ASGIApp:
    options = {"profile": "strict", "progression": "polls"}
    return MockApp(make_engine("the correct server", options, Engine))


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://mock.test",
        headers={"authorization": "Bearer key-one"},
        trust_env=False,
    )


def seen(case: Case, app: ASGIApp) -> object:
    """What the witness tells of an app."""

    async def witness() -> object:
        async with client_of(app) as client:
            return await case.witness(client)

    return asyncio.run(witness())


def names(cases: Sequence[Case]) -> list[str]:
    return [case.defect.name for case in cases]


def verdicts(cases: Sequence[Case]) -> list[Case]:
    """Those about what is accepted and what is refused."""
    return [case for case in cases if case.defect.family != "behaviour"]


def check_names(defects: Sequence[Defect]) -> None:
    assert len({defect.name for defect in defects}) == len(defects)
    assert {defect.operation for defect in defects} <= {"", *spec.operations()}
    assert all(re.fullmatch(r"[a-z0-9-]+", defect.name) for defect in defects)


def check_that_a_client_sees_it(case: Case) -> None:
    right, again = seen(case, correct()), seen(case, correct())
    assert right == again
    plant = case.defect.plant
    broken, anew = seen(case, plant(correct())), seen(case, plant(correct()))
    assert broken != right
    assert broken == anew


def check_that_the_verdict_is_wrong(case: Case) -> None:
    statuses = seen(case, correct()), seen(case, case.defect.plant(correct()))
    assert all(isinstance(status, int) for status in statuses)
    refused = tuple(status != 200 for status in statuses)
    assert refused == ((True, False) if case.defect.family == "accepts-invalid" else (False, True))


def check_that_plain_use_still_works(case: Case) -> None:
    """A create of each kind, a state and a list are as on the correct server."""

    async def plain(app: ASGIApp) -> list[object]:
        async with client_of(app) as client:
            tasks = [await created(client), await created(client, kind="Style")]
            state = await client.get("/v3/training/subject", params={"task_id": tasks[0]})
            pages = [await client.get(path) for path in ("/v3/training", "/v3/model")]
            return [tasks, state.json(), *(page.json() for page in pages)]

    assert asyncio.run(plain(case.defect.plant(correct()))) == asyncio.run(plain(correct()))
