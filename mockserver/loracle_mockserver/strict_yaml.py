"""YAML without its traps: a key given twice, aliases that blow up, values that JSON does not have."""

from __future__ import annotations

import json
from typing import Any

import yaml

__all__ = ["YamlError", "json_of_yaml", "read_yaml"]


class YamlError(ValueError):
    """A text that is no YAML, or not of the kind that is wanted; says where and why."""


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, which takes no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """One mapping; what it merges in (`<<`) may be overridden."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and not key.tag.endswith(":merge"):
                if (key.tag, key.value) in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value[:80]!r} is given twice", problem_mark=key.start_mark
                    )
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


class _PlainLoader(_StrictLoader):
    """The same without aliases: a few of them, nested, stand for more than fits into memory."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One node; an alias is refused."""
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="an alias is not taken here", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def read_yaml(text: str) -> Any:
    """What a text of somebody's own says. Raises YamlError."""
    return _read(text, _StrictLoader)


def json_of_yaml(body: bytes) -> Any:
    """What the body of a request says, found to be something that JSON can say, too. Raises YamlError."""
    value = _read(body, _PlainLoader)
    try:
        # Dates, binary data, infinity and whatever is no text as a key have no place in JSON, and none here.
        return json.loads(json.dumps(_with_text_keys(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise YamlError(f"it holds what JSON cannot: {error}") from None


def _read(text: str | bytes, loader: type[_StrictLoader]) -> Any:
    try:
        return yaml.load(text, loader)  # noqa: S506 - subclasses of the safe one
    except RecursionError:
        raise YamlError("it is nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise YamlError(f"{place}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
        # PyYAML lets through whatever its constructors meet, such as a thirteenth month.
        raise YamlError(" ".join(str(error).split())) from None


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the key {str(key)[:80]} is no text; quote it")
        return {key: _with_text_keys(member) for key, member in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value
