"""Whether requests came as expected, how many, and which came nearest: by examples and by properties."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest
from control_calls import App
from engine_calls import BODIES, CREATE, call
from hypothesis import assume, example, given
from hypothesis import strategies as st

from loracle_mockserver.control import Control
from loracle_mockserver.engine import Engine
from loracle_mockserver.fault_rules import namespace_of
from loracle_mockserver.journal import MAX_BODY_KEPT, Entry
from loracle_mockserver.verify import Expectation, Verification, verify

BODY: dict[str, Any] = {
    "name": "test_1208_01",
    "base_model": "epicrealism_naturalSinRC1VAE_106430.safetensors",
    "width": 768,
    "height": 512,
    "image_dataset_items": [{"assets_id": 26, "caption": "a man"}, {"assets_id": 27, "caption": "a hat"}],
    "expert_setting": {"train_batch_size": 1, "learning_rate": 0.0001, "instance_prompt": "Xbsky", "seed": 1},
    "components": [
        {"name": "resize", "args": [{"name": "width", "value": "512"}, {"name": "height", "value": "512"}]}
    ],
}


def entries_of(*bodies: Any, operation: str = CREATE) -> list[tuple[int, Entry]]:
    """The journal of creates with these bodies, JSON or bytes."""
    engine = Engine()
    for body in bodies:
        call(engine, operation, body=body if isinstance(body, bytes) else orjson.dumps(body))
    return list(Control(engine).entries())


def verified(*bodies: Any, count: int | None = None, **expected: Any) -> Verification:
    return verify(entries_of(*bodies), Expectation(**expected), count=count)


# --- examples


def test_the_text_shows_the_nearest_request_and_its_fields() -> None:
    wanted = {**BODY, "width": 512}
    outcome = verified(BODIES[CREATE], BODY, b"no JSON", operation=CREATE, body=wanted)
    assert not outcome
    assert (outcome.count, outcome.matched, outcome.expected) == (0, (), "at least 1")
    assert outcome.nearest is not None
    assert (outcome.nearest.n, outcome.nearest.matching, outcome.nearest.of) == (2, 17, 18)
    text = str(outcome)
    assert text.startswith('expected at least 1 with operation "createSubjectTraining", body {')
    assert text.endswith(
        "none came\nnearest: #2 POST /v3/training/subject -> 200: 17 of 18 fields match; /width: 512 != 768"
    )


@pytest.mark.parametrize(
    ("body", "expected", "text"),
    [
        ({}, {"width": 512}, "0 of 1 fields match; /width: 512 != nothing"),
        ({"a": {"b/c": {"~": 1}}}, {"a": {"b/c": {"~": 2}}}, "/a/b~1c/~0: 2 != 1"),
        ({"a": [1, 2, 3]}, {"a": [1, 3]}, "1 of 3 fields match; /a/1: 3 != 2; /a/2: nothing != 3"),
        ({"a": [1]}, {"a": [1, 3]}, "1 of 2 fields match; /a/1: 3 != nothing"),
        ({"a": [1]}, {"a": []}, "1 of 2 fields match; /a/0: nothing != 1"),
        ({"a": 1}, {"a": []}, "0 of 1 fields match; /a: [] != 1"),
        ({"a": 1}, {"a": {}}, "0 of 1 fields match; /a: {} != 1"),
        ({"a": {"b": 1}}, {"a": 1}, '/a: 1 != {"b": 1}'),
        ({"a": None}, {"a": False}, "/a: false != null"),
        ({"a": 1}, {"a": True}, "/a: true != 1"),
        ({"a": "1"}, {"a": 1}, '/a: 1 != "1"'),
        ({"a": "é\n"}, {"a": "é"}, '/a: "é" != "é\\n"'),
        ({"a": "x" * 500}, {"a": "y" * 500}, '/a: "' + "y" * 78 + '… != "' + "x" * 78 + "…"),
        ([1], {"a": 1}, "/a: 1 != nothing"),
        (b"no JSON", {"a": 1}, "/a: 1 != nothing"),
        (b"", {"a": 1}, "/a: 1 != nothing"),
        ({str(n): n for n in range(9)}, {str(n): -1 for n in range(9)}, "; /4: -1 != 4; and 4 more"),
        (b'{"a": "' + b"x" * MAX_BODY_KEPT + b'"}', {"a": 1}, "/a: 1 != a body too large for the journal"),
    ],
)  # fmt: skip
def test_each_field_that_differs_is_told(body: Any, expected: dict[str, Any], text: str) -> None:
    outcome = verified(body, body=expected)
    assert not outcome
    assert text in str(outcome)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 512.0}, {"a": 512}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": {}}),
        ({"a": []}, {"a": []}),
        ({"a": [{"b": 1, "c": 2}, 3]}, {"a": [{"b": 1}, 3]}),
        ({"a": [1, 2]}, {"a": (1, 2)}),
        ({"a": None}, {"a": None}),
        ({"a": 1}, {}),
        ({"": 1}, {"": 1}),
        (b'{"a": 1180591620717411303424}', {"a": 2**70}),
    ],
)
def test_what_is_not_said_does_not_matter(body: Any, expected: dict[str, Any]) -> None:
    assert verified(body, body=expected)


@pytest.mark.parametrize(
    ("wanted", "matched"),
    [
        ({"name": "test_*"}, (1, 2)),
        ({"name": "test_?"}, (1, 2)),
        ({"name": "test_[!1]"}, (2,)),
        ({"name": "Test_*"}, (3,)),
        ({"name": "*"}, (1, 2, 3, 4)),
        ({"name": "[*]"}, (4,)),
        ({"name": "test_1", "body": {"width": 512}}, (1,)),
        ({"status": 400}, (5, 6)),
        ({"valid": False}, (5, 6)),
        ({"method": "post", "valid": True}, (1, 2, 3, 4)),
        ({"path": "/v3/training/subject"}, (1, 2, 3, 4, 5, 6)),
        ({"operation": "listTrainings"}, ()),
        ({}, (1, 2, 3, 4, 5, 6)),
    ],
)
def test_each_kind_of_field_finds_its_requests(wanted: dict[str, Any], matched: tuple[int, ...]) -> None:
    bodies = [{**BODIES[CREATE], "name": name} for name in ("test_1", "test_2", "Test_1", "*")]
    entries = entries_of(*bodies, {"name": 5}, b"[]")
    assert verify(entries, Expectation(**wanted), at_least=0).matched == matched


def test_a_task_is_found_where_it_was_made_and_where_it_was_asked_for() -> None:
    app = App()
    one, two = (app.create(name=name).json["task_id"] for name in ("a", "b"))
    app.poll(one)
    app.poll(two)
    app.poll(one, "other")
    app.list()
    entries = list(Control(app.engine).entries())
    assert verify(entries, Expectation(task=one)).matched == (1, 3, 5)
    assert verify(entries, Expectation(task=one, status=200)).matched == (1, 3)
    assert verify(entries, Expectation(task=one, operation="getSubjectTraining", status=404)).matched == (5,)
    nearest = verify(entries, Expectation(task="none", operation="listTrainings")).nearest
    assert str(nearest).endswith('1 of 2 fields match; task: "none" != nothing')


def test_what_is_asked_of_nobody_says_so() -> None:
    assert str(verified(name="a")) == 'expected at least 1 with name "a"; none came\nno request came at all'
    assert str(verified()) == "expected at least 1 with anything; none came\nno request came at all"
    assert str(verified(count=0)) == "expected exactly 0 with anything; none came"


def test_many_that_matched_are_cut() -> None:
    outcome = verified(*[BODY] * 12, count=3)
    assert str(outcome) == (
        "expected exactly 3 with anything; 12 came (#1, #2, #3, #4, #5, #6, #7, #8, #9, #10, ...)"
    )
    assert outcome.nearest is None, "there are none but those that match"


def test_http_and_python_say_the_same() -> None:
    app = App()
    for width in (512, 768):
        app.create("k", width=width)
    wanted: dict[str, Any] = {"operation": CREATE, "body": {"width": 1024, "height": 512}, "name": "a"}
    told = app.control("POST", "verify", {**wanted, "at_least": 1, "at_most": 2})
    outcome = verify(Control(app.engine).entries(), Expectation(**wanted), at_least=1, at_most=2)
    nearest = outcome.nearest
    assert nearest is not None
    assert told == {
        "holds": False,
        "count": 0,
        "expected": "1 to 2",
        "matched": [],
        "nearest": {
            "n": 2,
            "matching": 3,
            "of": 4,
            "differences": [{"pointer": "/width", "expected": "1024", "got": "768"}],
            "request": "POST /v3/training/subject -> 200",
        },
        "text": str(outcome),
    }
    query = f"verify?namespace={namespace_of('other')}"
    assert app.control("POST", query, {"name": "a"})["text"].endswith("no request came at all")
    own = {"name": "a", "namespace": namespace_of("k"), "count": 2}
    assert app.control("POST", "verify", own)["holds"] is True


# --- properties

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=3), VALUES, min_size=1, max_size=4)
Path = tuple[str | int, ...]


def leaves_of(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """The places in a value that have nothing below them."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    below = [leaf for step, member in members for leaf in leaves_of(member, (*path, step))]
    return below or [(path, value)]


