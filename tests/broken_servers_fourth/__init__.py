"""A fourth corpus of broken servers, written without a look at what finds them."""

from __future__ import annotations

from broken_servers_unseen.defect import ASGIApp, Case, Defect

from broken_servers_fourth import (
    creates,
    judging,
    lax_bodies,
    lax_reading,
    lists,
    models,
    narrow_bodies,
    narrow_reading,
    routing,
    states,
    uploads,
)

__all__ = ["CASES", "UNSEEN", "ASGIApp", "Case", "Defect"]

CASES: list[Case] = [
    *lax_bodies.CASES,
    *lax_reading.CASES,
    *narrow_bodies.CASES,
    *narrow_reading.CASES,
    *states.CASES,
    *lists.CASES,
    *models.CASES,
    *creates.CASES,
    *judging.CASES,
    *routing.CASES,
    *uploads.CASES,
]
UNSEEN: list[Defect] = [case.defect for case in CASES]
