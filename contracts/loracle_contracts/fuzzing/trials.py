"""Sends creates that hold many values, and names those that a server does not take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from loracle_contracts.answers import reason_of
from loracle_contracts.fuzzing.baseline import Baseline
from loracle_contracts.fuzzing.client import StoppedError
from loracle_contracts.fuzzing.culprits import Knowledge, OutOfBudgetError, smallest_refused
from loracle_contracts.fuzzing.edge_values import ANY, EdgeValue, edge_values
from loracle_contracts.fuzzing.packing import written
from loracle_contracts.fuzzing.probe import NOT_ACCEPTED, Exchange, Probe
from loracle_contracts.hosts import is_loopback
from loracle_contracts.oracle import OF_THE_IMAGES

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["Trials", "trials_of"]

# What a server says of values that it may refuse, though the contract allows them, and where those are.
_OF_VALUES = {
    "BASE_MODEL_NOT_ALLOWD": ("base_model",),
    "TASK_NAME_EXISTED": ("name",),
    "EMPTY_IMAGE_CAPTION": ("caption",),
    "ILLEGAL_PROMPT": ("instance_prompt", "class_prompt", "caption"),
    **dict.fromkeys(OF_THE_IMAGES, ("assets_id",)),
}
_NAMES = 3
_TOO_LONG = "the training takes long with it; that is tried on this machine only"
# Trainings that may be started to name one culprit.
_MOST_FOR_ONE = 12


def trials_of(session: Session, operation: str, known: Baseline) -> Trials:
    """The trials of an operation; all layers share what they learn."""
    if operation not in session.trials:
        session.trials[operation] = Trials(session, operation, known)
    return session.trials[operation]


class Trials:
    """What is known of the values of one operation's creates."""

    def __init__(self, session: Session, operation: str, known: Baseline) -> None:
        self.session = session
        self.operation = operation
        self.known = known
        self.layer = ""
        self.refused: set[EdgeValue] = set()
        """Values that were found to be to blame."""
        self.unusable: dict[EdgeValue, str] = {}
        """Values that the server does not take for a reason that is its own affair."""
        self.stopped: str | None = None
        self._knowledge: Knowledge[EdgeValue] = Knowledge(self._attempt)
        self._exchanges: dict[frozenset[EdgeValue], Exchange] = {}
        self._spendable = 0
        self._reported: set[EdgeValue] = set()
        self._refused_together: list[list[EdgeValue]] = []
        values = edge_values(operation, session.options.seed)
        self._components = {value.path[1]: value for value in values if _is_component(value)}
        if not is_loopback(session.options.url):
            self.unusable.update(dict.fromkeys((one for one in values if one.is_too_long), _TOO_LONG))
        self._forbid(values)

    @property
    def right(self) -> frozenset[EdgeValue]:
        """The values that were accepted."""
        return self._knowledge.right - self.unusable.keys()

    def is_usable(self, value: EdgeValue) -> bool:
        """Whether it makes sense to send the value."""
        return not {value, *self._needs(value)} & (self.unusable.keys() | self.refused)

    async def check(self, layer: str, values: Sequence[EdgeValue]) -> bool:
        """Sends a body with the values; where it is refused, finds and reports which of them are to blame.

        Whether the body was sent.
        """
        self.layer = layer
        left = self._apart([value for value in values if self.is_usable(value)])
        while left:
            # The first one is planned; what naming a culprit costs is bounded.
            self._spendable = 1
            try:
                if await self._knowledge.accepts(self._closed(left)):
                    return True
                self._spendable = _MOST_FOR_ONE
                culprits = await self._named(left)
            except OutOfBudgetError:
                return self._give_up(left)
            except StoppedError:
                self._give_up(left)
                raise
            if len(culprits) == 1:
                self.refused.update(culprits)
            elif culprits:
                self._refused_together.append(culprits)
            self._reported.update(culprits)
            left = [value for value in left if self.is_usable(value) and value not in culprits[:1]]
            if not culprits:
                return True
        return True

    def _apart(self, values: list[EdgeValue]) -> list[EdgeValue]:
        """The values without one of each set that is known to be refused together."""
        for known in self._refused_together:
            if set(known) <= set(values):
                values = [value for value in values if value is not known[0]]
        return values

    async def _named(self, values: Sequence[EdgeValue]) -> list[EdgeValue]:
        """The culprits of a refused body, reported; empty where each part of the body is accepted."""
        usable = [value for value in self._closed(values) if self.is_usable(value)]
        if not await self._knowledge.accepts([]):
            # What is known of one operation's creates need not hold for the other's.
            self.session.keep(self._exchanges[frozenset()], self.operation, "a plain create")
            self.stopped = "the server refuses a plain valid create"
            raise OutOfBudgetError
        culprits = await smallest_refused(usable, self._knowledge)
        needed = [need for value in culprits for need in self._needs(value) if need not in culprits]
        for need in needed:
            if not await self._knowledge.accepts([need], is_certain=True):
                culprits = [need]
                break
        if await self._knowledge.accepts(culprits, is_certain=True):
            self._report(self._known_refused(usable), "refused once and accepted later")
            return []
        self._report(frozenset(self._closed(culprits)), None, culprits)
        return culprits

    def _report(
        self, refused: frozenset[EdgeValue], remark: str | None, culprits: Sequence[EdgeValue] = ()
    ) -> None:
        exchange = self._exchanges[refused]
        # The same values found in another order are the same cause.
        blamed = sorted(culprits or refused, key=lambda value: value.title)
        subject = " with ".join(dict.fromkeys(value.rule for value in blamed[:3]))
        title = " with ".join(value.title for value in blamed)
        self.session.keep(exchange, subject, f"{title} ({remark})" if remark else title)

    def _give_up(self, left: Sequence[EdgeValue]) -> bool:
        """Reports a refused body of which it could not be found out what is to blame."""
        usable = self._closed([value for value in left if self.is_usable(value)])
        if self.stopped is not None or not any(
            known <= frozenset(usable) for known in self._knowledge.refused
        ):
            return False
        refused = self._known_refused(usable)
        suspects = [value for value in usable if value in refused and value not in self.right]
        remark = f"one of these {len(suspects)}; the budget did not allow to tell them apart"
        self._report(refused, remark, suspects)
        self.refused.update(suspects)
        self._reported.update(suspects)
        return True

    def _known_refused(self, values: Iterable[EdgeValue]) -> frozenset[EdgeValue]:
        """The smallest set of these values that was sent and refused."""
        whole = frozenset(values)
        found = [known for known in self._exchanges if known <= whole and known in self._knowledge.refused]
        return min(found, key=len)

    async def _attempt(self, values: list[EdgeValue]) -> bool | None:
        """Whether the server takes a body with the values, without those that it may refuse."""
        for _ in range(len(_OF_VALUES) + _NAMES):
            usable = [value for value in self._closed(values) if value not in self.unusable]
            exchange = await self._send(usable)
            if exchange is None:
                return None
            if exchange.is_accepted:
                return True
            reason = reason_of(exchange.answer) if exchange.answer is not None else None
            if any(mismatch.check in NOT_ACCEPTED for mismatch in exchange.mismatches) or reason is None:
                self._exchanges[frozenset(values)] = exchange
                self._exchanges[frozenset(self._closed(values))] = exchange
                return False
            self._blame(usable, reason)
            if self.stopped is not None:
                return None
        return None

    async def _send(self, values: Sequence[EdgeValue]) -> Exchange | None:
        if self.stopped is not None or not self._spendable or not self.session.budget.left:
            return None
        exchange = None
        for n in range(_NAMES):
            name = self.session.task_name(again=n > 0)
            body, media_type = written(self.operation, values, self.known, name)
            headers = [("Content-Type", media_type)] if media_type else []
            request = self.session.request(
                self.operation, body, headers=headers, drop=["Content-Type"] if media_type else []
            )
            title = f"a create with {len(values)} values at edges of rules"
            exchange = await self.session.send(
                Probe(self.layer, title, request, self.operation), is_search=True
            )
            is_named = any(value.path == ("name",) for value in values)
            if exchange is None or is_named or _reason(exchange) != "TASK_NAME_EXISTED":
                break
        self._spendable -= exchange is not None and exchange.is_accepted
        return exchange

    def _blame(self, values: Sequence[EdgeValue], reason: str) -> None:
        """Notes which values a tolerated refusal is about; if it is about none, there is no going on."""
        members = _OF_VALUES.get(reason, ())
        blamed = [value for value in values if value.path[-1] in members]
        if reason == "EMPTY_IMAGE_CAPTION":
            blamed = [
                value for value in blamed if not str(value.value or "").strip() or "absent" in value.kind
            ]
        self.unusable.update(dict.fromkeys(blamed, f"the server answered {reason}"))
        if not blamed:
            self.stopped = f"the server answered {reason} to a valid create"

    def _forbid(self, values: Iterable[EdgeValue]) -> None:
        """Leaves out what the server is known not to take, or was told to be bound to."""
        options = self.session.options
        for value in values:
            if value.path[-1] == "assets_id" and not self.known.takes_any_asset:
                given = (
                    "--asset-id names those to use" if options.asset_ids else "the server knows only its own"
                )
                self.unusable[value] = given
            if value.path == ("base_model",) and not self.known.takes_any_model:
                given = (
                    "--base-model names the one to use"
                    if options.base_model
                    else "the server knows but a few"
                )
                self.unusable[value] = given

    def _needs(self, value: EdgeValue) -> list[EdgeValue]:
        """The components, themselves values, that must be there for a value."""
        if value.path[0] != "components" or _is_component(value):
            return []
        named = [value.path[1]] if len(value.path) > 1 else [item["name"] for item in value.value]
        return [self._components[name] for name in dict.fromkeys(named) if name in self._components]

    def _closed(self, values: Iterable[EdgeValue]) -> list[EdgeValue]:
        given = list(values)
        needed = [
            need for value in given if len(value.path) > 1 for need in self._needs(value) if need not in given
        ]
        return list(dict.fromkeys([*needed, *given]))

    def skips(self, layer: str, values: Iterable[EdgeValue], why: str) -> None:
        """Notes the values that were not checked: a line for each reason and place."""
        groups: dict[tuple[str, str], list[EdgeValue]] = defaultdict(list)
        for value in values:
            if value in self.right or value in self._reported:
                continue
            bad = [self.unusable[one] for one in (value, *self._needs(value)) if one in self.unusable]
            blocked = "a component that it needs is refused" if not self.is_usable(value) else why
            groups[str(value.path[0]), bad[0] if bad else blocked].append(value)
        for (place, reason), found in groups.items():
            rules = sorted({value.rule for value in found})
            shown = ", ".join(rules[:3]) + (", ..." if len(rules) > 3 else "")
            what = f"{self.operation}: {len(found)} values of {place} at edges ({shown})"
            self.session.skip(layer, what, reason)


def _is_component(value: EdgeValue) -> bool:
    return (
        value.path[0] == "components"
        and len(value.path) == 3
        and value.path[-1] == "name"
        and ANY not in value.path
    )


def _reason(exchange: Exchange) -> str | None:
    return reason_of(exchange.answer) if exchange.answer is not None else None
