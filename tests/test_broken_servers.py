"""Every planted defect is one: its witness tells the broken server from the correct one."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from broken_servers import CASES, KNOWN, RARE, Case
from broken_servers.correct import CORRECT, KEY, correct_app
from broken_servers.defect import ASGIApp, Witness
from broken_servers.right_bodies import minimal, plain
from broken_servers.wire import Answer, Forward, Request, planted

from loracle_contracts import operations, spec


class VirtualTime:
    """Adds up the pauses instead of waiting."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def pause(self, seconds: float) -> None:
        self.seconds += seconds
        # Others may come in between, as they may while somebody waits.
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    time = VirtualTime()
    for module in ("wire", "correct", "tasks", "answers", "media_types"):
        monkeypatch.setattr(f"broken_servers.{module}.pause", time.pause)
    return time


def _client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://mock.test",
        trust_env=False,
        headers={"authorization": f"Bearer {KEY}"},
    )


async def _driven(app: ASGIApp, witness: Witness) -> Any:
    async with _client(app) as client:
        return await witness(client)


async def _is_usable(app: ASGIApp) -> bool:
    """Whether one right create, its status and the list work."""
    try:
        return await _works(app)
    except (ValueError, LookupError, TypeError):  # no JSON, or not what was expected in it
        return False


async def _works(app: ASGIApp) -> bool:
    async with _client(app) as client:
        for body in (plain(), minimal()):
            done = await client.post("/v3/training/subject", json=body)
            if done.status_code == 200:
                task = done.json()["task_id"]
                asked = await client.get("/v3/training/subject", params={"task_id": task})
                listing = await client.get("/v3/training")
                tasks = listing.json()["tasks"] if listing.status_code == 200 else []
                return asked.status_code == 200 and any(found["task_id"] == task for found in tasks)
    return False


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.defect.name)
def test_the_defect_shows(case: Case, virtual_time: VirtualTime) -> None:
    right = asyncio.run(_driven(correct_app(), case.witness)), virtual_time.seconds
    virtual_time.seconds = 0.0
    wrong = asyncio.run(_driven(case.defect.plant(correct_app()), case.witness)), virtual_time.seconds
    assert right != wrong
    if case.defect.family != "behaviour":
        # 404 is what a right question for an unknown task gets.
        refused, taken = (right, wrong) if case.defect.family == "accepts-invalid" else (wrong, right)
        assert refused[0][0] in (400, 413)
        assert taken[0][0] in (200, 404)


@pytest.mark.usefixtures("virtual_time")
def test_a_wrapper_without_a_defect_does_not_show() -> None:
    async def passed_on(request: Request, forward: Forward) -> Answer:
        return await forward(request)

    plant = planted(lambda: passed_on)
    witnesses = {id(case.witness): case for case in CASES}.values()
    shown = [
        case.defect.name
        for case in witnesses
        if asyncio.run(_driven(correct_app(), case.witness))
        != asyncio.run(_driven(plant(correct_app()), case.witness))
    ]
    assert shown == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.defect.name)
@pytest.mark.usefixtures("virtual_time")
def test_all_else_works(case: Case) -> None:
    assert asyncio.run(_is_usable(case.defect.plant(correct_app()))) is not case.breaks_plain


@pytest.mark.parametrize("name", ["strict", "lenient", "refuses-unknown-models", "slow-first-answer"])
def test_a_correct_server_is_of_use(name: str, virtual_time: VirtualTime) -> None:
    assert asyncio.run(_is_usable(CORRECT[name]()))
    assert virtual_time.seconds == (0.8 if name == "slow-first-answer" else 0.0)


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("refuses-unknown-assets", {}, "INVALID_REQUEST_BODY"),
        ("refuses-unknown-models", {"base_model": "nobody/has-it"}, "BASE_MODEL_NOT_ALLOWD"),
    ],
)
def test_a_correct_server_may_refuse_what_it_does_not_know(
    name: str, changes: dict[str, Any], reason: str
) -> None:
    async def witness(client: httpx.AsyncClient) -> Any:
        refused = await client.post("/v3/training/subject", json={**plain(), **changes})
        listing = await client.get("/v3/training")
        return refused.status_code, refused.json()["reason"], listing.json()["tasks"]

    assert asyncio.run(_driven(CORRECT[name](), witness)) == (400, reason, [])


def test_a_correct_server_may_limit_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]
    monkeypatch.setattr("broken_servers.correct.now", lambda: seconds[0])

    async def witness(client: httpx.AsyncClient) -> Any:
        first = [(await client.get("/v3/training")).status_code for _ in range(8)]
        refused = await client.get("/v3/training")
        seconds[0] += float(refused.headers["retry-after"])
        return first, refused.status_code, (await client.get("/v3/training")).status_code

    assert asyncio.run(_driven(CORRECT["rate-limited"](), witness)) == ([200] * 8, 429, 200)


def test_names_are_unique() -> None:
    names = [case.defect.name for case in CASES]
    assert len(names) == len(set(names))
    assert {defect.name for defect in RARE}.isdisjoint(defect.name for defect in KNOWN)
    assert len(RARE) + len(KNOWN) == len(names)


def test_defects_concern_operations_of_the_contract() -> None:
    assert {defect.operation for defect in KNOWN} <= {"", *operations()}
    assert {defect.family for defect in KNOWN} == {"accepts-invalid", "rejects-valid", "behaviour"}


def test_every_rule_of_the_subject_request_has_a_server_that_breaks_it() -> None:
    accepted = {
        defect.name.removeprefix("accepts.") for defect in KNOWN if defect.name.startswith("accepts.")
    }
    rules = set()

    def collect(schema: Any) -> None:
        match schema:
            case dict():
                for keyword, source in schema.get("x-source", {}).items():
                    rules.add(source.get("rule", f"{schema['x-rule']}.{keyword}"))
                for key, value in schema.items():
                    if key == "$ref":
                        collect(definitions[value.rpartition("/")[2]])
                    elif key not in ("x-source", "examples"):
                        collect(value)
            case list():
                for value in schema:
                    collect(value)

    definitions = spec.document("strict")["$defs"]
    collect(definitions["SubjectTrainingRequest"])
    known = set(spec.rules("strict"))
    missing = {
        rule
        for rule in rules & known
        if not any(name == rule or name.startswith(f"{rule}.") for name in accepted)
    }
    assert missing == set()
