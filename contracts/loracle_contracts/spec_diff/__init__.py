"""Compares two OpenAPI documents: what breaks clients, what breaks servers, and a payload that shows it."""

from __future__ import annotations

from loracle_contracts.spec_diff.change import Change, Comparison, OperationChanges, Party
from loracle_contracts.spec_diff.compare import compare
from loracle_contracts.spec_diff.document import Document, DocumentError, read_document
from loracle_contracts.spec_diff.report import json_report, text_report
from loracle_contracts.spec_diff.witness import Witness

__all__ = [
    "Change",
    "Comparison",
    "Document",
    "DocumentError",
    "OperationChanges",
    "Party",
    "Witness",
    "compare",
    "json_report",
    "read_document",
    "text_report",
]
