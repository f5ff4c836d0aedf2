"""Reads a query string as the values that the contract judges."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_plus, unquote_to_bytes

from loracle_contracts import spec
from loracle_contracts.verdict import Violation

__all__ = ["parse_query"]

# Longer texts are no page size; they stay text and fail as such.
_INTEGER = re.compile(r"-?[0-9]{1,18}")


def parse_query(query: bytes | str, operation: spec.Operation) -> tuple[dict[str, Any], list[Violation]]:
    """The parameters by name, integers read as such, and what is wrong with the text itself.

    Of a repeated parameter the first value stays.
    """
    text = query.decode("latin-1") if isinstance(query, bytes) else query
    values: dict[str, Any] = {}
    faults: list[Violation] = []
    known = spec.document("strict")["$defs"].get(operation.query, {}).get("properties", {})
    for pair in text.split("&"):
        raw_name, _, raw = pair.partition("=")
        if not pair:
            continue
        name = unquote_plus(raw_name, errors="replace")
        if name not in known:
            continue
        if name in values:
            faults.append(_fault("query.duplicate", name, unquote_plus(raw, errors="replace")))
            continue
        try:
            unquote_to_bytes(raw.encode("utf-8", "surrogatepass")).decode()
        except UnicodeDecodeError:
            faults.append(_fault("query.encoding", name, raw))
        value = unquote_plus(raw, errors="replace")
        is_integer = name in operation.integer_parameters and _INTEGER.fullmatch(value)
        values[name] = int(value) if is_integer else value
    return values, faults


def _fault(rule: str, name: str, got: str) -> Violation:
    return spec.rules("strict")[rule].violation("query", f"/{name}", got[:80])
