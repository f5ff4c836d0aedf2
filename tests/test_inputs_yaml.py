"""Payloads in YAML: what they mean, and where their parts really stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from checks import at, checked, clean, rules, seed_page, unreadable
from hypothesis import given
from hypothesis import strategies as st
from payloads import mutated_bodies

from loracle_contracts import validate
from loracle_contracts.inputs import Judge
from loracle_contracts.inputs.yaml_scalars import AmbiguousError, json_of_plain

AS_CREATE = Judge(operation="createSubjectTraining", with_lints=False)


def of(text: str, name: str = "a.yaml") -> list[Any]:
    """What comes of a YAML text on standard input (a comment makes sure that it is taken for YAML)."""
    return checked("-", judge=AS_CREATE, stdin=f"# {name}\n{text}".encode())


def marks(node: Any, path: str = "") -> dict[str, tuple[tuple[int, int], tuple[int, int]]]:
    """Of each pointer where its value and its key stand, as PyYAML's own composer sees it."""
    here = (node.start_mark.line + 1, node.start_mark.column + 1)
    found = {path: (here, here)}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            step = f"{path}/{key.value.replace('~', '~0').replace('/', '~1')}"
            found |= marks(value, step)
            found[step] = (found[step][0], (key.start_mark.line + 1, key.start_mark.column + 1))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            found |= marks(item, f"{path}/{index}")
    return found


def is_writable(body: Any) -> bool:
    """Whether PyYAML and the readers here take the text of this body for the same."""
    return isinstance(body, dict) and "�" not in json.dumps(body, ensure_ascii=False)


@given(
    mutated_bodies("createSubjectTraining").filter(is_writable),
    st.sampled_from([None, True, False]),
    st.sampled_from(["'", '"']),
)
def test_violations_stand_where_the_composer_sees_their_values(body: Any, flow: Any, style: str) -> None:
    text = yaml.safe_dump(
        body, default_flow_style=flow, default_style=style, allow_unicode=True, sort_keys=False
    )
    (outcome,) = of(text)
    verdict = validate(json.dumps(body, ensure_ascii=False))
    told = [(violation.rule, violation.pointer) for violation in outcome.verdict.violations]
    assert sorted(told) == sorted((violation.rule, violation.pointer) for violation in verdict.violations)
    places = marks(yaml.compose(f"# a\n{text}", Loader=yaml.SafeLoader))
    for violation in outcome.verdict.violations:
        value_at, key_at = places.get(violation.pointer, (None, None))
        if violation.rule.endswith("additionalProperties"):
            expected = key_at
        elif value_at is None:
            expected = places[violation.pointer.rpartition("/")[0]][0]
        else:
            expected = value_at
        assert (violation.line, violation.column) == expected


def test_quoted_text_stays_text_and_plain_numbers_are_numbers() -> None:
    payload = clean()
    text = yaml.safe_dump(payload, sort_keys=False).replace("0.0001", "1.0e-4")
    (outcome,) = of(text)
    assert outcome.verdict.valid
    (outcome,) = of(text.replace("width: 512\nheight", "width: '512'\nheight"))
    (violation,) = outcome.verdict.violations
    assert (violation.rule, violation.got) == ("width.type", '"512"')
    assert at(outcome.text, violation.line or 0, violation.column or 0).startswith("'512'")


@pytest.mark.parametrize(
    ("plain", "meant"),
    [
        ("512", 512), ("-0", 0), ("+7", 7), ("0x1F", 31), ("1.5", 1.5), (".5", 0.5), ("5.", 5.0),
        ("-1.0e-4", -1e-4), ("", None), ("~", None), ("null", None), ("true", True), ("False", False),
        *((text, text) for text in (
            "y", "constant", "v1-5-pruned-emaonly", "1.2.3", "test_1208_01", "-", ".", "1208_01_a", "26f",
            "2023-x", "nope",
        )),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_all_readers_agree_on(plain: str, meant: Any) -> None:
    assert json.loads(json_of_plain(plain)) == meant


@pytest.mark.parametrize(
    "plain",
    [
        "1e-4",
        "1.0e4",
        "yes",
        "No",
        "on",
        "OFF",
        "0o17",
        "017",
        "0b1",
        "1_000",
        "1:30",
        "2001-12-14",
        "2001-12-14 21:59:43.10 -5",
    ],
)
def test_what_readers_disagree_on_is_told(plain: str) -> None:
    with pytest.raises(AmbiguousError) as told:
        json_of_plain(plain)
    assert plain in str(told.value)
    assert "in quotes" in str(told.value)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**20), 10**20))
def test_numbers_that_pyyaml_writes_are_read_as_it_reads_them(number: float) -> None:
    text = yaml.safe_dump(number).split("\n")[0]
    assert json.loads(json_of_plain(text)) == yaml.safe_load(text) == number


