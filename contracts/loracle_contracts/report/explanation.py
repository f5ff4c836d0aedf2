"""One rule by its id, with its source and a bad and a good example: for a person who met it in a report."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple, get_args

from loracle_contracts import spec
from loracle_contracts.locate import Lines, locate, steps
from loracle_contracts.report.excerpt import excerpt
from loracle_contracts.texts import advice_text, expected_text
from loracle_contracts.validation import validate
from loracle_contracts.verdict import Part, Profile, Verdict, Violation

__all__ = ["demand", "explain_rule"]

_WIDTH = 100
_MEANINGS = {
    "stated": "a document says so",
    "observed": "an SDK or a client shows it",
    "inferred": "no document says so; it follows from what is known",
    "policy": "this contract's own choice",
}
_AROUND = 2  # lines of an example that are shown before and behind the one that counts


class _Example(NamedTuple):
    """A shipped example: its path, what of which operation it is, and its bytes."""

    path: str
    operation: str
    part: Part
    data: bytes


def explain_rule(rule: str, profile: Profile = "strict") -> str:
    """The rule, its source, what to do, how the profiles differ, and examples; ends with a line break.

    A rule that only other profiles have is explained by the first of them. Raises KeyError for a rule that
    none has; its argument is a sentence with close matches.
    """
    homes: list[Profile] = [name for name in (profile, *spec.PROFILES) if rule in spec.rules(name)]
    if not homes:
        raise KeyError(_unknown(rule))
    home = homes[0]
    found = spec.rules(home)[rule]
    bad = _bad_example(rule, home)
    facts = [
        ("expected", demand(rule, home)),
        (
            "breaks",
            "nothing: it is a lint, legal but without effect or unwise" if found.lint else "the contract",
        ),
        ("source", f"{found.source} ({_MEANINGS[found.source.kind]})"),
        ("note", found.source.note),
        ("do", _advice(rule, home, bad)),
        ("stands at", ", ".join(_places(rule, home))),
        *(
            ("" if index else "profiles", f"{name}: {_said(rule, name, home)}")
            for index, name in enumerate(spec.PROFILES)
        ),
    ]
    lines = [rule, "", *(f"  {name:<10} {text}" for name, text in facts if text), ""]
    if bad is None:
        lines.append("No example that breaks it is shipped.")
    else:
        example, violation = bad
        lines.append(f"Breaks it ({example.path}):")
        lines += _shown(example, violation.line, violation.column, with_caret=True)
    good = _good_example(rule, home, bad)
    if good is not None:
        lines += ["", f"Keeps it ({good[0].path}):", *_shown(*good, with_caret=False)]
    return "\n".join(lines) + "\n"


def demand(rule: str, profile: Profile) -> str:
    """What a rule of the profile asks for, as a phrase without a full stop."""
    found = spec.rules(profile)[rule]
    if found.expected:
        return found.expected
    texts = dict.fromkeys(
        expected_text(str(place["keyword"]), place["value"]) for place in _table()[profile][rule]["places"]
    )
    return ", or ".join(texts)


@cache
def _table() -> dict[str, Any]:
    return dict(json.loads(spec.read("rules.json")))


def _unknown(rule: str) -> str:
    known = {name for profile in spec.PROFILES for name in spec.rules(profile)}
    close = difflib.get_close_matches(rule, sorted(known), n=3)
    hint = (
        f"Did you mean {' or '.join(close)}?"
        if close
        else "A report names the rule of each finding in [...]."
    )
    return f"no rule {rule!r} in the contract. {hint}"


def _advice(rule: str, profile: Profile, bad: tuple[_Example, Violation] | None) -> str:
    found = spec.rules(profile)[rule]
    if found.advice or bad:
        return found.advice or (bad[1].advice if bad else "")
    place = _table()[profile][rule]["places"][0]
    member = rule.rpartition(".")[0]
    return advice_text(place["keyword"], place["value"], member, demand(rule, profile), "")


def _places(rule: str, profile: Profile) -> list[str]:
    """Where in the schemas the rule stands, such as SubjectTrainingRequest/width."""
    return list(
        dict.fromkeys(
            place["schema"] + place["pointer"].replace("/properties/", "/")
            for place in _table()[profile][rule]["places"]
        )
    )


def _said(rule: str, name: Profile, own: Profile) -> str:
    """What a profile says of the rule: what it expects, where that is not what the own profile does."""
    rules = spec.rules(name)
    if rule not in rules:
        return "no such rule"
    is_same = (demand(rule, own), spec.rules(own)[rule].source) == (demand(rule, name), rules[rule].source)
    return "the same" if is_same and name != own else f"{demand(rule, name)} ({rules[rule].source})"


def _examples() -> Iterator[_Example]:
    for path in spec.examples():
        _, operation, folder, _ = path.split("/")
        for part in get_args(Part):
            if part == folder:
                yield _Example(path, operation, part, spec.example(path))


def _judged(example: _Example, profile: Profile) -> Verdict:
    data = json.loads(example.data) if example.part == "headers" else example.data
    return validate(data, example.operation, profile, example.part)


def _bad_example(rule: str, profile: Profile) -> tuple[_Example, Violation] | None:
    """The first shipped example that breaks the rule, and how."""
    for example in _examples():
        entry = spec.examples()[example.path]
        if rule in (entry.get("rule"), entry.get("lint")):
            # Of a lint that strict refuses as a violation the example is of another profile.
            verdict = _judged(example, entry.get("profile", profile))
            for violation in (*verdict.violations, *verdict.lints):
                if violation.rule == rule:
                    return example, violation
    return None


def _good_example(
    rule: str, profile: Profile, bad: tuple[_Example, Violation] | None
) -> tuple[_Example, int | None, int | None] | None:
    """The valid example of the rule, with the line and column of the value that the rule is about.

    Lints have no example of their own: any valid payload will do that has the value but not the lint.
    """
    is_lint = spec.rules(profile)[rule].lint
    for example in _examples():
        if not example.path.startswith("valid/"):
            continue
        name = example.path.rpartition("/")[2].rpartition(".")[0]
        line, column = _position(example, bad[1].pointer) if bad else (None, None)
        is_alike = is_lint and bad is not None and example.part == bad[0].part and line is not None
        if is_alike or name.split("-")[0] == rule:
            verdict = _judged(example, profile)
            if verdict.valid and rule not in [lint.rule for lint in verdict.lints]:
                return example, line, column
    return None


def _position(example: _Example, where: str) -> tuple[int | None, int | None]:
    """The line and column of the value at a pointer; None where the example has no such value."""
    if example.part in ("query", "headers") or not where:
        return None, None
    text = example.data.decode()
    try:
        path = _path(json.loads(text), where)
    except (ValueError, LookupError, TypeError):
        return None, None
    return Lines(text).place(locate(text, [path])[path].start)


def _path(value: Any, where: str) -> tuple[str | int, ...]:
    """The steps of a pointer into the value. Raises LookupError or TypeError where it leads nowhere."""
    path: list[str | int] = []
    for name in steps(where):
        if isinstance(value, list):
            index = int(name)
            path.append(index)
            value = value[index]
        else:
            path.append(name)
            value = value[name]
    return tuple(path)


def _shown(example: _Example, line: int | None, column: int | None, *, with_caret: bool) -> list[str]:
    """The lines of an example around one of them, with a caret where a column is known."""
    lines = example.data.decode("utf-8", "backslashreplace").removesuffix("\n").split("\n")
    first, last = (1, len(lines)) if line is None else (line - _AROUND, line + _AROUND)
    shown = []
    for number, source in enumerate(lines, 1):
        if first <= number <= last:
            at = column if number == line and column is not None else None
            text, caret = excerpt(source, at or 1, _WIDTH)
            shown.append(f"  {number:>3} | {text}".rstrip())
            if with_caret and at is not None:
                shown.append(f"      | {' ' * caret}^")
    return shown
