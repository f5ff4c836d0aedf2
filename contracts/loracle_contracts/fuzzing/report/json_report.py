"""The report for programs, version 1; fuzz-report-1.schema.json beside this file describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loracle_contracts.report.json_text import dumped

__all__ = ["written"]


def written(document: Mapping[str, Any], **_: Any) -> str:
    """One JSON document, with each finding on a line of its own."""
    members = []
    for name, value in document.items():
        if name in ("findings", "not_checked") and value:
            told = ",\n".join(map(dumped, value))
            members.append(f"{dumped(name)}:[\n{told}\n]")
        else:
            members.append(f"{dumped(name)}:{dumped(value)}")
    return "{" + ",".join(members) + "}\n"
