"""Makes the request of a finding smaller: delta debugging over the members and items of its JSON body.

The contract's expectation is asked first, which costs nothing; the server is asked only about bodies for
which it is the same, and never more often than MOST times. What the verdict alone says counts only where the
request breaks one single rule, and is told as not confirmed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from loracle_contracts import spec
from loracle_contracts.exchange import Answer
from loracle_contracts.fuzzing.client import StoppedError
from loracle_contracts.fuzzing.probe import Exchange, Probe
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.locate import steps
from loracle_contracts.oracle import CREATES, Expectation
from loracle_contracts.parse import parse

__all__ = ["MOST", "shrink"]

MOST = 12
"""Requests that one finding may cost."""
_LAYER = "shrinking"
_LONGEST = 64 * 1024
_MOST_PARTS = 200
Path = tuple[str | int, ...]
Keeps = Callable[[Any], Awaitable[bool]]


async def shrink(session: Session, exchange: Exchange) -> Exchange:
    """The exchange with the smallest body that shows the same; itself where nothing smaller was found.

    The findings that the exchange is part of show the smaller one from then on; what was sent meanwhile is
    no occurrence of them, and makes no findings of its own.
    """
    value = _body(exchange)
    if value is None or not exchange.mismatches:
        return exchange
    counted = {finding.cause: finding.occurrences for finding in session.findings}
    work = _Shrinking(session, exchange)
    with contextlib.suppress(StoppedError):  # whoever sends the next request is told the same
        await work.run(value)
    for finding in list(session.findings):
        if finding.layer == _LAYER:
            session.findings.remove(finding)
        finding.occurrences = counted.get(finding.cause, finding.occurrences)
        if exchange in finding.exchanges:
            finding.exchanges = tuple(work.best if one is exchange else one for one in finding.exchanges)
            finding.title = work.best.probe.title if finding.title == exchange.probe.title else finding.title
    return work.best


def _body(exchange: Exchange) -> Any:
    """The body, where it is an object or array that JSON can be written from again; else None."""
    request = exchange.probe.request
    if exchange.probe.demand is not None or not request.body or len(request.body) > _LONGEST:
        return None
    parsed = parse(request.body)
    return parsed.value if not parsed.faults and isinstance(parsed.value, (dict, list)) else None


class _Shrinking:
    """The state of one finding's shrinking; `best` is the smallest exchange so far."""

    def __init__(self, session: Session, exchange: Exchange) -> None:
        self.best = exchange
        self._session = session
        self._first = exchange
        self._rules = _rules(exchange.expectation)
        self._sent = 0
        self._seen: dict[bytes, bool] = {}

    async def run(self, value: Any) -> None:
        """Finds the smallest body."""
        if len(self._rules) > 1 and await self._one_rule(value):
            return
        if len(self._rules) == 1:
            small = await _reduced(value, self._is_allowed)
            if await self._shows(small):
                return
            if not self._may_send():
                self._keep_unconfirmed(small)
                return
        await _reduced(value, self._shows)

    async def _one_rule(self, value: Any) -> bool:
        """Whether the server answers the same way to a body that breaks only one of the rules."""
        for rule in sorted(self._rules):

            async def breaks_it(body: Any, rule: str = rule) -> bool:
                expectation = self._expect(body)
                return self._is_same(expectation) and rule in _rules(expectation)

            small = await _reduced(self._mended(value, rule), breaks_it)
            if _rules(self._expect(small)) == {rule} and await self._shows(small):
                return True
        return False

    def _mended(self, value: Any, rule: str) -> Any:
        """The value with all that breaks other rules as it is in an example, as far as that has it."""
        operation = self._first.expectation.operation
        folder = f"valid/{operation.id if operation else ''}/request/"
        examples = [path for path in spec.examples() if path.startswith(folder)]
        if not examples:
            return value
        mended, example = json.loads(json.dumps(value)), json.loads(spec.example(examples[0]))
        for violation in self._first.expectation.violations:
            if violation.rule != rule:
                _put(mended, violation.pointer, _at(example, violation.pointer))
        expectation = self._expect(mended)
        return mended if self._is_same(expectation) and rule in _rules(expectation) else value

    async def _is_allowed(self, body: Any) -> bool:
        """Whether the contract wants the same answer, for rules that the first body breaks, too."""
        return self._is_same(self._expect(body))

    async def _shows(self, body: Any) -> bool:
        """Whether the server answers the same way, where the contract wants the same answer."""
        data = _written(body)
        if data in self._seen:
            return self._seen[data]
        if len(data) >= len(self.best.probe.request.body) or not self._is_same(self._expect(body)):
            return False
        if not self._may_send():
            return False
        self._sent += 1
        exchange = await self._session.send(self._probe(data))
        shows = exchange is not None and _way(exchange) == _way(self._first)
        self._seen[data] = shows
        if exchange is not None and shows:
            # The subject stays that of the finding.
            first = self._first.probe
            title = f"{first.title}, shrunk"
            named = replace(exchange.probe, layer=first.layer, subject=first.subject, title=title)
            self.best = replace(exchange, probe=named)
        return shows

    def _may_send(self) -> bool:
        """Whether one more request may be sent, and its training paid, if it starts one."""
        if self._sent >= MOST or self._session.client.sent >= self._session.options.max_requests:
            return False
        expectation = self._first.expectation
        is_create = expectation.operation is not None and expectation.operation.id in CREATES
        if is_create and self._costs() and not self._session.budget.left:
            return False
        return self._session.budget.refuses(self._probe(b""), expectation) is None

    def _costs(self) -> bool:
        return self._first.expectation.starts_job or self._first.is_accepted

    def _probe(self, data: bytes) -> Probe:
        # Of its own names, or the budget would take it for what it has seen already, and what it costs for
        # what the layer has lost.
        probe = self._first.probe
        subject = f"{probe.subject}, shrinking {self._sent}"
        request = probe.request._replace(body=data)
        return replace(probe, layer=_LAYER, request=request, subject=subject)

    def _keep_unconfirmed(self, body: Any) -> None:
        data = _written(body)
        probe = self._first.probe
        if len(data) >= len(probe.request.body):
            return
        request = probe.request._replace(body=data)
        named = replace(probe, request=request, title=f"{probe.title}, shrunk (not confirmed)")
        self.best = replace(self._first, probe=named, expectation=self._session.oracle.expect(request))

    def _expect(self, body: Any) -> Expectation:
        request = self._first.probe.request._replace(body=_written(body))
        return self._session.oracle.expect(request)

    def _is_same(self, expectation: Expectation) -> bool:
        return (
            expectation.refusal == self._first.expectation.refusal
            and _rules(expectation) <= self._rules
            and bool(_rules(expectation)) == bool(self._rules)
        )


