"""Strict JSON: both paths of the parser against an independent reading of the same rules."""

from __future__ import annotations

import json
import math
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from payloads import valid_bodies

from loracle_contracts import validate
from loracle_contracts.parse import MAX_BODY, MAX_DEPTH, parse, parse_fast

SEED = json.dumps(valid_bodies("createSubjectTraining")[0]).encode()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


class NotStrictError(ValueError):
    """The standard library's reading found a fault."""


def reference(data: bytes) -> Any:
    """Strict JSON by the standard library and its hooks. Raises ValueError or RecursionError."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise NotStrictError
        return dict(pairs)

    def number(text: str) -> float:
        value = float(text)
        if math.isinf(value):
            raise NotStrictError
        return value

    def refuse(_: str) -> Any:
        raise NotStrictError

    text = data.decode("utf-8")
    if text.startswith("\ufeff"):
        raise NotStrictError
    value = json.loads(
        text, object_pairs_hook=members, parse_float=number, parse_int=number, parse_constant=refuse
    )
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    if depth(value) > MAX_DEPTH:
        raise NotStrictError
    return value


def depth(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(depth, children), default=0)


def is_strict(data: bytes) -> bool:
    try:
        reference(data)
    except (ValueError, RecursionError):
        return False
    return True


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A JSON text with a few bytes changed, or pieces of JSON thrown together."""
    if draw(st.booleans()):
        pieces = [
            b"{", b"}", b"[", b"]", b":", b",", b'"a"', b'"b"', b'"\\u003a"', b"1", b"-", b"1e400",
            b"NaN", b" ", b"\xef\xbb\xbf", b'"\\ud800"', b'"\\ud83d\\ude00"', b"\xff", b"null", b'"',
            b"\n", b"0", b".5", b"\\",
        ]  # fmt: skip
        return b"".join(draw(st.lists(st.sampled_from(pieces), max_size=14)))
    data = bytearray(json.dumps(draw(JSON), ensure_ascii=draw(st.booleans())).encode())
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(data)


@given(damaged())
@example(b'{"a":1,"a":1}')
@example(b'{"\\u0061":1,"a":1}')
@example(b'{"a:":1,"b":{"c":1,"c":2}}')
@example(b'{"\\u003a":1,"x":1,"x":2}')
@example(b'[":", {"a":1,"a":2}]')
@example(b"[" * 64 + b"]" * 64)
@example(b"[" * 65 + b"]" * 65)
@example(b'["\xed\xa0\x80"]')
@example(b"1" * 5000)
@example(b"-0")
@example(b"18446744073709551616")
def test_the_parser_agrees_with_an_independent_reading(data: bytes) -> None:
    parsed = parse(data)
    strict = is_strict(data)
    assert (not parsed.faults) == strict, parsed.faults
    try:
        fast = parse_fast(data)
    except ValueError:
        return
    assert strict, "the fast path let something through"
    assert repr(fast) == repr(parsed.value)


@given(JSON)
def test_what_is_strict_comes_back_as_it_was(value: Any) -> None:
    text = json.dumps(value)
    assert parse(text).faults == [] or any(len(part) > 300 for part in text.split())
    assert json.loads(text, parse_int=float) == json.loads(json.dumps(parse(text).value), parse_int=float)


@given(damaged())
@example(b'{"\\ud800": 1}')
@example(b'{"\\ud800\xff": 1}')
def test_the_verdict_never_raises_and_points_into_the_text(data: bytes) -> None:
    verdict = validate(data)
    text = data.decode("utf-8", "replace")
    lines = text.split("\n")
    for violation in verdict.violations:
        assert violation.line is not None
        assert violation.column is not None
        assert 1 <= violation.line <= len(lines)
        assert 1 <= violation.column <= len(lines[violation.line - 1]) + 1
        assert violation.got
        assert violation.expected
        assert violation.advice


