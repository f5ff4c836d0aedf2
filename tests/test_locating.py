"""Every single mistake is told once, at its place, and a misspelt name is told what it was meant to be."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml
from contract_walk import full_payload, request_operations
from hypothesis import given
from hypothesis import strategies as st
from located import Score, edits, in_text, in_values, loracle, score
from mistakes import Mistake, mistake, with_value
from test_examples import INVALID
from test_parse import is_strict
from written_json import LAYOUTS, Layout, Literal, line_and_column, written

from loracle_contracts import operations, spec, validate
from loracle_contracts.locate import Lines, Place, locate

EXACT = 0.995
ERRORS = 1.05


def kept(figures: Score, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]) -> None:
    """Holds the figures to the bars and prints them."""
    with capsys.disabled():
        pytestconfig.get_terminal_writer().line(figures.shown)
    first = figures.missed[:3]
    assert figures.exact >= EXACT * figures.mistakes, first
    assert figures.placed == figures.exact, first
    assert figures.errors <= ERRORS * figures.mistakes
    assert figures.guessed == figures.misspelt, first


@pytest.mark.parametrize("family", ["values", "text"])
def test_a_sample_of_single_mistakes_is_located_exactly(
    family: str, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    mistakes = in_values(sample=250) if family == "values" else in_text(sample=40)
    kept(score(mistakes, loracle), pytestconfig, capsys)


@pytest.mark.long
@pytest.mark.parametrize("family", ["values", "text"])
def test_all_single_mistakes_are_located_exactly(
    family: str, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = score(in_values(layouts_each=2) if family == "values" else in_text(), loracle)
    kept(figures, pytestconfig, capsys)
    assert figures.mistakes >= 3_700


# --- that the mistakes are mistakes


@cache
def judge_of(operation: str) -> Any:
    """The contract as it is published, judged by the reference implementation."""
    document = json.loads(spec.read("openapi-strict.json"))
    reference = f"#/components/schemas/{operations()[operation].request}"
    return jsonschema.Draft202012Validator({**document, "$ref": reference})


def is_mistaken(given: Mistake) -> bool:
    if given.is_json:
        return not judge_of(given.operation).is_valid(json.loads(given.text))
    return not is_strict(given.text.encode())


def test_what_is_counted_as_a_mistake_is_one() -> None:
    sample = [*in_values(sample=250), *in_text(sample=40)]
    assert [given for given in sample if not is_mistaken(given)] == []


@pytest.mark.long
def test_all_that_is_counted_as_a_mistake_is_one() -> None:
    assert [given for given in [*in_values(), *in_text()] if not is_mistaken(given)] == []


@pytest.mark.parametrize("operation", request_operations())
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_without_a_mistake_every_layout_is_right(operation: str, layout: Layout) -> None:
    text = written(full_payload(operation), layout, seed=1).text
    assert json.loads(text) == full_payload(operation)
    assert validate(text, operation).valid


def test_every_rule_about_a_request_has_a_mistake() -> None:
    index = yaml.safe_load((INVALID / "index.yaml").read_text(encoding="utf-8"))
    known = {entry["rule"] for name, entry in index.items() if "/request/" in name}
    made = {
        rule
        for operation in request_operations()
        for edit in edits(operation)
        for _, _, rules in edit.targets
        for rule in rules
    }
    made |= {rule for slip in in_text() for place in slip.places for rule in place.rules}
    # Bytes that are no UTF-8 are no text that a position could be counted in.
    assert known - made == {"json.encoding"}


def test_a_score_counts_what_is_told_wrongly() -> None:
    (edit,) = [edit for edit in edits("createUploadUrl") if edit.kind == "missing"]
    right = mistake(edit, "createUploadUrl", LAYOUTS[0])
    assert score([right, right], loracle).mistakes == 1
    for wrong in (
        {"pointer": "/other"},
        {"rule": "file_extension.enum"},
        {"line": 9},
        {"column": 99},
    ):
        (told,) = loracle(right)
        other = score([right], lambda _, told=told, wrong=wrong: [type(told)(**{**vars(told), **wrong})])
        assert (other.exact, other.placed) == ("line" in wrong or "column" in wrong, 0)
    assert score([right], lambda _: []).exact == 0


# --- positions

_NUMBERS = st.sampled_from([Literal(text) for text in ("-0", "1E+2", "0.10e-07", "12345678901234567890")])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | _NUMBERS,
    lambda children: st.lists(children, max_size=6) | st.dictionaries(st.text(), children, max_size=6),
)  # fmt: skip


@given(_JSON, st.sampled_from(LAYOUTS), st.integers(), st.data())
def test_a_value_is_where_it_was_written(value: Any, layout: Layout, seed: int, data: st.DataObject) -> None:
    text = written(value, layout, seed)
    paths = data.draw(st.lists(st.sampled_from(list(text.values)), unique=True))
    # What leads to a wanted value is found as well.
    wanted = {(), *(path[:length] for path in paths for length in range(1, len(path) + 1))}
    expected = {
        path: Place(text.keys[path].start if path in text.keys else span.start, span.start, span.end)
        for path, span in text.values.items()
        if path in wanted
    }
    assert locate(text.text, paths) == expected
    lines = Lines(text.text)
    for place in expected.values():
        assert lines.place(place.key) == line_and_column(text.text, place.key)


def test_what_the_writer_says_of_its_text_is_so() -> None:
    payload = with_value(full_payload("createSubjectTraining"), ("image_dataset_items", 0, "caption"), "")
    for layout in LAYOUTS:
        text = written(payload, layout, seed=2)
        for path, span in text.values.items():
            value = payload
            for step in path:
                value = value[step]
            assert json.loads(text.text[span.start : span.end]) == value
            if path in text.keys:
                key = text.keys[path]
                assert json.loads(text.text[key.start : key.end]) == path[-1]
                assert text.text[text.colons[path]] == ":"
        assert {text.text[at] for at in text.commas.values()} == {","}
        assert {text.text[at] for at in text.openings.values()} == {"{", "["}
        assert {text.text[at] for at in text.closings.values()} == {"}", "]"}
