"""Relations between the answers of listModels: paging, and filters that exclude each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from loracle_contracts.fuzzing.pages import Listing, Page, RelationList, read_page, shown
from loracle_contracts.fuzzing.paging import MAX_LIMIT, check_paging, limits_of
from loracle_contracts.fuzzing.query_values import parameters

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["check_model_list"]

_MODELS = Listing("listModels", "models", "id")
_NAMES = ("name", "sd_name", "sd_name_in_api")
# What of an answer shows by which value of a filter it was chosen.
_SHOWN_BY = {"filter.source": ("source",), "filter.types": ("type", "name")}
_VALUES = 3
_NO_NAME = "loracle-no-model-has-this-in-its-name"
# What stands for any letter or text in patterns of databases and programs, and for itself here.
_WILDCARDS = (".", "_", "%", ".*", "*")
_END_OF_NAME = 6


async def check_model_list(
    session: Session, layer: str, tasks: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Reads the list of models in many ways and checks that all of them tell the same; the models in it.

    `tasks` are those of the list of tasks: what they trained and serves must be in it, too. It takes about
    20 requests where there are models, two where there are none. Empty where the list cannot be read.
    """
    first = await read_page(session, layer, _MODELS, {"pagination.limit": MAX_LIMIT})
    if first is None:
        return []
    relations = RelationList()
    if first.items:
        await _check_paging(session, layer, relations, first)
        await _check_filters(session, layer, relations)
        await _check_names(session, layer, relations, first)
    await _check_trained(session, layer, relations, tasks)
    second = await read_page(session, layer, _MODELS, {"pagination.limit": MAX_LIMIT})
    if second is None or _ids(first) != _ids(second):
        # Models come as trainings end, and go as somebody deletes them.
        session.skip(layer, "how the answers of listModels fit together", "the list changed meanwhile")
    else:
        relations.report(session, layer)
    return first.items


async def _check_paging(session: Session, layer: str, relations: RelationList, first: Page) -> None:
    is_all = not first.cursor
    limits = limits_of(len(first.items), is_all=is_all)[:2]
    await check_paging(session, layer, relations, _MODELS, first.items, limits, is_all=is_all)


async def _check_filters(session: Session, layer: str, relations: RelationList) -> None:
    for name, schema in parameters(_MODELS.operation).items():
        seen: dict[Any, tuple[str, Page]] = {}
        for value in schema.get("enum", ())[:_VALUES]:
            query = {name: value, "pagination.limit": MAX_LIMIT}
            page = await read_page(session, layer, _MODELS, query)
            if page is None:
                continue
            title = f"{name}={value}"
            wrong = [
                got for got in (_shown_by(name, item) for item in page.items) if got not in (None, value)
            ]
            if wrong:
                relations.add(f"{name}.filter", title, f"only {value}", shown(wrong), [page.exchange])
            both = next((one for one in _ids(page) if one in seen), None)
            if both is not None:
                other, before = seen[both]
                expected, got = f"no model of {name}={other}", f"model {both}, too"
                relations.add(f"{name}.filter", title, expected, got, [before.exchange, page.exchange])
            seen.update(dict.fromkeys(_ids(page), (value, page)))


def _shown_by(name: str, item: Mapping[str, Any]) -> Any:
    value: Any = item
    for member in _SHOWN_BY.get(name, ()):
        value = value.get(member) if isinstance(value, dict) else None
    return value if name in _SHOWN_BY else None


async def _check_names(session: Session, layer: str, relations: RelationList, first: Page) -> None:
    nothing = await read_page(session, layer, _MODELS, {"filter.query": _NO_NAME})
    if nothing is not None and nothing.items:
        title, got = "filter.query with a text that no name has", shown(_ids(nothing))
        relations.add("filter.query.filter", title, "no model", got, [nothing.exchange])
    name = first.items[0].get("name")
    await _check_patterns(session, layer, relations, first, str(name)[-_END_OF_NAME:])
    if isinstance(name, str) and name.strip() and not first.cursor:
        query = {"filter.query": name, "pagination.limit": MAX_LIMIT}
        found = await read_page(session, layer, _MODELS, query)
        if found is not None and _ids(first)[0] not in _ids(found):
            title, expected = "filter.query with a model's name", f"model {_ids(first)[0]}"
            sent = [first.exchange, found.exchange]
            relations.add("filter.query.filter", title, expected, shown(_ids(found)), sent)


async def _check_patterns(
    session: Session, layer: str, relations: RelationList, first: Page, text: str
) -> None:
    """Looks for the text with a wildcard for one of its letters, which then is in no name."""
    names = [str(item.get(name)) for item in first.items for name in _NAMES]
    for wildcard in [] if first.cursor or len(text) < _END_OF_NAME else _WILDCARDS:
        pattern = text[:2] + wildcard + text[3:]
        if any(pattern in name for name in names):
            continue
        page = await read_page(session, layer, _MODELS, {"filter.query": pattern})
        if page is not None and page.items:
            title, expected = f"filter.query={pattern}", "no model: none has it in a name"
            relations.add("filter.query.filter", title, expected, shown(_ids(page)), [page.exchange])
            return


async def _check_trained(
    session: Session, layer: str, relations: RelationList, tasks: Sequence[Mapping[str, Any]]
) -> None:
    """Models that serve are listed with filter.source=training, as the vendor's page says."""
    models = [model for task in tasks for model in _list(task.get("models")) if isinstance(model, dict)]
    serving = [model.get("model_name") for model in models if model.get("model_status") == "SERVING"]
    if not serving:
        return
    page = await read_page(
        session, layer, _MODELS, {"filter.source": "training", "pagination.limit": MAX_LIMIT}
    )
    if page is None or page.cursor:
        return
    names = {item.get(name) for item in page.items for name in _NAMES}
    missing = [name for name in serving if isinstance(name, str) and name not in names]
    if missing:
        title = "the models of filter.source=training"
        relations.add("models.listed", title, f"{missing[0]}, which serves", "no such", [page.exchange])


def _ids(page: Page) -> list[Any]:
    return [item["id"] for item in page.items]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
