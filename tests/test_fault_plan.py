"""Failures by plan: which calls a rule picks, what it does to them, and what is no plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from engine_calls import CREATE, OPERATIONS, call, check_error, planned, statuses
from hypothesis import given
from hypothesis import strategies as st

from loracle_contracts import spec, task_id
from loracle_mockserver.faults import FaultPlan, FaultPlanError


@pytest.mark.parametrize(
    ("picked", "failing"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 2}, [2]),
        ({"nth": [1, 3]}, [1, 3]),
        ({"first": 2}, [1, 2]),
        ({"every": 3}, [3, 6]),
        ({"every": 2, "first": 4}, [2, 4]),
        ({"nth": [2, 5], "first": 4}, [2]),
    ],
)
def test_a_rule_picks_by_count(picked: dict[str, Any], failing: list[int]) -> None:
    engine = planned({"fault": "RATE_LIMIT_EXCEEDED", **picked})
    assert [n for n, status in enumerate(statuses(engine, 6), 1) if status == 429] == failing
    engine.reset()
    assert [n for n, status in enumerate(statuses(engine, 6), 1) if status == 429] == failing


def test_a_rule_counts_only_what_it_matches() -> None:
    engine = planned({"status": 503, "operation": CREATE, "name": "a*", "nth": 2})
    assert call(engine, name="a").status == 200
    assert call(engine, name="b").status == 200
    assert call(engine, name="A").status == 200
    assert call(engine, "createStyleTraining", name="a").status == 200
    assert call(engine, "listTrainings").status == 200
    assert call(engine, name="abc").status == 503


def test_counts_are_per_key() -> None:
    engine = planned({"status": 503, "first": 1})
    assert [call(engine, key=key).status for key in "kkll"] == [503, 200, 503, 200]


def test_a_status_is_the_first_reason_that_the_operation_documents() -> None:
    engine = planned({"status": 500})
    for operation in OPERATIONS.values():
        documented = operation.errors.get("500", [None])
        assert call(engine, operation.id).reason in (documented[0], "TASK_NOT_FOUND", "API_NOT_FOUND")
        assert documented == [None] or call(engine, operation.id).reason == documented[0]


def test_an_error_that_the_operation_does_not_document_does_not_happen() -> None:
    engine = planned({"fault": "CREATE_TASK_FAILED"})
    assert call(engine, "listTrainings").status == 200
    assert call(engine).status == 500


def test_delays_add_up_and_the_first_error_wins() -> None:
    engine = planned(
        {"delay": 1.5},
        {"status": 429, "delay": 0.25, "retry_after": 7, "nth": 1},
        {"status": 503, "retry_after": 9, "first": 2},
        {"delay": 100, "operation": "listTrainings"},
    )
    replies = [call(engine) for _ in range(3)]
    assert [(reply.status, reply.delay) for reply in replies] == [(429, 1.75), (503, 1.5), (200, 1.5)]
    assert [dict(reply.headers).get(b"retry-after") for reply in replies] == [b"7", b"9", None]


def test_an_outage_hits_bad_bodies_but_not_missing_keys() -> None:
    engine = planned({"fault": "SERVICE_UNAVAILABLE", "first": 2})
    check_error(call(engine, key=""), 400, "MISSING_API_KEY")
    check_error(call(engine, body=b"["), 503, "SERVICE_UNAVAILABLE")
    check_error(call(engine, body=b"{}"), 503, "SERVICE_UNAVAILABLE")
    check_error(call(engine, body=b"{}"), 400, "INVALID_REQUEST_BODY")


def test_a_rule_does_not_count_refused_keys() -> None:
    engine = planned({"status": 503, "first": 1}, keys=frozenset({"k"}))
    check_error(call(engine, key="other"), 403, "INVALID_API_KEY")
    assert statuses(engine, 2) == [503, 200]


WRONG_RULES: list[tuple[Any, str]] = [
    ("RATE_LIMIT_EXCEEDED", "a rule is a mapping, not 'RATE_LIMIT_EXCEEDED'"),
    ({"falt": "X"}, "unknown key 'falt'; did you mean 'fault'?"),
    ({"zzz": 1}, "unknown key 'zzz'; known are fault, status, delay,"),
    ({}, "a rule needs an effect: fault, status, delay or rate_limit"),
    ({"nth": 1}, "a rule needs an effect: fault, status, delay or rate_limit"),
    ({"fault": "BILLING_FAILED", "status": 500}, "give one of fault, status and rate_limit"),
    ({"fault": "billing_faild"}, "there is no fault 'billing_faild'; did you mean BILLING_FAILED?"),
    ({"fault": None}, "there is no fault None"),
    ({"fault": ["BILLING_FAILED"]}, "there is no fault ['BILLING_FAILED']"),
    ({"status": 418}, "418 is no documented error status; those are [400, 401,"),
    ({"status": "503"}, "'503' is no documented error status"),
    ({"delay": -1}, "delay is 0 to 300 seconds, not -1"),
    ({"delay": 301}, "delay is 0 to 300 seconds, not 301"),
    ({"delay": float("nan")}, "delay is 0 to 300 seconds, not nan"),
    ({"delay": True}, "delay is 0 to 300 seconds, not True"),
    (
        {"delay": 1, "operation": "createTraining"},
        "no operation 'createTraining'; there are createSubjectTraining,",
    ),
    ({"delay": 1, "operation": [CREATE]}, "no operation ['createSubjectTraining']"),
    ({"delay": 1, "name": 5}, "name is a pattern for task names, not 5"),
    ({"delay": 1, "nth": []}, "nth names no call"),
    ({"fault": "TASK_NOT_FOUND", "operation": CREATE}, f"{CREATE} never answers TASK_NOT_FOUND"),
    ({"status": 500, "operation": "putUpload"}, "putUpload never answers 500"),
    ({"delay": 1, "nth": 0}, "nth counts from 1, so it cannot be 0"),
    ({"delay": 1, "nth": [1, "2"]}, "nth counts from 1, so it cannot be '2'"),
    ({"delay": 1, "first": True}, "first counts from 1, so it cannot be True"),
    ({"delay": 1, "every": 1.5}, "every counts from 1, so it cannot be 1.5"),
    ({"status": 503, "retry_after": -1}, "retry_after counts from 0, so it cannot be -1"),
    ({"status": 503, "when": "lint.empty"}, "no condition 'lint.empty'; did you mean 'lint.empty_caption'?"),
    ({"status": 503, "when": "never"}, "no condition 'never'; there are refused-key, name-exists,"),
    # What is true of no call would never act.
    ({"delay": 1, "operation": "listTrainings", "name": "a"}, "listTrainings is about no task"),
    ({"delay": 1, "when": "refused-key", "api_key": "k"}, "belongs to no key and no task"),
    ({"delay": 1, "when": "refused-key", "name": "a"}, "belongs to no key and no task"),
    ({"delay": 1, "when": "refused-key", "operation": "putUpload"}, "putUpload wants no key"),
    ({"fault": "failed", "when": "refused-key"}, "about no task to be failed"),
    (
        {"delay": 1, "when": "name-exists", "operation": "getSubjectTraining"},
        "name-exists is true of creates only, not of getSubjectTraining",
    ),
    (
        {"delay": 1, "when": "lint.few_images", "operation": "listTrainings"},
        "lint.few_images is true of creates only, not of listTrainings",
    ),
    ({"rate_limit": {"burst": 0, "per_second": 1}}, "burst counts from 1 to 1,000,000"),
    ({"rate_limit": {"burst": 1, "per_second": 0}}, "per_second is 0.000001 to 1,000,000 calls"),
    ({"rate_limit": 5}, "rate_limit is a mapping with burst and per_second"),
    ({"delay": {"median": 1}}, "a drawn delay has median and sigma, not ['median']"),
    ({"delay": {"median": 0, "sigma": 1}}, "median is above 0"),
    ({"delay": {"median": 1, "sigma": -1}}, "sigma 0 to 10"),
    ({"delay": 1, "rate": 0}, "rate is a share of the calls, above 0 and at most 1, not 0"),
    ({"fault": "truncated", "seconds": 1}, "seconds is for hang and slow-drip"),
    ({"fault": "hang", "seconds": 301}, "seconds is above 0, at most 300, not 301"),
    ({"delay": 1, "api_key": "k", "namespace": "8254c329a928"}, "give api_key or namespace, not both"),
    ({"delay": 1, "namespace": "my-key"}, "api_key takes the key itself"),
]


@pytest.mark.parametrize(("rule", "said"), WRONG_RULES)
def test_a_wrong_rule_is_named(rule: Any, said: str) -> None:
    with pytest.raises(FaultPlanError) as caught:
        FaultPlan.parse({"faults": [{"delay": 0}, rule]}, "plan.yaml")
    assert str(caught.value).startswith("plan.yaml: faults[1]: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("document", [None, [], "faults", {}, {"faults": {}}, {"faults": [], 1: 2, "a": 3}])
def test_what_is_no_plan_is_refused(document: Any) -> None:
    with pytest.raises(FaultPlanError, match="faults"):
        FaultPlan.parse(document)


@pytest.mark.parametrize(
    "data", [b"faults: [", b"faults: \xff", b"faults: [!!python/object:os.system {}]", b"[" * 5000]
)
def test_a_file_that_is_not_yaml_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(data)
    with pytest.raises(FaultPlanError, match=r"plan\.yaml: not YAML: ") as caught:
        FaultPlan.load(path)
    assert "\n" not in str(caught.value)


def test_a_file_is_read_as_the_plan_that_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("faults:\n- {status: 503, nth: [1, 2]}\n- delay: 2\n", encoding="utf-8")
    assert FaultPlan.load(path) == FaultPlan.parse({"faults": [{"status": 503, "nth": [1, 2]}, {"delay": 2}]})
    with pytest.raises(FileNotFoundError):
        FaultPlan.load(tmp_path / "absent.yaml")


COUNT = st.integers(1, 4)
RULES = st.fixed_dictionaries(
    {"delay": st.floats(0, 300)},
    optional={
        "operation": st.sampled_from([CREATE, "createStyleTraining", "listTrainings"]),
        "name": st.sampled_from(["a", "?", "b*", "[!a]", "*"]),
        "nth": COUNT | st.lists(COUNT, min_size=1),
        "first": COUNT,
        "every": COUNT,
        "retry_after": st.integers(0, 60),
    },
).flatmap(
    lambda rule: st.one_of(
        st.just(rule),
        st.sampled_from(sorted(spec.errors())).map(lambda reason: {**rule, "fault": reason}),
        st.sampled_from([400, 403, 404, 405, 429, 500, 503]).map(lambda status: {**rule, "status": status}),
    )
)


def acts(rule: dict[str, Any]) -> bool:
    """Whether the operation of the rule, if it has one, documents the error; other rules are refused."""
    if "operation" not in rule:
        return True
    if "name" in rule and rule["operation"] == "listTrainings":
        return False
    known = OPERATIONS[rule["operation"]].errors
    if "status" in rule:
        return str(rule["status"]) in known
    return rule.get("fault") in (None, *(reason for reasons in known.values() for reason in reasons))


CALLS = st.lists(
    st.tuples(
        st.sampled_from([CREATE, "createStyleTraining"]), st.sampled_from("abc"), st.sampled_from("kl")
    ),
    max_size=12,
)


@given(rules=st.lists(RULES.filter(acts), max_size=5), calls=CALLS)
def test_a_plan_repeats_exactly_and_gives_only_what_is_documented(rules: Any, calls: Any) -> None:
    engine, twin = planned(*rules), planned(*rules)
    replies = [call(engine, operation, name=name, key=key) for operation, name, key in calls]
    assert [call(twin, operation, name=name, key=key) for operation, name, key in calls] == replies
    created: dict[Any, int] = {}
    for asked, reply in zip(calls, replies, strict=True):
        assert 0 <= reply.delay <= sum(rule["delay"] for rule in rules)
        if reply.status == 200:
            n = created[asked] = created.get(asked, -1) + 1
            assert orjson.loads(reply.body) == {"task_id": task_id(0, *asked[:2], n)}
        else:
            assert reply.reason in OPERATIONS[asked[0]].errors[str(reply.status)]
    # What one key asks does not change what the other one gets.
    alone = planned(*rules)
    of_k = [call(alone, operation, name=name, key=key) for operation, name, key in calls if key == "k"]
    assert of_k == [reply for asked, reply in zip(calls, replies, strict=True) if asked[2] == "k"]
