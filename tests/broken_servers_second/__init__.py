"""Broken servers that were written without a look at what finds them."""

from __future__ import annotations

from broken_servers_unseen.defect import ASGIApp, Case, Defect

from broken_servers_second import (
    lax_shapes,
    lax_values,
    narrow_requests,
    narrow_values,
    paging,
    refusing,
    telling,
)

__all__ = ["CASES", "UNSEEN", "ASGIApp", "Case", "Defect"]

CASES: list[Case] = [
    *lax_values.CASES,
    *lax_shapes.CASES,
    *narrow_values.CASES,
    *narrow_requests.CASES,
    *refusing.CASES,
    *telling.CASES,
    *paging.CASES,
]
UNSEEN: list[Defect] = [case.defect for case in CASES]
