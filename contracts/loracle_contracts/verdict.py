"""What a verdict says: fields first, text second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

__all__ = ["Part", "Profile", "Source", "Verdict", "Violation"]

Profile = Literal["strict", "lenient", "seed"]
Part = Literal["request", "query", "headers", "response", "error"]


class Source(NamedTuple):
    """Where a rule comes from.

    `kind` is stated (a document says it), observed (an SDK or a client shows it), inferred, or
    policy (this contract's own choice); `page` names the document; `note` adds what it says.
    """

    kind: str
    page: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.page}"


class Violation(NamedTuple):
    """One rule that a request or an answer breaks, or one lint.

    `in_` is body, query or header. `pointer` is a JSON Pointer (RFC 6901) to the value; of a missing
    member, to where it should be. `line` and `column` count from 1, in characters, and are None where
    there was no text. `got` quotes the text as it came, cut where it is long.
    """

    in_: str
    pointer: str
    line: int | None
    column: int | None
    rule: str
    expected: str
    got: str
    source: Source
    advice: str

    def as_dict(self) -> dict[str, Any]:
        """The violation as JSON, as it stands in an error's metadata."""
        return {
            "in": self.in_,
            "pointer": self.pointer,
            "line": self.line,
            "column": self.column,
            "rule": self.rule,
            "expected": self.expected,
            "got": self.got,
            "source": str(self.source),
            "advice": self.advice,
        }

    def __str__(self) -> str:
        printable = self.pointer.isprintable()
        pointer = self.pointer if printable else self.pointer.encode("unicode_escape").decode()
        place = pointer or f"the {self.in_}"
        at = f"{self.line}:{self.column}: " if self.line else ""
        return (
            f"{at}{place}: expected {self.expected}, got {self.got} "
            f"[{self.rule}, {self.source}]. {self.advice}"
        )


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the contract says of one payload. True in a condition where the payload is valid.

    `value` is the parsed payload, or None where it could not be parsed. `truncated` says that there
    are more violations than are listed. `find_lints` finds the lints when they are first asked for.
    """

    operation: str
    profile: Profile
    part: Part
    violations: tuple[Violation, ...]
    value: Any = field(repr=False, default=None)
    truncated: bool = False
    find_lints: Callable[[], tuple[Violation, ...]] | None = field(repr=False, default=None)

    @property
    def valid(self) -> bool:
        """Whether the payload keeps every rule; lints do not count."""
        return not self.violations

    @cached_property
    def lints(self) -> tuple[Violation, ...]:
        """What is legal but has no effect or is unwise. Never part of the verdict."""
        return self.find_lints() if self.valid and self.find_lints is not None else ()

    def __bool__(self) -> bool:
        return self.valid
