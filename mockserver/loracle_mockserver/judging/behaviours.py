"""Generated server behaviours: what goes wrong, and when, for property tests of clients.

A client's own test is run under each of them; Hypothesis shrinks what breaks it to the shortest one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from loracle_mockserver.engine import Engine
from loracle_mockserver.engine_options import make_engine
from loracle_mockserver.faults import FaultPlan
from loracle_mockserver.judging.in_pytest import JudgedTest
from loracle_mockserver.judging.limits import Limits
from loracle_mockserver.judging.report import text_report
from loracle_mockserver.judging.scenario import Ends, Scenario
from loracle_mockserver.live import LiveServer
from loracle_mockserver.training_app import DEFAULT_KEY
from loracle_mockserver.training_mock import Host, TrainingMock

if TYPE_CHECKING:
    from loracle_mockserver.transport import TrainingTransport

try:
    from hypothesis import strategies
except ModuleNotFoundError as missing:
    if missing.name != "hypothesis":
        raise
    raise ImportError("server_behaviours needs Hypothesis: pip install 'loracle[fuzz]'") from None

__all__ = ["ServerBehaviour", "Step", "server_behaviours"]

_Mock = TypeVar("_Mock")
Kind = Literal["create", "status", "list", "upload-url"]
_OPERATIONS: dict[str, tuple[str, ...]] = {
    "create": ("createSubjectTraining", "createStyleTraining"),
    "status": ("getSubjectTraining", "getStyleTraining"),
    "list": ("listTrainings",),
    "upload-url": ("createUploadUrl",),
}
# What passes when a call is made again.
_TRANSIENT = (
    "RATE_LIMIT_EXCEEDED",
    "SERVICE_UNAVAILABLE",
    "GATEWAY_TIMEOUT",
    "html-error",
    "reset-on-arrival",
)
# What leaves a client without an answer, although the request was handled.
_LOST = ("reset-before-headers", "reset-after-headers", "truncated", "malformed", "missing-members")
_BEARABLE_TASKS = (None, "transient-unknown", "unknown-status", "status-goes-back", "missing-extra")
_BAD_TASKS = ("failed", "canceled", "success-without-models", "vanishes")
_MOST_STEPS, _LATEST = 5, 4


class Step(NamedTuple):
    """The `nth` call of a kind fails with this fault; a 429 or 503 says `retry_after` seconds, or nothing."""

    kind: Kind
    nth: int
    fault: str
    retry_after: int | None = None


@dataclass(frozen=True)
class ServerBehaviour:
    """A server that follows the contract but for `steps`, and whose trainings meet `task_fault`."""

    steps: tuple[Step, ...] = ()
    task_fault: str | None = None
    polls_per_state: int = 1

    @property
    def ends(self) -> Ends:
        """How a good client ends: well, badly, or either, where it may give up."""
        is_lost = any(step.fault in _LOST and step.kind == "create" for step in self.steps)
        if self.task_fault in _BAD_TASKS:
            # A create meets one fault: the training of one whose answer is lost ends well.
            return "either" if is_lost else "badly"
        in_a_row = max((sum(one.kind == step.kind for one in self.steps) for step in self.steps), default=0)
        return "either" if is_lost or in_a_row > 2 else "well"

    @property
    def plan(self) -> FaultPlan:
        """The behaviour as a fault plan."""
        rules: list[dict[str, Any]] = []
        for step in self.steps:
            after = {} if step.retry_after is None else {"retry_after": step.retry_after}
            rules += [
                {"fault": step.fault, "operation": operation, "nth": step.nth, **after}
                for operation in _OPERATIONS[step.kind]
            ]
        if self.task_fault is not None:
            rules.append({"fault": self.task_fault})
        return FaultPlan.parse({"faults": rules, "polls_per_state": self.polls_per_state})

    @contextlib.contextmanager
    def live(self, limits: Limits | None = None) -> Iterator[TrainingMock]:
        """A mock on a port of this machine that behaves so; the block is the client's test.

        An error of the client's own is right where a good client gives up. Raises AssertionError with all
        that the client did wrong.
        """
        engine = make_engine("live()", {"faults": self.plan}, Engine)
        with LiveServer(engine) as server:
            mock = TrainingMock(server, DEFAULT_KEY)
            yield from self._judged(mock, mock.api_key, server, limits)

    @contextlib.contextmanager
    def in_process(self, limits: Limits | None = None) -> Iterator[TrainingTransport]:
        """As `live`, as a transport for clients over httpx, without a socket and without waiting."""
        from loracle_mockserver.transport import TrainingTransport  # noqa: PLC0415 - needs httpx

        transport = TrainingTransport(faults=self.plan)
        yield from self._judged(transport, transport.mock.api_key, transport, limits)

    def _judged(self, value: _Mock, key: str, host: Host, limits: Limits | None) -> Iterator[_Mock]:
        scenario = Scenario("behaviour", repr(self), "", self.plan, ends=self.ends)
        bounds = limits or Limits(poll_pause=0.0, retry_pause=0.0, retry_after=False)
        judged = JudgedTest(scenario, bounds)
        judged.begin(host, key)
        raised = None
        try:
            yield value
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 - how a client ends is what is judged
            raised = None if judged.bears(error) else error
        result = judged.result(host, key, allow_violations=False)
        if result.findings:
            raise AssertionError(f"under {self}:\n{text_report([result])}") from raised
        if raised is not None:
            raise raised


def server_behaviours(*, kinds: tuple[Kind, ...] = ("create", "status", "list")) -> Any:
    """A Hypothesis strategy of ServerBehaviour; `kinds` are the calls that may fail."""
    faults = strategies.sampled_from(_TRANSIENT + _LOST)
    step = strategies.builds(
        Step,
        strategies.sampled_from(kinds),
        strategies.integers(1, _LATEST),
        faults,
        strategies.none() | strategies.integers(0, 2),
    ).map(_without_useless_header)
    return strategies.builds(
        ServerBehaviour,
        strategies.lists(step, max_size=_MOST_STEPS, unique_by=lambda one: one[:2]).map(tuple),
        strategies.sampled_from(_BEARABLE_TASKS + _BAD_TASKS),
        strategies.integers(1, 3),
    )


def _without_useless_header(step: Step) -> Step:
    has_header = step.fault in ("RATE_LIMIT_EXCEEDED", "SERVICE_UNAVAILABLE")
    return step if has_header else step._replace(retry_after=None)
