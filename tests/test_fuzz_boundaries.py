"""Layer `boundaries`: valid values in few bodies; the one that a server does not take is named."""

import json
from statistics import mean
from typing import Any

import pytest
from fuzzed_apps import mock, refusal, session_with
from planted_values import holds, refuses

from loracle_contracts import validate
from loracle_contracts.fuzzing import boundaries
from loracle_contracts.fuzzing.baseline import Baseline
from loracle_contracts.fuzzing.bodies import ABSENT
from loracle_contracts.fuzzing.edge_values import CONTENT_TYPE, STYLE, EdgeValue, edge_values
from loracle_contracts.fuzzing.packing import packed, written
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, known_base_models, plain_body
from loracle_contracts.fuzzing.trials import trials_of
from loracle_contracts.oracle import CREATES

KNOWN = Baseline(UNKNOWN_ASSETS, known_base_models()[0])


def run(app: Any, max_creates: int = 40, **options: Any) -> Session:
    return session_with(app, boundaries.run, max_creates=max_creates, layers=("boundaries",), **options)


@pytest.mark.parametrize("operation", CREATES)
@pytest.mark.parametrize("seed", range(3))
def test_each_value_is_valid(operation: str, seed: int) -> None:
    for value in edge_values(operation, seed):
        body, _ = written(operation, [value], KNOWN, "loracle-fuzz-0-1")
        if value.path != ("expert_setting", "with_prior_preservation") or value.value is not True:
            assert validate(body, operation).valid, value.title
            assert validate(body, operation, "lenient").valid, value.title


@pytest.mark.parametrize("seed", range(5))
def test_every_value_is_in_some_body_and_every_body_is_valid(seed: int) -> None:
    for operation, bodies in zip(CREATES, (17, 11), strict=True):
        values = edge_values(operation, seed)
        packs, left = packed(operation, values, bodies, KNOWN)
        assert len(packs) <= bodies
        assert not [value.title for value in left]
        assert sorted(map(id, values)) == sorted(id(value) for pack in packs for value in pack.values)
        for pack in packs:
            body, media_type = written(operation, pack.values, KNOWN, "loracle-fuzz-0-1")
            for profile in ("strict", "lenient"):
                assert validate(body, operation, profile).valid
            parsed = json.loads(body)
            for value in pack.values:
                if value.path == CONTENT_TYPE:
                    assert media_type == value.value
                elif value.path != STYLE:
                    assert holds(parsed, value), value.title


def test_writing_a_body_leaves_the_values_as_they_are() -> None:
    own = Baseline((7, "mine"), "model", takes_any_asset=False)
    values = [value for value in edge_values(CREATES[0], 0) if value.path not in (STYLE, CONTENT_TYPE)]
    before = [repr(value.value) for value in values]
    for value in values:
        body, _ = written(CREATES[0], [value], own, "loracle-fuzz-0-1")
        items = json.loads(body)["image_dataset_items"]
        if value.path[-1] != "assets_id":
            assert {item["assets_id"] for item in items} <= {7, "mine"}
    assert before == [repr(value.value) for value in values]


def test_there_are_values_at_every_bound() -> None:
    rules = {value.rule for value in edge_values(CREATES[0], 0)}
    assert len(edge_values(CREATES[0], 0)) > 150
    assert rules >= {
        "name.maxLength", "width.minimum", "width.maximum", "seed.maximum", "assets_id.minimum",
        "learning_rate.exclusiveMinimum", "learning_rate.maximum", "caption.maxLength", "lora_r.type",
        "image_dataset_items.minItems", "image_dataset_items.maxItems", "components.maxItems",
        "components.face_crop_region.args.ratio.value.pattern", "lr_scheduler.enum", "json.syntax",
    }  # fmt: skip
    lengths = {len(value.value) for value in edge_values(CREATES[0], 0) if value.rule == "name.maxLength"}
    assert lengths == {255}


def test_cheap_bodies_come_first() -> None:
    async def planned(session: Session) -> None:
        trials = {operation: trials_of(session, operation, KNOWN) for operation in CREATES}
        packs = boundaries.plan(trials, 28)
        assert len(packs) == 28
        costly = [pack.is_costly for pack in packs]
        assert costly == sorted(costly)
        # The fewer bodies there are, the more each holds.
        few = boundaries.plan(trials, 4)
        assert len(few) == 4
        assert mean(len(pack.values) for pack in few) > mean(len(pack.values) for pack in packs)

    session_with(mock(), planned)


