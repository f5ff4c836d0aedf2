"""Puts many values into few bodies, and writes the bodies."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from loracle_contracts.fuzzing.baseline import Baseline
from loracle_contracts.fuzzing.bodies import ABSENT, COMPACT, encoded
from loracle_contracts.fuzzing.edge_values import ANY, CONTENT_TYPE, STYLE, EdgeValue
from loracle_contracts.fuzzing.places import full_body
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS
from loracle_contracts.validation import validate

__all__ = ["Pack", "packed", "written"]

_COMPONENTS = ("components",)
# Of many bodies half may be long to train, of few a quarter.
_MANY = 8
_LONG = 100


@dataclass
class Pack:
    """Values that one body of an operation is to hold."""

    operation: str
    values: list[EdgeValue] = field(default_factory=list)

    @property
    def is_costly(self) -> bool:
        """Whether its training takes long."""
        return any(value.is_costly for value in self.values)


def packed(
    operation: str, values: Sequence[EdgeValue], bodies: int, known: Baseline
) -> tuple[list[Pack], list[EdgeValue]]:
    """At most so many packs, the cheap ones first, and the values that found no room in them."""
    packs = [Pack(operation) for _ in range(bodies)]
    costly = [value for value in values if value.is_costly][: bodies // (2 if bodies >= _MANY else 4)]
    for pack, value in zip(reversed(packs), costly, strict=False):
        pack.values.append(value)
    left = [value for value in values if value.is_costly and value not in costly]
    # What leaves no room for others finds none later; yet it must not take all there is.
    wide = [value for value in values if _is_wide(value, values)][: bodies // 2]
    for value in [*wide, *(value for value in values if value not in wide)]:
        if value.is_costly:
            continue
        for pack in sorted(packs, key=lambda pack: len(pack.values)):
            if _fits(pack, value, known):
                pack.values.append(value)
                break
        else:
            left.append(value)
    cheap_first = sorted(packs, key=lambda pack: pack.is_costly)
    return [pack for pack in cheap_first if pack.values], left


def _is_wide(value: EdgeValue, values: Sequence[EdgeValue]) -> bool:
    return (
        len(value.path) == 1
        and not value.is_costly
        and any(len(other.path) > 1 and value.is_in_the_way_of(other) for other in values)
    )


def _fits(pack: Pack, value: EdgeValue, known: Baseline) -> bool:
    if any(value.is_in_the_way_of(other) for other in pack.values):
        return False
    body, _ = written(pack.operation, [*pack.values, value], known, "loracle-fuzz")
    return validate(body, pack.operation).valid


def written(
    operation: str, values: Iterable[EdgeValue], known: Baseline, name: str
) -> tuple[bytes, str | None]:
    """The body of a create with these values, as bytes, and its Content-Type where a value gives one."""
    body = known.body(operation, name)
    style, media_type, images = COMPACT, None, 0
    given = list(values)
    has_components = any(value.path == _COMPONENTS for value in given)
    for value in given:
        if value.path == STYLE:
            style = value.value
        elif value.path == CONTENT_TYPE:
            media_type = value.value
        elif value.path == ("name",):
            body["name"] = _unique(value.value, name)
        elif ANY in value.path:
            items = body["image_dataset_items"]
            if images == len(items):
                items.append(dict(items[images % 2]))
            _put(items[images], value.path[2:], value.value)
            images += 1
        elif value.path[:1] == _COMPONENTS and len(value.path) > 1:
            if not has_components:
                _put_component(body["components"], operation, value)
        else:
            _put(body, value.path, value.value)
    if not known.takes_any_asset:
        for n, item in enumerate(body["image_dataset_items"]):
            if item["assets_id"] in UNKNOWN_ASSETS:
                item["assets_id"] = known.asset_ids[n % len(known.asset_ids)]
    return encoded(body, style), media_type


def _unique(text: Any, name: str) -> Any:
    """A long text begins with the name, so that no other task has it."""
    return name + text[len(name) :] if isinstance(text, str) and len(text) > _LONG else text


def _put(holder: Any, path: Sequence[str | int], value: Any) -> None:
    *outer, last = path
    for step in outer:
        holder = holder[step]
    if value is ABSENT:
        holder.pop(last, None)
    else:
        # What is put in is changed further, and the value is used again.
        holder[last] = copy.deepcopy(value)


def _put_component(components: list[Any], operation: str, value: EdgeValue) -> None:
    _, name, *inner = value.path
    component = _named(components, name)
    if component is None:
        component = _copy_of(operation, str(name))
        components.append(component)
    holder: Any = component
    if len(inner) > 1:
        holder, inner = _named(component["args"], inner[1]), inner[2:]
    if inner:
        _put(holder, inner, value.value)
    else:
        holder.update(value.value)


def _named(items: Iterable[Any], name: Any) -> Any:
    return next((item for item in items if item["name"] == name), None)


def _copy_of(operation: str, name: str) -> Any:
    return copy.deepcopy(_named(_components(operation), name))


@cache
def _components(operation: str) -> Any:
    return full_body(operation)["components"]
