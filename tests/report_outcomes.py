"""Outcomes of every kind, and what hostile text can be in them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import get_args

from hypothesis import strategies as st

from loracle_contracts import spec
from loracle_contracts.report import Checked, LintLevel, Outcome, Reporter, Unreadable, reporter
from loracle_contracts.verdict import Part, Source, Verdict, Violation

# Terminals, CI systems, XML, SARIF, Markdown and file systems each have something that must not get through.
_HOSTILE = [
    "\x1b[31m", "\x1b]8;;http://x\x07", "\x9b2J", "\x00", "\x07", "\r", "\n", "\r\n::error::x",
    "::add-mask::x", "##[group]", "##vso[task.setvariable variable=x]y", "]]>", "<script>", "&amp;", "&#0;",
    '"', "'", "--", "%0A", "%", ",", ":", "](http://x)", "{0}", "|", "`", "@someone", "http://x", "\ufffe",
    "\uffff", "\udc80", "\ud83d", "\u2028", "\u202e", "\u200b", "\t", "日本語", "😀", "❤\ufe0f",
    "👩\u200d👧", "e\u0301", "../", "a b", "\\",
]  # fmt: skip
texts = st.lists(st.sampled_from(_HOSTILE) | st.characters(), max_size=4).map("".join)
_RULES = [name for name, rule in spec.rules("strict").items() if not rule.lint]
_LINT_RULES = [name for name, rule in spec.rules("strict").items() if rule.lint]
_positions = st.tuples(st.integers(1, 5), st.integers(1, 30)) | st.just((None, None))


@st.composite
def violations(draw: st.DrawFn, *, lint: bool = False) -> Violation:
    line, column = draw(_positions)
    return Violation(
        in_=draw(st.sampled_from(["body", "query", "header"])),
        pointer=draw(st.just("") | texts.map("/{}".format)),
        line=line,
        column=column,
        rule=draw(st.sampled_from(_LINT_RULES if lint else _RULES) | texts),
        expected=draw(texts),
        got=draw(texts),
        source=Source(draw(st.sampled_from(["stated", "policy"])), draw(texts)),
        advice=draw(texts),
    )


@st.composite
def _checked(draw: st.DrawFn) -> Checked:
    broken = draw(st.lists(violations(), max_size=2))
    lints = [] if broken else draw(st.lists(violations(lint=True), max_size=2))
    verdict = Verdict(
        draw(st.sampled_from(list(spec.operations()))),
        "strict",
        draw(st.sampled_from(get_args(Part))),
        tuple(broken),
        truncated=bool(broken) and draw(st.booleans()),
        find_lints=lambda: tuple(lints),
    )
    text = draw(st.lists(texts, max_size=4).map("\n".join))
    return Checked(draw(texts), draw(texts), verdict, draw(st.booleans()), text, draw(st.integers(1, 3)))


# Few names, so that several outcomes are of one file.
_files = st.sampled_from(["-", "a.json", "payloads/b.jsonl", "ü ü.har", "::error::c.json"])
outcomes = st.lists(
    _checked()
    | st.builds(Unreadable, texts, texts, texts)
    | st.builds(lambda checked, name: Checked(name, checked.place, checked.verdict), _checked(), _files),
    max_size=4,
)
levels = st.sampled_from(get_args(LintLevel))


def report(
    form: str,
    found: Sequence[Outcome],
    *,
    lints: LintLevel = "warn",
    width: int | None = None,
    color: bool = False,
    environment: dict[str, str] | None = None,
) -> tuple[str, Reporter]:
    """The text of a report and the reporter; only a terminal is known to be able to show everything."""
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, encoding="ascii" if width is None else "utf-8", newline="")
    told = reporter(form, stream=stream, lints=lints, width=width, color=color, environment=environment or {})
    for outcome in found:
        told.add(outcome)
    told.close()
    stream.flush()
    return data.getvalue().decode(), told


def expected_counts(found: Sequence[Outcome], lints: LintLevel) -> dict[str, int]:
    """What any report must have counted."""
    checked = [outcome for outcome in found if isinstance(outcome, Checked)]
    violated = [len(outcome.verdict.violations) for outcome in checked]
    linted = [len(outcome.verdict.lints) for outcome in checked] if lints != "off" else []
    return {
        "payloads": len(checked),
        "invalid": sum(1 for count in violated if count),
        "violations": sum(violated),
        "lints": sum(linted),
        "errors": sum(violated) + (sum(linted) if lints == "error" else 0),
        "unreadable": len(found) - len(checked),
    }