@pytest.mark.parametrize("profile", ["strict", "lenient"])
@pytest.mark.parametrize("seed", range(3))
def test_a_right_server_takes_them_all(profile: Any, seed: int) -> None:
    app = mock(profile=profile)
    session = run(app, profile=profile, seed=seed)
    assert not session.findings
    assert not session.not_checked
    assert app.creates == session.budget.spent == 29
    assert session.client.sent == 29


@pytest.mark.parametrize("max_creates", [1, 2, 3, 7, 15])
def test_a_small_budget_is_kept_and_the_rest_is_told(max_creates: int) -> None:
    app = mock()
    session = run(app, max_creates)
    assert app.creates <= max_creates
    assert not session.findings
    assert all(note.layer == "boundaries" and "budget" in note.why for note in session.not_checked)
    assert 1 <= len(session.not_checked) <= 25


def test_without_a_budget_nothing_is_sent() -> None:
    session = run(mock(), 0)
    assert session.client.sent == 0
    assert len(session.not_checked) == 1


def test_servers_that_know_only_their_own_are_right() -> None:
    session = run(mock(require_assets=True))
    assert not session.findings
    assert {note.why for note in session.not_checked} == {"the server knows only its own"}

    def alter(body: Any) -> Any:
        known = isinstance(body, dict) and body.get("base_model") == known_base_models()[0]
        return None if known else refusal("BASE_MODEL_NOT_ALLOWD")

    session = run(mock(alter))
    assert not session.findings
    assert all("base_model" in note.what for note in session.not_checked)
    assert all("BASE_MODEL_NOT_ALLOWD" in note.why for note in session.not_checked)
    given = run(mock(require_assets=False), asset_ids=("a", 7), base_model="mine")
    assert not given.findings
    assert {note.why for note in given.not_checked} == {
        "--asset-id names those to use",
        "--base-model names the one to use",
    }


def test_a_server_that_refuses_empty_captions_is_right() -> None:
    def alter(body: Any) -> Any:
        items = body["image_dataset_items"]
        is_empty = any(not (item.get("caption") or "").strip() for item in items)
        return refusal("EMPTY_IMAGE_CAPTION") if is_empty else None

    session = run(mock(alter))
    assert not session.findings
    assert session.not_checked


def test_a_server_whose_names_are_unique_is_right() -> None:
    seen: set[str] = {"a", "x"}

    def alter(body: Any) -> Any:
        if body["name"] in seen:
            return refusal("TASK_NAME_EXISTED")
        seen.add(body["name"])
        return None

    session = run(mock(alter))
    assert not session.findings
    assert all("TASK_NAME_EXISTED" in note.why for note in session.not_checked)


def test_a_server_that_has_no_more_money_is_right() -> None:
    created = []

    def alter(body: Any) -> Any:
        created.append(body)
        return refusal("BILLING_BALANCE_NOT_ENOUGH") if len(created) > 9 else None

    session = run(mock(alter))
    assert not session.findings
    assert any("BILLING_BALANCE_NOT_ENOUGH" in note.why for note in session.not_checked)


def planted(operation: str, seed: int) -> list[EdgeValue]:
    """Values that a server is not to take; what the plain body lacks is another test's business."""
    body = plain_body(operation, "a", "b", UNKNOWN_ASSETS)
    return [
        value
        for value in edge_values(operation, seed)
        if value.path not in (STYLE, CONTENT_TYPE)
        and value.kind != "an item twice"
        and not (value.value is ABSENT and holds(body, value))
    ]


def check_named(value: EdgeValue, seed: int) -> None:
    app = mock(refuses(value))
    session = run(app, 60, seed=seed)
    assert [finding.cause for finding in session.findings] == [("refused", value.rule)], value.title
    (finding,) = session.findings
    assert finding.title == value.title
    assert finding.rule == value.rule
    # On top of the baseline and of the bodies that there are anyway.
    assert app.creates == session.budget.spent <= 29 + 12, value.title
    sent = json.loads(finding.exchanges[0].probe.request.body)
    plain = plain_body(finding.operations[0], sent["name"], known_base_models()[0], UNKNOWN_ASSETS)
    assert len(sent.get("expert_setting") or {}) <= len(plain["expert_setting"]) + 1


