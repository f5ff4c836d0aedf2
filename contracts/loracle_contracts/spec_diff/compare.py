"""Compares two documents operation by operation.

A request breaks clients where the new document refuses what the old one accepts, and servers where it
accepts more; an answer breaks clients where the new document allows what the old one excludes, and
servers where it allows less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from loracle_contracts.spec_diff.change import Change, Comparison, OperationChanges, Party
from loracle_contracts.spec_diff.defaults import changed_defaults
from loracle_contracts.spec_diff.document import Document
from loracle_contracts.spec_diff.media_types import covering, covering_status, is_success
from loracle_contracts.spec_diff.operations import Answer, Media, Operation, Parameter, operations
from loracle_contracts.spec_diff.payloads import Finding, Payloads
from loracle_contracts.spec_diff.schema_form import Direction, json_key
from loracle_contracts.spec_diff.shipped_examples import answers, requests

__all__ = ["compare"]

Json = Any
Key = TypeVar("Key")
Found = TypeVar("Found")


def compare(old: Document, new: Document) -> Comparison:
    """What changed from the old to the new document, for clients and for servers.

    Raises DocumentError where one of them cannot be read as OpenAPI.
    """
    before, after = operations(old), operations(new)
    payloads = Payloads(old, new)
    found = []
    for one, other, shown in _pairs(before, after):
        notes: list[str] = []
        if other is None:
            changes = [Change("clients", "operation", "The operation was removed.")]
        elif one is None:
            text = "The operation is new: a server of the old contract does not have it."
            changes = [Change("servers", "operation", text)]
        else:
            compared = _Operation(one, other, payloads)
            changes, notes = list(compared.changes()), compared.notes
        found.append(OperationChanges(shown.name, shown.method, shown.path, changes, notes))
    unchecked = sorted({name for one in (old, new) for name in ("webhooks",) if one.root.get(name)})
    return Comparison(old.name, new.name, found, unchecked)


class _Operation:
    """One operation before and after."""

    def __init__(self, old: Operation, new: Operation, payloads: Payloads) -> None:
        self._old = old
        self._new = new
        self._payloads = payloads
        self.notes: list[str] = []

    def changes(self) -> Iterator[Change]:
        """Every change that breaks somebody, and every one that may."""
        yield from self._parameters()
        yield from self._body()
        yield from self._answers()
        yield from self._security()
        yield from self._rest()

    # --- parameters

    def _parameters(self) -> Iterator[Change]:
        for one, other, shown in _pairs(self._old.parameters, self._new.parameters):
            part = f"parameter {shown.name}"
            if other is None:
                yield Change("clients", part, "The parameter was removed.")
            elif one is None:
                if other.required:
                    yield Change("clients", part, "The parameter is new and required.")
                text = "The parameter is new: a server of the old contract ignores it."
                yield Change("servers", part, text)
            else:
                yield from self._parameter(part, one, other)

    def _parameter(self, part: str, old: Parameter, new: Parameter) -> Iterator[Change]:
        if new.required and not old.required:
            yield Change("clients", part, "The parameter is now required.")
        if old.required and not new.required:
            yield Change("servers", part, "The parameter may now be left out.")
        if old.wire != new.wire:
            for party in _PARTIES:
                yield Change(party, part, f"Its value is written otherwise: {old.wire} became {new.wire}.")
        yield from self._payload(part, old.media, new.media, "request", ("lost", "gained"))

    # --- the body of the request

    def _body(self) -> Iterator[Change]:
        old, new = self._old.body, self._new.body
        part = "request body"
        if new is None:
            if old is not None:
                yield Change("clients", part, "The operation takes no body any more.")
            return
        if new.required and (old is None or not old.required):
            yield Change("clients", part, "A body is now required.")
        if old is None:
            yield Change("servers", part, "The operation now takes a body.")
            return
        if old.required and not new.required:
            yield Change("servers", part, "The body may now be left out.")
        yield from self._contents(part, old.media, new.media, "request")

    def _contents(
        self, part: str, old: dict[str, Media], new: dict[str, Media], direction: Direction
    ) -> Iterator[Change]:
        for name, media in old.items():
            found = covering(name, new)
            if found is None:
                text = f"The content type {name} was removed."
                yield Change("clients", part, text)
                if direction == "answer":
                    yield Change("servers", part, text)
            else:
                yield from self._payload(f"{part}, {name}", media, found, direction, ("lost",))
        for name, media in new.items():
            found = covering(name, old)
            if found is None:
                party: Party = "servers" if direction == "request" else "clients"
                yield Change(party, part, f"The content type {name} is new.")
            else:
                yield from self._payload(f"{part}, {name}", found, media, direction, ("gained",))

    def _payload(
        self, part: str, old: Media, new: Media, direction: Direction, ways: tuple[str, ...]
    ) -> Iterator[Change]:
        def examples() -> Iterable[Json]:
            method, path = self._new.method, self._new.path
            return requests(method, path) if direction == "request" else answers(method, path)

        for way in ways:
            look = self._payloads.lost if way == "lost" else self._payloads.gained
            yield from _told(part, look(old, new, direction, examples), direction, way)
        if json_key(old.encoding) != json_key(new.encoding):
            for party in _PARTIES:
                yield Change(party, part, "The encoding of its parts changed.", is_certain=False)
        if direction == "request" and "lost" in ways:
            for default in changed_defaults(old.schema, new.schema):
                if default.is_replaced:
                    yield Change("clients", part, default.text, is_certain=False)
                else:
                    self.notes.append(f"{part}: {default.text}")

    # --- the answers

    def _answers(self) -> Iterator[Change]:
        old, new = self._old.answers, self._new.answers
        for status in dict.fromkeys([*old, *new]):
            one, other = covering_status(status, old), covering_status(status, new)
            part = f"answer {status}"
            if other is None:
                yield Change("servers", part, "The status was removed.")
                if is_success(status):
                    yield Change("clients", part, "The status was removed.")
            elif one is None:
                yield Change("clients", part, "The status is new: the old contract excludes it.")
            else:
                yield from self._contents(part, one.media, other.media, "answer")
                yield from self._headers(part, one, other)

    def _headers(self, part: str, old: Answer, new: Answer) -> Iterator[Change]:
        for one, other, shown in _pairs(old.headers, new.headers):
            place = f"{part}, {shown.name}"
            was, is_ = one is not None and one.required, other is not None and other.required
            if was and not is_:
                yield Change("clients", place, "The header may now be missing.")
            if is_ and not was:
                yield Change("servers", place, "The header is now required.")
            if one is not None and other is not None:
                yield from self._payload(place, one.media, other.media, "answer", ("lost", "gained"))

    # --- everything else

    def _security(self) -> Iterator[Change]:
        old, new = self._old.security, self._new.security
        for alternative in old:
            if not any(_suffices(alternative, wanted) for wanted in new):
                text = (
                    "What authenticated a request does not suffice any more."
                    if alternative
                    else ("The operation now wants authentication.")
                )
                yield Change("clients", "security", text)
        for alternative in new:
            if not any(_suffices(alternative, wanted) for wanted in old):
                text = (
                    "A request may now be authenticated in another way."
                    if alternative
                    else ("The operation now answers without authentication.")
                )
                yield Change("servers", "security", text)

    def _rest(self) -> Iterator[Change]:
        for url in self._old.servers:
            if url not in self._new.servers:
                text = f"The server {url} was removed."
                yield Change("clients", "servers", text, is_certain=False)
        if json_key(self._old.other) != json_key(self._new.other):
            for party in _PARTIES:
                text = "Callbacks or links changed, which are not compared."
                yield Change(party, "operation", text, is_certain=False)
        if self._old.id != self._new.id:
            self.notes.append(
                f"The operationId {self._old.id} became {self._new.id}; generated code has other names."
            )
        if self._new.is_deprecated and not self._old.is_deprecated:
            self.notes.append("The operation is now deprecated.")


def _pairs(
    old: dict[Key, Found], new: dict[Key, Found]
) -> Iterator[tuple[Found | None, Found | None, Found]]:
    """What is in both, in the old one alone, or in the new one alone; and the one to show."""
    for key, one in old.items():
        yield one, new.get(key), new.get(key, one)
    for key, other in new.items():
        if key not in old:
            yield None, other, other


def _told(part: str, finding: Finding, direction: Direction, way: str) -> Iterator[Change]:
    """What a finding means for the party whom it concerns."""
    if finding.is_proven:
        return
    party: Party = "clients" if (direction == "request") == (way == "lost") else "servers"
    said = _SAID[direction, way]
    for witness in finding.witnesses:
        yield Change(party, part, f"{said}.", witness)
    if not finding.witnesses:
        text = f"Perhaps {said[0].lower()}{said[1:]}: the opposite is not proven, and no example was found."
        yield Change(party, part, text, is_certain=False)


def _suffices(given: dict[str, frozenset[str]], wanted: dict[str, frozenset[str]]) -> bool:
    return all(scheme in given and scopes <= given[scheme] for scheme, scopes in wanted.items())


_PARTIES: tuple[Party, ...] = ("clients", "servers")
_SAID = {
    ("request", "lost"): "The new contract refuses a request that the old one accepts",
    ("request", "gained"): "The new contract accepts a request that the old one refuses",
    ("answer", "gained"): "The new contract allows an answer that the old one excludes",
    ("answer", "lost"): "The new contract excludes an answer that the old one allows",
}
