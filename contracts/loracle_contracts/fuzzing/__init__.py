"""Tests a server against the contract, within a budget of requests and of paid trainings."""

from __future__ import annotations

from loracle_contracts.fuzzing.findings import Finding, NotChecked
from loracle_contracts.fuzzing.options import LAYERS, FuzzOptions
from loracle_contracts.fuzzing.run import FuzzReport, fuzz

__all__ = ["LAYERS", "Finding", "FuzzOptions", "FuzzReport", "NotChecked", "fuzz"]