@pytest.mark.parametrize(
    ("data", "rule", "got"),
    [
        pytest.param(b"[" * 100_000 + b"]" * 100_000, "json.depth", "[", id="100,000 deep"),
        pytest.param(b'{"a":' * 100_000, "json.depth", "{", id="100,000 objects deep"),
        # orjson reads so deep a text and does not write it.
        pytest.param(b"[" * 1000 + b"]" * 1000, "json.depth", "[", id="1,000 deep"),
        pytest.param(b'"' + b"x" * 50_000_000, "json.size", '"xxxxxx', id="50 MB"),
        pytest.param(
            SEED.replace(b'"width": 512', b'"width": ' + b"9" * 10_000),
            "json.number",
            "9999999",
            id="10,000 digits",
        ),
        pytest.param(
            SEED.replace(b'"width": 512', b'"width": ' + b"9" * 300),
            "width.maximum",
            "9999999",
            id="300 digits",
        ),
    ],
)
def test_hostile_bodies_are_one_violation_in_flat_memory(data: bytes, rule: str, got: str) -> None:
    validate(b"{}")  # reads the contract's documents, which stay
    tracemalloc.start()
    try:
        verdict = validate(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [violation.rule for violation in verdict.violations] == [rule]
    assert verdict.violations[0].got.startswith(got)
    assert len(verdict.violations[0].got) <= 100
    # orjson reserves twelve bytes for each one of the input before it looks at them.
    assert peak < 16 * MAX_BODY


@pytest.mark.parametrize(
    ("text", "place", "expected", "advice"),
    [
        ('{"a": 1,\n}', (1, 8), "no comma before a closing bracket", "Remove the comma."),
        ('{"a": 1\n "b": 2}', (1, 8), "a comma or the closing bracket", "Put a comma between the two"),
        ('{"a" 1}', (1, 5), "a colon behind the member name", "Put a colon between"),
        ('{"a":\n}', (1, 6), "a value", "Let a JSON library"),
        ("{'a': 1}", (1, 2), "a member name in double quotation marks", "Use double quotation marks."),
        ('{"a": True}', (1, 7), "a value", "Write true."),
        ('{"a": None}', (1, 7), "a value", "Write null."),
        ('{"a": undefined}', (1, 7), "a value", "Write null, or leave the member out."),
        ('{ // why\n"a": 1}', (1, 3), "a member name in double quotation marks", "Remove the comment"),
        ('{"a": 0512}', (1, 7), "a number as JSON writes it", "Write plain digits"),
        ('{"a": "x\ny"}', (1, 9), "no raw control character in a text", "Close the text before it"),
        ('{"a": "C:\\dir"}', (1, 10), "an escape that JSON knows", "Write the character itself"),
        ('{"a": "x', (1, 7), "a closing quotation mark", "Close the text"),
        # The standard library takes a right escape at the very end for a wrong one.
        ('{"a": "\\u00e9', (1, 7), "a closing quotation mark", "Close the text"),
        ('{"a": [1, 2\n', (1, 12), "a comma or the closing bracket", "Send the whole document"),
        ('{"a": 1} {"a": 1}', (1, 10), "nothing behind the end of the document", "Send one JSON document"),
    ],
)
def test_a_syntax_error_stands_where_it_is_mended(
    text: str, place: tuple[int, int], expected: str, advice: str
) -> None:
    (violation,) = validate(text).violations
    assert (violation.rule, violation.pointer) == ("json.syntax", "")
    assert (violation.line, violation.column) == place
    assert violation.expected == expected
    assert violation.advice.startswith(advice)


def test_300000_wrong_items_are_told_in_part_and_said_so() -> None:
    verdict = validate(b'{"image_dataset_items":[' + b"{}," * 300_000 + b"{}]}")
    assert verdict.truncated
    assert len(verdict.violations) == 1000


def test_a_fault_beyond_the_head_of_a_long_array_is_found() -> None:
    body = {**valid_bodies("createSubjectTraining")[0], "extra": [0] * 5000}
    items = [{"assets_id": 1}] * 5000
    body["image_dataset_items"] = [*items, {"assets_id": "not an integer"}]
    body.pop("expert_setting", None)
    verdict = validate(json.dumps(body), profile="seed")
    assert [violation.pointer for violation in verdict.violations] == ["/image_dataset_items/5000/assets_id"]


def test_all_faults_are_told_at_once() -> None:
    text = '{"name": NaN, "name": "x", "width": 1e999,\n "height": "\\ud800"}'
    found = {(v.rule, v.pointer, v.line) for v in validate(text).violations}
    assert {
        ("json.number", "/name", 1),
        ("json.duplicate_key", "/name", 1),
        ("json.number", "/width", 1),
        ("json.surrogate", "/height", 2),
        ("base_model.required", "/base_model", 1),
    } <= found


def test_of_very_many_faults_only_the_first_are_kept() -> None:
    assert len(parse(b"[" + b"NaN," * 1000 + b"0]", limit=10).faults) == 10
    assert len(parse(b"[" + b"NaN," * 1000 + b"0]").faults) == 1000
