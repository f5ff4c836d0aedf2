"""The shipped scenarios do what their texts say, and a good client bears every one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from engine_calls import CREATE, OPERATIONS, call
from good_client import TrainingError, Trainings

from loracle_contracts import validate
from loracle_mockserver import Engine, FaultPlan, Reply, Request, TrainingTransport
from loracle_mockserver.faults import scenarios


def engine(scenario: str, **options: Any) -> Engine:
    return Engine(plan=FaultPlan.scenario(scenario), **options)


def replies(scenario: str, count: int, operation: str = CREATE, **options: Any) -> list[Reply]:
    mock = engine(scenario, **options)
    return [call(mock, operation) for _ in range(count)]


def how(reply: Reply) -> str:
    return reply.transmission or str(reply.status)


# --- what the texts say


def test_flaky_fails_one_call_in_five_in_four_ways() -> None:
    for seed in (0, 1):
        seen = Counter(map(how, replies("flaky", 2000, seed=seed)))
        assert set(seen) == {"200", "503", "504", "502", "reset-before-headers"}
        assert 0.15 < 1 - seen["200"] / 2000 < 0.25


def test_rate_limited_lets_three_through_and_then_one_a_second() -> None:
    assert [reply.status for reply in replies("rate-limited", 6)] == [200, 200, 200, 429, 200, 429]
    assert all((b"retry-after", b"1") in reply.headers for reply in replies("rate-limited", 6)[3::2])


def test_slow_takes_a_second_or_so_and_lists_drip() -> None:
    delays = sorted(reply.delay for reply in replies("slow", 500))
    assert 0.5 < delays[250] < 1.5
    assert delays[-1] > 5
    for operation in OPERATIONS:
        [reply] = replies("slow", 1, operation)
        assert reply.delay > 0
        assert reply.transmission == ("slow-drip" if operation == "listTrainings" else None)


def test_an_outage_ends_after_ten_errors_and_ten_resets() -> None:
    seen = list(map(how, replies("outage", 23)))
    assert seen == ["503"] * 10 + ["reset-on-arrival"] * 10 + ["200"] * 3
    assert [reply.status for reply in replies("outage", 10, "putUpload")] == [503] * 10


def test_poison_breaks_the_contract_in_answers_of_200() -> None:
    mock = engine("poison")
    seen = [call(mock) for _ in range(420)]
    assert {reply.status for reply in seen} == {200}
    struck = {entry.fault for _, entry in mock.store.entries()} - {None}
    assert struck == {"wrong-type", "missing-members", "wrapped", "malformed", "html-success"}
    broken = [reply for reply in seen if not validate(reply.body, CREATE, part="response").valid]
    assert 0.5 < len(broken) / len(seen) < 1


def test_stuck_ends_no_training_well() -> None:
    mock, ends = engine("stuck"), []
    for _ in range(4):
        task = validate(call(mock).body, CREATE, part="response").value["task_id"]
        shown = [ask(mock, task) for _ in range(20)]
        ends.append(shown[-1])
    assert ends == [("QUEUING", None), ("SUCCESS", "DEPLOYING")] * 2


def ask(mock: Engine, task: str) -> tuple[str, str | None]:
    query, headers = f"task_id={task}".encode(), [(b"authorization", b"Bearer k")]
    reply = mock.handle(Request("GET", "/v3/training/subject", query, headers))
    shown = validate(reply.body, "getSubjectTraining", part="response").value
    return shown["task_status"], shown["models"][0]["model_status"] if shown["models"] else None


def test_a_scenario_repeats_exactly_and_every_key_has_it_alone() -> None:
    for name in scenarios():
        alone, shared = engine(name), engine(name)
        for _ in range(40):
            expected = call(alone, key="a")
            assert call(shared, key="a") == expected
            assert call(shared, key="b") == expected


# --- what a good client makes of it


def client(scenario: str, **options: Any) -> tuple[TrainingTransport, Trainings, list[float]]:
    transport, slept = TrainingTransport(faults=f"@{scenario}", progression="seconds"), []
    clock: Callable[[float], float] = transport.mock.clock.advance

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock(seconds)

    transport.mock.clock.freeze()
    key = transport.mock.api_key
    return transport, Trainings(transport.url, key, transport=transport, sleep=sleep, **options), slept


ENDS_BADLY = [name for name, entry in scenarios().items() if entry.get("judge", {}).get("ends") == "badly"]


@pytest.mark.parametrize("scenario", [name for name in scenarios() if name not in ENDS_BADLY])
def test_a_good_client_starts_each_training_once_and_gets_its_model(scenario: str) -> None:
    transport, trainings, slept = client(scenario)
    names = [f"avatar-{n}" for n in range(12)]
    for name in names:
        task_id = trainings.start(name, [26])
        assert trainings.wait(task_id).endswith(".safetensors")
        assert transport.mock.task(name).id == task_id
    assert sorted(task.name for task in transport.mock.tasks) == sorted(names)
    transport.mock.assert_contract_kept()
    statuses = Counter(request["status"] for request in transport.mock.requests)
    if scenario == "rate-limited":
        assert statuses[429] == sum(pause < 10 for pause in slept), "it has waited for each of them"
    trainings.close()


@pytest.mark.parametrize("scenario", [name for name in ENDS_BADLY if name not in ("stuck", "upload-refused")])
def test_a_good_client_says_that_it_did_not_end_well(scenario: str) -> None:
    transport, trainings, _ = client(scenario)
    with pytest.raises(TrainingError):
        trainings.wait(trainings.start("avatar", [26]))
    assert len(transport.mock.tasks) <= 1
    trainings.close()


def test_a_good_client_gives_up_where_nothing_goes_on() -> None:
    transport, trainings, _ = client("stuck")
    for name in "ab":
        with pytest.raises(TrainingError, match="takes too long"):
            trainings.wait(trainings.start(name, [26]))
    assert [task.state for task in transport.mock.tasks] == ["DEPLOYING", "QUEUING"]
    trainings.close()


def test_a_good_client_says_that_the_service_is_down() -> None:
    transport, trainings, _ = client("outage", tries=5)
    with pytest.raises(TrainingError, match="down"):
        trainings.start("a", [26])
    assert (len(transport.mock.requests), transport.mock.tasks) == (5, [])
    trainings.close()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("failed", "FAILED"),
        ("canceled", "CANCELED"),
        ("success-without-models", "no model"),
        ("vanishes", "TASK_NOT_FOUND"),
        ("BILLING_BALANCE_NOT_ENOUGH", "BILLING_BALANCE_NOT_ENOUGH"),
        ("transient-unknown", None),
        ("unknown-status", None),
        ("status-goes-back", None),
        ("missing-extra", None),
        ("hang", None),
        ("slow-drip", None),
        ("reset-after-headers", None),
    ],
)
def test_a_good_client_tells_what_is_final(fault: str, said: str | None) -> None:
    transport = TrainingTransport(faults={"fault": fault, "operation": CREATE, "first": 1})
    trainings = Trainings(transport.url, "k", transport=transport, sleep=lambda _: None)
    if said is None:
        assert trainings.wait(trainings.start("a", [26])).endswith(".safetensors")
        assert len(transport.mock.with_key("k").tasks) == 1
    else:
        with pytest.raises(TrainingError, match=said):
            trainings.wait(trainings.start("a", [26]))
    trainings.close()