def test_numbers_that_json_has_not_break_its_rule() -> None:
    text = yaml.safe_dump({**clean(), "width": float("inf"), "height": float("nan")}, sort_keys=False)
    (outcome,) = of(text)
    found = [(violation.rule, violation.pointer) for violation in outcome.verdict.violations]
    assert found == [("json.number", "/width"), ("json.number", "/height")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: 2001-12-14", "Line 2, column 7: 2001-12-14 is a date"),
        ("name: x\nwidth: 1e2", "Line 3, column 8: 1e2 is not the same number"),
        ("name: !!binary aGk=", "!!binary|tag:yaml.org,2002:binary"),
        ("name: !secret x", "the tag !secret"),
        (
            "name: !!python/object/apply:os.system [id]",
            "the tag tag:yaml.org,2002:python/object/apply:os.system",
        ),
        ("1: x", "the key 1 is not text"),
        ("yes: x", "yes is true or false to some"),
        ("[a]: x", "a key that is a list"),
        ("name: !!set {a}", "the tag tag:yaml.org,2002:set"),
        ("name: &a [*a]", "\\*a stands for nothing"),
        ("name: *nothing", "nothing stands for nothing"),
        ("<<: 5", "only mappings can be merged"),
        ("name: !!int x", "the tag tag:yaml.org,2002:int"),
    ],
)
def test_values_that_json_has_not_are_told(text: str, said: str) -> None:
    (outcome, *_) = unreadable("-", judge=AS_CREATE, stdin=f"# a\n{text}".encode())
    assert any(part.replace("\\", "") in outcome.reason for part in said.split("|")), outcome.reason


def test_all_of_them_are_told() -> None:
    found = unreadable("-", stdin=b"# a\nname: yes\nwidth: 1e2\n")
    assert [outcome.reason.split(":")[0] for outcome in found] == ["Line 2, column 7", "Line 3, column 8"]


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "\tx", "a: 'x", "a: \x00"])
def test_what_is_no_yaml_is_told_with_its_place(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(f"name: x\n{text}")
    (outcome,) = unreadable(file)
    assert "YAML" in outcome.reason or "binary" in outcome.reason
    assert "\n" not in outcome.reason


def test_documents_and_lists_hold_several_payloads() -> None:
    one = yaml.safe_dump(seed_page(width=0), sort_keys=False)
    assert [outcome.place for outcome in of(one)] == [""]
    results = of(f"---\n{one}---\n{one}...\n")
    assert [outcome.place for outcome in results] == ["document 1", "document 2"]
    results = of(yaml.safe_dump([seed_page(width=0), seed_page(width=0)]))
    assert [outcome.place for outcome in results] == ["item 1", "item 2"]
    lines = [outcome.verdict.violations[0].line for outcome in results]
    assert lines == sorted(set(lines))


def test_a_file_of_comments_is_an_empty_payload() -> None:
    (outcome,) = of("# nothing here")
    assert rules(outcome) == ["json.empty"]


def test_anchors_aliases_and_merge_keys_mean_what_they_stand_for() -> None:
    text = f"""
x: &base {json.dumps(clean())}
y: &more
  <<: *base
  width: 0
"""
    # A payload that consists of what was merged: its own member wins.
    (outcome,) = of(f"<<: [{json.dumps({'height': 0, 'width': 9})}, {json.dumps(clean())}]\nwidth: 0")
    found = [(violation.rule, violation.pointer, violation.line) for violation in outcome.verdict.violations]
    assert found == [("height.minimum", "/height", 2), ("width.minimum", "/width", 3)]
    (outcome,) = of(text)
    assert {violation.pointer for violation in outcome.verdict.violations} >= {"/x", "/y"}


def test_an_alias_is_pointed_at_where_it_stands() -> None:
    text = yaml.safe_dump(clean(), sort_keys=False).replace(
        "width: 512\nheight: 512", "width: &w '512'\nheight: *w"
    )
    (outcome,) = of(text)
    places = [at(outcome.text, v.line or 0, v.column or 0)[:2] for v in outcome.verdict.violations]
    assert places == ["&w", "*w"]


STEPS = list(zip("abcdefgh", "bcdefghi", strict=True))


def nine(anchor: str) -> str:
    return ",".join([f"*{anchor}"] * 9)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{n}: &{n} [{nine(p)}]\n" for p, n in STEPS),
        "a: &a {k: x}\n" + "".join(f"{n}: &{n} {{<<: [{nine(p)}]}}\n" for p, n in STEPS),
        "a: " + "[" * 10_000,
        "a: " + "{a: " * 10_000,
        "- " * 10_000,
        "a: &a x\n" + "".join(f"b{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}]\n" for n in range(500)),
    ],
    ids=["laughs", "merges", "lists", "mappings", "items", "chain"],
)  # fmt: skip
def test_bombs_do_no_harm(text: str) -> None:
    results = (
        of(text)
        if text.startswith("a: &a {")
        else unreadable("-", judge=AS_CREATE, stdin=f"# a\n{text}".encode())
    )
    assert len(results) == 1


def test_yaml_of_others_in_a_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text("on: push\njobs: {a: {runs-on: x}}\n")
    (tmp_path / "template.yaml").write_text("{{ broken }}: [\n")
    (tmp_path / "payload.yaml").write_text(yaml.safe_dump(clean()))
    (outcome,) = checked(tmp_path)
    assert outcome.verdict.valid
