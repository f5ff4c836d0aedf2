"""RelationList of paging: small pages hold what one large page does, each item once, in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from loracle_contracts.fuzzing.pages import Listing, RelationList, read_pages, shown

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["MAX_LIMIT", "check_paging", "limits_of"]

MAX_LIMIT = 100
_PAGES = 4


def limits_of(items: int, *, is_all: bool) -> list[int]:
    """Limits that show how pages meet: three pages, one item on the last of two, and just one page."""
    limits = (max(1, -(-items // 3)), items - 1, items) if is_all else (1, 3)
    return [limit for limit in dict.fromkeys(limits) if 1 <= limit <= MAX_LIMIT]


async def check_paging(
    session: Session,
    layer: str,
    relations: RelationList,
    listing: Listing,
    items: Sequence[Mapping[str, Any]],
    limits: Iterable[int],
    query: Mapping[str, Any] | None = None,
    *,
    is_all: bool,
) -> None:
    """Reads in pages of the limits what is known to be `items`, which begin the list.

    `is_all` says that nothing follows them.
    """
    ids = [item[listing.key] for item in items]
    for limit in limits:
        asked = {**(query or {}), "pagination.limit": limit}
        pages = await read_pages(session, layer, listing, asked, _PAGES)
        if not pages:
            return
        read = [item[listing.key] for page in pages for item in page.items]
        sent = [page.exchange for page in pages]
        title = " ".join([listing.operation, *(f"{name}={value}" for name, value in asked.items())])
        long = next((page for page in pages if page.length > limit), None)
        repeated = [one for n, one in enumerate(read) if one in read[:n]]
        if long is not None:
            got = f"{long.length} items"
            relations.add("pagination.limit", title, f"at most {limit} items", got, [long.exchange])
        elif repeated:
            relations.add("paging.disjoint", title, "each item on one page", shown(repeated), sent)
        elif read[: len(ids)] != ids[: len(read)]:
            relations.add("paging.order", title, f"as in one page: {shown(ids)}", shown(read), sent)
        elif is_all and len(read) > len(ids):
            relations.add("paging.complete", title, f"{len(ids)} items", f"{len(read)}", sent)
        elif not pages[-1].cursor and len(read) < len(ids):
            missing = [one for one in ids if one not in read]
            relations.add("paging.complete", title, f"all {len(ids)} items", f"not {shown(missing)}", sent)
        elif is_all and len(read) == len(ids) and (pages[-1].cursor or not pages[-1].length):
            got = pages[-1].cursor or "a page without items behind it"
            relations.add("paging.last", title, "an empty next_cursor on the last page", got, sent)
