"""The handle of a mock says and does the same whichever way its requests come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_clients import LIST_PATH, Send, create, opened, poll

from loracle_contracts import task_id
from loracle_mockserver import FaultPlan, TrainingMock, TrainingTransport
from loracle_mockserver.control import ControlError
from loracle_mockserver.fault_rules import FaultPlanError, namespace_of


@pytest.fixture(params=["live", "transport", "app"])
def world(request: pytest.FixtureRequest) -> Iterator[tuple[TrainingMock, Send]]:
    with opened(request.param) as pair:
        yield pair


World = tuple[TrainingMock, Send]


def statuses(send: Send, count: int) -> list[int]:
    return [send("GET", LIST_PATH).status_code for _ in range(count)]


# --- what is to fail


def test_a_fault_strikes_as_often_as_said(world: World) -> None:
    mock, send = world
    rule = mock.fail("RATE_LIMIT_EXCEEDED", times=2, retry_after=7)
    first = send("GET", LIST_PATH)
    assert (first.status_code, first.headers["retry-after"]) == (429, "7")
    assert statuses(send, 3) == [429, 200, 200]
    assert [(fault["id"], fault["matched"]) for fault in mock.faults] == [(rule, 4)]
    mock.fail(503, operation="listTrainings", nth=[1, 3])
    assert statuses(send, 4) == [503, 200, 503, 200]
    mock.clear_faults()
    assert mock.faults == []
    mock.fail("SERVICE_UNAVAILABLE", task_name="x*")
    assert [create(send, name).status_code for name in ("xa", "a")] == [503, 200]


def test_plans_can_be_added(world: World, tmp_path: Path) -> None:
    mock, send = world
    mock.add_faults("@outage")
    assert statuses(send, 2) == [503, 503]
    mock.reset()
    file = tmp_path / "plan.yaml"
    file.write_text("progression: immediate\nfaults: [{fault: LIST_TASK_FAILED, first: 1}]")
    for plan in (str(file), file, FaultPlan.load(file)):
        mock.add_faults(plan)
        assert statuses(send, 2) == [500, 200]
    assert poll(send, create(send).json()["task_id"]) == "SUCCESS"
    for rules in ({"status": 429, "first": 1}, [{"status": 429, "first": 1}]):
        mock.add_faults(rules)
        assert statuses(send, 2) == [429, 200]


def test_what_is_no_plan_is_told(world: World, tmp_path: Path) -> None:
    mock, _ = world
    with pytest.raises(FaultPlanError, match="@flaky"):
        mock.add_faults("flaky")
    with pytest.raises(FaultPlanError, match="did you mean @flaky"):
        mock.add_faults("@flakey")
    with pytest.raises(OSError, match=r"none\.yaml"):
        mock.add_faults(tmp_path / "none.yaml")
    with pytest.raises(ControlError, match="did you mean RATE_LIMIT_EXCEEDED"):
        mock.fail("RATE_LIMIT_EXCEDED")
    with pytest.raises(ControlError, match="needs an effect"):
        mock.fail(times=1)
    assert mock.faults == []


# --- time, settings and tasks


def test_the_clock_carries_trainings_on(world: World) -> None:
    mock, send = world
    mock.configure(progression="seconds", seconds_per_state=(60, 480, 60))
    began = mock.clock.freeze()
    create(send, "long")
    task = mock.task("long")
    assert (task.status, task.models, task.created_at) == ("QUEUING", [], int(began))
    assert mock.clock.advance(61) == mock.clock.now == began + 61
    assert task.status == "TRAINING"
    mock.clock.advance(480)
    assert (task.status, task.state) == ("SUCCESS", "DEPLOYING")
    mock.clock.advance(60)
    assert (task.state, [model["model_status"] for model in task.models]) == ("SERVING", ["SERVING"])
    assert task.polls == 0
    assert poll(send, task.id) == "SUCCESS"
    assert task.polls == 1
    mock.clock.scale(0)
    assert mock.clock.resume() == mock.clock.now == began + 601
    with pytest.raises(ControlError, match="forward only"):
        mock.clock.advance(-1)
    with pytest.raises(ControlError, match="did you mean 'progression'"):
        mock.configure(progresion="polls")


def test_a_task_is_found_and_forced(world: World) -> None:
    mock, send = world
    with pytest.raises(LookupError, match="there are none at all"):
        mock.task("a")
    ids = [create(send, name).json()["task_id"] for name in ("a", "b", "b")]
    assert [task.id for task in mock.tasks] == ids[::-1]
    task = mock.task("a")
    assert task.id == mock.task(ids[0]).id == ids[0] == task_id(0, "createSubjectTraining", "a", 0)
    task.force("FAILED")
    assert [poll(send, ids[0]), poll(send, ids[0]), task.status] == ["FAILED"] * 3
    task.force(None)
    assert poll(send, ids[0]) != "FAILED"
    with pytest.raises(ControlError, match="FAILED"):
        task.force("DONE")
    with pytest.raises(LookupError, match="2 tasks are named 'b'"):
        mock.task("b")
    with pytest.raises(LookupError, match="there are 'b', 'b', 'a'"):
        mock.task("c")
    mock.reset()
    with pytest.raises(LookupError, match="forgotten"):
        _ = task.status


# --- what was asked


def test_requests_are_told_without_the_key(world: World) -> None:
    mock, send = world
    assert mock.requests == []
    create(send, "a")
    send("GET", LIST_PATH)
    first, second = mock.requests
    assert (first["operation"], first["body"]["name"], first["status"]) == ("createSubjectTraining", "a", 200)
    assert (second["operation"], second["body"]) == ("listTrainings", None)
    assert mock.api_key not in str(mock.requests)
    assert mock.violations == []
    assert mock.contract_report() is None


def test_assertions_hold_where_they_should(world: World) -> None:
    mock, send = world
    mock.assert_not_created()
    create(send, "test_1", width=768)
    create(send, "test_2", width="x")
    mock.assert_created("test_1")
    mock.assert_created("test_*", times=1, width=768, image_dataset_items=[{"assets_id": 26}])
    mock.assert_not_created("test_2")
    mock.assert_not_created(operation="createStyleTraining")
    mock.assert_requested("createSubjectTraining", times=1, status=400, valid=False)
    mock.assert_requested(path="/v3/training/subject", times=2)
    assert mock.verify("createSubjectTraining", at_least=1, at_most=2).count == 2
    assert not mock.verify("listTrainings")


def test_a_failed_assertion_shows_the_nearest_request(world: World) -> None:
    mock, send = world
    with pytest.raises(AssertionError, match="no request came at all"):
        mock.assert_created("a")
    create(send, "a")
    with pytest.raises(AssertionError, match=r"(?s)none came.*3 of 4 fields match; /width: 768 != 512"):
        mock.assert_created("a", width=768)
    with pytest.raises(AssertionError, match="expected exactly 0"):
        mock.assert_not_created("a")
    with pytest.raises(AssertionError, match="expected exactly 2"):
        mock.assert_requested("createSubjectTraining", times=2)
    with pytest.raises(ValueError, match="did you mean 'listTrainings'"):
        mock.assert_requested("listTraining")


def test_a_wrong_key_is_pointed_out(world: World) -> None:
    mock, send = world
    send("GET", LIST_PATH, headers={"Authorization": "Bearer hard-coded"})
    send("GET", LIST_PATH, headers={"Authorization": ""})
    with pytest.raises(
        AssertionError,
        match=r"but 1 without an accepted API key and 1 with another API key came.*api_key of the mock",
    ):
        mock.assert_requested("listTrainings")
    # The key of another handle is no mistake.
    mock.reset()
    mock.with_key("second")
    send("GET", LIST_PATH, headers={"Authorization": "Bearer second"})
    with pytest.raises(AssertionError) as failed:
        mock.assert_requested("listTrainings")
    assert "API key" not in str(failed.value)


def test_a_broken_contract_is_told_with_advice(world: World) -> None:
    mock, send = world
    create(send, "good")
    mock.assert_contract_kept()
    create(send, "bad", width="512", more=1)
    send("GET", "/v3/trainings")
    send("GET", LIST_PATH, headers={"Authorization": "bare-key"})
    send("GET", LIST_PATH, params={"pagination.limit": "0"}, headers={"Authorization": "Bearer somebody"})
    with pytest.raises(AssertionError) as failed:
        mock.assert_contract_kept()
    text = str(failed.value)
    assert text.startswith("The client broke the contract (profile strict) in 4 of 5 requests:")
    for part in (
        "#2 POST /v3/training/subject -> 400\n",
        '/width: expected an integer, got "512"',
        "Send width as a JSON number",
        "/more: expected no member of this name",
        "#3 GET /v3/trainings -> 404\n",
        "#4 GET /v3/training -> 403 (without an accepted API key)\n",
        "#5 GET /v3/training -> 400 (with another API key)\n",
    ):
        assert part in text
    assert "bare-key" not in text
    assert [entry["n"] for entry in mock.violations] == [2, 3, 4, 5]
    mock.reset()
    mock.assert_contract_kept()


def test_a_fault_is_not_the_clients_doing(world: World) -> None:
    mock, send = world
    for fault in ("API_NOT_FOUND", "INVALID_REQUEST_BODY", "INVALID_API_KEY", "html-error", "malformed"):
        mock.fail(fault, operation="createSubjectTraining", nth=1)
        create(send)
        mock.clear_faults()
    mock.assert_contract_kept()
    mock.fail("SERVICE_UNAVAILABLE")
    create(send, width="512")
    with pytest.raises(AssertionError, match=r"503 \(SERVICE_UNAVAILABLE\)"):
        mock.assert_contract_kept()


@pytest.mark.parametrize("way", ["live", "transport", "app"])
def test_the_profile_in_force_judges(way: str) -> None:
    with opened(way, profile="lenient") as (mock, send):
        assert send("GET", LIST_PATH, headers={"Authorization": mock.api_key}).status_code == 200
        mock.assert_contract_kept()


def test_a_long_report_is_cut(world: World) -> None:
    mock, send = world
    for n in range(12):
        create(send, **{f"member_{m}": n for m in range(13)})
    report = mock.contract_report()
    assert report is not None
    assert "in 12 of 12 requests" in report
    assert report.endswith("... and 2 more requests")
    assert report.count("    ... and 3 more\n") == 10


# --- worlds


def test_a_reset_restores_what_the_world_began_with() -> None:
    plan = FaultPlan.parse({"faults": [{"fault": "LIST_TASK_FAILED", "first": 1}]})
    transport = TrainingTransport(begin_with=plan, settings={"progression": "immediate"})
    mock = transport.mock
    for _ in range(2):
        assert [rule["matched"] for rule in mock.faults] == [0]
        assert mock.configure()["progression"] == "immediate"
        mock.fail("SERVICE_UNAVAILABLE")
        mock.configure(progression="polls")
        mock.clock.advance(5)
        assert mock.clock.now % 60 == 5
        mock.reset()
        assert mock.clock.now % 60 == 0


@given(
    keys=st.lists(st.text(st.characters(codec="ascii", categories="LN"), min_size=4), min_size=2, unique=True)
)
def test_keys_have_worlds_of_their_own(keys: list[str]) -> None:
    transport = TrainingTransport()
    mocks = [transport.mock.with_key(key) for key in keys]
    for mock in mocks:
        assert mock.namespace == namespace_of(mock.api_key)
        mock.fail("SERVICE_UNAVAILABLE")
        mock.clock.advance(1)
        assert [other.namespace for other in mocks if other.faults] == [mock.namespace]
        mock.reset()
        assert mock.faults == []


def test_a_key_that_is_not_accepted_is_refused() -> None:
    with opened("live", api_keys=["first", "second"]) as (mock, send):
        assert mock.api_key == "first"
        assert send("GET", LIST_PATH).status_code == 200
        assert mock.with_key("second").requests == []
        with pytest.raises(ValueError, match="does not accept the API key 'third'"):
            mock.with_key("third")
    with pytest.raises(ValueError, match="does not accept"):
        TrainingTransport(api_key=" ")


# --- requests for which there is no room


def test_a_full_journal_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mock, send = world
    monkeypatch.setattr("loracle_mockserver.store.limits.MAX_ENTRIES", 3)
    assert mock.forgotten == 0
    for n in range(5):
        create(send, f"a{n}")
    assert mock.forgotten == mock.with_key("other").forgotten == 2
    with pytest.raises(AssertionError, match="no room for all requests: the 2 oldest are not counted"):
        mock.assert_created("a*", times=5)
    mock.reset()
    assert mock.forgotten == 0
    with pytest.raises(AssertionError) as failed:
        mock.assert_created()
    assert "no room" not in str(failed.value)


# --- time that a test sets back


def test_requests_are_found_though_the_wall_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with time-machine, which sets the time of the whole process."""
    transport = TrainingTransport()
    mock, other = transport.mock, transport.mock.with_key("other")
    for moment in (1e9, 0.0, 4e9, 1.0):
        monkeypatch.setattr(transport.engine, "wall", lambda moment=moment: moment)
        with httpx.Client(transport=transport, base_url=mock.url, headers=mock.headers) as client:
            client.get(LIST_PATH)
        mock.assert_requested("listTrainings", times=1)
        mock.reset()
        assert mock.requests == other.requests == []


def test_a_reset_of_the_whole_mock_hides_nothing_that_comes_after_it(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'mock.db'}"
    with opened("live", store=store) as (_, send):
        for _ in range(3):
            send("GET", LIST_PATH)
    with opened("live", store=store) as (mock, send):
        assert mock.requests == []
        send("GET", LIST_PATH)
        assert len(mock.requests) == 1
        assert send("POST", "/_mock/reset").status_code == 200
        assert mock.requests == []
        send("GET", LIST_PATH)
        assert len(mock.requests) == 1
