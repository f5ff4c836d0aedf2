"""What a planted defect is, and the list that the modules of the corpus fill."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx

__all__ = ["ASGIApp", "Case", "Corpus", "Defect", "Witness"]

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
# A script whose outcome differs between the correct server and the broken one.
Witness = Callable[[httpx.AsyncClient], Awaitable[Any]]


@dataclass(frozen=True)
class Defect:
    """One way in which a server breaks the contract.

    `family` is accepts-invalid, rejects-valid or behaviour. `operation` is the operationId that it
    concerns, or empty for all. `needs_create` is true where nothing but a create that a conforming
    server accepts could show it (a training; to ask for an upload URL is no create). `plant` wraps the
    correct app; a new call has new state.
    """

    name: str
    family: str
    operation: str
    needs_create: bool
    plant: Callable[[ASGIApp], ASGIApp]


@dataclass(frozen=True)
class Case:
    """A defect with the proof that it is one.

    `breaks_plain` says that not even a right create, its status and the list work as they should.
    """

    defect: Defect
    witness: Witness
    breaks_plain: bool = False


class Corpus(list[Case]):
    """The cases of one module."""

    def add(
        self,
        name: str,
        family: str,
        operation: str,
        plant: Callable[[ASGIApp], ASGIApp],
        witness: Witness,
        *,
        needs_create: bool = False,
        breaks_plain: bool = False,
    ) -> None:
        """Adds one case."""
        defect = Defect(name, family, operation, needs_create, plant)
        self.append(Case(defect, witness, breaks_plain))
