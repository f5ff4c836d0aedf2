"""Property tests of clients: a good one bears every server, a bad one is shrunk to one failure."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from good_client import TrainingError, Trainings
from hypothesis import HealthCheck, Phase, given, settings

from loracle_mockserver.judging import ServerBehaviour, Step, server_behaviours

SEARCH = settings(
    max_examples=300,
    deadline=None,
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
)


def trainings(kind: type[Trainings], transport: Any, **options: Any) -> Trainings:
    mock = transport.mock
    return kind(transport.url, mock.api_key, transport=transport, sleep=lambda _: None, **options)


def run(behaviour: ServerBehaviour, kind: type[Trainings] = Trainings) -> None:
    """One training, from start to end."""
    with behaviour.in_process() as transport:
        client = trainings(kind, transport, polls=60)
        try:
            client.wait(client.start("avatar", [26]))
        finally:
            client.close()


@SEARCH
@given(server_behaviours())
def test_a_good_client_bears_every_server(behaviour: ServerBehaviour) -> None:
    run(behaviour)


def test_a_good_client_bears_them_over_a_socket() -> None:
    behaviour = ServerBehaviour((Step("create", 1, "reset-before-headers"), Step("status", 2, "truncated")))
    with behaviour.live() as mock:
        client = Trainings(mock.url, mock.api_key, sleep=lambda _: None)
        client.wait(client.start("avatar", [26]))
        client.close()


class CreatesAgain(Trainings):
    """Sends a create again without a look into the list."""

    def start(self, name: str, images: list[str | int], base_model: str = "v1-5-pruned-emaonly") -> str:
        order = {
            "name": name,
            "base_model": base_model,
            "width": 512,
            "height": 512,
            "image_dataset_items": [{"assets_id": image} for image in images],
            "components": [],
        }
        while True:
            try:
                answer = self._http.post("/v3/training/subject", json=order)
                if answer.status_code == 200:
                    return str(answer.json()["task_id"])
            except (httpx.TransportError, ValueError, KeyError):
                continue


class TakesUnknownForFinal(Trainings):
    """Knows only the states that go on."""

    def _ask(self, *given: Any, **named: Any) -> dict[str, Any]:
        body = super()._ask(*given, **named)
        if body.get("task_status") == "UNKNOWN":
            raise TrainingError("the training ended as UNKNOWN")
        return body


class ReadsTheFirstModel(Trainings):
    """Reads the first of no models."""

    def _ask(self, *given: Any, **named: Any) -> dict[str, Any]:
        body = super()._ask(*given, **named)
        if body.get("task_status") == "SUCCESS":
            body["models"][0]
        return body


LOST = ("reset-before-headers", "reset-after-headers", "truncated", "malformed", "missing-members")


@pytest.mark.parametrize(
    ("kind", "finding", "shortest"),
    [
        (CreatesAgain, "double-create", lambda found: found.steps[0].fault in LOST and len(found.steps) == 1),
        (TakesUnknownForFinal, "unknown-is-final", lambda found: found.task_fault == "transient-unknown"),
        (ReadsTheFirstModel, "crash", lambda found: found.task_fault == "success-without-models"),
    ],
)
def test_a_bad_client_is_shrunk_to_what_breaks_it(kind: type[Trainings], finding: str, shortest: Any) -> None:
    broken: list[ServerBehaviour] = []

    @SEARCH
    @given(server_behaviours())
    def check(behaviour: ServerBehaviour) -> None:
        try:
            run(behaviour, kind)
        except AssertionError:
            broken.append(behaviour)
            raise

    with pytest.raises(AssertionError, match=finding):
        check()
    last = broken[-1]
    assert shortest(last), last
    assert last.polls_per_state == 1
    assert len(last.steps) + (last.task_fault is not None) == 1, last


def test_an_assertion_of_the_test_itself_is_its_own() -> None:
    with pytest.raises(AssertionError, match="mine"), ServerBehaviour(task_fault="failed").in_process():
        raise AssertionError("mine")
