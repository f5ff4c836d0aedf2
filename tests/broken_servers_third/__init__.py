"""A third corpus of broken servers, written without a look at what finds them."""

from __future__ import annotations

from broken_servers_unseen.defect import ASGIApp, Case, Defect

from broken_servers_third import (
    access,
    creates,
    lax_members,
    lax_settings,
    lists,
    narrow_members,
    narrow_settings,
    queries,
    refusals,
    states,
    uploads,
)

__all__ = ["CASES", "UNSEEN", "ASGIApp", "Case", "Defect"]

CASES: list[Case] = [
    *lax_settings.CASES,
    *lax_members.CASES,
    *queries.CASES,
    *narrow_settings.CASES,
    *narrow_members.CASES,
    *states.CASES,
    *lists.CASES,
    *creates.CASES,
    *access.CASES,
    *refusals.CASES,
    *uploads.CASES,
]
UNSEEN: list[Defect] = [case.defect for case in CASES]
