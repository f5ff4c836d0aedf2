"""One request on its way through the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loracle_contracts.spec import Operation
from loracle_mockserver.faults import Fault
from loracle_mockserver.message import Request
from loracle_mockserver.store import Namespace

__all__ = ["Call"]


@dataclass(slots=True, eq=False)
class Call:
    """What is known of a request once its route is: each step of the engine adds to it.

    `namespace` is None where the operation takes no key. `value` is the parsed query or body, also
    where it breaks the contract. `rules` are the rules that the profile in force saw broken,
    `strict_rules` those that only strict forbids.
    """

    request: Request
    headers: dict[bytes, list[bytes]]
    operation: Operation
    namespace: Namespace | None
    value: Any = None
    fault: Fault | None = None
    rules: tuple[str, ...] = ()
    strict_rules: tuple[str, ...] = ()
