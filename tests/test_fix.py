"""`loracle validate --fix`: what is safe is mended, nothing else is touched, no file is half written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from checks import arguments, clean, fixed, outcomes, run
from hypothesis import given
from hypothesis import strategies as st
from payloads import mutated_bodies

from loracle_contracts import validate
from loracle_contracts.inputs import Judge

BODIES = mutated_bodies("createSubjectTraining")


# --- what is mended


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"width": "512"', '"width": 512'),
        ('"width":\t"512.0"', '"width":\t512.0'),
        ('"width": "\\u0035\\u00312"', '"width": 512'),
        ('"height": "1e2"', '"height": 1e2'),
        ('"expert_setting": {"instance_prompt": "x", "learning_rate": "0.0003"}', None),
        ('"expert_setting": {"instance_prompt": "x", "seed": "0"}', None),
    ],
)
def test_numbers_as_text_become_numbers(tmp_path: Path, before: str, after: str | None) -> None:
    after = after or before.replace('"0.0003"', "0.0003").replace('"0"', "0")
    rest = json.dumps({key: value for key, value in clean().items() if f'"{key}"' not in before})[1:]
    file = tmp_path / "a.json"
    file.write_text(f" {{{before}\r\n ,  {rest}\n\n")
    diff = fixed(file)
    assert file.read_bytes().decode() == f" {{{after}\r\n ,  {rest}\n\n"
    assert diff.splitlines()[3:5] == [f"- {{{before}", f"+ {{{after}"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('" 512"', '"512"'),
        ('"512 \\n\\t"', '"512"'),
        ('"\\u0020512\\u000A"', '"512"'),
        ('"\\u0035\\u0031 "', '"\\u0035\\u0031"'),
        ('"\\n512"', '"512"'),
    ],
)
def test_outer_blanks_of_arguments_go(tmp_path: Path, before: str, after: str) -> None:
    text = json.dumps({**clean(), "components": arguments("HERE")}, indent=1)
    file = tmp_path / "a.json"
    file.write_text(text.replace('"HERE"', before))
    assert "lint.outer_blanks" in run(file).stdout
    fixed(file)
    assert file.read_text() == text.replace('"HERE"', after)
    assert "lint.outer_blanks" not in run(file).stdout


def test_blanks_that_break_no_rule_stay_without_lints(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps({**clean(), "components": arguments("512 ")}))
    assert fixed(file, Judge(with_lints=False)) == ""
    assert run(file, "--fix", "--lints", "off").exit_code == 0
    assert '"512 "' in file.read_text()


def test_jpg_becomes_jpeg_where_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"file_extension": "jpg"}\n{"file_extension":"\\u006apg"}\n{"file_extension": "gif"}\n')
    assert fixed(file, Judge("lenient")) == ""
    fixed(file)
    assert (
        file.read_text()
        == '{"file_extension": "jpeg"}\n{"file_extension":"jpeg"}\n{"file_extension": "gif"}\n'
    )


@pytest.mark.parametrize(
    "change",
    [
        *({"width": text} for text in ("512 ", "0x200", "512.5", "0", "+512", "0512", "", "1e400", "-1")),
        *({"components": arguments(text)} for text in ("wide ", " ", "512\u00a0")),
        {"width": True}, {"name": " x "}, {"base_model": "5"}, {"file_extension": "jpg"}, {"wdith": "512"},
        {"image_dataset_items": [{"assets_id": "26", "caption": " x "}]},
    ],
)  # fmt: skip
def test_what_would_change_a_meaning_or_stay_wrong_is_left(tmp_path: Path, change: dict[str, Any]) -> None:
    file = tmp_path / "a.json"
    text = json.dumps({**clean(), **change})
    file.write_text(text)
    assert fixed(file) == ""
    assert file.read_text() == text


@pytest.mark.parametrize("profile", ["lenient", "seed"])
def test_what_a_profile_takes_is_not_mended_there(tmp_path: Path, profile: Any) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps({**clean(), "width": "512"}))
    fixed(file, Judge(profile))
    assert json.loads(file.read_text())["width"] == ("512" if profile == "lenient" else 512)


@pytest.mark.parametrize(
    "text",
    [
        '{"width": "512", "width": "512", "base_model": "x"}',
        '{"base_model": "x", "width": "512"',
        "\ufeff{}",
        "[",
        "",
    ],
)
def test_what_is_no_strict_json_is_left(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    assert fixed(file, Judge(operation="createSubjectTraining")) == ""
    assert file.read_text() == text


def test_answers_are_left_because_a_server_said_them(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    task = {"task_id": "fe84ac1b-5a01-487c-a56d-2c6c93b61f49", "task_status": "TRAINING", "models": []}
    text = json.dumps({**task, "model_type": "lora", "extra": {"progress_percent": "50", "eta_relative": 1}})
    file.write_text(text)
    assert "progress_percent.type" in run(file).stdout
    assert fixed(file) == ""
    assert file.read_text() == text


# --- YAML


def test_yaml_keeps_its_comments_and_quotes(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    text = yaml.safe_dump({**clean(), "components": []}, sort_keys=False).replace("0.0001", "1.0e-4")
    text = text.replace("width: 512", "width:  '512'  # in pixels").replace("height: 512", 'height: "512"')
    text = text.replace(
        "components: []", "components: [{name: resize, args: [{name: width, value: ' 512'}]}]"
    )
    file.write_text(f"# ours\n{text}")
    fixed(file)
    mended = text.replace("'512'  #", "512  #").replace('"512"', "512").replace("' 512'", "'512'")
    assert file.read_text() == f"# ours\n{mended}"
    assert run(file).exit_code == 0


@pytest.mark.parametrize("width", ["&w '512'", "!!str 512", "|-\n  512", "'5\n  12'", '"5\\x312"'])
def test_yaml_that_is_written_in_another_way_is_left(tmp_path: Path, width: str) -> None:
    file = tmp_path / "a.yaml"
    text = (
        yaml.safe_dump(clean(), sort_keys=False)
        .replace("0.0001", "1.0e-4")
        .replace("width: 512\nh", f"width: {width}\nh")
    )
    file.write_text(text)
    assert fixed(file) == ""
    assert file.read_text() == text


def test_yaml_with_aliases_is_left(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    text = f"- &a {json.dumps({**clean(), 'width': '512'})}\n- {{<<: *a, name: y}}\n"
    file.write_text(text)
    assert fixed(file) == ""


def test_a_number_that_yaml_readers_disagree_on_is_left(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text('{base_model: x, name: y, expert_setting: {learning_rate: "1e-4"}}')
    assert fixed(file) == ""


# --- properties

_NUMERIC = st.sampled_from(["512", "1", "0.5", "1e-4", "2023", " 7", "x", "512 ", "4", "0"])


@st.composite
def _unfixed(draw: st.DrawFn) -> Any:
    """A body with numbers as text and with outer blanks, and with other mistakes."""
    body = draw(st.one_of(BODIES, st.just(clean())))
    if not isinstance(body, dict):
        return body
    for name in draw(st.sets(st.sampled_from(["width", "height"]))):
        body[name] = draw(_NUMERIC)
    setting = body.get("expert_setting")
    if isinstance(setting, dict):
        for name in draw(st.sets(st.sampled_from(["seed", "learning_rate", "lora_r", "lr_scheduler"]))):
            setting[name] = draw(_NUMERIC)
    if draw(st.booleans()):
        body["components"] = arguments(*draw(st.lists(_NUMERIC, max_size=3)))
    return body


def _meaning(value: Any) -> Any:
    """The value with numbers and numeric texts alike, and without outer blanks in arguments."""
    if isinstance(value, dict):
        return {name: _meaning(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_meaning(item) for item in value]
    if isinstance(value, str):
        stripped = value.strip(" \t\n\r")
        try:
            return float(stripped)
        except ValueError:
            return stripped
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _values(path: Path) -> list[Any]:
    if path.suffix == ".yaml":
        return list(yaml.safe_load_all(path.read_text()))
    return [json.loads(line) for line in path.read_text().split("\n") if line.strip()]


def _writes(bodies: list[Any], form: str, file: Path) -> None:
    if form == "yaml":
        file.write_text(yaml.safe_dump_all(bodies, allow_unicode=True, sort_keys=False))
    elif form == "array":
        file.write_text(json.dumps(bodies, indent=1))
    else:
        file.write_text("".join(json.dumps(body, ensure_ascii=False) + "\n" for body in bodies))


@pytest.fixture(scope="module")
def file_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return tmp_path_factory.mktemp("fix")  # type: ignore[return-value]


@given(
    bodies=st.lists(_unfixed().filter(lambda body: isinstance(body, dict)), min_size=2, max_size=4),
    form=st.sampled_from(["lines", "array", "yaml"]),
)
def test_mending_keeps_the_meaning_and_leaves_nothing_to_mend(
    bodies: list[Any], form: str, file_of: Path
) -> None:
    file = file_of / {"lines": "a.jsonl", "array": "a.json", "yaml": "a.yaml"}[form]
    judge = Judge(operation="createSubjectTraining")
    _writes(bodies, form, file)
    before = file.read_bytes()
    broken_before = [len(o.verdict.violations) for o in outcomes(file, judge=judge) if hasattr(o, "verdict")]
    diff = fixed(file, judge)
    after = file.read_bytes()
    assert (diff == "") is (before == after)
    # Twice is as good as once.
    assert fixed(file, judge) == ""
    assert file.read_bytes() == after
    # Nothing is broken that was not, and nothing mendable is left.
    left = [o.verdict for o in outcomes(file, judge=judge) if hasattr(o, "verdict")]
    assert all(len(v.violations) <= b for v, b in zip(left, broken_before, strict=True))
    if form != "yaml":
        values = json.loads(after) if form == "array" else _values(file)
        assert [_meaning(value) for value in values] == [_meaning(body) for body in bodies]
        for value in values:
            for violation in validate(value, limit=None).violations:
                if violation.rule in ("width.type", "height.type"):
                    found = value[violation.pointer[1:]]
                    right = {**clean(), violation.pointer[1:]: _number(found)}
                    assert not isinstance(found, str) or not validate(right)
            assert not any(
                argument["value"] != argument["value"].strip() and argument["value"].strip().isdigit()
                for argument in _resize(value)
            )
    # All lines that the diff does not name are as they were.
    old, new = before.split(b"\n"), after.split(b"\n")
    assert len(old) == len(new)
    changed = sum(a != b for a, b in zip(old, new, strict=True))
    assert changed == sum(line.startswith("-") and not line.startswith("---") for line in diff.splitlines())


def _number(text: Any) -> Any:
    try:
        return json.loads(text) if text == text.strip() else None
    except (ValueError, AttributeError, TypeError):
        return None


def _resize(value: dict[str, Any]) -> list[dict[str, str]]:
    components = value.get("components")
    if not isinstance(components, list) or components[:1] == [] or not isinstance(components[0], dict):
        return []
    found = components[0].get("args") if components[0].get("name") == "resize" else None
    listed = found if isinstance(found, list) else []
    return [
        a
        for a in listed
        if isinstance(a, dict) and a.get("name") == "width" and isinstance(a.get("value"), str)
    ]


def _is_right(body: Any) -> bool:
    verdict = validate(body)
    return verdict.valid and not any(lint.rule == "lint.outer_blanks" for lint in verdict.lints)


@given(bodies=st.lists(st.one_of(_unfixed(), st.just(clean())), min_size=1, max_size=4))
def test_what_is_right_stays_as_it_is(bodies: list[Any], file_of: Path) -> None:
    file = file_of / "right.jsonl"
    _writes(bodies, "lines", file)
    before, old = file.stat(), file.read_bytes().split(b"\n")
    fixed(file)
    for body, line, now in zip(bodies, old, file.read_bytes().split(b"\n"), strict=False):
        assert line == now or not _is_right(body)
    if all(map(_is_right, bodies)):
        assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