def changed(value: Any, path: Path, new: Any) -> Any:
    changed_value = copy.deepcopy(value)
    parent = changed_value
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = new
    return changed_value


@given(body=OBJECTS, data=st.data())
def test_a_request_is_as_itself_and_as_every_part_of_it(body: dict[str, Any], data: st.DataObject) -> None:
    assert verified(body, body=body)
    members = data.draw(st.lists(st.sampled_from(sorted(body)), unique=True))
    assert verified(body, body={name: body[name] for name in members})


@given(body=OBJECTS, data=st.data())
def test_one_change_is_one_difference(body: dict[str, Any], data: st.DataObject) -> None:
    path, old = data.draw(st.sampled_from(leaves_of(body)))
    new = data.draw(LEAVES)
    # JSON has one kind of number, and a boolean is none; {} and [] are expected of every object and array.
    assume(json.dumps(old) != json.dumps(new))
    assume(isinstance(old, bool) or isinstance(new, bool) or old != new)
    outcome = verified(body, body=changed(body, path, new))
    nearest = outcome.nearest
    assert not outcome
    assert nearest is not None
    assert nearest.of == len(leaves_of(body))
    assert nearest.matching == nearest.of - 1
    [difference] = nearest.differences
    pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
    # A pointer is shown on one line, so only a plain one is compared.
    assert difference.pointer == pointer or not pointer.isprintable() or " " in pointer
    assert f"{nearest.of - 1} of {nearest.of} fields match" in str(outcome)


