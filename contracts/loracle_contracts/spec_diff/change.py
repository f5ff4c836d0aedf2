"""What a comparison of two documents says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from loracle_contracts.spec_diff.witness import Witness

__all__ = ["Change", "Comparison", "OperationChanges", "Party", "Verdict"]

Party = Literal["clients", "servers"]
Verdict = Literal["compatible", "maybe", "breaking"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change that breaks clients or servers that keep to the old document, or may break them.

    `part` is what of the operation changed. With a `witness` the change is one of payloads, and the
    witness shows it; of payloads that could not be compared `is_certain` is false and there is none.
    """

    breaks: Party
    part: str
    text: str
    witness: Witness | None = None
    is_certain: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The change as JSON."""
        found: dict[str, Any] = {
            "breaks": self.breaks,
            "certain": self.is_certain,
            "part": self.part,
            "text": self.text,
        }
        if self.witness is not None:
            found["witness"] = {
                "value": self.witness.value,
                "pointer": self.witness.pointer,
                "reason": self.witness.reason,
            }
        return found


@dataclass(frozen=True, slots=True)
class OperationChanges:
    """The changes of one operation; `notes` are those that break nobody, but are worth knowing."""

    name: str
    method: str
    path: str
    changes: list[Change]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes from one document to another, operation by operation.

    `not_checked` names the parts of the documents that were not compared.
    """

    old: str
    new: str
    operations: list[OperationChanges]
    not_checked: list[str] = field(default_factory=list)

    def changes(self, parties: tuple[Party, ...] = ("clients", "servers")) -> list[Change]:
        """The changes that break one of these, or may break them."""
        return [
            change
            for operation in self.operations
            for change in operation.changes
            if change.breaks in parties
        ]

    def verdict(self, parties: tuple[Party, ...] = ("clients", "servers")) -> Verdict:
        """Whether one of these is broken; what is not proven either way is a maybe."""
        found = self.changes(parties)
        if any(change.is_certain for change in found):
            return "breaking"
        return "maybe" if found else "compatible"