def _at(value: Any, pointer: str) -> Any:
    """What stands at a JSON Pointer, of arrays in their first item; None where there is nothing."""
    for name in steps(pointer):
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return None
    return value


def _put(value: Any, pointer: str, new: Any) -> None:
    """Sets what stands at a JSON Pointer, where its parent is there; nothing where the new value is None."""
    *names, last = steps(pointer) or [""]
    for name in names:
        value = value[int(name)] if isinstance(value, list) else value.get(name)
        if not isinstance(value, (dict, list)):
            return
    if isinstance(value, dict) and new is not None:
        value[last] = new


def _written(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _rules(expectation: Expectation) -> set[str]:
    return {violation.rule for violation in expectation.violations}


def _way(exchange: Exchange) -> tuple[Any, ...]:
    """How the server answered, as far as it matters: the status or the failure, and what is wrong with it."""
    outcome = exchange.outcome
    came = outcome.status if isinstance(outcome, Answer) else outcome.kind
    return came, frozenset(mismatch.check for mismatch in exchange.mismatches)


async def _reduced(value: Any, keeps: Keeps) -> Any:
    """A small part of the value that `keeps` still says yes to: level by level, the outermost parts first."""
    depth = 1
    while True:
        parts = [path for path in _paths(value) if len(path) == depth][:_MOST_PARTS]
        if not parts:
            return value
        value = await _without_parts(value, parts, keeps)
        depth += 1


async def _without_parts(value: Any, parts: Sequence[Path], keeps: Keeps) -> Any:
    """The value without as many of the parts as possible: ddmin, with complements alone."""
    left = list(parts)
    # First all that can go at once.
    size = len(left)
    while size >= 1 and left:
        at = 0
        while at < len(left):
            piece = left[at : at + size]
            smaller = _without(value, piece)
            if await keeps(smaller):
                rest = left[:at] + left[at + size :]
                left = _renumbered(rest, piece)
                value = smaller
            else:
                at += size
        size //= 2
    return value


def _paths(value: Any, before: Path = ()) -> Iterator[Path]:
    """The way to every member and item below the value."""
    members: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in members:
        yield (*before, name)
        if isinstance(part, (dict, list)):
            yield from _paths(part, (*before, name))


def _without(value: Any, parts: Sequence[Path]) -> Any:
    """The value without the parts, which are all of one depth."""
    gone = {path[0] for path in parts if len(path) == 1}
    deeper: dict[str | int, list[Path]] = {}
    for path in parts:
        if len(path) > 1:
            deeper.setdefault(path[0], []).append(path[1:])
    members: Any = value.items() if isinstance(value, dict) else enumerate(value)
    kept = [
        (name, _without(part, deeper[name]) if name in deeper else part)
        for name, part in members
        if name not in gone
    ]
    return dict(kept) if isinstance(value, dict) else [part for _, part in kept]


def _renumbered(paths: Sequence[Path], gone: Sequence[Path]) -> list[Path]:
    """The paths as they are after those in `gone`, of the same depth, were taken out."""
    moved = []
    for path in paths:
        last = path[-1]
        if isinstance(last, int):
            before = [one[-1] for one in gone if one[:-1] == path[:-1]]
            moved.append((*path[:-1], last - sum(isinstance(n, int) and n < last for n in before)))
        else:
            moved.append(path)
    return moved
