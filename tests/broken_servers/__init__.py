"""Servers that break the contract in one way each, to prove what a test of servers can find.

They are written from the contract alone, without a look at what is to find them.
"""

from __future__ import annotations

from broken_servers import (
    accepts_json,
    accepts_rules,
    answers,
    crashes_on_bodies,
    crashes_on_queries,
    create_answers,
    errors,
    keys,
    life_cycle,
    listing,
    media_types,
    queries,
    refuses_lints,
    refuses_values,
    routes,
    side_effects,
    tasks,
    uploads,
)
from broken_servers.defect import ASGIApp, Case, Defect

__all__ = ["CASES", "KNOWN", "RARE", "ASGIApp", "Case", "Defect"]

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
    media_types,
    routes,
    answers,
    errors,
    crashes_on_bodies,
    crashes_on_queries,
    uploads,
)
CASES: list[Case] = [case for module in _MODULES for case in module.CASES]
# Only who thinks of the very case finds these; they are kept out of what a bar is about.
_RARE_NAMES = (
    "key-in-a-cookie-taken",
    "key-in-another-header-taken",
    "key-in-the-query-taken",
    "key-of-three-words-500",
    "method-overridden-by-header",
    "path-with-suffix-taken",
    "path-without-version-taken",
    "range-206",
    "crashes-on-name-of-a-prototype",
    "crashes-on-name-with-a-percent-sign",
    "crashes-on-name-with-braces",
    "crashes-on-extension-as-path",
    "upload-url-with-blanks",
)
RARE: list[Defect] = [
    case.defect for case in CASES if case.defect.name.removeprefix("behaviour.") in _RARE_NAMES
]
KNOWN: list[Defect] = [case.defect for case in CASES if case.defect not in RARE]
