"""The walk blames no right server, stays within its share, and finds each broken relation by its cause."""

import asyncio
import json
from typing import Any

import httpx
import pytest
import walk_defects_creates
import walk_defects_lists
import walk_defects_states
from walk_defect import KEY, OTHER_KEY, Broken, Call, Defect, Reply

from loracle_contracts.fuzzing import FuzzOptions, FuzzReport, fuzz
from loracle_mockserver.live import live_server
from loracle_mockserver.training_app import TrainingApp

REQUESTS, CREATES = 160, 20
DEFECTS = (*walk_defects_creates.DEFECTS, *walk_defects_lists.DEFECTS, *walk_defects_states.DEFECTS)


async def no_sleep(_: float) -> None:
    return None


def walk(app: Any, max_creates: int = 70, **options: Any) -> FuzzReport:
    chosen = {"api_key": KEY, "layers": ("walk",), "max_creates": max_creates, **options}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return asyncio.run(fuzz(FuzzOptions("http://127.0.0.1", **chosen), transport, sleep=no_sleep))


def mock(**options: Any) -> TrainingApp:
    return TrainingApp(api_key=KEY, api_keys=[KEY, OTHER_KEY], **options)


def told(report: FuzzReport) -> list[str]:
    return [f"{one.check} {one.subject}: {one.title}; {one.expected}; {one.got}" for one in report.findings]


def check(report: FuzzReport) -> None:
    assert told(report) == []
    assert report.stopped is None
    assert report.creates <= CREATES
    assert report.requests["walk"] <= REQUESTS
    assert report.mistakes == 0


WORLDS = {
    "polls": {},
    "three polls a state": {"polls_per_state": 3},
    "immediate": {"progression": "immediate"},
    "seconds": {"progression": "seconds"},
    "short seconds": {"progression": "seconds", "seconds_per_state": (0.02, 0.02, 0.02)},
    "only uploaded images": {"require_assets": True},
    "only uploaded images, integer ids": {"require_assets": True, "asset_ids": "int"},
    "integer ids": {"asset_ids": "int"},
    "limited": {"faults": [{"fault": "RATE_LIMIT_EXCEEDED", "every": 9}]},
    "unknown at times": {"faults": [{"fault": "transient-unknown", "every": 3}]},
    "failing": {"faults": [{"fault": "failed", "every": 2}]},
    "stays queuing": {"faults": [{"fault": "stays-queuing"}]},
}


@pytest.mark.parametrize("profile", ["strict", "lenient"])
@pytest.mark.parametrize("world", WORLDS)
def test_a_right_server_gives_no_finding(world: str, profile: Any) -> None:
    check(walk(mock(profile=profile, **WORLDS[world]), profile=profile, other_api_key=OTHER_KEY))


@pytest.mark.parametrize("seed", range(5))
def test_no_seed_gives_a_finding(seed: int) -> None:
    check(walk(mock(seed=seed), seed=seed))


def test_any_key_will_do() -> None:
    check(walk(TrainingApp(), api_key=None))


@pytest.mark.parametrize("max_creates", [0, 1, 2, 5, 9])
def test_a_small_budget_is_kept(max_creates: int) -> None:
    report = walk(mock(), max_creates)
    check(report)
    assert report.creates == max_creates
    assert len(report.not_checked) >= 1


def test_what_was_not_reached_is_said() -> None:
    few = {one.what for one in walk(mock(), 2).not_checked}
    assert {"a create: the same body again", "creates in parallel"} <= few
    [none] = [one for one in walk(mock(), 0).not_checked if one.layer == "walk"]
    assert "life cycle" in none.what
    assert "--max-creates" in none.why
    standing = walk(mock(progression="seconds"))
    assert any("SERVING within" in one.why and "--max-watch" in one.why for one in standing.not_checked)


def test_a_second_walk_finds_the_tasks_of_the_first() -> None:
    app = mock()
    for n in range(3):
        report = walk(app)
        assert (n, told(report)) == (n, [])


def test_the_walk_ends_with_the_budget_of_requests() -> None:
    for most in (3, 20, 60, 100):
        report = walk(mock(), max_requests=most)
        assert told(report) == []
        assert report.total_requests == most


def test_names_that_must_not_come_twice_are_no_finding() -> None:
    names: set[Any] = set()

    async def behave(app: Broken, call: Call) -> Reply:
        name = call.body.get("name") if call.is_create and isinstance(call.body, dict) else None
        if name in names:
            return Reply(400, {"code": 400, "reason": "TASK_NAME_EXISTED", "message": "No.", "metadata": {}})
        reply = await app.ask(call)
        if name is not None and reply.status == 200:
            names.add(name)
        return reply

    app = Broken(behave)
    for _ in range(2):
        assert told(walk(app)) == []


def test_uploads_to_another_host_are_left_out() -> None:
    async def behave(app: Broken, call: Call) -> Reply:
        reply = await app.ask(call)
        if isinstance(reply.value, dict) and "upload_url" in reply.value:
            reply.value["upload_url"] = "https://storage.invalid/x"
        return reply

    report = walk(Broken(behave))
    assert told(report) == [
        "relation walk.upload.same-url: every upload has a URL of its own; another URL; the same again"
    ]
    assert any("--upload-host" in one.why for one in report.not_checked)


def test_others_use_the_key_meanwhile() -> None:
    count = 0

    async def behave(app: Broken, call: Call) -> Reply:
        nonlocal count
        count += 1
        if count % 7 == 0:
            body = {
                "name": f"other {count}",
                "base_model": "x",
                "width": 512,
                "height": 512,
                "components": [],
            }
            raw = json.dumps({**body, "image_dataset_items": [{"assets_id": "a"}]}).encode()
            made = await app.ask(Call("POST", "/v3/training/style", {}, KEY, raw))
            assert made.status in (200, 400, 415), made
        return await app.ask(call)

    report = walk(Broken(behave))
    assert told(report) == []
    assert "paging" in {one.what for one in report.not_checked}


def test_over_a_socket() -> None:
    with live_server(api_keys=[KEY, OTHER_KEY]) as server:
        options = FuzzOptions(
            server.url, api_key=KEY, other_api_key=OTHER_KEY, layers=("walk",), max_creates=70, rate=None
        )
        check(asyncio.run(fuzz(options)))


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.name)
def test_a_broken_relation_is_found_by_its_cause(defect: Defect) -> None:
    other = OTHER_KEY if "isolation" in defect.subject else None
    report = walk(Broken(defect.make()), other_api_key=other)
    subjects = [finding.subject for finding in report.findings]
    assert defect.subject in subjects, told(report)
    assert set(subjects) <= {defect.subject, *defect.besides}, told(report)


def test_the_wrapper_breaks_nothing_by_itself() -> None:
    async def behave(app: Broken, call: Call) -> Reply:
        return await app.ask(call)

    check(walk(Broken(behave), other_api_key=OTHER_KEY))
