"""Servers whose parser is more lenient than JSON."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable

from broken_servers.accepts_rules import repaired
from broken_servers.defect import Corpus
from broken_servers.right_bodies import STYLE, SUBJECT, UPLOAD, minimal
from broken_servers.scripts import posted
from broken_servers.wire import Answer, Change, Forward, Request, operation_of, planted
from loracle_contracts import validate
from loracle_contracts.parse import MAX_BODY

__all__ = ["CASES"]

CASES = Corpus()
# What is read of a body; raises ValueError where this reader cannot read it either.
Reader = Callable[[bytes], bytes]


def _first_value(body: bytes) -> bytes:
    text = body.decode().lstrip(" \t\r\n")
    return text[: json.JSONDecoder().raw_decode(text)[1]].encode()


def _as_python(body: bytes) -> bytes:
    try:
        return json.dumps(ast.literal_eval(body.decode().strip())).encode()
    except (SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise ValueError(str(error)) from error


def _without(pattern: str, put: str = "") -> Reader:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda body: compiled.sub(put, body.decode()).encode()


def _no_constants(body: bytes) -> bytes:
    return json.dumps(json.loads(body.decode(), parse_constant=lambda _: 1)).encode()


def _no_overflow(body: bytes) -> bytes:
    def number(text: str) -> float:
        read = float(text)
        return 1.0 if math.isinf(read) else read

    value = json.loads(body.decode(), parse_float=number, parse_constant=_refuse)
    return json.dumps(value).encode()


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _last_of_twice(body: bytes) -> bytes:
    return json.dumps(json.loads(body.decode(), parse_constant=_refuse)).encode()


def _halves(body: bytes) -> bytes:
    text = re.sub(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}", "?", body.decode())
    return text.encode()


def _right(operation: str = SUBJECT) -> bytes:
    return json.dumps(minimal(operation, "lenient")).encode()


def _edited(old: bytes, new: bytes) -> bytes:
    body = _right()
    assert old in body
    return body.replace(old, new, 1)


_WIDTH = b'"width": 640'
_DEEP = b"[" * 80 + b"]" * 80
_SETTINGS = b'"expert_setting": {"instance_prompt": "x", "learning_rate": %b}, "components"'

# slug, what the lenient parser makes of a body, a body that only it reads
READERS: list[tuple[str, Reader, bytes]] = [
    ("trailing-garbage", _first_value, _right() + b" garbage"),
    ("second-document", lambda body: _first_value(body[: body.rindex(b"}\n{") + 1]), _right() + b"\n{}"),
    ("trailing-nul", lambda body: body.rstrip(b"\0"), _right() + b"\0"),
    ("trailing-comma", _without(r",(?=\s*[}\]])"), _edited(b'"components": []', b'"components": [],')),
    ("single-quotes", _as_python, _right().replace(b'"', b"'")),
    ("comments", _without(r"/\*.*?\*/"), _edited(_WIDTH, b'/* px */ "width": 640')),
    ("leading-zeros", _without(r"(?<=[:\[ ])0+(?=[0-9])"), _edited(_WIDTH, b'"width": 0640')),
    ("plus-sign", _without(r"(?<=[:\[ ])\+(?=[0-9])"), _edited(_WIDTH, b'"width": +640')),
    (
        "control-characters",
        lambda body: json.dumps(json.loads(body.decode(), strict=False, parse_constant=_refuse)).encode(),
        _edited(b'"lenient"', b'"le\tnient"'),
    ),
    ("not-a-number", _no_constants, _edited(b'"components"', _SETTINGS % b"NaN")),
    ("overflow", _no_overflow, _edited(b'"components"', _SETTINGS % b"1e400")),
    ("byte-order-mark", lambda body: body.removeprefix(b"\xef\xbb\xbf"), b"\xef\xbb\xbf" + _right()),
    ("utf-16", lambda body: body.decode("utf-16").encode(), _right().decode().encode("utf-16")),
    ("latin-1", lambda body: body.decode("latin-1").encode(), _edited(b'"lenient"', b'"l\xe9nient"')),
    ("lone-surrogate", _halves, _edited(b'"lenient"', b'"len\\ud800ient"')),
    ("duplicate-key", _last_of_twice, _edited(_WIDTH, b'"width": 1, "width": 640')),
    ("depth", lambda body: body, _edited(b'"components": []', b'"components": ' + _DEEP)),
    ("size", lambda body: re.sub(rb"[ \n]{2,}", b" ", body), _right() + b" " * (MAX_BODY + 1)),
    ("wrapped-in-an-array", lambda body: json.dumps(json.loads(body)[0]).encode(), b"[" + _right() + b"]"),
    ("wrapped-in-a-text", lambda body: json.loads(body).encode(), json.dumps(_right().decode()).encode()),
]


def _lenient(slug: str, operation: str, reader: Reader) -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        if operation_of(request) != operation:
            return await forward(request)
        body = request.body
        if body is None and slug == "size":
            body = (await request.receive()).get("body", b"")
        if body is None:
            return await forward(request)
        verdict = validate(body, operation)
        if verdict.violations:
            only_deep = {violation.rule for violation in verdict.violations} == {"json.depth"}
            if slug == "depth" and only_deep:
                return await forward(request.with_body(repaired(operation, None)))
            try:
                read = reader(body)
            except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
                return await forward(request)
            if not validate(read, operation).violations:
                return await forward(request.with_body(read))
        return await forward(request)

    return change


def _fill() -> None:
    for slug, reader, witness in READERS:

        def make(slug: str = slug, reader: Reader = reader) -> Change:
            return _lenient(slug, SUBJECT, reader)

        CASES.add(f"accepts.json.{slug}", "accepts-invalid", SUBJECT, planted(make), posted(SUBJECT, witness))
    elsewhere = [
        ("style", STYLE, "duplicate-key", _last_of_twice, _right(STYLE)[:-1] + b', "name": "again"}'),
        ("style", STYLE, "not-a-number", _no_constants, _right(STYLE).replace(b"640", b"NaN", 1)),
        ("upload", UPLOAD, "trailing-garbage", _first_value, _right(UPLOAD) + b"]"),
        (
            "upload",
            UPLOAD,
            "duplicate-key",
            _last_of_twice,
            b'{"file_extension":"gif","file_extension":"png"}',
        ),
        ("upload", UPLOAD, "empty", lambda body: body.strip() or b'{"file_extension":"png"}', b""),
    ]
    for short, operation, slug, reader, witness in elsewhere:

        def make_other(slug: str = slug, operation: str = operation, reader: Reader = reader) -> Change:
            return _lenient(slug, operation, reader)

        CASES.add(
            f"accepts.{short}.json.{slug}",
            "accepts-invalid",
            operation,
            planted(make_other),
            posted(operation, witness),
        )


_fill()
