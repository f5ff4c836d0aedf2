"""What a client did: the calls of the journal, and how its command ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from loracle_contracts.parse import parse
from loracle_mockserver.fault_catalogue import CATALOGUE, CREATES, STATUS_CALLS
from loracle_mockserver.journal import Entry

__all__ = ["KINDS", "Call", "Observation"]

KINDS = {
    **dict.fromkeys(CREATES, "create"),
    **dict.fromkeys(STATUS_CALLS, "status"),
    "listTrainings": "list",
    "createUploadUrl": "upload-url",
    "putUpload": "upload",
    "listModels": "models",
}
# The faults after which a client has no answer that it can use, although the request was handled.
_SPOILS = ("network", "body")


@dataclass(frozen=True)
class Call:
    """One request of the client, with its number in the journal."""

    n: int
    entry: Entry

    @property
    def kind(self) -> str:
        """create, status, list, upload-url, upload or models; other where no operation has this route."""
        return KINDS.get(self.entry.operation or "", "other")

    @property
    def began(self) -> float:
        """When it came, in Unix seconds of the wall clock."""
        return self.entry.received_at

    @property
    def answered(self) -> float:
        """When its answer was there, the delay on demand included."""
        return self.entry.received_at + self.entry.seconds + self.entry.delay

    @property
    def is_spoiled(self) -> bool:
        """Whether the answer, or its way, was damaged on demand."""
        kind = CATALOGUE.get(self.entry.fault or "")
        return kind is not None and kind.family in _SPOILS

    @property
    def has_effect(self) -> bool:
        """Whether the server did what was asked for, whatever the client has heard of it."""
        kind = CATALOGUE.get(self.entry.fault or "")
        return self.entry.status == 200 and (kind is None or kind.is_handled)

    @property
    def is_answered_well(self) -> bool:
        """Whether the client has got an answer that says it was done."""
        return self.entry.status == 200 and not self.is_spoiled

    @property
    def same(self) -> tuple[str, str, bytes, bytes]:
        """What two calls have in common that ask for the same."""
        entry = self.entry
        return entry.method, entry.path, entry.query, entry.body

    @property
    def retry_after(self) -> float | None:
        """The seconds that the answer asks to wait, or None."""
        for name, value in self.entry.reply_headers:
            if name == b"retry-after" and value.isdigit():
                return float(value)
        return None

    @cached_property
    def answer(self) -> Any:
        """The body of the answer, or None where it is no JSON."""
        return parse(self.entry.reply_body).value

    @property
    def shown(self) -> tuple[str, str | None] | None:
        """Of a poll that was answered well: the task's status, and the status of its first model."""
        if self.kind != "status" or not self.is_answered_well or not isinstance(self.answer, dict):
            return None
        models = self.answer.get("models") or [{}]
        return str(self.answer.get("task_status")), models[0].get("model_status")


@dataclass(frozen=True)
class Observation:
    """One run of the client's command.

    `calls` are in the order in which they came. `exit_code` is negative where a signal ended it, None
    where it was ended because the time was over. `output` is what it printed, cut where it is long.
    `key` is the API key that it was given, `seconds` how long it ran, `ended` when, in Unix seconds.
    """

    calls: tuple[Call, ...]
    exit_code: int | None
    output: str
    key: str
    seconds: float
    ended: float

    @classmethod
    def of(
        cls,
        entries: Sequence[tuple[int, Entry]],
        exit_code: int | None,
        output: str,
        key: str,
        seconds: float,
        ended: float,
    ) -> Observation:
        """Made of the entries of a journal with their numbers."""
        return cls(tuple(Call(n, entry) for n, entry in entries), exit_code, output, key, seconds, ended)

    @property
    def ended_well(self) -> bool:
        """Whether the command says that all went well."""
        return self.exit_code == 0

    @property
    def is_out_of_time(self) -> bool:
        """Whether the command was ended because its time was over."""
        return self.exit_code is None

    def of_kind(self, *kinds: str) -> list[Call]:
        """The calls of these kinds."""
        return [call for call in self.calls if call.kind in kinds]

    def polls(self) -> dict[str, list[Call]]:
        """The polls by task."""
        found: dict[str, list[Call]] = {}
        for call in self.of_kind("status"):
            found.setdefault(call.entry.task or "", []).append(call)
        return found
