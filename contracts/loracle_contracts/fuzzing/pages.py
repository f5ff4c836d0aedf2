"""Reads lists page by page, whatever a broken server makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loracle_contracts.fuzzing.probe import Exchange, Probe
from loracle_contracts.parse import parse

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["TASKS", "Listing", "Page", "RelationList", "read_page", "read_pages", "shown", "value_of"]

_SHOWN = 4


@dataclass(frozen=True)
class Listing:
    """An operation that lists: the member that holds the items, and the one that names an item."""

    operation: str
    member: str
    key: str


TASKS = Listing("listTrainings", "tasks", "task_id")


@dataclass(frozen=True)
class Page:
    """One page: those items that have a name, how many there were in all, and the cursor of the next."""

    exchange: Exchange
    items: list[dict[str, Any]]
    length: int
    cursor: str


@dataclass
class RelationList:
    """What does not fit together, kept until it is known whether it counts."""

    found: list[tuple[str, str, str, str, Sequence[Exchange]]] = field(default_factory=list)

    def add(self, subject: str, title: str, expected: str, got: str, sent: Sequence[Exchange]) -> None:
        """Notes one; the texts are those of a finding."""
        self.found.append((subject, title, expected, got, sent))

    def report(self, session: Session, layer: str) -> None:
        """Makes findings of all."""
        for finding in self.found:
            session.relation(layer, *finding)


def value_of(exchange: Exchange | None) -> dict[str, Any] | None:
    """The object that a request was answered with, or None where it was refused or answered otherwise."""
    if exchange is None or exchange.answer is None or exchange.answer.status != 200:
        return None
    value = parse(exchange.answer.body).value
    return value if isinstance(value, dict) else None


async def read_page(session: Session, layer: str, listing: Listing, query: Mapping[str, Any]) -> Page | None:
    """One page, or None where there was none; what is wrong with the answer itself is a finding already."""
    request = session.request(listing.operation, query=query)
    title = " ".join(["a page of", listing.operation, *(f"{name}={value}" for name, value in query.items())])
    exchange = await session.send(Probe(layer, title, request, listing.operation))
    value = value_of(exchange)
    items = value.get(listing.member) if value is not None else None
    if exchange is None or value is None or not isinstance(items, list):
        return None
    named = [item for item in items if isinstance(item, dict) and type(item.get(listing.key)) in (str, int)]
    pagination = value.get("pagination")
    cursor = pagination.get("next_cursor") if isinstance(pagination, dict) else None
    return Page(exchange, named, len(items), cursor.strip() if isinstance(cursor, str) else "")


async def read_pages(
    session: Session, layer: str, listing: Listing, query: Mapping[str, Any], most: int
) -> list[Page]:
    """The first pages, `most` of them at the most; empty where one of them cannot be read."""
    pages: list[Page] = []
    cursor = ""
    while len(pages) < most and (cursor or not pages):
        asked = {**query, "pagination.cursor": cursor} if cursor else query
        page = await read_page(session, layer, listing, asked)
        if page is None:
            return []
        pages.append(page)
        if page.cursor == cursor:
            break  # it would never end
        cursor = page.cursor
    return pages


def shown(values: Sequence[Any]) -> str:
    """A list in a text, cut where it is long."""
    listed = ", ".join(str(value) for value in values[:_SHOWN])
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return listed + more or "none"
