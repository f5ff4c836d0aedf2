"""Servers that fall over a body which they should refuse, or take."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from broken_servers.changes import CREATES, SUBJECT, Make, behaviour, crashing
from broken_servers.defect import Corpus, Witness
from broken_servers.right_bodies import UPLOAD, minimal
from broken_servers.scripts import posted
from broken_servers.wire import Request

__all__ = ["CASES"]

CASES = Corpus()
_BODIES = (*CREATES, UPLOAD)


def _body(is_meant: Callable[[bytes], Any]) -> Make:
    return crashing(lambda request: request.body is not None and bool(is_meant(request.body)), *_BODIES)


def _value(is_meant: Callable[[Any], Any]) -> Make:
    """For bodies that are JSON."""

    def tells(request: Request) -> bool:
        if not request.body:
            return False
        try:
            return bool(is_meant(json.loads(request.body)))
        except (ValueError, RecursionError):
            return False

    return crashing(tells, *_BODIES)


def _member(is_meant: Callable[[Any], Any], *path: str) -> Make:
    """For bodies with such a member."""

    def tells(value: Any) -> bool:
        for step in path:
            if not isinstance(value, dict) or step not in value:
                return False
            value = value[step]
        return bool(is_meant(value))

    return _value(tells)


def _deepest(body: bytes) -> int:
    depth = deepest = 0
    for byte in body:
        depth += (byte in b"[{") - (byte in b"]}")
        deepest = max(deepest, depth)
    return deepest


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_int(value: Any) -> bool:
    return type(value) is int


def _with(**changes: Any) -> Witness:
    return posted(SUBJECT, {**minimal(), **changes})


def _without(*names: str) -> Witness:
    return posted(SUBJECT, {name: value for name, value in minimal().items() if name not in names})


def _written(old: bytes, new: bytes) -> Witness:
    body = json.dumps(minimal()).encode()
    assert old in body
    return posted(SUBJECT, body.replace(old, new, 1))


_WIDTH = b'"width": 640'
# slug, what is planted, a witness that a conforming server refuses
_BY_BODY: list[tuple[str, Make, Witness]] = [
    ("deep-nesting", _body(lambda body: _deepest(body) > 200), posted(SUBJECT, b"[" * 500 + b"]" * 500)),
    ("very-deep-nesting", _body(lambda body: _deepest(body) > 5000), posted(SUBJECT, b'{"a":' * 9000)),
    ("lone-surrogate", _body(lambda body: rb"\ud8" in body.lower()), _written(b'"minimal"', b'"\\ud800"')),
    ("empty-body", _body(lambda body: not body.strip()), posted(SUBJECT, b"")),
    (
        "broken-json",
        _body(lambda body: body.strip() and body.strip()[-1:] not in b"}]"),
        posted(SUBJECT, b'{"name"'),
    ),
    ("broken-bytes", _body(lambda body: not _is_utf8(body)), posted(SUBJECT, b'{"name": "\xff"}')),
    ("not-a-number", _body(lambda body: b"NaN" in body), _written(_WIDTH, b'"width": NaN')),
    ("infinity", _body(lambda body: b"Infinity" in body), _written(_WIDTH, b'"width": -Infinity')),
    ("overflow", _body(lambda body: re.search(rb"e\+?[0-9]{3}", body)), _written(_WIDTH, b'"width": 1e400')),
    (
        "long-number",
        _body(lambda body: re.search(rb"[0-9]{300}", body)),
        _written(_WIDTH, b'"width": ' + b"9" * 4999),
    ),
    (
        "number-beyond-64-bits",
        _member(lambda width: _is_int(width) and width >= 2**63, "width"),
        _with(width=2**63),
    ),
    ("body-null", _value(lambda value: value is None), posted(SUBJECT, b"null")),
    ("body-as-list", _value(lambda value: isinstance(value, list)), posted(SUBJECT, b"[]")),
    ("body-as-text", _value(lambda value: isinstance(value, str)), posted(SUBJECT, b'"text"')),
    ("body-as-number", _value(_is_number), posted(SUBJECT, b"7")),
    ("name-as-number", _member(_is_number, "name"), _with(name=7)),
    ("name-as-object", _member(lambda name: isinstance(name, dict), "name"), _with(name={})),
    ("name-null", _member(lambda name: name is None, "name"), _with(name=None)),
    (
        "items-as-text",
        _member(lambda items: isinstance(items, str), "image_dataset_items"),
        _with(image_dataset_items="x"),
    ),
    (
        "items-null",
        _member(lambda items: items is None, "image_dataset_items"),
        _with(image_dataset_items=None),
    ),
    (
        "item-null",
        _member(lambda items: isinstance(items, list) and None in items, "image_dataset_items"),
        _with(image_dataset_items=[None]),
    ),
    (
        "components-as-object",
        _member(lambda parts: isinstance(parts, dict), "components"),
        _with(components={}),
    ),
    (
        "component-as-text",
        _member(
            lambda parts: isinstance(parts, list) and any(isinstance(one, str) for one in parts), "components"
        ),
        _with(components=["resize"]),
    ),
    (
        "settings-as-text",
        _member(lambda value: isinstance(value, str), "expert_setting"),
        _with(expert_setting="x"),
    ),
    (
        "scheduler-as-list",
        _member(lambda value: isinstance(value, list), "expert_setting", "lr_scheduler"),
        _with(expert_setting={"instance_prompt": "x", "lr_scheduler": []}),
    ),
    (
        "components-missing",
        _value(lambda value: isinstance(value, dict) and "name" in value and "components" not in value),
        _without("components"),
    ),
    (
        "assets-id-missing",
        _member(lambda items: isinstance(items, list) and {} in items, "image_dataset_items"),
        _with(image_dataset_items=[{}]),
    ),
    (
        "name-of-a-prototype",
        _value(lambda value: isinstance(value, dict) and "__proto__" in value),
        _with(__proto__={}),
    ),
    (
        "long-member-name",
        _value(lambda value: isinstance(value, dict) and max(map(len, value), default=0) > 999),
        _with(**{"x" * 5000: 1}),
    ),
    ("extension-as-number", _member(_is_number, "file_extension"), posted(UPLOAD, {"file_extension": 1})),
    (
        "extension-as-path",
        _member(lambda name: "/" in str(name), "file_extension"),
        posted(UPLOAD, {"file_extension": "../png"}),
    ),
]
# The same, of what a conforming server accepts.
_BY_RIGHT_BODY: list[tuple[str, Make, Witness]] = [
    (
        "astral-name",
        _member(lambda name: max(str(name), default="") > "\uffff", "name"),
        _with(name="\U0001f680"),
    ),
    ("name-with-nul", _member(lambda name: "\0" in str(name), "name"), _with(name="a\0b")),
    ("name-with-a-quote", _member(lambda name: "'" in str(name), "name"), _with(name="O'Neil")),
    ("name-with-a-percent-sign", _member(lambda name: "%" in str(name), "name"), _with(name="100%s")),
    ("name-with-braces", _member(lambda name: "{" in str(name), "name"), _with(name="{name}")),
    ("name-of-blanks", _member(lambda name: not str(name).strip(), "name"), _with(name="  ")),
    ("settings-null", _member(lambda value: value is None, "expert_setting"), _with(expert_setting=None)),
    ("components-empty", _member(lambda parts: parts == [], "components"), _with()),
]


def _fill() -> None:
    for slug, make, witness in _BY_BODY:
        behaviour(CASES, f"crashes-on-{slug}", "", make, witness)
    for slug, make, witness in _BY_RIGHT_BODY:
        behaviour(CASES, f"crashes-on-{slug}", "", make, witness, needs_create=True)


_fill()
