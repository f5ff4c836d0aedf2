"""Watches the file of a fault plan, so that a change counts without a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from loracle_mockserver.fault_rules import FaultPlanError
from loracle_mockserver.faults import FaultPlan

__all__ = ["PlanWatch", "Signature", "signature"]

INTERVAL = 0.1  # seconds; a change counts after two of them at most

# When a file was changed, how long it is, which one it is; None where there is none.
Signature = tuple[int, int, int] | None

_log = logging.getLogger("loracle")


def signature(path: Path) -> Signature:
    """What tells one state of a file from another without reading it."""
    try:
        found = path.stat()
    except OSError:  # what is wrong with it is said when it is read
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class PlanWatch:
    """Looks at the file of a plan again and again.

    `read` is the state of the file in which it was read last; `use` gets each plan that it holds later.
    A file that is missing or is no plan is reported once, and the plan stays as it is. A file that still
    changes is left alone: editors empty it before they write, or remove it before they put another in
    its place.
    """

    def __init__(self, path: Path, read: Signature, use: Callable[[FaultPlan], None]) -> None:
        self._path = path
        self._read = self._seen = read
        self._use = use

    async def run(self) -> None:
        """Looks every INTERVAL until it is cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            self.look()

    def look(self) -> None:
        """Looks once: a change that is there for the second time is read."""
        now = signature(self._path)
        was_there, self._seen = now == self._seen, now
        if now == self._read or not was_there:
            return
        plan, said = self._load()
        if signature(self._path) != now:
            return  # it was changed while it was read
        self._read = now
        if plan is None:
            _log.error("the fault plan was changed but cannot be used, the earlier one stays: %s", said)
        else:
            self._use(plan)
            rules = "1 rule" if len(plan.rules) == 1 else f"{len(plan.rules)} rules"
            _log.info("the fault plan %s was read again: %s", self._path, rules)

    def _load(self) -> tuple[FaultPlan | None, str]:
        try:
            return FaultPlan.load(self._path), ""
        except FaultPlanError as error:
            return None, " ".join(str(error).split())
        except OSError as error:
            return None, f"{self._path} cannot be read: {error.strerror}"