FLAT = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 2), max_size=5)


@given(bodies=st.lists(FLAT, min_size=1, max_size=6), wanted=FLAT)
def test_the_nearest_differs_least_and_is_the_latest_of_equals(
    bodies: list[dict[str, int]], wanted: dict[str, int]
) -> None:
    outcome = verified(*bodies, body=wanted, count=len(bodies) + 1)
    # Fields that differ, of these the ones that are not there at all, and how long ago it was.
    distances = {
        n: (
            sum(body.get(name) != value for name, value in wanted.items()),
            sum(name not in body for name in wanted),
            -n,
        )
        for n, body in enumerate(bodies, 1)
    }
    as_expected = tuple(n for n, distance in distances.items() if not distance[0])
    assert outcome.matched == as_expected
    others = [n for n in distances if n not in as_expected]
    if not others:
        assert outcome.nearest is None
        return
    nearest = outcome.nearest
    assert nearest is not None
    assert nearest.n == min(others, key=distances.__getitem__)
    assert (nearest.of, nearest.of - nearest.matching) == (max(len(wanted), 1), distances[nearest.n][0])


COUNTS = st.none() | st.integers(0, 5)


@given(came=st.integers(0, 5), count=COUNTS, at_least=COUNTS, at_most=COUNTS)
@example(came=0, count=None, at_least=None, at_most=3)
@example(came=0, count=None, at_least=None, at_most=None)
def test_numbers_are_held_to(came: int, count: int | None, at_least: int | None, at_most: int | None) -> None:
    entries = entries_of(*[BODIES[CREATE]] * came)
    if count is not None and (at_least is not None or at_most is not None):
        with pytest.raises(ValueError, match="count, or at_least and at_most"):
            verify(entries, Expectation(), count=count, at_least=at_least, at_most=at_most)
        return
    if at_least is not None and at_most is not None and at_least > at_most:
        with pytest.raises(ValueError, match="more than at_most"):
            verify(entries, Expectation(), at_least=at_least, at_most=at_most)
        return
    outcome = verify(entries, Expectation(), count=count, at_least=at_least, at_most=at_most)
    lowest = count if count is not None else at_least
    if lowest is None:
        lowest = 0 if at_most is not None else 1
    highest = count if count is not None else at_most
    assert bool(outcome) is outcome.holds is (lowest <= came and (highest is None or came <= highest))
    assert (outcome.count, outcome.searched, len(outcome.matched)) == (came, came, came)
    for number in {lowest, highest} - {None, 0}:
        assert str(number) in outcome.expected


@given(body=VALUES, wanted=OBJECTS, name=st.none() | st.text(max_size=5))
def test_the_same_question_has_the_same_answer(body: Any, wanted: dict[str, Any], name: str | None) -> None:
    first, second = (verified(body, {"x": 1}, body=wanted, name=name) for _ in range(2))
    assert first == second
    assert str(first) == str(second)
    assert "\n" not in str(first).replace("\nnearest: ", "", 1), "each request is told on one line"


@pytest.mark.parametrize("depth", [65, 2_000])
def test_an_expectation_that_no_request_can_be_as_is_refused(depth: int) -> None:
    body: dict[str, Any] = {}
    for _ in range(depth):
        body = {"a": body}
    with pytest.raises(ValueError, match="64 levels"):
        verified({}, body=body)
