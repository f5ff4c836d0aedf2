"""What a defect is: a wrapper that makes the correct server wrong in one way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import httpx

__all__ = ["ASGIApp", "Case", "Defect", "Witness"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Witness = Callable[[httpx.AsyncClient], Awaitable[object]]


@dataclass(frozen=True)
class Defect:
    """One way in which a server is wrong.

    `operation` is an operationId, or empty where every operation has it. `needs_create` says that it
    cannot be seen without a training that was started. Each call of `plant` makes new state.
    """

    name: str
    family: str  # accepts-invalid, rejects-valid or behaviour
    operation: str
    needs_create: bool
    plant: Callable[[ASGIApp], ASGIApp]


@dataclass(frozen=True)
class Case:
    """A defect with a witness: what a client sees that tells the broken server from the correct one."""

    defect: Defect
    witness: Witness
