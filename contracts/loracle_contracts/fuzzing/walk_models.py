"""Models: one that serves is in the list of trained models; a task that is not over has none there."""

from __future__ import annotations

from typing import Any

from loracle_contracts.fuzzing.probe import Exchange
from loracle_contracts.fuzzing.walk_lives import FINAL
from loracle_contracts.fuzzing.walk_record import Record
from loracle_contracts.fuzzing.walk_seen import Made
from loracle_contracts.parse import parse

__all__ = ["check_models"]

_MAX_PAGES = 4


async def check_models(record: Record) -> bool:
    """Reads the trained models, then looks for those of our tasks; whether there are any models."""
    serving = {}
    for task in record.made:
        look = next(reversed(list(record.states(task.id, is_listed=False))), None)
        models = look.entry.models if look is not None and look.entry.status == "SUCCESS" else ()
        for name, status in models or ():
            if status == "SERVING" and look is not None:
                serving[_stem(name)] = (name, look.exchange)
    found, exchanges, is_whole = await _models(record)
    if not exchanges:
        return False
    known = {_stem(model.get(key)) for model in found for key in ("sd_name", "sd_name_in_api", "name")}
    if not serving:
        record.skip("models in the list of models", "no task was seen with a model that is SERVING")
    elif not is_whole:
        record.skip("models in the list of models", f"there are more than {_MAX_PAGES} pages of models")
    for stem, (name, exchange) in serving.items():
        if is_whole and stem not in known:
            title = "a model that is SERVING is in the list of trained models"
            record.tell("walk.models.unlisted", title, name, "it is not there", exchange, *exchanges)
            break
    await _check_early(record, found, exchanges)
    return bool(found)


async def _check_early(record: Record, found: list[dict[str, Any]], exchanges: list[Exchange]) -> None:
    names = [task.name for task in record.made]
    listed = {model.get("name") for model in found}
    for task in record.made:
        # What is not over afterwards was not over when the models were listed.
        if names.count(task.name) > 1 or task.name not in listed or _is_over(record, task):
            continue
        look = await record.state(task)
        if look is not None and look.entry.status in ("QUEUING", "TRAINING"):
            title = "only a task that is SUCCESS has a model in the list"
            got = "a model of its name"
            record.tell(
                "walk.models.listed-early",
                title,
                f"none while {look.entry.status}",
                got,
                *exchanges,
                look.exchange,
            )
        break


def _is_over(record: Record, task: Made) -> bool:
    return any(look.entry.status in FINAL for look in record.states(task.id))


async def _models(record: Record) -> tuple[list[dict[str, Any]], list[Exchange], bool]:
    found: list[dict[str, Any]] = []
    exchanges: list[Exchange] = []
    cursor = ""
    for _ in range(_MAX_PAGES):
        query: dict[str, Any] = {"filter.source": "training", "pagination.limit": 100}
        if cursor:
            query["pagination.cursor"] = cursor
        request = record.session.request("listModels", query=query)
        exchange = await record.send("the trained models", request, "walk.models")
        if exchange is None or exchange.answer is None or not exchange.is_accepted:
            return found, [], False
        exchanges.append(exchange)
        value = parse(exchange.answer.body).value
        if not isinstance(value, dict) or not isinstance(value.get("models"), list):
            return found, [], False
        found += [model for model in value["models"] if isinstance(model, dict)]
        pagination = value.get("pagination")
        following = pagination.get("next_cursor") if isinstance(pagination, dict) else None
        cursor = following.strip() if isinstance(following, str) else ""
        if not cursor:
            return found, exchanges, True
    return found, exchanges, False


def _stem(name: Any) -> str:
    return str(name).strip().removesuffix(".safetensors")
