"""Servers that do not take one valid value, or two together: what the fuzzer has to name."""

import json
from typing import Any

from fuzzed_apps import Answer, refusal

from loracle_contracts.fuzzing.bodies import ABSENT, encoded
from loracle_contracts.fuzzing.edge_values import ANY, EdgeValue

_MISSING = object()


def refuses(*values: EdgeValue) -> Any:
    """An `alter` for a mock that refuses bodies which hold all the values."""

    def alter(body: Any) -> Answer | None:
        return refusal("INVALID_REQUEST_BODY") if all(holds(body, value) for value in values) else None

    return alter


def holds(body: Any, value: EdgeValue) -> bool:
    """Whether a parsed body has the value at its path; lists of objects count by their length and names."""
    found = list(_at(body, value.path))
    if value.value is ABSENT:
        return _MISSING in found
    wanted = json.loads(encoded(value.value))
    return any(_same(one, wanted, value) for one in found if one is not _MISSING)


def _same(found: Any, wanted: Any, value: EdgeValue) -> bool:
    if value.path == ("name",) and isinstance(found, str) and len(wanted) > 30:
        # The front of a long name is made unique.
        return len(found) == len(wanted) and found[-5:] == wanted[-5:]
    if value.path == ("image_dataset_items",):
        return len(found) == len(wanted)
    return type(found) is type(wanted) and found == wanted


def _at(body: Any, path: tuple[Any, ...]) -> Any:
    if not path:
        yield body
        return
    step, *rest = path
    if step == ANY:
        for item in body:
            yield from _at(item, tuple(rest))
    elif isinstance(body, list):
        for item in body:
            if isinstance(item, dict) and item.get("name") == step:
                yield from _at(item, tuple(rest))
    elif isinstance(body, dict) and step in body:
        yield from _at(body[step], tuple(rest))
    elif isinstance(body, dict) and not rest:
        yield _MISSING
