"""What creates need is found out before the first one, by few requests, and blames no right server."""

from typing import Any

import pytest
from fuzzed_apps import mock, refusal, session_with

from loracle_contracts import validate
from loracle_contracts.fuzzing.baseline import baseline
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, example_body, known_base_models, plain_body

OPERATIONS = ("createSubjectTraining", "createStyleTraining")


def find(app: Any, max_creates: int = 9, **options: Any) -> Session:
    return session_with(app, baseline, max_creates=max_creates, **options)


def causes(session: Session) -> list[tuple[str, str]]:
    return [finding.cause for finding in session.findings]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("make", [plain_body, example_body])
@pytest.mark.parametrize("profile", ["strict", "lenient"])
def test_templates_are_valid(operation: str, make: Any, profile: Any) -> None:
    body = make(operation, "a", known_base_models()[0], (1, "b"))
    assert validate(body, operation, profile).valid
    assert 1 <= body["expert_setting"]["max_train_steps"] <= 2


def test_a_right_server_is_asked_once() -> None:
    app = mock()
    session = find(app)
    known = session.baseline
    assert known is not None
    assert known.problem is None
    assert known.created is not None
    assert (app.creates, session.budget.spent, session.client.sent) == (1, 1, 1)
    assert (known.asset_ids, known.takes_any_asset, known.is_plain) == (UNKNOWN_ASSETS, True, True)
    assert not session.findings


def test_it_is_found_out_once() -> None:
    async def twice(session: Session) -> None:
        assert await baseline(session) is await baseline(session)

    assert session_with(mock(), twice, max_creates=9).client.sent == 1


def test_without_a_budget_nothing_is_sent() -> None:
    session = find(mock(), max_creates=0)
    assert session.baseline is not None
    assert "--max-creates" in str(session.baseline.problem)
    assert session.client.sent == 0


def test_a_server_that_knows_only_uploaded_images_is_right() -> None:
    app = mock(require_assets=True)
    session = find(app)
    known = session.baseline
    assert known is not None
    assert (known.problem, known.takes_any_asset, len(known.asset_ids)) == (None, False, 2)
    assert app.creates == 1
    assert not session.findings


@pytest.mark.parametrize("reason", ["INVALID_IMAGE_FORMAT", "INVALID_REQUEST_BODY"])
def test_given_assets_are_used(reason: str) -> None:
    def alter(body: Any) -> Any:
        return refusal(reason) if body["image_dataset_items"][0]["assets_id"] != "mine" else None

    session = find(mock(alter), asset_ids=("mine",))
    assert session.baseline is not None
    assert session.baseline.created is not None
    assert not session.baseline.takes_any_asset
    assert not session.findings


def test_string_ids_refused_is_a_finding() -> None:
    def alter(body: Any) -> Any:
        texts = [type(item["assets_id"]) is str for item in body["image_dataset_items"]]
        return refusal("INVALID_REQUEST_BODY") if any(texts) else None

    session = find(mock(alter))
    assert session.baseline is not None
    assert session.baseline.problem is None
    assert causes(session) == [("refused", "assets_id.type")]


@pytest.mark.parametrize("known", [known_base_models()[3], "mine"])
def test_other_base_models_are_tried(known: str) -> None:
    def alter(body: Any) -> Any:
        return refusal("BASE_MODEL_NOT_ALLOWD") if body["base_model"] != known else None

    session = find(mock(alter))
    assert session.baseline is not None
    assert (session.baseline.problem is None) == (known != "mine")
    assert not session.baseline.takes_any_model
    assert not session.findings
    given = find(mock(alter), base_model=known)
    assert given.baseline is not None
    assert given.baseline.problem is None
    assert given.client.sent == 1


@pytest.mark.parametrize("first", ["assets", "models"])
def test_a_server_that_knows_few_assets_and_few_models(first: str) -> None:
    def alter(body: Any) -> Any:
        faults = []
        if body["image_dataset_items"][0]["assets_id"] in UNKNOWN_ASSETS:
            faults.append(("assets", refusal("INVALID_REQUEST_BODY")))
        if body["base_model"] != known_base_models()[2]:
            faults.append(("models", refusal("BASE_MODEL_NOT_ALLOWD")))
        return next((answer for name, answer in faults if name == first or len(faults) == 1), None)

    session = find(mock(alter, require_assets=True))
    assert session.baseline is not None
    assert session.baseline.created is not None
    assert not session.findings


@pytest.mark.parametrize(
    ("status", "reason"),
    [(403, "API_NOT_ALLOWED"), (400, "BILLING_BALANCE_NOT_ENOUGH"), (429, "RATE_LIMIT_EXCEEDED")],
)
def test_a_server_that_starts_none_for_this_account_is_right(status: int, reason: str) -> None:
    session = find(mock(lambda _: refusal(reason, status)))
    assert session.baseline is not None
    assert reason in str(session.baseline.problem)
    assert not session.findings


def test_a_plain_create_refused_is_a_finding() -> None:
    session = find(mock(lambda _: refusal("INVALID_REQUEST_BODY")))
    assert session.baseline is not None
    assert session.baseline.problem == "the server refuses a plain valid create"
    assert causes(session) == [("refused", "createSubjectTraining")]
    assert session.budget.spent == 0


def test_where_only_the_documented_example_is_taken_it_is_used() -> None:
    def alter(body: Any) -> Any:
        return refusal("INVALID_REQUEST_BODY") if "lora_r" not in body["expert_setting"] else None

    session = find(mock(alter))
    assert session.baseline is not None
    assert (session.baseline.problem, session.baseline.is_plain) == (None, False)
    assert causes(session) == [("refused", "createSubjectTraining")]


def test_names_that_exist_are_changed() -> None:
    def alter(body: Any) -> Any:
        return refusal("TASK_NAME_EXISTED") if body["name"].count("-") < 4 else None

    session = find(mock(alter))
    assert session.baseline is not None
    assert session.baseline.created is not None
    assert not session.findings
