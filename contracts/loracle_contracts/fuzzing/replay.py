"""Looks whether findings of an earlier run are still there, within the same limits as a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import httpx

from loracle_contracts.fuzzing.client import Client, StoppedError
from loracle_contracts.fuzzing.findings import Finding, NotChecked
from loracle_contracts.fuzzing.options import FuzzOptions
from loracle_contracts.fuzzing.probe import Failure, Probe
from loracle_contracts.fuzzing.report.document import secrets_of
from loracle_contracts.fuzzing.run import client_for, run_layer
from loracle_contracts.fuzzing.saved import Saved, SavedError, saved_request
from loracle_contracts.fuzzing.secrets import KEY, OTHER_KEY
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.oracle import CREATES, Expectation

__all__ = ["Repeated", "Replay", "State"]

State = Literal["still there", "gone", "could not be checked"]
# Ways in which an answer is not the one that the contract wants: a request that has one is not mended.
_OF_THE_VERDICT = {"accepted", "refused", "status", "reason", "no-answer"}


@dataclass(frozen=True)
class Repeated:
    """What became of a finding; `note` says what came now, or why it could not be checked."""

    finding: Mapping[str, Any]
    state: State
    note: str = ""


class Replay:
    """Repeats the findings of a report. `options` are those of this run, its limits above all.

    `requests` and `creates` say what it has cost so far.
    """

    def __init__(
        self, saved: Saved, options: FuzzOptions, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._saved = saved
        self._options = options
        self._client: Client = client_for(options, transport)
        self._secrets = secrets_of(options)
        self._layers: dict[str, tuple[list[Finding], list[NotChecked], str | None, int]] = {}
        self.creates = 0
        self.signatures: set[str] = set()

    @property
    def requests(self) -> int:
        """Requests that were sent."""
        return self._client.sent

    async def results(self) -> AsyncIterator[Repeated]:
        """What became of each finding, as soon as it is known."""
        async with self._client:
            for finding in self._saved.findings:
                state, note = await self._repeat(finding)
                yield Repeated(finding, state, self._shown(note))

    def _shown(self, note: str) -> str:
        return secrets_of(self._options, tuple(self.signatures)).clean(note)

    async def _repeat(self, finding: Mapping[str, Any]) -> tuple[State, str]:
        why_not = self._missing_key(finding)
        if why_not is not None:
            return "could not be checked", why_not
        if finding["replay"] == "layer":
            return await self._by_layer(finding)
        try:
            return await self._by_request(finding)
        except (SavedError, StoppedError) as error:
            return "could not be checked", str(error)

    def _missing_key(self, finding: Mapping[str, Any]) -> str | None:
        told, had = str(finding["exchanges"]), self._saved.options or {}
        if KEY in told and had.get("api_key") and self._options.api_key is None:
            return "it was found with a key; give --api-key or set LORACLE_API_KEY"
        is_layer = finding["replay"] == "layer" and had.get("other_api_key")
        if (OTHER_KEY in told or is_layer) and self._options.other_api_key is None:
            return "it was found with another account's key; give --other-api-key"
        return None

    # --- one request

    async def _by_request(self, finding: Mapping[str, Any]) -> tuple[State, str]:
        told = finding["exchanges"][0]
        request = saved_request(told["request"], self._secrets.put_in)
        session = self._session()
        expectation = session.oracle.expect(request)
        if self._may_cost(told, expectation) and self.creates >= self._options.max_creates:
            return "could not be checked", "it may start a training; allow some by --max-creates"
        probe = Probe(finding["layer"], told["title"], request, told["subject"])
        try:
            exchange = await session.send(probe)
        finally:
            self._count(session)
        if exchange is None:
            return "could not be checked", session.not_checked[-1].why
        found = list(session.findings)
        for one in found:
            if one.cause == (finding["check"], finding["subject"]):
                return "still there", ""
        if isinstance(exchange.outcome, Failure) and exchange.outcome.kind == "refused":
            return "could not be checked", f"the server cannot be reached: {exchange.outcome.text}"
        for one in found:
            if {one.check, finding["check"]} <= _OF_THE_VERDICT:
                return "still there", f"now it expected {one.expected}, got {one.got}"
        if session.not_checked:
            return "could not be checked", session.not_checked[-1].why
        other = f"but {found[0].check}: expected {found[0].expected}, got {found[0].got}" if found else ""
        return "gone", other

    def _may_cost(self, told: Mapping[str, Any], expectation: Expectation) -> bool:
        """Whether the request starts a training, or started one, or the server starts what it must not."""
        if expectation.operation is None or expectation.operation.id not in CREATES:
            return False
        was_accepted = 200 <= told.get("answer", {}).get("status", 0) < 300
        return was_accepted or expectation.starts_job or self.creates > self._options.max_creates

    # --- a layer

    async def _by_layer(self, finding: Mapping[str, Any]) -> tuple[State, str]:
        layer = finding["layer"]
        if layer not in self._layers:
            self._layers[layer] = await self._run(layer, self._needed(finding))
        found, not_checked, stopped, limit = self._layers[layer]
        if any(one.cause == (finding["check"], finding["subject"]) for one in found):
            return "still there", ""
        if stopped is not None:
            return "could not be checked", stopped
        needed = self._needed(finding)
        if needed > limit:
            why = f"it was found with up to {needed} trainings, and {limit} are left; see --max-creates"
            return "could not be checked", why
        trouble = [one.why for one in not_checked if one.why.startswith("the server answered")]
        if trouble:
            return "could not be checked", trouble[0]
        return "gone", ""

    def _needed(self, finding: Mapping[str, Any]) -> int:
        """The bound of trainings that the finding was found with; another one makes other requests."""
        return int((self._saved.options or {}).get("max_creates", finding["replay_creates"]))

    async def _run(self, layer: str, needed: int) -> tuple[list[Finding], list[NotChecked], str | None, int]:
        session = self._session(needed)
        stopped = None
        try:
            await run_layer(layer, session)
        except StoppedError as error:
            stopped = str(error)
        finally:
            self._count(session)
        return list(session.findings), session.not_checked, stopped, session.budget.max_creates

    def _session(self, needed: int | None = None) -> Session:
        """One of its own for each, so that nothing is left out because of what came before."""
        left = max(self._options.max_creates - self.creates, 0)
        bound = left if needed is None else min(left, needed)
        return Session(replace(self._options, max_creates=bound), self._client)

    def _count(self, session: Session) -> None:
        self.creates += session.budget.spent
        self.signatures |= session.signatures
