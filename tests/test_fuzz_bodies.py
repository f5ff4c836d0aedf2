"""Layer `table`: one broken rule a body, every rule of the schema, and nothing that a right server starts."""

import json
from collections import Counter
from typing import Any

import pytest
from contract_walk import full_payload as published_payload
from contract_walk import nodes, request_operations, required_rules
from fuzzed_apps import mock, session_with
from hypothesis import given
from hypothesis import strategies as st

from loracle_contracts import spec, validate
from loracle_contracts.fuzzing import FuzzOptions, examples_layer, table
from loracle_contracts.fuzzing.bodies import ABSENT, COMPACT, STYLES, Edit, Raw, edited, encoded
from loracle_contracts.fuzzing.candidates import BEHIND_MANY
from loracle_contracts.fuzzing.client import Client
from loracle_contracts.fuzzing.places import full_body, places
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.wrong_bodies import mutations
from loracle_contracts.oracle import CREATES

PROFILES = ("strict", "lenient")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_body_breaks_the_one_rule_that_it_names(profile: Any, seed: int) -> None:
    found = table.chosen(profile, seed)
    assert len(found) <= 300
    for one in found:
        violations = validate(one.body, one.operation, profile).violations
        assert [violation.rule for violation in violations] == [one.rule], one.title
        assert one.lenient_refuses == (not validate(one.body, one.operation, "lenient").valid)


def rules_of(operation: str) -> set[str]:
    """The rules of a request body, read from the published document and not from the validation form."""
    found: set[str] = set()
    for node in nodes(operation, published_payload(operation)):
        found.update(required_rules(node.schema).values())
        for keyword, source in node.schema.get("x-source", {}).items():
            if keyword != "required":
                found.add(source.get("rule", f"{node.schema['x-rule']}.{keyword}"))
    return found & set(spec.rules("strict"))


def test_every_rule_of_every_operation_can_be_broken() -> None:
    assert tuple(table._SHARES) == ("createSubjectTraining", "createStyleTraining", "createUploadUrl")
    assert set(table._SHARES) == set(request_operations())
    for operation in request_operations():
        broken = {one.rule for one in mutations(operation, "strict")}
        assert rules_of(operation) <= broken, rules_of(operation) - broken


@pytest.mark.parametrize("seed", range(5))
def test_every_rule_is_tried_by_the_table(seed: int) -> None:
    tried = {one.rule for one in table.chosen("strict", seed)}
    assert {rule for operation in request_operations() for rule in rules_of(operation)} <= tried


def test_beside_the_table_only_those_examples_are_sent_that_it_does_not_know() -> None:
    session = Session(FuzzOptions("http://app.test"), Client("http://app.test"))
    known = {rule for operation in request_operations() for rule in rules_of(operation)}
    bodies = [probe for probe in examples_layer.probes(session) if probe.request.method == "POST"]
    assert bodies
    assert not known & {probe.subject for probe in bodies}
    alone = Session(FuzzOptions("http://app.test", layers=("examples",)), Client("http://app.test"))
    assert known & {probe.subject for probe in examples_layer.probes(alone)}


def test_ways_to_be_wrong_take_turns() -> None:
    kinds = Counter(one.kind for one in table.chosen("strict", 0))
    assert len(kinds) > 60
    types = {type(one.value).__name__ for one in table.chosen("strict", 0) if one.rule.endswith(".type")}
    assert types >= {"NoneType", "bool", "int", "float", "str", "list", "dict"}
    positions = {one.position for one in table.chosen("strict", 0)}
    assert {"0", "1", "2"} <= positions
    assert BEHIND_MANY in kinds


def test_what_lenient_refuses_comes_first() -> None:
    order = [one.lenient_refuses for one in table.chosen("strict", 0)]
    assert order == sorted(order, reverse=True)
    assert 0 < order.count(False) < 60


