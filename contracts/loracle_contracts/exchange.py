"""One request and its answer, as they go over the wire."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Answer", "Request"]


class Request(NamedTuple):
    """A request. `target` is the path, percent-encoded, with the query where there is one."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark, as it was sent."""
        return self.target.partition("?")[2]

    def values(self, name: str) -> list[str]:
        """Every value of a header, in order; the name counts in any case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Answer(NamedTuple):
    """An answer: its body whole and decoded from its framing, and after how many seconds it was there."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float = 0.0

    def values(self, name: str) -> list[str]:
        """Every value of a header, in order; the name counts in any case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]