@pytest.mark.parametrize("value", planted(CREATES[0], 0)[::11], ids=lambda value: value.title)
def test_the_value_that_is_not_taken_is_named(value: EdgeValue) -> None:
    check_named(value, 0)


@pytest.mark.long
@pytest.mark.parametrize("operation", CREATES)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_value_that_is_not_taken_is_named(operation: str, seed: int) -> None:
    for value in planted(operation, seed):
        check_named(value, seed)


def test_several_values_are_found_one_after_another() -> None:
    values = [planted(CREATES[0], 0)[n] for n in (3, 40, 90)]
    defects = [refuses(value) for value in values]
    session = run(mock(lambda body: next(filter(None, (defect(body) for defect in defects)), None)), 70)
    assert {finding.subject for finding in session.findings} == {value.rule for value in values}


def test_a_crash_on_a_value_is_named() -> None:
    value = next(value for value in planted(CREATES[0], 0) if value.rule == "lora_r.maximum")
    alter = refuses(value)
    session = run(mock(lambda body: (500, {"oops": True}) if alter(body) else None), 60)
    assert ("refused", "lora_r.maximum") in [finding.cause for finding in session.findings]


def test_where_the_budget_ends_the_suspects_are_listed() -> None:
    def planned(session: Session) -> Any:
        trials = {operation: trials_of(session, operation, KNOWN) for operation in CREATES}
        return boundaries.plan(trials, 3)[0].values

    found: list[EdgeValue] = []

    async def look(session: Session) -> None:
        found.extend(planned(session))

    session_with(mock(), look, max_creates=4)
    value = next(value for value in reversed(found) if value.path[0] == "expert_setting")
    session = run(mock(refuses(value)), 4)
    (finding,) = [finding for finding in session.findings if "tell them apart" in finding.title]
    assert value.title in finding.title
    assert session.budget.spent <= 4


def test_a_member_that_must_be_there_is_named() -> None:
    def alter(body: Any) -> Any:
        setting = body.get("expert_setting")
        return None if setting is None or "lora_r" in setting else refusal("INVALID_REQUEST_BODY")

    session = run(mock(alter), 60)
    titles = [finding.title for finding in session.findings]
    assert titles == ["a plain create", "expert_setting/lora_r: absent"]


def test_a_refused_style_training_is_not_blamed_on_its_values() -> None:
    def alter(body: Any) -> Any:
        setting = body.get("expert_setting")
        is_style = isinstance(setting, dict) and "instance_prompt" not in setting
        return refusal("INVALID_REQUEST_BODY") if is_style else None

    session = run(mock(alter), 60)
    subjects = [finding.subject for finding in session.findings]
    assert "createStyleTraining" in subjects
    assert len(subjects) <= 2


def test_one_seed_one_order() -> None:
    def bodies(seed: int) -> list[Any]:
        sent: list[Any] = []
        run(mock(lambda body: sent.append(json.dumps(body))), seed=seed)
        return sent

    assert bodies(4) == bodies(4)
    assert bodies(4) != bodies(5)


def test_a_server_that_limits_the_rate_is_right() -> None:
    calls: list[Any] = []

    def alter(body: Any) -> Any:
        calls.append(body)
        return refusal("RATE_LIMIT_EXCEEDED", 429) if len(calls) % 3 == 0 else None

    app = mock(alter)
    session = run(app)
    assert not session.findings
    assert not session.not_checked
    assert app.creates == 29


def test_what_trains_for_long_is_tried_on_this_machine_only() -> None:
    steps: dict[str, int] = {}
    for url in ("http://127.0.0.1", "http://10.0.0.9"):
        session = session_with(mock(), boundaries.run, url=url, max_creates=70)
        bodies = [json.loads(request.body) for request, expected in session.judged if expected.starts_job]
        given = [(body.get("expert_setting") or {}).get("max_train_steps") or 0 for body in bodies]
        steps[url] = max(map(int, given))
        is_told = any("on this machine only" in note.why for note in session.not_checked)
        assert is_told == (url != "http://127.0.0.1")
    assert steps["http://127.0.0.1"] > 2**50
    assert steps["http://10.0.0.9"] <= 2000
