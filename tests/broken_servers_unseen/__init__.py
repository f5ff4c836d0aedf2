"""Broken servers for judging a contract fuzzer, written without knowledge of its probes."""

from __future__ import annotations

# Each module registers its defects when it is imported.
from broken_servers_unseen import (  # noqa: F401
    assets,
    keys,
    lax_shapes,
    lax_values,
    lists,
    narrow_shapes,
    narrow_values,
    refusals,
    routes,
    states,
    summaries,
)
from broken_servers_unseen.defect import ASGIApp, Case, Defect
from broken_servers_unseen.registry import CASES

__all__ = ["CASES", "UNSEEN", "ASGIApp", "Case", "Defect"]

UNSEEN: list[Defect] = [case.defect for case in CASES]
