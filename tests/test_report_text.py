"""What a person reads: every violation at once, the place in the source, the lints apart."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_outcomes import report
from wcwidth import wcswidth

from loracle_contracts import validate
from loracle_contracts.report import Checked, Outcome, Unreadable
from loracle_contracts.report.excerpt import excerpt
from loracle_contracts.verdict import Verdict

BAD = """{
  "name": "test_1208_01",
  "base_model": "v1-5-pruned-emaonly",
  "width": "512",
  "height": 512,
  "image_dataset_items": [{"assets_id": 26, "captoin": "a woman"}],
  "components": []
}
"""
LINTED = """{
  "name": "test_1208_01",
  "base_model": "another",
  "width": 512, "height": 512,
  "image_dataset_items": [{"assets_id": 26}],
  "components": []
}
"""


def checked(text: str, source: str = "bad.json", place: str = "", *, recognised: bool = False) -> Checked:
    return Checked(source, place, validate(text), recognised, text)


def text_of(*found: Outcome, width: int | None = None, color: bool = False, lints: str = "warn") -> str:
    return report("text", found, width=width, color=color, lints=lints)[0]  # type: ignore[arg-type]


def test_every_violation_is_on_a_line_with_place_rule_source_and_advice() -> None:
    assert text_of(checked(BAD)) == (
        "bad.json: createSubjectTraining request\n"
        'bad.json:4:12: /width: expected an integer, got "512" [width.type, stated: seed]. '
        "Send width as a JSON number, without quotation marks.\n"
        "bad.json:6:45: /image_dataset_items/0/captoin: expected no member of this name, "
        'got "a woman" [image_dataset_items.item.additionalProperties, policy: loracle]. '
        "Did you mean caption?\n"
        "\n"
        "Checked as createSubjectTraining request: 1 payload\n"
        "1 payload checked, 2 violations in 1 payload, no lints\n"
    )


def test_lints_stand_apart_behind_the_violations_of_all_files() -> None:
    text = text_of(checked(LINTED, "linted.json"), checked(BAD), Unreadable("c.gz", "", "It ends too early."))
    lines = text.splitlines()
    section = lines.index("Lints: legal, but without effect or unwise")
    assert all(" lint: " not in line for line in lines[:section])
    lints = [line for line in lines[section + 1 :] if line.startswith("linted.json:")]
    assert [line.split(": ")[1:3] for line in lints] == [
        ["lint", "/base_model"],
        ["lint", "/image_dataset_items"],
    ]
    assert lines[section - 1] == lines[section + 3] == ""
    assert "c.gz: could not be checked: It ends too early." in lines[:section]
    assert lines[-1] == "2 payloads checked, 2 violations in 1 payload, 2 lints, 1 could not be checked"


def test_lints_can_be_left_out() -> None:
    text = text_of(checked(LINTED), lints="off")
    assert "lint" not in text
    assert text.splitlines()[-1] == "1 payload checked, no violations"


def test_an_operation_that_was_recognised_is_said() -> None:
    lines = text_of(checked(BAD, "a.jsonl", "line 7", recognised=True), checked(BAD)).splitlines()
    assert lines[0] == "a.jsonl: line 7: createSubjectTraining request, recognised by shape"
    assert lines[-3:-1] == [
        "Checked as createSubjectTraining request, recognised by shape: 1 payload",
        "Checked as createSubjectTraining request: 1 payload",
    ]


def test_files_are_grouped() -> None:
    text = text_of(checked(BAD, "a.jsonl", "line 1"), checked(BAD, "a.jsonl", "line 2"), checked(BAD, "b"))
    blocks = text.split("\n\n")
    assert [block.count("\n") + 1 for block in blocks[:2]] == [6, 3]


def test_what_has_no_line_names_its_place() -> None:
    verdict = validate("pagination.limit=0", "listTrainings", part="query")
    line = text_of(Checked("x.har", "entry 3", verdict)).splitlines()[1]
    assert line.startswith("x.har: entry 3: /pagination.limit: expected at least 1, got 0 ")


def test_a_verdict_that_was_cut_says_so() -> None:
    verdict = validate(BAD, limit=1)
    lines = text_of(Checked("bad.json", "", verdict, text=BAD)).splitlines()
    assert lines[2] == "bad.json: there are more; the first 1 are listed"


def test_standard_input_has_a_name() -> None:
    assert text_of(Unreadable("-", "", "It is empty.")).startswith("standard input: could not be checked: It")


# --- the excerpt of a terminal


def excerpts(text: str) -> list[tuple[str, str]]:
    """The lines with a gutter, in pairs: the source and the caret below."""
    lines = [line for line in text.splitlines() if line.startswith(" ")]
    return list(zip(lines[::2], lines[1::2], strict=True))


def test_a_terminal_shows_the_source_with_a_caret() -> None:
    assert excerpts(text_of(checked(BAD), width=80)) == [
        (' 4 |   "width": "512",', "   |            ^"),
        (
            ' 6 |   "image_dataset_items": [{"assets_id": 26, "captoin": "a woman"}],',
            "   |                                             ^",
        ),
    ]


def test_the_excerpt_counts_from_where_the_text_begins() -> None:
    line = '{"name": ""}'
    verdict = validate("\n" * 41 + line)
    found = Checked("a.jsonl", "line 42", verdict, True, line, 42)
    shown = excerpts(text_of(found, width=80))
    assert {source for source, _ in shown} == {' 42 | {"name": ""}'}
    assert shown[-1][1] == "    |          ^"


def test_each_payload_is_shown_by_its_own_text() -> None:
    shown = excerpts(text_of(checked('{"a": 1, "name": 1}'), checked('{"b": 1, "name": 1}'), width=80))
    assert len({source for source, _ in shown}) == 2


def test_without_the_source_there_is_no_excerpt() -> None:
    verdict = validate(BAD)
    assert excerpts(text_of(Checked("a", "", verdict), width=80)) == []
    assert excerpts(text_of(Checked("a", "", verdict, text="x", first_line=9), width=80)) == []
    assert excerpts(text_of(Checked("a", "", verdict, text="x", first_line=1), width=80)) == []


def test_a_line_that_ends_with_a_carriage_return_is_shown_without_it() -> None:
    text = BAD.replace("\n", "\r\n")
    assert excerpts(text_of(checked(text), width=80))[0][0] == ' 4 |   "width": "512",'


@pytest.mark.parametrize(
    ("line", "column", "width", "shown"),
    [
        ("abc", 2, 40, ("abc", 1)),
        ("abc", 4, 40, ("abc", 3)),
        ("abc", 99, 40, ("abc", 3)),
        ("\tx", 2, 40, ("    x", 4)),
        ("日本x", 3, 40, ("日本x", 4)),
        ("e\u0301x", 3, 40, ("e\u0301x", 1)),
        ("\x1b[31mx", 6, 40, ("\\u001b[31mx", 10)),
        ("a" * 100, 1, 20, ("a" * 18 + "…", 0)),
        ("a" * 100, 50, 20, ("…" + "a" * 18 + "…", 7)),
        ("a" * 100, 100, 20, ("…" + "a" * 18, 18)),
        ("", 1, 3, ("", 0)),
    ],
)
def test_lines_are_cut_and_aligned(line: str, column: int, width: int, shown: tuple[str, int]) -> None:
    assert excerpt(line, column, width) == shown


@pytest.mark.parametrize("text", ["❤\ufe0f", "🇩🇪", "日", "e\u0301", "👍🏽", "\t", "\x1b"])
def test_a_line_of_characters_that_are_wide_together_is_cut(text: str) -> None:
    line = text * 100
    for column in range(1, len(line) + 1, 7):
        shown, caret = excerpt(line, column, 30)
        assert wcswidth(shown) <= 30
        assert wcswidth(shown) > 10
        assert 0 <= caret < 30


_CHARACTERS = st.sampled_from(
    ["a", "é", "日", "😀", "\t", "\x1b", "\x00", "❤\ufe0f", "e\u0301", "\u200d", "🇩🇪"]
)


@given(st.lists(_CHARACTERS | st.characters(exclude_categories=["Cs"]), max_size=120), st.data())
def test_the_caret_is_always_on_the_screen(characters: Sequence[str], data: st.DataObject) -> None:
    line = "".join(characters)
    column = data.draw(st.integers(1, len(line) + 1))
    width = data.draw(st.integers(20, 60))
    shown, caret = excerpt(line, column, width)
    assert shown.isprintable()
    assert 0 <= caret < width
    assert wcswidth(shown) <= width
    if line.isascii() and column <= len(line) and line[column - 1].isprintable():
        assert shown[caret] == line[column - 1]


# --- what payloads and file names must not do


def test_a_payload_sends_nothing_to_the_terminal() -> None:
    payload = '{"\u009b31m\\u001b[2J": 1, "name": "\\u001b]0;x\\u0007"}'
    text = text_of(Checked("a\x1b[31m.json", "line\r1", validate(payload), text=payload), width=80)
    assert all(line.isprintable() for line in text.splitlines())
    assert "a\\u001b[31m.json" in text
    assert "\\u009b31m" in text


def test_a_file_name_is_no_command_to_github() -> None:
    text = text_of(checked(BAD, "::set-output name=x::y"), Unreadable(" ::z", "", "##[error]x"))
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert "##[" not in text


def test_colours_are_only_written_where_they_are_asked_for() -> None:
    assert "\x1b" not in text_of(checked(BAD), width=80)
    assert "\x1b[31m/width\x1b[0m" in text_of(checked(BAD), color=True)
    assert "\x1b[32m1 payload checked" in text_of(checked(LINTED), color=True)
    assert "\x1b[31m1 payload checked" in text_of(checked(LINTED), color=True, lints="error")


def test_a_long_line_is_not_read_to_its_end() -> None:
    line = '{"name": 1, "x": "' + "y" * 500_000 + '"}'
    ((shown, _), *_) = excerpts(text_of(checked(line), width=100))
    assert len(shown) <= 100


def test_a_verdict_without_text_is_counted() -> None:
    verdict = Verdict("createSubjectTraining", "strict", "request", ())
    assert text_of(Checked("a", "", verdict)) == (
        "Checked as createSubjectTraining request: 1 payload\n1 payload checked, no violations, no lints\n"
    )
