"""Whatever is given as a document, `spec diff` reads it or says in one line why not."""

from __future__ import annotations

import copy
import json
import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from document_edits import SHOP
from hypothesis import given, settings
from hypothesis import strategies as st

from loracle_contracts import spec
from loracle_contracts.spec_diff import Document, DocumentError, compare, read_document
from loracle_contracts.spec_diff.source import SourceError, parse
from loracle_mockserver.cli import main

Json = Any


def diff(*arguments: str, code: int, text: str | bytes | None = None) -> Result:
    result = CliRunner().invoke(main, ["spec", "diff", *arguments], input=text)
    assert result.exit_code == code, result.output
    return result


# --- YAML as OpenAPI has it


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: on\nb: yes\nc: ~\nd: true\ne: null\nf:", ["on", "yes", None, True, None, None]),
        ("a: 2024-01-31\nb: 12:30:00\nc: 1_000", ["2024-01-31", "12:30:00", "1_000"]),
        ("a: 010\nb: 0x1f\nc: 0o17\nd: +1\ne: 1e3\nf: .5", [10, 31, 15, 1, 1000.0, 0.5]),
        ("a: '1'\nb: \"true\"\nc: !!str 1", ["1", "true", "1"]),
        ("a: &x [1]\nb: *x", [[1], [1]]),
        ("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}", [{"p": 1, "q": 2}, {"p": 1, "q": 3}]),
        ("a: |\n  two\n  lines\n", ["two\nlines\n"]),
        ("{a: [b, {c: d}]}", [["b", {"c": "d"}]]),
        ('{"a": "\\ud83d\\ude00"}', ["\U0001f600"]),
    ],
)
def test_yaml_means_what_version_12_says(text: str, value: list[Json]) -> None:
    found = parse(text.encode())
    assert list(found.values()) == value
    assert [type(one) for one in found.values()] == [type(one) for one in value]


def test_keys_are_text() -> None:
    assert parse(b"200: a\ntrue: b\n1.0: c\nnull: d") == {"200": "a", "true": "b", "1.0": "c", "null": "d"}


@pytest.mark.parametrize("profile", spec.PROFILES)
def test_yaml_and_json_are_one_document(profile: str) -> None:
    assert parse(spec.read(f"openapi-{profile}.yaml")) == json.loads(spec.read(f"openapi-{profile}.json"))


# PyYAML writes these bare, for YAML 1.1, whose numbers they are not; in YAML 1.2 they are numbers.
_NUMBERS_OF_TODAY = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+")
texts = st.text().filter(lambda text: not _NUMBERS_OF_TODAY.fullmatch(text))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
        lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    )
)
@settings(max_examples=100)
def test_what_is_written_as_json_or_yaml_is_read_back(value: Json) -> None:
    document = {"it": value}
    assert parse(json.dumps(document).encode()) == document
    text = yaml.safe_dump(document, allow_unicode=True)
    if yaml.safe_load(text) == document:  # PyYAML does not read back all that it writes
        assert parse(text.encode()) == document


_ALIASES = "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b" \n\t", "it is empty"),
        (b"\xff\xfe", "it is no UTF-8 text (byte 1)"),
        (b"a: 1\na: 2", "the member 'a' is there twice"),
        (b'{"a": 1, "\\u0061": 2}', "the member 'a' is there twice"),
        (b'{"a": NaN}', "NaN is no JSON value"),
        (b'{"a": 1e999}', "the number 1e999 is larger than any double"),
        (b"a: .inf", "line 1: .inf is no JSON value"),
        (b"a: " + b"9" * 5000, "line 1: a number has too many digits"),
        (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
        (b'{"a": [1, 2}', "line 1, column 12"),
        (b"a: 'open", "line 1, column"),
        (b"a: *x", "line 1: the alias *x has no anchor"),
        (b"a: &x [*x]", "line 1: the alias *x has no anchor"),
        (b"? [a]\n: b", "line 1: a name has to be text"),
        (b"<<: 1", "line 1: << merges mappings only"),
        (b"a: 1\n---\nb: 2", "several YAML documents"),
        (b"[" * 100_000, "nested too deep"),
        (b"a: " + b"[" * 100_000, "nested too deep"),
        (b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", "nested too deep"),
        (f"a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n{_ALIASES}".encode(), "more than 1,000,000 values"),
    ],
)
def test_what_cannot_be_read_is_explained(data: bytes, said: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse(data)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


# --- OpenAPI


def _with_schema(schema: Json) -> Json:
    document = copy.deepcopy(SHOP)
    document["components"]["schemas"]["Line"] = schema
    return document


_LINE = "#/components/schemas/Line"
_ORDER = "#/paths/~1orders~1{id}/put"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "no OpenAPI document of version 3.0 or 3.1: it has no member openapi"),
        ({"swagger": "2.0"}, "it has no member openapi"),
        ({"openapi": "3.2.0"}, "its openapi is '3.2.0'"),
        ({"openapi": 3.1}, "its openapi is 3.1"),
        (SHOP | {"paths": []}, "#/paths: an object is wanted here"),
        (_with_schema({"$ref": "other.yaml#/Line"}), f"{_LINE}: the reference 'other.yaml#/Line' does not"),
        (_with_schema({"$ref": "#/nowhere"}), f"{_LINE}: the reference '#/nowhere' leads nowhere"),
        (_with_schema({"$ref": _LINE}), "the schema Line refers to itself without end"),
        (_with_schema({"anyOf": [{"$ref": _LINE}]}), "the schema Line refers to itself without end"),
        (_with_schema({"type": "strung"}), "this is no JSON Schema"),
        (_with_schema({"pattern": "["}), "this is no JSON Schema"),
        (_with_schema({"properties": 5}), f"{_LINE}/properties: an object is wanted here"),
        (_with_schema(7), f"{_LINE}: a schema is wanted here"),
        (_with_schema({"$dynamicRef": "#x"}), f"{_LINE}: $dynamicRef is not supported here"),
    ],
)
def test_what_is_no_openapi_is_explained(tmp_path: Path, document: Json, said: str) -> None:
    path = tmp_path / "it.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    for arguments in ([str(path), str(path)], [str(path), "builtin:strict"]):
        result = CliRunner().invoke(main, ["spec", "diff", *arguments])
        if arguments[1] == str(path):
            assert result.exit_code == 3, result.output
            assert result.stderr.startswith(f"Error: {path}: ")
            assert said in result.stderr
            assert len(result.stderr.splitlines()) == 1
        assert result.exception is None or isinstance(result.exception, SystemExit)


_JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from([0.5, 1e300, "", "x", "#/paths", "3.0"]),
    st.sampled_from([[], {}, [[]], [{}], {"$ref": "#"}, {"$ref": 1}, {"a": 1}, {"type": "object"}, [1, "a"]]),
)  # fmt: skip


def _places(node: Json, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place, *(deeper for key, child in inside for deeper in _places(child, (*place, key)))]


@given(st.lists(st.tuples(st.sampled_from(_places(SHOP)[1:]), _JUNK), min_size=1, max_size=3))
@settings(max_examples=80, deadline=None)
def test_a_damaged_document_is_compared_or_refused(damages: list[tuple[tuple[Any, ...], Json]]) -> None:
    damaged = copy.deepcopy(SHOP)
    for (*way, last), junk in damages:
        node: Json = damaged
        try:
            for step in way:
                node = node[step]
            node[last] = copy.deepcopy(junk)
        except (LookupError, TypeError):
            continue  # an earlier damage took this place away
    try:
        verdict = compare(Document("old", damaged), Document("new", SHOP)).verdict()
    except DocumentError as error:
        verdict = str(error)
    assert verdict in ("compatible", "maybe", "breaking") or verdict.startswith("old: ")


# --- where documents come from


def test_documents_are_read_from_files_pipes_and_standard_input(tmp_path: Path) -> None:
    json_file, yaml_file, pipe = tmp_path / "a.json", tmp_path / "b", tmp_path / "pipe"
    json_file.write_bytes(spec.read("openapi-strict.json"))
    yaml_file.write_bytes(b"\xef\xbb\xbf" + spec.read("openapi-strict.yaml"))
    assert "compatible: of 8 operations" in diff(str(json_file), str(yaml_file), code=0).stdout
    assert diff("-", "builtin:strict", code=0, text=spec.read("openapi-strict.yaml")).stderr == ""
    os.mkfifo(pipe)
    assert "pipe: cannot be read: it is empty" in diff(str(pipe), "builtin:strict", code=3).stderr
    reader, writer = os.pipe()  # what a shell gives for <(loracle spec)
    thread = threading.Thread(target=_write, args=(writer, json_file.read_bytes()))
    thread.start()
    assert diff(f"/dev/fd/{reader}", "builtin:strict", code=0).stderr == ""
    thread.join()
    os.close(reader)


def _write(handle: int, data: bytes) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(data)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing.yaml", "nothing.yaml: cannot be read: No such file or directory"),
        (".", ".: cannot be read: Is a directory"),
        ("builtin:loose", "there are builtin:strict, builtin:lenient, builtin:seed"),
        ("a\0b", "cannot be read"),
    ],
)
def test_a_source_that_is_none_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for pair in ((name, "builtin:strict"), ("builtin:strict", name)):
        assert said in diff(*pair, code=3).stderr


def test_a_document_of_another_process_is_not_fetched(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    path.write_text(json.dumps(_with_schema({"$ref": "http://127.0.0.1:9/x"})), encoding="utf-8")
    with pytest.raises(DocumentError, match="bundle the document first"):
        compare(read_document(str(path)), read_document(str(path)))
