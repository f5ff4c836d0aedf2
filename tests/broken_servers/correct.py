"""Servers that keep the contract: the plain mock, and what real deployments may do besides."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

from broken_servers.defect import ASGIApp
from broken_servers.right_bodies import CREATES
from broken_servers.wire import (
    Answer,
    Change,
    Forward,
    Request,
    operation_of,
    pause,
    planted,
    refusal,
    refuse_right,
)
from loracle_contracts import validate
from loracle_mockserver.training_app import DEFAULT_KEY, TrainingApp

__all__ = ["CORRECT", "KEY", "OTHER_KEY", "correct_app", "now"]

# The keys that a correct server knows; every other key is refused.
KEY, OTHER_KEY = DEFAULT_KEY, "second-test-key"
_MODELS_THAT_ARE_TRAINED = ("v1-5-pruned-emaonly", "epicrealism_naturalSinRC1VAE_106430")
_FIRST_ANSWER_SECONDS = 0.8
_PER_SECOND = 8


def now() -> float:
    """The seconds by which calls are counted. A test puts a virtual clock in its place."""
    return time.monotonic()


def correct_app(**options: Any) -> ASGIApp:
    """The mock as a new correct server (strict; jobs move on as they are asked for)."""
    app: ASGIApp = TrainingApp(**{"api_keys": (KEY, OTHER_KEY), "progression": "polls", **options})
    return app


def _refuses_unknown_models() -> Change:
    async def change(request: Request, forward: Forward) -> Answer:
        operation = operation_of(request)
        if operation in CREATES and request.body:
            verdict = validate(request.body, operation)
            if not verdict.violations and verdict.value["base_model"] not in _MODELS_THAT_ARE_TRAINED:
                return await refuse_right(request, forward, "BASE_MODEL_NOT_ALLOWD")
        return await forward(request)

    return change


def _limits_its_rate() -> Change:
    window: list[float] = []

    async def change(request: Request, forward: Forward) -> Answer:
        moment = now()
        window[:] = [earlier for earlier in window if moment - earlier < 1]
        if len(window) >= _PER_SECOND:
            answer = refusal("RATE_LIMIT_EXCEEDED")
            return Answer(answer.status, answer.body, (*answer.headers, (b"retry-after", b"1")))
        window.append(moment)
        return await forward(request)

    return change


def _begins_slowly() -> Change:
    calls = itertools.count()

    async def change(request: Request, forward: Forward) -> Answer:
        if next(calls) == 0:
            await pause(_FIRST_ANSWER_SECONDS)
        return await forward(request)

    return change


CORRECT: dict[str, Callable[[], ASGIApp]] = {
    "strict": correct_app,
    "lenient": lambda: correct_app(profile="lenient"),
    "refuses-unknown-assets": lambda: correct_app(require_assets=True),
    "refuses-unknown-models": lambda: planted(_refuses_unknown_models)(correct_app()),
    "rate-limited": lambda: planted(_limits_its_rate)(correct_app()),
    "slow-first-answer": lambda: planted(_begins_slowly)(correct_app()),
}
