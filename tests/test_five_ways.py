"""One meaning for each fault, setting and scenario, in whichever of the ways it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from live import RunningMock, running_mock
from training_clients import CREATE_PATH, LIST_PATH, body

from loracle_mockserver import TrainingMock, live_server
from loracle_mockserver.behaviour import Behaviour
from loracle_mockserver.fault_catalogue import CATALOGUE, CREATES
from loracle_mockserver.faults import scenarios

# Those that take seconds are delivered as the others are.
SLOW = ("hang", "slow-drip")
FAULTS = ["RATE_LIMIT_EXCEEDED", "CREATE_TASK_FAILED", "INVALID_API_KEY", "GATEWAY_TIMEOUT"]
FAULTS += [name for name in CATALOGUE if name not in SLOW]
Outcome = list[Any]


def rule(fault: str) -> dict[str, Any]:
    return {"operation": CREATES[0], "name": f"test {fault}", "fault": fault}


def client_at(url: str, **headers: str) -> httpx.Client:
    # Without TLS nothing is to be verified, and the certificates need not be read each time.
    return httpx.Client(base_url=url, headers=headers, verify=False)


def outcome(client: httpx.Client, fault: str, name: str = "", **headers: str) -> Outcome:
    """What a client sees of a create and of what follows it, without what tells the ways apart."""
    name = name or f"test {fault}"
    seen: Outcome = []

    def note(method: str, path: str, **given: Any) -> Any:
        try:
            answer = client.request(method, path, **given)
        except httpx.TransportError as error:
            seen.append(type(error).__name__)
            return None
        text = answer.text
        if answer.headers["content-type"] == "application/json" and fault != "malformed":
            parsed = answer.json()
            if isinstance(parsed, dict):
                metadata = parsed.get("metadata", {})
                assert bool(metadata.pop("fault", "")) is (answer.status_code >= 400 and fault in FAULTS[:4])
            text = json.dumps(parsed)
        seen.append((answer.status_code, answer.headers.get("retry-after"), text))
        return answer

    note("POST", CREATE_PATH, json=body(name), headers=headers)
    listed = note("GET", LIST_PATH)
    tasks = listed.json()["tasks"]
    for task in tasks:
        for _ in range(4):
            note("GET", CREATE_PATH, params={"task_id": task["task_id"]})
    # The name decides on ids and on the names of models.
    shown = json.dumps(seen)
    for number, task in enumerate(tasks):
        shown = shown.replace(task["task_id"], f"task-{number}")
    for model in {model["model_name"] for task in tasks for model in task["models"]} | _models(shown):
        shown = shown.replace(model, "model")
    if fault in ("malformed", "wrong-type"):
        # They show a part of the id, or a number that is made of it.
        seen = json.loads(shown)
        seen[0] = seen[0][:2]
        shown = json.dumps(seen)
    return list(json.loads(shown.replace(name, "NAME")))


def _models(text: str) -> set[str]:
    return {word for word in text.replace('\\"', '"').split('"') if word.startswith("model_") and "." in word}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMock]:
    """A mock that was started with a plan of all faults, each for one task name."""
    file = tmp_path_factory.mktemp("plan") / "plan.yaml"
    file.write_text(yaml.safe_dump({"faults": [rule(fault) for fault in FAULTS]}), encoding="utf-8")
    with running_mock("--faults", str(file)) as mock:
        yield mock


def of_the_plan(fault: str, planned: RunningMock) -> Outcome:
    headers = {"Authorization": f"Bearer {fault}"}
    with client_at(planned.url, **headers) as client:
        return outcome(client, fault)


def of_a_mock(say: Callable[[TrainingMock, httpx.Client], None], fault: str, **sent: str) -> Outcome:
    with live_server() as mock, client_at(mock.url, **mock.headers) as client:
        say(mock, client)
        return outcome(client, fault, **sent)


def control_json(mock: TrainingMock, client: httpx.Client, fault: str) -> None:
    client.post(f"/_mock/faults?namespace={mock.namespace}", json=rule(fault)).raise_for_status()


def control_yaml(_: TrainingMock, client: httpx.Client, fault: str) -> None:
    plan, header = yaml.safe_dump({"faults": [rule(fault)]}), {"Content-Type": "application/yaml"}
    client.put("/_mock/faults", content=plan, headers=header).raise_for_status()


WAYS: dict[str, Callable[[str], Outcome]] = {
    "control API, JSON": lambda fault: of_a_mock(lambda *it: control_json(*it, fault), fault),
    "control API, YAML": lambda fault: of_a_mock(lambda *it: control_yaml(*it, fault), fault),
    "Python": lambda fault: of_a_mock(
        lambda mock, _: mock.fail(fault, operation=CREATES[0], task_name="test *") and None, fault
    ),
    "header": lambda fault: of_a_mock(lambda *_: None, fault, **{"X-Loracle-Fault": fault}),
    "task name": lambda fault: of_a_mock(lambda *_: None, fault, name=f"fault:{fault} test"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_the_same_in_each_way(fault: str, planned: RunningMock) -> None:
    expected = of_the_plan(fault, planned)
    assert len(expected) >= 2
    assert {way: seen(fault) for way, seen in WAYS.items()} == dict.fromkeys(WAYS, expected)


def test_the_faults_differ() -> None:
    # Or the comparison above would compare nothing.
    seen = {fault: json.dumps(WAYS["Python"](fault)) for fault in FAULTS}
    alike = [{"reset-before-headers", "reset-after-headers"}]  # to httpx both are a reset
    for one in FAULTS:
        for other in FAULTS:
            assert seen[one] != seen[other] or one == other or {one, other} in alike, (one, other)


# --- settings

SETTINGS: list[tuple[dict[str, Any], list[str]]] = [
    ({"progression": "immediate"}, ["SUCCESS"] * 4),
    ({"progression": "seconds", "seconds_per_state": [0, 0, 0]}, ["SUCCESS"] * 4),
    ({"polls_per_state": 2}, ["QUEUING", "QUEUING", "TRAINING", "TRAINING"]),
]


def polled(url: str) -> list[str]:
    with client_at(url, Authorization="Bearer test-key") as client:
        params = {"task_id": client.post(CREATE_PATH, json=body()).json()["task_id"]}
        return [client.get(CREATE_PATH, params=params).json()["task_status"] for _ in range(4)]


def spelled(setting: dict[str, Any]) -> list[str]:
    """The options of the command line."""
    pairs = [(f"--{name.replace('_', '-')}", value) for name, value in setting.items()]
    return [
        word
        for name, value in pairs
        for word in (name, ",".join(map(str, value)) if isinstance(value, list) else str(value))
    ]


@pytest.mark.parametrize(("setting", "expected"), SETTINGS)
def test_a_setting_is_the_same_in_each_way(
    setting: dict[str, Any], expected: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(setting), encoding="utf-8")
    with running_mock(*spelled(setting), cwd=tmp_path) as mock:
        assert polled(mock.url) == expected
    for options in (setting, {"faults": file}, {"faults": setting}):
        with live_server(**options) as live:
            assert polled(live.url) == expected
    with live_server() as live, client_at(live.url) as client:
        live.configure(**setting)
        assert polled(live.url) == expected
        for method, page in (("PUT", "settings"), ("POST", "faults"), ("PUT", "faults")):
            client.post("/_mock/reset").raise_for_status()
            for query in ("", f"?namespace={live.namespace}"):
                client.request(method, f"/_mock/{page}{query}", json=setting).raise_for_status()
                assert polled(live.url) == expected


# --- scenarios


def walked(url: str) -> list[Any]:
    """What a client sees that creates, polls and lists for a while."""
    seen: list[Any] = []
    with client_at(url, Authorization="Bearer test-key") as client:
        for n in range(12):
            for method, path, given in (
                ("POST", CREATE_PATH, {"json": body(f"n{n}")}),
                ("GET", LIST_PATH, {}),
            ):
                try:
                    answer = client.request(method, path, **given)
                except httpx.TransportError as error:
                    seen.append(type(error).__name__)
                    continue
                seen.append((answer.status_code, answer.headers.get("retry-after")))
    return seen


@pytest.mark.parametrize("name", [name for name in scenarios() if name != "slow"])
def test_a_scenario_is_the_same_in_each_way(name: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    known = ("faults", *Behaviour.names())
    plan = {key: value for key, value in scenarios()[name].items() if key in known}
    # What would only take time.
    plan["faults"] = [
        rule for rule in plan["faults"] if "delay" not in rule and rule.get("fault") not in SLOW
    ]
    file.write_text(yaml.safe_dump(plan), encoding="utf-8")
    with live_server(faults=file) as mock:
        expected = walked(mock.url)
    with live_server() as mock:
        mock.add_faults(plan)
        assert walked(mock.url) == expected, "also where chance decides"
    with live_server() as mock, client_at(mock.url) as client:
        client.put("/_mock/faults", json=plan).raise_for_status()
        assert walked(mock.url) == expected


def test_a_scenario_is_named_alike_everywhere() -> None:
    rules = scenarios()["outage"]["faults"]
    with running_mock("--faults", "@outage") as mock, client_at(mock.url) as client:
        expected = walked(mock.url)
        assert len(client.get("/_mock/faults").json()["faults"]) == len(rules)
    for source in ("@outage", {"faults": rules}, rules):
        with live_server(faults=source) as live:
            assert walked(live.url) == expected
    with live_server() as live, client_at(live.url) as client:
        for said in ({"scenario": "outage"}, "@outage", rules):
            client.post("/_mock/reset").raise_for_status()
            client.put("/_mock/faults", json=said).raise_for_status()
            assert walked(live.url) == expected
        live.reset()
        client.post("/_mock/reset")
        live.add_faults("@outage")
        assert walked(live.url) == expected