def test_bodies_name_what_the_server_knows() -> None:
    for one in table.chosen("strict", 0, "mine", (7, "own")):
        assert [violation.rule for violation in validate(one.body, one.operation).violations] == [one.rule]
        if one.operation != "createUploadUrl" and one.rule.startswith("lora_"):
            body = json.loads(one.body)
            assert body["base_model"] == "mine"
            assert {item["assets_id"] for item in body["image_dataset_items"]} <= {7, "own"}


def test_one_seed_one_table() -> None:
    assert table.chosen("strict", 7) == table.chosen("strict", 7)
    assert table.chosen("strict", 7) != table.chosen("strict", 8)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("max_creates", [0, 70])
def test_a_right_server_starts_nothing_and_is_not_blamed(profile: Any, max_creates: int) -> None:
    app = mock(profile=profile)
    session = session_with(app, table.run, profile=profile, max_creates=max_creates)
    assert app.creates == session.budget.spent == 0
    assert not session.findings
    assert not session.not_checked


def test_a_lenient_server_starts_one_training_at_most() -> None:
    app = mock(profile="lenient")
    session = session_with(app, table.run)
    assert app.creates == session.budget.mistakes["table"] == 1
    assert all(finding.vanishes_under_lenient for finding in session.findings)
    # One line for the rule that was broken, one for all the others.
    assert 1 <= len(session.not_checked) <= 2
    assert any("backed off" in note.why and "rules" in note.what for note in session.not_checked)


def test_a_rule_that_is_not_kept_is_found() -> None:
    def alter(body: Any) -> Any:
        has_text = isinstance(body, dict) and isinstance(body.get("expert_setting"), dict)
        ranks = (
            [value for name, value in body["expert_setting"].items() if name == "lora_r"] if has_text else []
        )
        is_wrong = any(isinstance(rank, (int, float)) and rank > 128 for rank in ranks)
        return (200, {"task_id": "5f0c9f5e-30d1-4c43-9b8e-3a1d0f6a7c11"}) if is_wrong else None

    session = session_with(mock(alter), table.run, max_creates=70)
    assert [finding.cause for finding in session.findings] == [("accepted", "lora_r.maximum")]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text(st.characters(exclude_categories=("Cs", "Co"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(JSON)
def test_every_style_writes_the_same_json(value: Any) -> None:
    for style in (COMPACT, *STYLES):
        assert json.loads(encoded(value, style)) == value


def test_raw_numbers_are_written_as_they_are() -> None:
    for style in (COMPACT, *STYLES):
        assert b"1e400" in encoded({"a": [Raw("1e400")]}, style)


def test_an_edit_changes_a_copy() -> None:
    body = {"a": [{"b": 1}]}
    assert edited(body, [Edit(("a", 0, "b"), 2), Edit(("a", 1), 3)]) == {"a": [{"b": 2}, 3]}
    assert edited(body, [Edit(("a", 0, "b"), ABSENT)]) == {"a": [{}]}
    assert edited(body, [Edit((), 4)]) == 4
    assert body == {"a": [{"b": 1}]}


@pytest.mark.parametrize("operation", ["createSubjectTraining", "createStyleTraining", "createUploadUrl"])
def test_the_full_body_is_valid_and_has_all_there_is(operation: str) -> None:
    body = full_body(operation)
    assert validate(body, operation).valid
    assert validate(body, operation, "lenient").valid
    published = {node.path[-1] for node in nodes(operation, published_payload(operation)) if node.path}
    walked = {place.path[-1] for place in places(operation, body) if place.path}
    assert {name for name in published if isinstance(name, str)} == {
        name for name in walked if isinstance(name, str)
    }


@pytest.mark.parametrize("most", [0, 1, 7, 170, 1000, 5000])
def test_the_table_sends_as_many_different_bodies_as_it_may(most: int) -> None:
    every = [one for name in (*CREATES, "createUploadUrl") for one in mutations(name, "strict")]
    picked = table.chosen("strict", 0, most=most)
    assert len(picked) == len({(one.operation, one.body) for one in picked}) == min(most, len(every))
