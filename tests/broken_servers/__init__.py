"""Servers that break the contract in one way each, to prove what a test of servers can find.

They are written from the contract alone, without a look at what is to find them.
"""

from __future__ import annotations

from broken_servers import (
    accepts_json,
    accepts_rules,
    answers,
    crashes,
    create_answers,
    errors,
    http_habits,
    keys,
    life_cycle,
    listing,
    queries,
    refuses_lints,
    refuses_values,
    side_effects,
    tasks,
    uploads,
)
from broken_servers.defect import ASGIApp, Case, Defect

__all__ = ["CASES", "KNOWN", "ASGIApp", "Case", "Defect"]

_MODULES = (
    accepts_rules,
    accepts_json,
    queries,
    refuses_values,
    refuses_lints,
    create_answers,
    tasks,
    life_cycle,
    listing,
    side_effects,
    keys,
    http_habits,
    answers,
    errors,
    crashes,
    uploads,
)
CASES: list[Case] = [case for module in _MODULES for case in module.CASES]
KNOWN: list[Defect] = [case.defect for case in CASES]
