"""All texts that explain a violation: what was expected, and what to do, by schema keyword."""

from __future__ import annotations

from typing import Any

__all__ = ["SYNTAX", "advice_text", "expected_text", "misspelling_text", "syntax_texts"]

_TYPES = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}


_LIBRARY = "Let a JSON library write the body."
# What of the grammar is broken: what is expected there, and what to do.
SYNTAX = {
    "value": ("a value", _LIBRARY),
    "name": ("a member name in double quotation marks", _LIBRARY),
    "colon": ("a colon behind the member name", "Put a colon between the name and its value."),
    "comma": ("a comma or the closing bracket", "Put a comma between the two, or close what is open."),
    "trailing": ("no comma before a closing bracket", "Remove the comma."),
    "end": ("nothing behind the end of the document", "Send one JSON document and nothing else."),
    "number": (
        "a number as JSON writes it",
        "Write plain digits: no leading zero, no plus, no unit.",
    ),
    "string": ("a closing quotation mark", "Close the text with a double quotation mark."),
    "control": ("no raw control character in a text", "Close the text before it, or escape it: \\n, \\t."),
    "escape": ("an escape that JSON knows", "Write the character itself, or two backslashes for one."),
}
# What a text that is no JSON begins with, where JSON has a word of its own for it.
_FOREIGN = {
    "'": "Use double quotation marks.",
    "/": "Remove the comment; JSON has none.",
    "#": "Remove the comment; JSON has none.",
    "True": "Write true.",
    "False": "Write false.",
    "None": "Write null.",
    "undefined": "Write null, or leave the member out.",
}


def syntax_texts(reason: str, got: str) -> tuple[str, str]:
    """What a text should hold where its grammar is broken, and what to do about `got`, which it holds."""
    expected, advice = SYNTAX[reason]
    if got == "the end of the text":
        return expected, "Send the whole document; the text ends too early."
    foreign = [advice for start, advice in _FOREIGN.items() if got.startswith(start)]
    return expected, foreign[0] if foreign and reason != "string" else advice


def expected_text(keyword: str, value: Any) -> str:
    """What a schema keyword with this value asks for, as a phrase without a full stop."""
    match keyword:
        case "type":
            types = [value] if isinstance(value, str) else value
            return _any_of([_TYPES[t] for t in types])
        case "enum":
            return "one of " + ", ".join(_literal(v) for v in value)
        case "const":
            return _literal(value)
        case "minimum":
            return f"at least {value}"
        case "exclusiveMinimum":
            return f"more than {value}"
        case "maximum":
            return f"at most {value}"
        case "minLength":
            return "text that is not empty" if value == 1 else f"at least {value} characters"
        case "maxLength":
            return f"at most {value} characters"
        case "minItems":
            return "at least 1 item" if value == 1 else f"at least {value} items"
        case "maxItems":
            return f"at most {value} items"
        case "required":
            return f"the member {value}"
        case "additionalProperties":
            return "no member of this name"
        case "then":
            return "a class_prompt, because with_prior_preservation is true"
        case "pattern":
            return f"text that matches {value}"
        case _:
            return f"{keyword} {value}"


def advice_text(keyword: str, value: Any, member: str, expected: str, got: str) -> str:
    """One sentence on what to do about a violation of `keyword` at `member`.

    `expected` says what the rule asks for, `got` quotes what came.
    """
    match keyword:
        case "required":
            return f"Add the member {value}."
        case "additionalProperties":
            return f"Remove {member}; the contract does not know it."
        case "type":
            types = [value] if isinstance(value, str) else value
            if got.startswith('"') and "string" not in types and {"integer", "number"} & set(types):
                return f"Send {member} as a JSON number, without quotation marks."
            return f"Send {member} as {expected}."
        case "minItems":
            return f"Put at least {value} into {member}."
        case "maxItems":
            return f"Shorten {member} to {value} items."
        case _:
            return f"Change {member} to {expected}."


def misspelling_text(near: str, missing: str | None, *, is_missing: bool) -> str:
    """The advice about a misspelt name or word.

    `near` is the known one that it is near to, and `is_missing` says that it is required and not there.
    Where `missing` is given, that is the known one, and `near` what may be a misspelling of it.
    """
    if missing is not None:
        return f"Rename {near} to {missing}."
    return f"Did you mean {near}? It is missing." if is_missing else f"Did you mean {near}?"


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "an empty text" if value == "" else str(value)


def _any_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]
