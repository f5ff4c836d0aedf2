"""Layer `random`: what Schemathesis generates, and mutations of it, as far as the budget goes.

Everything is generated first and judged by the oracle, so that nothing needs a label; then it is sent, the
requests first that differ most from those before.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from random import Random

from loracle_contracts import spec
from loracle_contracts.exchange import Request
from loracle_contracts.fuzzing.baseline import Baseline, baseline
from loracle_contracts.fuzzing.edge_values import UNKNOWN_STEPS
from loracle_contracts.fuzzing.generated import Generated, GenerationError, generated
from loracle_contracts.fuzzing.mutations import mutated, retyped
from loracle_contracts.fuzzing.novelty import Candidate, Picker, candidate
from loracle_contracts.fuzzing.probe import Probe
from loracle_contracts.fuzzing.session import Session
from loracle_contracts.fuzzing.shrink import shrink
from loracle_contracts.hosts import is_loopback
from loracle_contracts.oracle import CREATES

__all__ = ["candidates", "run"]

LAYER = "random"
# A round is this many examples of each operation and kind, and mutations of each valid body; it is enough for
# so many requests. More rounds than these are a matter for another seed.
_EXAMPLES = 10
_MUTATIONS = 6
_REQUESTS = 300
_MOST_ROUNDS = 20
_NAME = re.compile(rb'"(\w+)":')
_MAX_BODY = 64 * 1024
# What says how a message is framed or where it goes is not the contract's business.
_OURS = {
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


async def run(session: Session) -> None:
    """Sends what is worth most of the generated requests, within what is left of the budget."""
    if session.client.sent >= session.options.max_requests:
        why = f"all {session.options.max_requests} requests of --max-requests are spent"
        session.skip(LAYER, "generated requests", why)
        return
    rounds = min(math.ceil((session.options.max_requests - session.client.sent) / _REQUESTS), _MOST_ROUNDS)
    try:
        options = session.options
        cases = await asyncio.to_thread(generated, options.profile, options.seed, _EXAMPLES * rounds)
    except GenerationError as error:
        session.skip(LAYER, "generated requests", str(error))
        return
    known = await baseline(session)
    before = (candidate(request, expectation) for request, expectation in session.judged)
    picker = Picker(candidates(session, cases, known, rounds), before)
    refused: Counter[str] = Counter()
    while session.client.sent < session.options.max_requests:
        chosen = picker.next(may_start_job=known.problem is None and session.budget.left > 0)
        if chosen is None:
            break
        probe = Probe(LAYER, _title(chosen), chosen.request, chosen.subject)
        why_not = session.budget.refuses(probe, chosen.expectation)
        if why_not is not None:
            refused[why_not] += 1
            continue
        count = len(session.findings)
        exchange = await session.send(probe)
        if exchange is not None and len(session.findings) > count:
            await shrink(session, exchange)
    for why_not, times in refused.items():
        session.skip(LAYER, f"{times} generated requests", why_not)
    why = known.problem or ("" if session.budget.left else "the budget of trainings is spent")
    if picker.jobs_left and why:
        session.skip(LAYER, f"{picker.jobs_left} generated valid trainings", why)


def candidates(
    session: Session, cases: tuple[Generated, ...], known: Baseline, rounds: int
) -> Iterator[Candidate]:
    """The generated requests and so many rounds of mutations of valid bodies, judged.

    They are the same for the same seed.

    Valid trainings are about images and a base model that the server takes.
    """
    random = Random(session.options.seed)  # noqa: S311 - repeatable, and no secret
    valid: list[tuple[str, bytes]] = []
    seen: set[Request] = set()
    for case in cases:
        body = case.body
        if case.mode == "positive" and case.operation in CREATES:
            body = _bound(body, known, _most_steps(session))
        if case.mode == "positive" and spec.operations()[case.operation].request:
            valid.append((case.operation, body))
        yield from _judged(session, known, _request(session, case, body), seen)
    for path in sorted(spec.examples()):
        kind, operation, part = path.split("/")[:3]
        if (kind, part) == ("valid", "request") and operation in (*CREATES, "createUploadUrl"):
            body = spec.example(path)
            # The examples belong to all profiles: those with a lenient habit break strict rules.
            if session.oracle.expect(session.request(operation, body)).is_valid:
                valid.append(
                    (operation, _bound(body, known, _most_steps(session)) if operation in CREATES else body)
                )
    for operation in CREATES:
        fullest = max((body for name, body in valid if name == operation), key=_count_of_names)
        for value in retyped(json.loads(fullest)):
            request = session.request(operation, json.dumps(value).encode())
            yield from _judged(session, known, request, seen)
    for operation, body in valid:
        for _ in range(_MUTATIONS * rounds):
            yield from _judged(session, known, session.request(operation, mutated(body, random)), seen)


def _judged(session: Session, known: Baseline, request: Request, seen: set[Request]) -> Iterator[Candidate]:
    if request in seen or len(request.body) > _MAX_BODY:
        return
    seen.add(request)
    expectation = session.oracle.expect(request)
    # A mutation may name what the server does not know, which it refuses rightly.
    if not (expectation.starts_job and _bound(request.body, known, _most_steps(session)) != request.body):
        yield candidate(request, expectation)


def _request(session: Session, case: Generated, body: bytes) -> Request:
    """The generated request with the run's key, without headers that no client of the contract chooses."""
    given = [
        (name, value)
        for name, value in case.headers
        if name.lower() not in _OURS and (name + value).isascii() and (name + value).isprintable()
    ]
    names = [name for name, _ in given]
    own = session.request(case.operation, body, headers=given, drop=names).headers
    return Request(case.method, case.target, own, body)


def _bound(body: bytes, known: Baseline, most_steps: float) -> bytes:
    """A valid body of at most so many steps, about images and a base model that the server takes."""
    value = json.loads(body)
    before = json.dumps(value)
    if not known.takes_any_model:
        value["base_model"] = known.base_model
    if not known.takes_any_asset:
        for number, item in enumerate(value["image_dataset_items"]):
            if item["assets_id"] not in known.asset_ids:
                item["assets_id"] = known.asset_ids[number % len(known.asset_ids)]
    setting = value.get("expert_setting")
    steps = setting.get("max_train_steps") if isinstance(setting, dict) else None
    if steps is not None and float(steps) > most_steps:
        value["expert_setting"]["max_train_steps"] = int(most_steps)
    after = json.dumps(value)
    return body if after == before else after.encode()


def _most_steps(session: Session) -> float:
    """Elsewhere than on this machine, somebody pays for every step."""
    return math.inf if is_loopback(session.options.url) else UNKNOWN_STEPS


def _count_of_names(body: bytes) -> tuple[int, int]:
    """How many different members a body has; of two alike, the shorter is the greater."""
    return len(set(_NAME.findall(body))), -len(body)


def _title(chosen: Candidate) -> str:
    if chosen.expectation.is_valid:
        return "a generated valid request"
    count = len(chosen.expectation.violations)
    return f"a generated request that breaks {count} rules" if count > 1 else "a generated invalid request"
