"""Bodies that are right but for how they are written: bytes that are no strict JSON (RFC 8259)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from loracle_contracts.fuzzing.effects import marked_name
from loracle_contracts.fuzzing.probe import Probe
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, known_base_models, plain_body
from loracle_contracts.oracle import CREATES
from loracle_contracts.proof import MAX_BODY, MAX_DEPTH

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["CASES", "Case", "body_probes", "raw_text", "size_probes"]

UPLOAD = "createUploadUrl"
_CREATE = CREATES[0]
# What one reader of bodies takes and another one does not.
_OF_EVERY_READER = ("json.number", "json.encoding", "json.surrogate")


class Case(NamedTuple):
    """One way to write a right text wrongly.

    `needs` is what must stand in the text for it. `is_shown` says that the contract has it as an example,
    `is_of_all` that it is tried on every operation: one reader of bodies takes it and another one does not.
    """

    rule: str
    title: str
    write: Callable[[str], bytes]
    needs: str = ""
    is_shown: bool = False
    is_of_all: bool = False


def _swap(old: str, new: str | bytes) -> Callable[[str], bytes]:
    replacement = new if isinstance(new, bytes) else new.encode()
    return lambda text: text.encode().replace(old.encode(), replacement, 1)


def _text(change: Callable[[str], str]) -> Callable[[str], bytes]:
    return lambda text: change(text).encode()


def _in_name(new: bytes) -> Callable[[str], bytes]:
    return _swap('"name": "', b'"name": "' + new)


def _first_member(text: str) -> str:
    """The first member as it stands, to be written again."""
    return text[1 : text.index('"', text.index(": ") + 3) + 1]


def _escaped_key(text: str) -> str:
    member = _first_member(text)
    return "{" + member + ", " + f'"\\u{ord(member[1]):04x}' + member[2:] + text[1 + len(member) :]


def _deep(levels: int) -> str:
    return "[" * levels + "]" * levels


_NAME, _WIDTH = '"name": "', '"width": 512'
_STEPS, _SETTING = '"max_train_steps": 2', '"expert_setting": {'

CASES: tuple[Case, ...] = (
    Case("json.encoding", "UTF-16 with a byte order mark", lambda text: text.encode("utf-16")),
    Case("json.syntax", "UTF-16 without a mark", lambda text: text.encode("utf-16-le")),
    Case(
        "json.byte_order_mark",
        "UTF-8 with a byte order mark",
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        is_shown=True,
    ),
    Case("json.encoding", "Latin-1", _in_name("é".encode("latin-1")), _NAME, is_shown=True),
    Case("json.encoding", "overlong UTF-8", _in_name(b"\xc1\x81"), _NAME),
    Case("json.surrogate", "half a surrogate pair in a value", _in_name(b"\\ud83d"), _NAME, is_shown=True),
    Case("json.surrogate", "half a surrogate pair in a member's name", _swap("{", '{"\\udc00": 1, ')),
    Case(
        "json.duplicate_key", "a member twice, alike", _text(lambda t: "{" + _first_member(t) + ", " + t[1:])
    ),
    Case(
        "json.duplicate_key",
        "a member twice, first wrong, then right",
        _text(lambda text: "{" + text[1 : text.index(":")] + ": 0, " + text[1:]),
    ),
    Case(
        "json.duplicate_key",
        "a member twice, first right, then wrong",
        _text(lambda text: text[:-1] + ", " + text[1 : text.index(":")] + ": 0}"),
    ),
    Case(
        "json.duplicate_key",
        "a member twice, inside",
        _swap(_SETTING, _SETTING + '"max_train_steps": 3, '),
        _SETTING,
    ),
    Case("json.duplicate_key", "a member twice, once escaped", _text(_escaped_key), is_shown=True),
    Case("json.number", "NaN", _swap(_WIDTH, '"width": NaN'), _WIDTH, is_shown=True),
    Case("json.number", "-Infinity", _swap(_WIDTH, '"width": -Infinity'), _WIDTH, is_shown=True),
    Case("json.number", "NaN for a fraction", _swap(_STEPS, '"prior_loss_weight": NaN, ' + _STEPS), _STEPS),
    Case(
        "json.number",
        "Infinity for a fraction",
        _swap(_STEPS, '"prior_loss_weight": Infinity, ' + _STEPS),
        _STEPS,
    ),
    Case(
        "json.number",
        "a number beyond a double",
        _swap(_STEPS, '"prior_loss_weight": 1e400, ' + _STEPS),
        _STEPS,
        is_shown=True,
    ),
    Case("json.syntax", "a leading zero", _swap(_WIDTH, '"width": 0512'), _WIDTH),
    Case("json.syntax", "a plus sign", _swap(_WIDTH, '"width": +512'), _WIDTH),
    Case("json.syntax", "a number with an underscore", _swap(_WIDTH, '"width": 1_000'), _WIDTH),
    Case("json.syntax", "a comma before the end", _text(lambda text: text[:-1] + ",}"), is_shown=True),
    Case("json.syntax", "a comment", _swap("{", "{/* a comment */")),
    Case("json.syntax", "single quotes", _text(lambda text: text.replace('"', "'"))),
    Case(
        "json.syntax",
        "a member's name without quotes",
        _text(lambda text: "{" + text[2:].replace('"', "", 1)),
    ),
    Case("json.syntax", "a line break in a string", _in_name(b"a\nb"), _NAME),
    Case("json.syntax", "text without its last brace", _text(lambda text: text[:-1])),
    Case("json.syntax", "letters after the text", _text(lambda text: text + " x"), is_of_all=True),
    Case("json.syntax", "two texts", _text(lambda text: text + "\n" + text)),
    Case("json.syntax", "a NUL byte after the text", _text(lambda text: text + "\x00"), is_of_all=True),
    Case("json.empty", "no body", lambda _: b"", is_shown=True),
    Case("json.empty", "blanks alone", lambda _: b" \r\n\t", is_shown=True),
    Case("request.type", "null", lambda _: b"null"),
    Case("request.type", "true", lambda _: b"true"),
    Case("request.type", "a number", lambda _: b"7"),
    Case("request.type", "an empty array", lambda _: b"[]"),
    Case("request.type", "the text in an array", _text(lambda text: f"[{text}]"), is_shown=True),
    Case("request.type", "the text in a string", _text(json.dumps)),
    Case("json.depth", "65 levels", _swap("{", f'{{"x": {_deep(MAX_DEPTH)}, '), is_shown=True),
    Case("json.depth", "10,000 arrays", lambda _: _deep(10_000).encode()),
    Case("json.depth", "100,000 brackets that stay open", lambda _: b"[" * 100_000),
)


def body_probes(session: Session, layer: str) -> Iterator[Probe]:
    """Every case as a subject training, and some of them on other operations, too."""
    texts = {operation: raw_text(session, operation) for operation in (*CREATES, UPLOAD)}
    has_examples = "examples" in session.options.layers
    for n, case in enumerate(CASES):
        others = [
            operation for operation, text in texts.items() if operation != _CREATE and case.needs in text
        ]
        is_of_all = case.is_of_all or case.rule in _OF_EVERY_READER
        more = others if is_of_all else others[n // 3 % len(others) :][: n % 3 == 0]
        for operation in more if case.is_shown and has_examples else (_CREATE, *more):
            request = session.request(operation, case.write(texts[operation]))
            violations = session.oracle.expect(request).violations
            rule = violations[0].rule if violations else case.rule
            yield Probe(layer, f"{operation}: {case.title}", request, rule)


def size_probes(session: Session, layer: str) -> Iterator[Probe]:
    """Bodies at and over the limit, the latter announced and not."""
    blanks = b" " * (MAX_BODY - 2)
    chunked = [("Transfer-Encoding", "chunked")]
    yield Probe(layer, "a wrong body of 1 MiB", session.request(_CREATE, blanks + b"{}"), "json.size")
    yield Probe(layer, "a body of 1 MiB and a byte", session.request(_CREATE, blanks + b"{ }"), "json.size")
    style = session.request(CREATES[1], blanks + b"{ }")
    yield Probe(layer, "a body of 1 MiB and a byte for a style training", style, "json.size")
    large = session.request(UPLOAD, blanks + b"{ }", headers=chunked)
    yield Probe(layer, "a chunked body of 1 MiB and a byte", large, "json.size")


def raw_text(session: Session, operation: str) -> str:
    """A right body as text; it names what only bodies that are refused name."""
    if operation == UPLOAD:
        return '{"file_extension": "png"}'
    model = session.options.base_model or known_base_models()[0]
    assets = session.options.asset_ids or UNKNOWN_ASSETS
    return json.dumps(plain_body(operation, marked_name(session, "raw"), model, assets))
