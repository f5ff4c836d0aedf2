"""The text of a test that fails because its client broke the contract."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from loracle_contracts.verdict import Profile, Violation
from loracle_mockserver.journal import NO_ROUTE, Entry

__all__ = ["broke_the_contract", "contract_report", "whose_request"]

_SHOWN_REQUESTS = 10
_SHOWN_VIOLATIONS = 10


def broke_the_contract(entry: Entry) -> bool:
    """Whether the request broke the profile in force; an answer that a fault gave does not say so."""
    return bool(entry.rules) or (entry.fault is None and entry.reason in NO_ROUTE)


def whose_request(entry: Entry) -> str:
    """How a request that is not of the key in question came."""
    if entry.namespace is not None:
        return "with another API key"
    # An upload has no key; its URL says whose it is.
    return "of an unknown upload URL" if entry.operation == "putUpload" else "without an accepted API key"


def contract_report(entries: Sequence[tuple[int, Entry]], own: str, profile: Profile) -> str | None:
    """What each request did wrong, with the advice; None where none of them did.

    `own` is the namespace that needs no mention.
    """
    broken = [(n, entry) for n, entry in entries if broke_the_contract(entry)]
    if not broken:
        return None
    blocks = [_block(n, entry, own, profile) for n, entry in broken[:_SHOWN_REQUESTS]]
    if len(broken) > _SHOWN_REQUESTS:
        blocks.append(f"... and {len(broken) - _SHOWN_REQUESTS} more requests")
    requests = "1 request" if len(entries) == 1 else f"{len(entries)} requests"
    head = f"The client broke the contract (profile {profile}) in {len(broken)} of {requests}:"
    return "\n\n".join([head, *blocks])


def _block(n: int, entry: Entry, own: str, profile: Profile) -> str:
    whose = "" if entry.namespace == own else f" ({whose_request(entry)})"
    found = _texts(entry, profile)
    more = [f"... and {len(found) - _SHOWN_VIOLATIONS} more"] if len(found) > _SHOWN_VIOLATIONS else []
    lines = [f"#{n} {entry.line()}{whose}", *found[:_SHOWN_VIOLATIONS], *more]
    return "\n    ".join(lines)


def _texts(entry: Entry, profile: Profile) -> list[str]:
    violations: list[Violation] = entry.redacted().violations(profile)
    if violations:
        return [str(violation) for violation in violations]
    # Where there is no operation, only the answer says what was wrong.
    return [entry.clean(str(orjson.loads(entry.reply_body)["message"]))]
