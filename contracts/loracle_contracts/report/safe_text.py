"""Makes text from payloads and file names safe to show: no control characters, no commands to a CI system."""

from __future__ import annotations

import re

__all__ = ["escaped", "printable"]

# GitHub (##[...]) and Azure Pipelines (##vso[...]) read these as commands, wherever in a line they stand.
_COMMAND = re.compile(r"##(?=\w*\[)")


def printable(text: str) -> str:
    """The text on one line, with all that does not print as an escape: safe on any terminal."""
    if "##" in text:
        text = _COMMAND.sub(r"#\\u0023", text)
    return text if text.isprintable() else "".join(map(escaped, text))


def escaped(character: str) -> str:
    """One character, or its escape where it does not print."""
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
