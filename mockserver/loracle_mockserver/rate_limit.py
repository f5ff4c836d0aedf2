"""The token bucket of a fault rule, as the generic cell rate algorithm (ITU-T I.371)."""

from __future__ import annotations

import math

from loracle_mockserver.fault_rules import FaultRule
from loracle_mockserver.store import Store

__all__ = ["seconds_too_early"]


def seconds_too_early(
    store: Store, namespace: str, rule: FaultRule, moment: float, *, without_time: bool
) -> float:
    """How many seconds a call at this moment comes too early for the rule's limit; 0: it may go on.

    A call that may go on takes a token; one that comes too early takes none. In a world `without_time`
    a client that comes back counts as one that waited for as long as it was told.
    """
    limit = rule.rate_limit
    if limit is None:
        return 0.0
    interval = 1 / limit.per_second
    early = 0.0

    def take(document: bytes | None) -> bytes:
        nonlocal early
        # The moment at which the bucket would be full again.
        full_at = max(float(document), moment) if document else moment
        early = full_at - moment - (limit.burst - 1) * interval
        # A hair of rounding must not cost a call.
        if early > 1e-6:
            return repr(full_at - math.ceil(early)).encode() if without_time else document or b""
        early = 0.0
        return repr(full_at + interval).encode()

    store.update(namespace, f"limit:{rule.id}", take)
    return early
