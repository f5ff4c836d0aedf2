"""Text as XML: written by the standard library, with all that XML forbids spelled out."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from loracle_contracts.report.safe_text import printable

__all__ = ["attribute", "element"]


def element(name: str, attributes: dict[str, str], lines: list[str]) -> str:
    """An element with its attributes and its text, which is printable already."""
    head = "".join(f" {key}={attribute(value)}" for key, value in attributes.items())
    return f"<{name}{head}>{escape(chr(10).join(lines))}</{name}>"


def attribute(value: str) -> str:
    """The value of an attribute, in quotation marks; what XML cannot hold is spelled out."""
    return quoteattr(printable(value))
