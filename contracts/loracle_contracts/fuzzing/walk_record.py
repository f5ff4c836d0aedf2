"""What the walk has made and seen, in the order in which it happened; its judges read nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from loracle_contracts.answers import reason_of
from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing.probe import Exchange, Probe
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.walk_seen import ENOUGH, Entry, Listing, Look, Made, Page
from loracle_contracts.oracle import Expectation
from loracle_contracts.parse import parse

__all__ = ["CREATES", "KINDS", "LAYER", "STATES", "Record"]

LAYER = "walk"
KINDS = ("subject", "style")
CREATES = {"subject": "createSubjectTraining", "style": "createStyleTraining"}
STATES = {"subject": "getSubjectTraining", "style": "getStyleTraining"}
_MAX_PAGES = 8


@dataclass
class Record:
    """Sends the walk's requests and keeps what they tell."""

    session: Session
    made: list[Made] = field(default_factory=list)
    looks: dict[str, list[Look]] = field(default_factory=dict)
    listings: list[Listing] = field(default_factory=list)
    lost: dict[str, Exchange] = field(default_factory=dict)
    """Answers that deny a task that was made, by its id."""
    uncertain: set[str] = field(default_factory=set)
    """Names of creates of which nobody knows whether they started anything."""
    existing: list[Made] = field(default_factory=list)
    """Tasks that were there before, as far as they are looked at."""
    before: frozenset[str] | None = None
    """The ids that were there before the walk, or None where nobody knows."""
    tick: int = 0

    def tell(self, subject: str, title: str, expected: str, got: str, *exchanges: Exchange) -> None:
        """Reports that answers do not fit together."""
        self.session.relation(LAYER, subject, title, expected, got, exchanges)

    def skip(self, what: str, why: str) -> None:
        """Notes what could not be checked."""
        self.session.skip(LAYER, what, why)

    async def send(
        self,
        title: str,
        request: Request,
        subject: str,
        demand: Expectation | None = None,
        url: str | None = None,
    ) -> Exchange | None:
        """One request of the walk."""
        self.tick += 1
        return await self.session.send(Probe(LAYER, title, request, subject, demand), url)

    # --- creates

    async def create(
        self, kind: str, body: dict[str, Any], title: str, *, is_new: bool = True
    ) -> Made | None:
        """The task that a create starts, or None; a name that must be new is made so where it is taken."""
        made, reason = await self._create(kind, body, title)
        if reason == "TASK_NAME_EXISTED" and is_new:
            name = f"{body['name'][:150]} {self.session.task_name(again=True)}"
            made, reason = await self._create(kind, {**body, "name": name}, title)
        if made is None and reason is not None:
            self.skip(f"a create: {title}", f"the server answered {reason}")
        return made

    async def _create(self, kind: str, body: dict[str, Any], title: str) -> tuple[Made | None, str | None]:
        sent = self.tick + 1
        request = self.session.request(CREATES[kind], body)
        self.uncertain.add(body["name"])
        slug = title.partition(",")[0].removeprefix("a ").removeprefix("an ").replace(" ", "-")
        exchange = await self.send(title, request, f"walk.create.{slug}")
        made = self.keep(kind, body["name"], exchange, sent)
        if made is not None or (exchange is not None and exchange.answer and not exchange.is_accepted):
            self.uncertain.discard(body["name"])
        if exchange is None:
            self.uncertain.discard(body["name"])
            return None, None
        answer = exchange.answer
        return made, None if answer is None or made else f"{reason_of(answer) or answer.status}"

    def keep(self, kind: str, name: str, exchange: Exchange | None, sent: int) -> Made | None:
        """Remembers the task that a create was answered with."""
        if exchange is None or exchange.answer is None or not exchange.is_accepted:
            return None
        value = parse(exchange.answer.body).value
        found = value.get("task_id") if isinstance(value, dict) else None
        if not isinstance(found, str):
            self.uncertain.add(name)
            return None
        self.tick += 1
        made = Made(found, name, kind, exchange, sent, self.tick)
        self.made.append(made)
        return made

    # --- reads

    async def state(self, task: Made, title: str = "the state of a task that was made") -> Look | None:
        """The task as its state call shows it, or None."""
        request = self.session.request(STATES[task.kind], query={"task_id": task.id})
        exchange = await self.send(title, request, f"walk.state.{task.kind}")
        if exchange is None or exchange.answer is None:
            return None
        if exchange.answer.status == 404:
            self.lost.setdefault(task.id, exchange)
        if not exchange.is_accepted:
            return None
        entry = self.answered_for(task, exchange)
        if entry is None:
            return None
        return self._see(entry, exchange, is_listed=False)

    def answered_for(self, task: Made, exchange: Exchange) -> Entry | None:
        """The task in the answer to a state call; another one than this is a finding."""
        entry = Entry.of(parse(exchange.answer.body).value) if exchange.answer is not None else None
        if entry is not None and entry.id != task.id:
            title = "the state is that of the task that was asked for"
            self.tell("state.task_id", title, task.id, entry.id, exchange)
            return None
        return entry

    async def page(
        self, limit: int | None, cursor: str = "", title: str = "a page of the list"
    ) -> Page | None:
        """One page of the list, or None where there was no answer of its form."""
        asked = {"pagination.limit": limit, "pagination.cursor": cursor or None}
        query = {name: value for name, value in asked.items() if value is not None}
        exchange = await self.send(title, self.session.request("listTrainings", query=query), "walk.list")
        if exchange is None or exchange.answer is None or not exchange.is_accepted:
            return None
        value = parse(exchange.answer.body).value
        tasks = value.get("tasks") if isinstance(value, dict) else None
        if not isinstance(tasks, list):
            return None
        entries = [entry for entry in map(Entry.of, tasks) if entry is not None]
        for entry in entries:
            self._see(entry, exchange, is_listed=True)
        pagination = value.get("pagination")
        following = pagination.get("next_cursor") if isinstance(pagination, dict) else ""
        text = following.strip() if isinstance(following, str) else ""
        return Page(tuple(entries), text, limit, exchange)

    async def pages(
        self,
        limit: int | None = 100,
        *,
        most: int = _MAX_PAGES,
        title: str = "the list",
    ) -> Listing | None:
        """The list from its start, at most so many pages, or None where not all pages came."""
        listing = Listing(limit, self.tick)
        cursor = ""
        while len(listing.pages) < most and len(listing.ids) < ENOUGH:
            page = await self.page(limit, cursor, title)
            if page is None:
                return None
            listing.pages.append(page)
            cursor = page.cursor
            if not cursor:
                listing.is_whole = True
                break
        self.listings.append(listing)
        return listing

    def _see(self, entry: Entry, exchange: Exchange, *, is_listed: bool) -> Look:
        self.tick += 1
        look = Look(self.tick, entry, exchange, is_listed)
        self.looks.setdefault(entry.id, []).append(look)
        return look

    # --- what was seen

    def states(self, task_id: str, *, is_listed: bool | None = None) -> Iterator[Look]:
        """How a task was seen, in order: by its state call, in lists, or (None) both."""
        for look in self.looks.get(task_id, ()):
            if is_listed is None or look.is_listed is is_listed:
                yield look
