"""What GitHub reads: workflow commands in a log, Markdown in the summary of a step."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["markdown_text", "workflow_command"]

_LONGEST = 300  # characters of a cell; a summary may have 1 MiB
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def workflow_command(name: str, properties: Mapping[str, str], message: str) -> str:
    """A line that the runner reads as a command; see github.com/actions/toolkit, command.ts."""
    told = ",".join(f"{key}={_escaped_property(value)}" for key, value in properties.items() if value)
    return f"::{name} {told}::{_escaped(message)}\n" if told else f"::{name}::{_escaped(message)}\n"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is: no link, no image, no mention, no HTML comes of a payload."""
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return _PUNCTUATION.sub(lambda found: f"&#{ord(found[0])};", cut)
