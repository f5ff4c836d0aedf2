"""What plain scalars of YAML mean, where all readers agree; JSON has to hold the same."""

from __future__ import annotations

import json
import re

__all__ = ["AmbiguousError", "json_of_plain", "json_of_tagged"]

_TAG = "tag:yaml.org,2002:"
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), "null"),
    **dict.fromkeys(("true", "True", "TRUE"), "true"),
    **dict.fromkeys(("false", "False", "FALSE"), "false"),
}
_NOT_JSON = {
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), "Infinity"),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), "-Infinity"),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), "NaN"),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
# YAML 1.1 wants a dot in a number, and a sign in its exponent.
_DECIMAL = re.compile(r"([-+]?)([0-9]*)\.([0-9]*)((?:[eE][-+][0-9]+)?)")
# What is a number to YAML 1.1 or to YAML 1.2, but not the same to both.
_NUMBER_TO_SOME = re.compile(
    r"""[-+]?(?: 0[0-9_]+ | 0o[0-7]+ | 0x[0-9a-fA-F_]+ | 0b[01_]+
      | [0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)? | \.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?
      | [0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)? )""",
    re.VERBOSE,
)
_BOOLEAN_TO_SOME = re.compile(r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}\S*.*)?")


class AmbiguousError(ValueError):
    """A scalar that JSON cannot hold as it was meant; the text says what to write instead."""


def json_of_plain(text: str) -> str:
    """The JSON text of a plain scalar.

    NaN and the infinities keep the names that JSON's scanners know them by. Raises AmbiguousError where
    readers of YAML 1.1 and of YAML 1.2 disagree, and for a date.
    """
    word = _WORDS.get(text) or _NOT_JSON.get(text)
    if word is not None:
        return word
    if _INTEGER.fullmatch(text):
        return text.removeprefix("+")
    if _HEXADECIMAL.fullmatch(text) and len(text) <= 18:
        return str(int(text, 16))
    decimal = _DECIMAL.fullmatch(text)
    if decimal and (decimal[2] or decimal[3]):
        sign, whole, fraction, exponent = decimal.groups()
        return f"{sign.removeprefix('+')}{whole.lstrip('0') or '0'}.{fraction or '0'}{exponent}"
    if _BOOLEAN_TO_SOME.fullmatch(text):
        raise AmbiguousError(
            f"{text} is true or false to some YAML readers and text to others; write true or false, or put "
            "it in quotes"
        )
    if _NUMBER_TO_SOME.fullmatch(text):
        raise AmbiguousError(
            f"{text} is not the same number to all YAML readers; write it in plain decimals (1.0e-4 instead "
            "of 1e-4), or put it in quotes"
        )
    if _DATE.fullmatch(text):
        raise AmbiguousError(f"{text} is a date to some YAML readers, which JSON has not; put it in quotes")
    return json.dumps(text, ensure_ascii=False)


def json_of_tagged(tag: str, text: str) -> str:
    """The JSON text of a scalar with a tag. Raises AmbiguousError for what JSON has not."""
    name = tag.removeprefix(_TAG) if tag.startswith(_TAG) else None
    if tag == "!" or name == "str":
        return json.dumps(text, ensure_ascii=False)
    if name in ("int", "float", "bool", "null"):
        found = json_of_plain(text)
        if not found.startswith('"'):
            return found
    raise AmbiguousError(f"the tag {tag} makes it a value that JSON has not; leave the tag out")
