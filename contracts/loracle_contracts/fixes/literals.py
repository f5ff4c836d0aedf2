"""Changes a text where it stands in JSON or YAML, and no other character."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from loracle_contracts.fixes.edits import Edit

__all__ = ["edited"]

_JSON = re.compile(r'"(?:[^"\\]|\\.)*"')
_SINGLE_QUOTED = re.compile(r"'([^']*)'")
_TOKEN = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL)
_BLANK = re.compile(r"[ \t\n\r]|\\[tnr]|\\u00(?:20|09|0[aA]|0[dD])")


def edited(line: str, edits: Iterable[Edit]) -> str:
    """The line after all edits in it that fit what really stands there."""
    # From the end, so that the columns of the others stay right.
    for edit in sorted(edits, reverse=True):
        start = edit.column - 1
        found = _new_literal(line, start, edit)
        if found is not None:
            end, new = found
            line = line[:start] + new + line[end:]
    return line


def _new_literal(line: str, start: int, edit: Edit) -> tuple[int, str] | None:
    """Where the text's literal ends and what takes its place; None where something else stands there."""
    double = _JSON.match(line, start)
    if double:
        return (
            (double.end(), _in_double_quotes(double.group(), edit))
            if _holds(double.group(), edit.old)
            else None
        )
    single = _SINGLE_QUOTED.match(line, start)
    if single and single.group(1) == edit.old and not line.startswith("'", single.end()):
        return single.end(), edit.new if edit.is_number else f"'{edit.new}'"
    # A plain scalar of YAML; a number as text would have quotes.
    plain = re.compile(rf"{re.escape(edit.old)}(?=[ \t\r\n,}}\]]|$)").match(line, start)
    return (plain.end(), edit.new) if plain and not edit.is_number and edit.old.isalnum() else None


def _holds(literal: str, text: str) -> bool:
    try:
        return bool(json.loads(literal) == text)
    except ValueError:  # an escape that only YAML has
        return False


def _in_double_quotes(literal: str, edit: Edit) -> str:
    if edit.is_number:
        return edit.new
    if edit.old.strip(" \t\n\r") != edit.new:
        return json.dumps(edit.new)
    tokens = _TOKEN.findall(literal[1:-1])
    while tokens and _BLANK.fullmatch(tokens[0]):
        tokens.pop(0)
    while tokens and _BLANK.fullmatch(tokens[-1]):
        tokens.pop()
    return f'"{"".join(tokens)}"'
