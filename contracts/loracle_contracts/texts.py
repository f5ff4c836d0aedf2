"""All texts that explain a violation: what was expected, and what to do, by schema keyword."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["advice_text", "expected_text"]

_TYPES = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}


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


def advice_text(
    keyword: str, value: Any, member: str, expected: str, got: str, known: Sequence[str] = ()
) -> str:
    """One sentence on what to do about a violation of `keyword` at `member`.

    `expected` says what the rule asks for, `got` quotes what came; `known` holds the names that the
    enclosing object allows, best guess first.
    """
    match keyword:
        case "required":
            return f"Add the member {value}."
        case "additionalProperties":
            return (
                f"Did you mean {known[0]}?" if known else f"Remove {member}; the contract does not know it."
            )
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


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "an empty text" if value == "" else str(value)


def _any_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]
