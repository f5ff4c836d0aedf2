"""Two accounts see nothing of each other."""

from __future__ import annotations

from dataclasses import replace

from loracle_contracts.fuzzing.baseline import Baseline
from loracle_contracts.fuzzing.probe import Exchange
from loracle_contracts.fuzzing.states import unknown_task
from loracle_contracts.fuzzing.walk_record import CREATES, STATES, Record
from loracle_contracts.fuzzing.walk_seen import Made
from loracle_contracts.oracle import Refusal
from loracle_contracts.parse import parse

__all__ = ["check_isolation"]


async def check_isolation(record: Record, known: Baseline, *, may_create: bool) -> None:
    """Asks without a key and with the other account's for what is ours, and the other way round."""
    await _ask_without_a_key(record)
    other = record.session.options.other_api_key
    if other is None:
        record.skip(
            "that two accounts see nothing of each other", "there is one key; name another by --other-api-key"
        )
        return
    if record.made:
        await _check_list(record, other)
        for task in {made.kind: made for made in record.made}.values():
            await _check_state(record, task, other, "another account's key")
    if not may_create:
        record.skip("that another account's tasks are not ours", "no create is left for it")
        return
    theirs = await _create(record, known, other)
    if theirs is None:
        return
    await _check_state(record, theirs, record.session.key, "our key for another account's task")
    listing = await record.pages(100)
    if listing is not None and theirs.id in listing.ids:
        title = "another account's task is not in our list"
        record.tell(
            "walk.isolation.list", title, "it is not there", theirs.id, theirs.exchange, *listing.exchanges
        )


async def _ask_without_a_key(record: Record) -> None:
    """The list as it was just asked for with a key: what stands before the server may keep its answer."""
    await record.pages(100)
    request = record.session.request("listTrainings", query={"pagination.limit": 100}, drop=["Authorization"])
    await record.send("the list without a key", request, "header.authorization.required")


async def _check_list(record: Record, key: str) -> None:
    request = record.session.request("listTrainings", query={"pagination.limit": 100}, key=key)
    exchange = await record.send("the list of another account", request, "walk.isolation.list")
    if exchange is None or exchange.answer is None or not exchange.is_accepted:
        return
    text = exchange.answer.body.decode("utf-8", "replace")
    ours = next((task for task in record.made if task.id in text), None)
    if ours is not None:
        title = "our task is not in another account's list"
        record.tell("walk.isolation.list", title, "it is not there", ours.id, ours.exchange, exchange)


async def _check_state(record: Record, task: Made, key: str, title: str) -> None:
    request = record.session.request(STATES[task.kind], query={"task_id": task.id}, key=key)
    demand = unknown_task(record.session, request)
    await record.send(f"the state with {title}", request, "walk.isolation.state", demand)


async def _create(record: Record, known: Baseline, key: str) -> Made | None:
    name = record.session.task_name()
    request = record.session.request(CREATES["subject"], known.body(CREATES["subject"], name), key=key)
    expectation = record.session.oracle.expect(request)
    operation = expectation.operation
    # The other account may not have our assets.
    refusals = (
        [Refusal(400, reason) for reason in operation.errors.get("400", ())] if operation is not None else []
    )
    demand = replace(expectation, tolerated=(*expectation.tolerated, *refusals))
    title, sent = "a create of another account", record.tick + 1
    exchange: Exchange | None = await record.send(title, request, "walk.isolation.create", demand)
    if exchange is None or exchange.answer is None or not exchange.is_accepted:
        record.skip(
            "that another account's tasks are not ours", "the other account's create was not accepted"
        )
        return None
    value = parse(exchange.answer.body).value
    found = value.get("task_id") if isinstance(value, dict) else None
    return Made(found, name, "subject", exchange, sent, record.tick) if isinstance(found, str) else None
