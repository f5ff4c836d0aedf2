"""One run against one server: sends probes within the budget, judges the answers, keeps the findings."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from loracle_contracts import spec
from loracle_contracts.answers import Mismatch, mismatches, reason_of
from loracle_contracts.exchange import Answer, Request
from loracle_contracts.fuzzing.budget import Budget
from loracle_contracts.fuzzing.client import Client, HostNotAllowedError, SpentError, StoppedError
from loracle_contracts.fuzzing.findings import Finding, Findings, NotChecked
from loracle_contracts.fuzzing.options import FuzzOptions
from loracle_contracts.fuzzing.probe import NOT_ACCEPTED, Exchange, Failure, Probe
from loracle_contracts.fuzzing.secrets import signatures
from loracle_contracts.oracle import Expectation, Oracle

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.baseline import Baseline
    from loracle_contracts.fuzzing.trials import Trials

__all__ = ["KINDS", "Session"]

KINDS = ("refused", "reads", "uploads", "creates")
"""What requests are for: to be refused, to read, to upload, to start a training."""

# Without --api-key: a server that takes every key takes this one.
STAND_IN_KEY = "stand-in-key-of-the-fuzzer"
_JSON_TYPE = ("Content-Type", "application/json")
_LARGE = (413, 431)
_INTERRUPTED = Failure("reset", "interrupted")
_REMEMBERED = 64 * 1024


class Session:
    """What the layers work with. They send by `send`, and say by `skip` what they could not check."""

    def __init__(self, options: FuzzOptions, client: Client) -> None:
        self.options = options
        self.client = client
        self.key = options.api_key or STAND_IN_KEY
        keys = (self.key, *([options.other_api_key] if options.other_api_key else []))
        self.oracle = Oracle(options.profile, keys if options.api_key else ())
        self._lenient = Oracle("lenient", self.oracle.keys)
        self.budget = Budget(options.max_creates)
        self.findings = Findings()
        self.not_checked: list[NotChecked] = []
        self.sent: Counter[str] = Counter()
        """Requests by layer."""
        self.kinds: Counter[tuple[str, str]] = Counter()
        """Requests by layer and by what they are for: one of KINDS."""
        self.answered = 0
        """Requests that were answered."""
        self.signatures: set[str] = set()
        """What grants access to an upload: no report may show it."""
        self.progress: Callable[[str, int], None] | None = None
        self.judged: list[tuple[Request, Expectation]] = []
        """What was sent so far, but for large bodies, with what the contract says of it."""
        self.baseline: Baseline | None = None
        """What creates need; layers ask `baseline.baseline` for it, which finds it out."""
        self.trials: dict[str, Trials] = {}
        """What is known of the values that creates of an operation may have."""
        self._names = 0

    # --- requests

    def request(
        self,
        operation: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | str = "",
        headers: Sequence[tuple[str, str]] = (),
        drop: Sequence[str] = (),
        key: str | None = None,
    ) -> Request:
        """A request to an operation with the key and, where it has a body, as JSON.

        `body` is bytes as they are sent, or a value; `query` parameters by name, or the raw text. `headers`
        come last; those of the names in `drop` are left out.
        """
        known = spec.operations()[operation]
        text = query if isinstance(query, str) else urlencode(query)
        sent = [("Authorization", f"Bearer {key or self.key}")] if known.authenticated else []
        if known.request:
            sent.append(_JSON_TYPE)
        dropped = {name.lower() for name in drop}
        pairs = [pair for pair in sent if pair[0].lower() not in dropped]
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        target = known.path + ("?" + text if text else "")
        return Request(known.method, target, (*pairs, *headers), data)

    def task_name(self, *, again: bool = False) -> str:
        """A name that no other task of this run has; `again` where tasks of other runs had the last one."""
        self._names += 1
        # Only the clock tells runs of one seed apart.
        suffix = f"-{time.time_ns():x}" if again else ""
        return f"loracle-fuzz-{self.options.seed}-{self._names}{suffix}"

    # --- sending

    async def send(self, probe: Probe, url: str | None = None, *, is_search: bool = False) -> Exchange | None:
        """Sends a probe, judges the answer and keeps what is found; None where the budget forbids it.

        `url` is the whole address of an upload. A search sends many values at once: that they were not
        accepted is kept later, by `keep`, once it is known which one is to blame. Raises StoppedError where
        the run is over.
        """
        most = self.options.max_findings
        if most is not None and len(self.findings) >= most:
            raise SpentError(f"all {most} findings of --max-findings were found")
        expectation = probe.demand or self.oracle.expect(probe.request)
        why_not = self.budget.refuses(probe, expectation)
        if why_not is not None:
            self.skip(probe.layer, f"{probe.subject}: {probe.title}", why_not)
            return None
        self.sent[probe.layer] += 1
        self.kinds[probe.layer, _kind(probe, expectation)] += 1
        if self.progress is not None:
            self.progress(probe.layer, self.client.sent)
        if len(probe.request.body) <= _REMEMBERED:
            self.judged.append((probe.request, expectation))
        ticket = self.budget.open(expectation)
        try:
            outcome = await self.client.send(probe.request, url)
        except HostNotAllowedError as error:
            self.budget.close(ticket, probe, expectation, None)
            self.skip(probe.layer, f"{probe.subject}: {probe.title}", f"{error}; allow it by --upload-host")
            return None
        except BaseException as error:
            cut = error.outcome if isinstance(error, StoppedError) else _INTERRUPTED
            self.budget.close(ticket, probe, expectation, cut)
            raise
        self.budget.close(ticket, probe, expectation, outcome)
        self.answered += isinstance(outcome, Answer)
        self.signatures |= signatures(url, outcome)
        found = tuple(self._judge(probe, expectation, outcome))
        exchange = Exchange(probe, expectation, outcome, found, url)
        for mismatch in found:
            if not (is_search and mismatch.check in NOT_ACCEPTED):
                self._keep(exchange, mismatch)
        return exchange

    def keep(self, exchange: Exchange, subject: str, title: str) -> None:
        """Keeps that a body of a search was not accepted, now that it is known what is to blame."""
        named = replace(exchange, probe=replace(exchange.probe, subject=subject, title=title))
        for mismatch in exchange.mismatches:
            if mismatch.check in NOT_ACCEPTED:
                self._keep(named, mismatch)

    async def send_together(self, probes: Sequence[Probe]) -> list[Exchange | None]:
        """Sends the probes at the same time, over connections of their own."""
        return list(await asyncio.gather(*(self.send(probe) for probe in probes)))

    def _judge(self, probe: Probe, expectation: Expectation, outcome: Any) -> list[Mismatch]:
        if isinstance(outcome, Failure):
            # A server may close the connection on what it does not want to read.
            is_large = expectation.refusal is not None and expectation.refusal.status in _LARGE
            if is_large and outcome.kind in ("reset", "protocol"):
                return []
            return [Mismatch("no-answer", str(expectation), f"{outcome.kind}: {outcome.text}")]
        secrets = tuple(filter(None, (self.key, self.options.other_api_key)))
        found = list(mismatches(expectation, probe.request, outcome, self.options.profile, secrets))
        reason = reason_of(outcome)
        if reason == "RATE_LIMIT_EXCEEDED" or (reason == "SERVICE_UNAVAILABLE" and expectation.is_valid):
            # What a server says before it looks at the request tells nothing of what it would have said.
            self.skip(probe.layer, f"{probe.subject}: {probe.title}", f"the server answered {outcome.status}")
            found = [mismatch for mismatch in found if mismatch.check != "status"]
        limit = self.options.max_latency
        if limit is not None and outcome.seconds > limit:
            found.append(Mismatch("latency", f"an answer within {limit:g} s", f"{outcome.seconds:.3f} s"))
        return found

    # --- what came of it

    def _keep(self, exchange: Exchange, mismatch: Mismatch) -> None:
        probe, expectation = exchange.probe, exchange.expectation
        rule = mismatch.rule or (probe.subject if probe.subject in spec.rules("strict") else None)
        self.findings.add(
            Finding(
                check=mismatch.check,
                subject=_subject(exchange, mismatch),
                layer=probe.layer,
                title=probe.title,
                expected=mismatch.expected,
                got=mismatch.got,
                exchanges=(exchange,),
                operations=[expectation.operation.id if expectation.operation else probe.request.path],
                rule=rule,
                source=spec.rules("strict")[rule].source if rule in spec.rules("strict") else None,
                vanishes_under_lenient=self._is_leniently_right(exchange, mismatch),
            )
        )

    def _is_leniently_right(self, exchange: Exchange, mismatch: Mismatch) -> bool:
        if self.options.profile != "strict" or exchange.answer is None or exchange.probe.demand is not None:
            return False
        expectation = self._lenient.expect(exchange.probe.request)
        found = mismatches(expectation, exchange.probe.request, exchange.answer, "lenient", (self.key,))
        return mismatch.check not in [one.check for one in found]

    def relation(
        self, layer: str, subject: str, title: str, expected: str, got: str, exchanges: Sequence[Exchange]
    ) -> None:
        """Keeps a finding about how several answers fit together, such as a lost task."""
        operations = [one.expectation.operation.id for one in exchanges if one.expectation.operation]
        self.findings.add(
            Finding(
                check="relation",
                subject=subject,
                layer=layer,
                title=title,
                expected=expected,
                got=got,
                exchanges=tuple(exchanges),
                operations=list(dict.fromkeys(operations)),
                is_relation=True,
            )
        )

    def skip(self, layer: str, what: str, why: str) -> None:
        """Notes what could not be checked."""
        entry = NotChecked(layer, what, why)
        if entry not in self.not_checked:
            self.not_checked.append(entry)


def _kind(probe: Probe, expectation: Expectation) -> str:
    if expectation.starts_job:
        return "creates"
    if not expectation.is_valid:
        return "refused"
    return "reads" if probe.request.method in ("GET", "HEAD", "OPTIONS") else "uploads"


def _subject(exchange: Exchange, mismatch: Mismatch) -> str:
    """What the finding is about: where the form of answers is wrong, it is wrong for every request."""
    probe = exchange.probe
    if mismatch.check in ("accepted", "refused", "no-answer"):
        return probe.subject
    if mismatch.check in ("status", "reason"):
        return f"{mismatch.expected} answered with {mismatch.got}"
    if mismatch.check in ("body", "envelope") and mismatch.rule:
        return mismatch.rule
    operation = exchange.expectation.operation
    if mismatch.check == "latency":
        return operation.id if operation else probe.request.path
    return mismatch.expected
