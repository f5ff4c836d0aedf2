"""Quotes what came: short, and on one line."""

from __future__ import annotations

__all__ = ["LONGEST", "excerpt"]

LONGEST = 80


def excerpt(text: str) -> str:
    """The text cut to what a person reads, on one line, with what does not print escaped."""
    if len(text) <= LONGEST and text.isprintable():
        return text
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    folded = " ".join(cut.split())
    if folded.isprintable():
        return folded
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in folded)
