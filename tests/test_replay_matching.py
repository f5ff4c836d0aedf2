"""When a request is the one that was recorded: however JSON is written, whatever was redacted."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loracle_mockserver.redaction import REDACTED
from loracle_mockserver.replay.differences import differences
from loracle_mockserver.replay.recording import asked

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def posted(body: bytes) -> Any:
    return asked("POST", "/v3/x", "", body, [])


@given(VALUES)
def test_how_json_is_written_makes_no_difference(value: Any) -> None:
    there = posted(json.dumps(value).encode())
    here = posted(
        json.dumps(value, indent=3, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    )
    assert [*differences(there, here)] == []


@given(VALUES, VALUES)
def test_other_values_make_a_difference(one: Any, other: Any) -> None:
    is_same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    found = [*differences(posted(json.dumps(one).encode()), posted(json.dumps(other).encode()))]
    assert (found == []) is is_same


@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=12))
def test_what_was_redacted_is_equal_to_anything(before: str, after: str, secret: str) -> None:
    there = posted(orjson.dumps({"name": f"{before}{REDACTED}{after}"}))
    assert [*differences(there, posted(orjson.dumps({"name": f"{before}{secret}{after}"})))] == []
    assert [*differences(there, posted(orjson.dumps({"name": f"{before}?{secret}"})))] == [] or (
        f"{before}?{secret}"[-len(after) :] != after or len(f"{before}?{secret}") < len(before + after)
    )


@pytest.mark.parametrize(
    ("recorded_query", "sent", "is_same"),
    [
        ("a=1&b=2", "b=2&a=1", True),
        ("a=1&a=2", "a=2&a=1", False),
        ("a=%20", "a=+", True),
        ("a=1", "a=1&b=", False),
        (f"a={REDACTED}", "a=secret", True),
        ("X-Amz-Signature=redacted&x=1", "X-Amz-Signature=abc&x=1", True),
        ("X-Amz-Signature=redacted", "", False),
    ],
)
def test_queries_are_compared_by_name(recorded_query: str, sent: str, is_same: bool) -> None:
    there, here = (asked("GET", "/v3/x", query, b"", []) for query in (recorded_query, sent))
    assert ([*differences(there, here)] == []) is is_same
